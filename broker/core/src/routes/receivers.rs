// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Who gets what one filter matches: 16 bytes each, and no allocation for the only one.

use std::num::NonZeroU32;

use mqtt_proto::QoS;

use super::{Receiver, Subscriber};
use crate::session::SessionId;
use crate::shared::GroupId;

/// The sessions and groups of one filter, in no order.
#[derive(Debug, Default)]
pub(super) enum Receivers {
    #[default]
    None,
    One(Packed),
    Many(Vec<Packed>),
}

/// A [`Receiver`] in half of its size.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Packed {
    serial: u64,
    index: u32,
    /// QoS in two bits, in which 3 is a group, then two flags, then the identifier, 0 for none: 28 bits in MQTT.
    terms: u32,
}

impl Receivers {
    pub fn is_empty(&self) -> bool {
        matches!(self, Self::None)
    }

    pub fn iter(&self) -> impl Iterator<Item = Receiver> {
        self.all().iter().map(|packed| packed.open())
    }

    /// Adds it, replacing an earlier one of the same session or group; false if there was one.
    pub fn insert(&mut self, receiver: Receiver) -> bool {
        let packed = Packed::new(receiver);
        match self.all_mut().iter_mut().find(|r| r.is_like(packed)) {
            Some(earlier) => {
                *earlier = packed;
                false
            }
            None => {
                self.push(packed);
                true
            }
        }
    }

    /// Removes the one of this session or group; false if there is none.
    pub fn remove(&mut self, receiver: Receiver) -> bool {
        let packed = Packed::new(receiver);
        let Some(index) = self.all().iter().position(|r| r.is_like(packed)) else {
            return false;
        };
        let Self::Many(list) = self else {
            *self = Self::None;
            return true;
        };
        list.swap_remove(index);
        match **list {
            [] => *self = Self::None,
            [last] => *self = Self::One(last),
            _ if list.len() * 4 <= list.capacity() => list.shrink_to(list.len() * 2),
            _ => {}
        }
        true
    }

    /// The terms of this session.
    pub fn of(&self, session: SessionId) -> Option<Subscriber> {
        self.iter().find_map(|receiver| match receiver {
            Receiver::Session(subscriber) if subscriber.session == session => Some(subscriber),
            _ => None,
        })
    }

    fn push(&mut self, packed: Packed) {
        *self = match std::mem::take(self) {
            Self::None => Self::One(packed),
            Self::One(first) => Self::Many(vec![first, packed]),
            Self::Many(mut list) => {
                list.push(packed);
                Self::Many(list)
            }
        };
    }

    fn all(&self) -> &[Packed] {
        match self {
            Self::None => &[],
            Self::One(only) => std::slice::from_ref(only),
            Self::Many(list) => list,
        }
    }

    fn all_mut(&mut self) -> &mut [Packed] {
        match self {
            Self::None => &mut [],
            Self::One(only) => std::slice::from_mut(only),
            Self::Many(list) => list,
        }
    }
}

impl Packed {
    fn new(receiver: Receiver) -> Self {
        match receiver {
            Receiver::Session(subscriber) => Self {
                serial: subscriber.session.serial,
                index: subscriber.session.index,
                terms: subscriber.qos as u32
                    | u32::from(subscriber.no_local) << 2
                    | u32::from(subscriber.retain_as_published) << 3
                    | subscriber.identifier.unwrap_or(0) << 4,
            },
            Receiver::Group(GroupId { index, serial }) => Self {
                serial,
                index,
                terms: GROUP,
            },
        }
    }

    fn open(self) -> Receiver {
        let Self { index, serial, .. } = self;
        let qos = match self.terms & GROUP {
            0 => QoS::AtMostOnce,
            1 => QoS::AtLeastOnce,
            2 => QoS::ExactlyOnce,
            _ => return Receiver::Group(GroupId { index, serial }),
        };
        Receiver::Session(Subscriber {
            session: SessionId { index, serial },
            qos,
            no_local: self.terms & 1 << 2 != 0,
            retain_as_published: self.terms & 1 << 3 != 0,
            identifier: NonZeroU32::new(self.terms >> 4).map(NonZeroU32::get),
        })
    }

    /// Whether they are of one session or group.
    fn is_like(&self, other: Self) -> bool {
        (self.index, self.serial, self.is_group()) == (other.index, other.serial, other.is_group())
    }

    fn is_group(&self) -> bool {
        self.terms & GROUP == GROUP
    }
}

const GROUP: u32 = 3;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_packed_is_what_was_subscribed() {
        let session = SessionId {
            index: u32::MAX,
            serial: u64::MAX,
        };
        let flags = [false, true];
        for qos in [QoS::AtMostOnce, QoS::AtLeastOnce, QoS::ExactlyOnce] {
            for (no_local, retain_as_published) in flags.map(|one| (one, !one)) {
                for identifier in [None, Some(1), Some(268_435_455)] {
                    let subscriber = Subscriber {
                        session,
                        qos,
                        no_local,
                        retain_as_published,
                        identifier,
                    };
                    let mut receivers = Receivers::default();
                    assert!(receivers.insert(Receiver::Session(subscriber)));
                    assert_eq!(receivers.of(session), Some(subscriber));
                }
            }
        }
    }

    #[test]
    fn a_group_and_a_session_of_one_number_are_two() {
        let (index, serial) = (7, 7);
        let group = Receiver::Group(GroupId { index, serial });
        let session = SessionId { index, serial };
        let session = Receiver::Session(Subscriber::new(session, Default::default(), None));
        let mut receivers = Receivers::default();
        assert!(receivers.insert(group) && receivers.insert(session));
        assert!(!receivers.insert(session));
        assert!(receivers.remove(group) && !receivers.remove(group));
        assert!(receivers.remove(session) && receivers.is_empty());
    }

    #[test]
    fn the_only_receiver_needs_no_memory_of_its_own() {
        assert_eq!((size_of::<Packed>(), size_of::<Receivers>()), (16, 24));
    }
}
