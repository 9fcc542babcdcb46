// SPDX-License-Identifier: Apache-2.0 OR MIT
//! What an operation is about: the key whose last value counts.

use crate::cursor::{Cursor, put_block, put_number};

/// Names a value; a session is a number that is never used again.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Key {
    Session(u64),
    /// The state of a session whose client has gone.
    Absent(u64),
    Subscription(u64, Box<str>),
    Received(u64, u16),
    Retained(Box<str>),
    Message(u64),
    Entry(u64),
    /// What the device was made to write.
    Wear,
}

/// What the wear meter tells apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Class {
    Retained,
    Queue,
    Session,
    Framing,
}

impl Key {
    pub const fn class(&self) -> Class {
        match self {
            Self::Retained(_) => Class::Retained,
            Self::Message(_) | Self::Entry(_) => Class::Queue,
            Self::Wear => Class::Framing,
            _ => Class::Session,
        }
    }

    /// The session with which it ends; an entry's is in its value.
    pub const fn session(&self) -> Option<u64> {
        match self {
            Self::Session(sid)
            | Self::Absent(sid)
            | Self::Subscription(sid, _)
            | Self::Received(sid, _) => Some(*sid),
            Self::Retained(_) | Self::Message(_) | Self::Entry(_) | Self::Wear => None,
        }
    }

    pub const fn tag(&self) -> u8 {
        match self {
            Self::Session(_) => tag::SESSION,
            Self::Absent(_) => tag::ABSENT,
            Self::Subscription(..) => tag::SUBSCRIPTION,
            Self::Received(..) => tag::RECEIVED,
            Self::Retained(_) => tag::RETAINED,
            Self::Message(_) => tag::MESSAGE,
            Self::Entry(_) => tag::ENTRY,
            Self::Wear => tag::WEAR,
        }
    }

    pub fn encode(&self, out: &mut Vec<u8>) {
        match self {
            Self::Session(number)
            | Self::Absent(number)
            | Self::Message(number)
            | Self::Entry(number) => put_number(*number, out),
            Self::Subscription(sid, filter) => {
                put_number(*sid, out);
                put_block(filter.as_bytes(), out);
            }
            Self::Received(sid, packet_id) => {
                put_number(*sid, out);
                put_number(u64::from(*packet_id), out);
            }
            Self::Retained(topic) => put_block(topic.as_bytes(), out),
            Self::Wear => {}
        }
    }

    pub fn decode(tag: u8, cursor: &mut Cursor<'_>) -> Option<Self> {
        Some(match tag {
            tag::SESSION => Self::Session(cursor.number()?),
            tag::ABSENT => Self::Absent(cursor.number()?),
            tag::SUBSCRIPTION => Self::Subscription(cursor.number()?, cursor.text()?.into()),
            tag::RECEIVED => Self::Received(cursor.number()?, cursor.u16()?),
            tag::RETAINED => Self::Retained(cursor.text()?.into()),
            tag::MESSAGE => Self::Message(cursor.number()?),
            tag::ENTRY => Self::Entry(cursor.number()?),
            tag::WEAR => Self::Wear,
            _ => return None,
        })
    }
}

/// What an operation begins with; [`tag::DELETE`] is added to it where there is no value.
pub(crate) mod tag {
    pub(crate) const SESSION: u8 = 1;
    pub(crate) const ABSENT: u8 = 2;
    pub(crate) const SUBSCRIPTION: u8 = 3;
    pub(crate) const RECEIVED: u8 = 4;
    pub(crate) const RETAINED: u8 = 5;
    pub(crate) const MESSAGE: u8 = 6;
    pub(crate) const ENTRY: u8 = 7;
    pub(crate) const WEAR: u8 = 8;
    pub(crate) const DELETE: u8 = 0x40;
}
