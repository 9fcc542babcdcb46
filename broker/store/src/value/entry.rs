// SPDX-License-Identifier: Apache-2.0 OR MIT
//! A message's place in a queue, in the store.

use mqtt_core::{Entry, EntryId, Location, Owner, Progress, SessionKey};
use mqtt_proto::{Filter, PacketId, QoS};

use crate::cursor::{Cursor, put_block, put_number};

pub(super) fn put_entry(entry: &Entry, sid: u64, out: &mut Vec<u8>) {
    put_number(sid, out);
    if let Owner::Group(filter) = &entry.owner {
        put_block(filter.as_bytes(), out);
    }
    put_number(entry.location.0, out);
    let progress = match entry.progress {
        Progress::Waiting => 0,
        Progress::Sent { .. } => 1,
        Progress::Confirmed { .. } => 2,
    };
    let flags = super::flags(entry.qos, entry.retain);
    out.push(flags | progress << PROGRESS_SHIFT | u8::from(entry.group.is_some()) << 5);
    put_number(entry.identifiers.len() as u64, out);
    for identifier in &entry.identifiers {
        put_number(u64::from(*identifier), out);
    }
    if let Some(group) = &entry.group {
        put_block(group.as_bytes(), out);
    }
    match entry.progress {
        Progress::Waiting => {}
        Progress::Sent { packet_id, serial } => {
            put_number(u64::from(packet_id.get()), out);
            put_number(serial, out);
        }
        Progress::Confirmed {
            packet_id,
            serial,
            received,
        } => {
            put_number(u64::from(packet_id.get()), out);
            put_number(serial, out);
            put_number(received, out);
        }
    }
}

/// An entry that names its session by number.
pub(crate) struct StoredEntry {
    pub owner: StoredOwner,
    pub location: u64,
    qos: QoS,
    retain: bool,
    identifiers: Vec<u32>,
    group: Option<Filter>,
    progress: Progress,
}

pub(crate) enum StoredOwner {
    Session(u64),
    Group(Filter),
}

impl StoredEntry {
    pub fn decode(value: &[u8]) -> Option<Self> {
        let mut cursor = Cursor::new(value);
        let owner = match cursor.number()? {
            0 => StoredOwner::Group(Filter::new(cursor.string()?).ok()?),
            sid => StoredOwner::Session(sid),
        };
        let location = cursor.number()?;
        let flags = cursor.u8()?;
        let (qos, retain) = super::read_flags(flags)?;
        let count = cursor.number()?;
        let identifiers = (0..count).map(|_| cursor.u32()).collect::<Option<_>>()?;
        let group = match flags & GROUP {
            0 => None,
            _ => Some(Filter::new(cursor.string()?).ok()?),
        };
        let progress = match flags >> PROGRESS_SHIFT & 0x03 {
            0 => Progress::Waiting,
            1 => Progress::Sent {
                packet_id: packet_id(&mut cursor)?,
                serial: cursor.number()?,
            },
            _ => Progress::Confirmed {
                packet_id: packet_id(&mut cursor)?,
                serial: cursor.number()?,
                received: cursor.number()?,
            },
        };
        Some(Self {
            owner,
            location,
            qos,
            retain,
            identifiers,
            group,
            progress,
        })
    }

    /// Only the session's number, 0 for a group's entry.
    pub fn sid(value: &[u8]) -> Option<u64> {
        Cursor::new(value).number()
    }

    /// The entry as a record has it; `session` is the key of its owner, if that is a session.
    pub fn into_entry(self, id: u64, session: Option<&SessionKey>) -> Option<Entry> {
        let owner = match self.owner {
            StoredOwner::Session(_) => Owner::Session(session?.clone()),
            StoredOwner::Group(filter) => Owner::Group(filter),
        };
        Some(Entry {
            id: EntryId(id),
            owner,
            location: Location(self.location),
            qos: self.qos,
            retain: self.retain,
            identifiers: self.identifiers,
            group: self.group,
            progress: self.progress,
        })
    }
}

fn packet_id(cursor: &mut Cursor<'_>) -> Option<PacketId> {
    PacketId::new(cursor.u16()?)
}

const PROGRESS_SHIFT: u8 = 3;
const GROUP: u8 = 0x20;
