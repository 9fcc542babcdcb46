// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The records of a replayed store, in the order in which the core wants them, without what has lost its other half.

use std::collections::HashMap;
use std::sync::Arc;

use bytes::Bytes;
use mqtt_core::{Body, Location, Moment, Record, SessionKey};
use mqtt_proto::{Filter, PacketId, SubscribeOptions, Will};

use crate::Wear;
use crate::index::Index;
use crate::key::Key;
use crate::numbers::{NumberMap, NumberSet};
use crate::op::{Op, Ops};
use crate::replay::{Replay, place};
use crate::scan::{Scan, read_whole};
use crate::value::{self, StoredEntry, StoredMessage, StoredOwner};

/// What a store holds, and which keys are to be deleted because they say nothing.
#[derive(Default)]
pub(crate) struct Restored {
    pub records: Vec<Record>,
    pub names: HashMap<SessionKey, u64>,
    pub orphans: Vec<Key>,
    pub wear: Wear,
}

/// Values with their sessions still as numbers.
#[derive(Default)]
struct Values {
    sessions: Vec<(u64, SessionKey, u32, Option<Box<Will>>)>,
    absent: NumberMap<(Option<Moment>, Option<Moment>)>,
    subscriptions: Vec<(u64, Filter, SubscribeOptions, Option<u32>)>,
    received: Vec<(u64, PacketId)>,
    retained: Vec<Record>,
    messages: Vec<(u64, Record)>,
    entries: Vec<(u64, StoredEntry)>,
    wear: Option<Wear>,
    /// Values that cannot be understood.
    unknown: Vec<Key>,
}

/// Reads every value that counts once more and makes records of them.
pub(crate) fn restore(scan: &Scan, replay: &Replay) -> Restored {
    let mut values = Values::default();
    let mut bytes = Vec::new();
    for part in &replay.parts {
        let Some(found) = scan.live.get(&part.number) else {
            continue;
        };
        read_whole(found.file.as_ref(), found.size, &mut bytes);
        for body in &part.bodies {
            let ops = Ops::new(bytes.get(body.clone()).unwrap_or_default());
            for op in ops.flatten() {
                let at = place(part.number, body.start + op.start, op.bytes);
                if op.value.is_some() && replay.index.is_live(&op.key, at) {
                    values.take(op);
                }
            }
        }
    }
    values.into_restored(&replay.index)
}

impl Values {
    fn take(&mut self, op: Op<'_>) {
        let value = op.value.unwrap_or_default();
        if self.take_value(&op.key, value).is_none() {
            self.unknown.push(op.key);
        }
    }

    fn take_value(&mut self, key: &Key, value: &[u8]) -> Option<()> {
        match key {
            Key::Session(sid) => {
                let (session, expiry_seconds, will) = value::session(value)?;
                self.sessions.push((*sid, session, expiry_seconds, will));
            }
            Key::Absent(sid) => {
                self.absent.insert(*sid, value::absent(value)?);
            }
            Key::Subscription(sid, filter) => {
                let filter = Filter::new((&**filter).into()).ok()?;
                let (options, identifier) = value::subscription(value)?;
                self.subscriptions.push((*sid, filter, options, identifier));
            }
            Key::Received(sid, packet_id) => {
                self.received.push((*sid, PacketId::new(*packet_id)?));
            }
            Key::Retained(topic) => {
                let stored = StoredMessage::retained(topic, value)?;
                let payload = Bytes::copy_from_slice(stored.payload);
                let message = stored.into_message(Body::Inline(payload));
                self.retained.push(Record::Retained(Arc::new(message)));
            }
            Key::Message(location) => {
                let stored = StoredMessage::queued(value)?;
                let body = body_at(*location, stored.payload.len());
                let record = Record::Message {
                    location: Location(*location),
                    message: Arc::new(stored.into_message(body)),
                };
                self.messages.push((*location, record));
            }
            Key::Entry(id) => self.entries.push((*id, StoredEntry::decode(value)?)),
            Key::Wear => self.wear = Wear::restored(value),
        }
        Some(())
    }

    fn into_restored(mut self, index: &Index) -> Restored {
        let mut restored = Restored {
            orphans: self.unknown,
            wear: self.wear.unwrap_or_default(),
            ..Restored::default()
        };
        self.sessions.sort_unstable_by_key(|(sid, ..)| *sid);
        let mut sessions = NumberMap::default();
        for (sid, session, ..) in &self.sessions {
            // One that is there twice has lost its first end.
            if let Some(earlier) = restored.names.insert(session.clone(), *sid) {
                restored.orphans.push(Key::Session(earlier));
                sessions.remove(&earlier);
            }
            sessions.insert(*sid, session.clone());
        }
        for (sid, session, expiry_seconds, will) in self.sessions {
            if !sessions.contains_key(&sid) {
                continue;
            }
            let absent = self.absent.remove(&sid).map(|(expires, will_due)| {
                let session = session.clone();
                Record::Absent {
                    session,
                    expires,
                    will_due,
                }
            });
            restored.records.push(Record::Session {
                session,
                expiry_seconds,
                will,
            });
            restored.records.extend(absent);
        }
        for (sid, filter, options, identifier) in self.subscriptions {
            restored.add(sessions.get(&sid), |session| Record::Subscribed {
                session,
                filter,
                options,
                identifier,
            });
        }
        for (sid, packet_id) in self.received {
            restored.add(sessions.get(&sid), |session| Record::Received {
                session,
                packet_id,
            });
        }
        restored.records.append(&mut self.retained);
        restored.add_queues(self.messages, self.entries, &sessions, index);
        restored
    }
}

impl Restored {
    fn add(&mut self, session: Option<&SessionKey>, record: impl FnOnce(SessionKey) -> Record) {
        let record = session.map(|session| record(session.clone()));
        self.records.extend(record);
    }

    /// Messages that an entry names, and entries with a message and an owner.
    fn add_queues(
        &mut self,
        mut messages: Vec<(u64, Record)>,
        mut entries: Vec<(u64, StoredEntry)>,
        sessions: &NumberMap<SessionKey>,
        index: &Index,
    ) {
        let mut places = Vec::with_capacity(entries.len());
        let mut named = NumberSet::default();
        entries.sort_unstable_by_key(|(id, _)| *id);
        for (id, stored) in entries {
            let location = stored.location;
            let session = match stored.owner {
                StoredOwner::Session(sid) => sessions.get(&sid),
                StoredOwner::Group(_) => None,
            };
            let entry = stored.into_entry(id, session);
            match entry.filter(|_| index.contains(&Key::Message(location))) {
                Some(entry) => {
                    named.insert(location);
                    places.push(Record::Entry(Box::new(entry)));
                }
                None => self.orphans.push(Key::Entry(id)),
            }
        }
        messages.sort_unstable_by_key(|(location, _)| *location);
        for (location, record) in messages {
            match named.contains(&location) {
                true => self.records.push(record),
                false => self.orphans.push(Key::Message(location)),
            }
        }
        self.records.append(&mut places);
    }
}

/// Payloads of queued messages stay in the store.
fn body_at(location: u64, len: usize) -> Body {
    match len {
        0 => Body::Inline(Bytes::new()),
        len => Body::Stored {
            location: Location(location),
            len,
        },
    }
}
