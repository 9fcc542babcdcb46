// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The open batch: what was appended since the last commit, one change for each key.

use std::collections::HashMap;

use mqtt_core::{Body, Message, Owner, Record, SessionKey};

use crate::index::Index;
use crate::key::Key;
use crate::numbers::NumberSet;

/// The net effect of records that are not durable yet.
#[derive(Default)]
pub(crate) struct Batch {
    changes: Vec<Change>,
    /// The place of each key's change.
    at: HashMap<Key, usize>,
    /// The number of each session that is there once all this is durable.
    names: HashMap<SessionKey, u64>,
    /// Ended in this batch.
    ended: NumberSet,
    next_sid: u64,
    /// Records whose effect a later one took.
    pub elided: u64,
    /// Bytes they will need, about.
    pub weight: u64,
}

/// A key, what it is put to or that it is deleted, and the session in whose queue it is, 0 if none.
pub(crate) type Net<'a> = (&'a Key, Option<&'a Record>, u64);

/// What becomes of a key.
pub(crate) struct Change {
    /// None where it is deleted.
    pub put: Option<Record>,
    /// The session whose queue has it, 0 if none.
    pub sid: u64,
}

impl Batch {
    pub fn new(names: HashMap<SessionKey, u64>, next_sid: u64) -> Self {
        Self {
            names,
            next_sid,
            ..Self::default()
        }
    }

    /// Takes a record; one about a session that does not exist says nothing.
    pub fn append(&mut self, record: Record, durable: &Index) {
        match record {
            Record::Session { ref session, .. } => {
                let sid = self.open_session(session);
                self.delete(Key::Absent(sid), sid, durable);
                self.put(Key::Session(sid), sid, record);
            }
            Record::Absent { ref session, .. } => {
                if let Some(sid) = self.sid(session) {
                    self.put(Key::Absent(sid), sid, record);
                }
            }
            Record::SessionEnded { session } => self.end_session(&session, durable),
            Record::Subscribed {
                ref session,
                ref filter,
                ..
            } => {
                if let Some(sid) = self.sid(session) {
                    let key = Key::Subscription(sid, filter.as_str().into());
                    self.put(key, sid, record);
                }
            }
            Record::Unsubscribed { session, filter } => {
                if let Some(sid) = self.sid(&session) {
                    let key = Key::Subscription(sid, filter.as_str().into());
                    self.delete(key, sid, durable);
                }
            }
            Record::Received {
                ref session,
                packet_id,
            } => {
                if let Some(sid) = self.sid(session) {
                    self.put(Key::Received(sid, packet_id.get()), sid, record);
                }
            }
            Record::Released { session, packet_id } => {
                if let Some(sid) = self.sid(&session) {
                    self.delete(Key::Received(sid, packet_id.get()), sid, durable);
                }
            }
            record => self.append_message(record, durable),
        }
    }

    fn append_message(&mut self, record: Record, durable: &Index) {
        match record {
            Record::Message {
                location,
                ref message,
            } if is_inline(message) => self.put(Key::Message(location.0), 0, record),
            Record::Forget { location } => self.delete(Key::Message(location.0), 0, durable),
            Record::Entry(ref entry) => {
                let sid = match &entry.owner {
                    Owner::Group(_) => Some(0),
                    Owner::Session(session) => self.sid(session),
                };
                if let Some(sid) = sid {
                    self.put(Key::Entry(entry.id.0), sid, record);
                }
            }
            Record::Done { id, session } => {
                let sid = session.and_then(|session| self.sid(&session));
                self.delete(Key::Entry(id.0), sid.unwrap_or(0), durable);
            }
            Record::Retained(ref message) if is_inline(message) => {
                self.put(Key::Retained(message.topic.as_str().into()), 0, record);
            }
            Record::Unretained(topic) => {
                self.delete(Key::Retained(topic.as_str().into()), 0, durable);
            }
            _ => {}
        }
    }

    fn sid(&self, session: &SessionKey) -> Option<u64> {
        self.names.get(session).copied()
    }

    fn open_session(&mut self, session: &SessionKey) -> u64 {
        if let Some(sid) = self.sid(session) {
            return sid;
        }
        let sid = self.next_sid;
        self.next_sid += 1;
        self.names.insert(session.clone(), sid);
        sid
    }

    /// What belongs to it is not deleted one by one: nothing of a session that is gone counts.
    fn end_session(&mut self, session: &SessionKey, durable: &Index) {
        if let Some(sid) = self.names.remove(session) {
            self.ended.insert(sid);
            self.delete(Key::Session(sid), sid, durable);
        }
    }

    fn put(&mut self, key: Key, sid: u64, record: Record) {
        self.weight += weight(&record);
        let put = Some(record);
        self.change(key, Change { put, sid });
    }

    /// Deletes a key; where it is not durable nothing is left of it.
    pub fn delete(&mut self, key: Key, sid: u64, durable: &Index) {
        if durable.contains(&key) {
            self.weight += DELETE_WEIGHT;
            self.change(key, Change { put: None, sid });
        } else if let Some(change) = self.at.remove(&key).and_then(|at| self.changes.get_mut(at)) {
            change.put = None;
            self.elided += 2;
        } else {
            self.elided += 1;
        }
    }

    fn change(&mut self, key: Key, change: Change) {
        let at = *self.at.entry(key).or_insert(self.changes.len());
        match self.changes.get_mut(at) {
            Some(earlier) => {
                *earlier = change;
                self.elided += 1;
            }
            None => self.changes.push(change),
        }
    }

    /// What is to be written, in the order in which the keys first changed.
    pub fn net<'a>(&'a self, durable: &Index) -> Vec<Net<'a>> {
        let mut order: Vec<_> = self.at.iter().map(|(key, at)| (*at, key)).collect();
        order.sort_unstable_by_key(|(at, _)| *at);
        let mut net = Vec::with_capacity(order.len());
        for (at, key) in order {
            let Some(change) = self.changes.get(at) else {
                continue;
            };
            if !self.ended.contains(&change.sid) || matches!(key, Key::Session(_)) {
                net.push((key, change.put.as_ref(), change.sid));
            } else if durable.outlives(key, change.sid) {
                net.push((key, None, 0));
            }
        }
        net
    }

    /// All of it is durable.
    pub fn clear(&mut self) {
        self.changes.clear();
        self.changes.shrink_to(KEPT);
        self.at.clear();
        self.at.shrink_to(KEPT);
        self.ended.clear();
        self.elided = 0;
        self.weight = 0;
    }
}

/// A message that was brought back from the store is in it already.
fn is_inline(message: &Message) -> bool {
    matches!(message.body, Body::Inline(_))
}

fn weight(record: &Record) -> u64 {
    let len = match record {
        Record::Message { message, .. } | Record::Retained(message) => {
            message.body.len() + message.topic.len() + message.properties.encoded_len()
        }
        Record::Session { will, .. } => will.as_ref().map_or(0, |will| will.payload.len()),
        _ => 0,
    };
    len as u64 + PUT_WEIGHT
}

/// Bytes of an operation besides what [`weight`] counts, about.
const PUT_WEIGHT: u64 = 48;
const DELETE_WEIGHT: u64 = 12;

/// Changes for which a batch keeps its memory.
const KEPT: usize = 4_096;
