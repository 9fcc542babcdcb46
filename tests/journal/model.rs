// SPDX-License-Identifier: Apache-2.0 OR MIT
//! What a store must bring back: a map from what a record is about to what it says, both as text.

use std::collections::{BTreeMap, BTreeSet};

use mqtt_core::{Body, Location, Message, Owner, Record, SessionKey};
use mqtt_store::Reader;

/// The last record about each thing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Model {
    values: BTreeMap<String, Value>,
}

/// Names and what was said under them.
pub type Ever = BTreeSet<(String, String)>;

#[derive(Clone, Debug, PartialEq, Eq)]
struct Value {
    says: String,
    /// The session with which it ends.
    session: Option<String>,
    /// The message a queue entry names.
    message: Option<Location>,
}

impl Model {
    /// What the records of an opened store amount to, payloads read from the store.
    pub fn of(records: &[Record], reader: &Reader) -> Self {
        let mut model = Self::default();
        for record in records {
            model.apply_read(record, Some(reader));
        }
        model
    }

    pub fn apply(&mut self, record: &Record) {
        self.apply_read(record, None);
    }

    /// Adds every value to those that ever were.
    pub fn gather(&self, ever: &mut Ever) {
        let said = self.values.iter();
        ever.extend(said.map(|(name, value)| (name.clone(), value.says.clone())));
    }

    /// Values that never were.
    pub fn made_up<'a>(&'a self, ever: &Ever) -> Vec<&'a String> {
        let said = self.values.iter();
        said.filter(|(name, value)| !ever.contains(&((*name).clone(), value.says.clone())))
            .map(|(name, _)| name)
            .collect()
    }

    fn apply_read(&mut self, record: &Record, reader: Option<&Reader>) {
        match record {
            Record::Session {
                session,
                expiry_seconds,
                will,
            } => {
                self.values.remove(&absent(session));
                let says = format!("{expiry_seconds} {will:?}");
                self.put(owned(session, "session"), says, None, None);
            }
            Record::Absent {
                session,
                expires,
                will_due,
            } => {
                let says = format!("{expires:?} {will_due:?}");
                self.put(absent(session), says, Some(session), None);
            }
            Record::SessionEnded { session } => {
                self.values.remove(&owned(session, "session"));
                let gone = Some(name(session));
                self.values.retain(|_, value| value.session != gone);
            }
            Record::Subscribed {
                session,
                filter,
                options,
                identifier,
            } => {
                let key = owned(session, &format!("subscription {filter}"));
                let says = format!("{options:?} {identifier:?}");
                self.put(key, says, Some(session), None);
            }
            Record::Unsubscribed { session, filter } => {
                let key = owned(session, &format!("subscription {filter}"));
                self.values.remove(&key);
            }
            Record::Received { session, packet_id } => {
                let key = owned(session, &format!("received {packet_id}"));
                self.put(key, String::new(), Some(session), None);
            }
            Record::Released { session, packet_id } => {
                let key = owned(session, &format!("received {packet_id}"));
                self.values.remove(&key);
            }
            record => self.apply_message(record, reader),
        }
    }

    fn apply_message(&mut self, record: &Record, reader: Option<&Reader>) {
        match record {
            Record::Message { location, message } => {
                self.put(at(*location), says(message, reader), None, None);
            }
            Record::Forget { location } => {
                self.values.remove(&at(*location));
            }
            Record::Entry(entry) => {
                let session = match &entry.owner {
                    Owner::Session(session) => Some(session),
                    Owner::Group(_) => None,
                };
                let key = format!("entry {:08}", entry.id.0);
                self.put(key, format!("{entry:?}"), session, Some(entry.location));
            }
            Record::Done { id, .. } => {
                self.values.remove(&format!("entry {:08}", id.0));
            }
            Record::Retained(message) => {
                let key = format!("retained {}", message.topic);
                self.put(key, says(message, reader), None, None);
            }
            Record::Unretained(topic) => {
                self.values.remove(&format!("retained {topic}"));
            }
            _ => unreachable!("the rest was applied"),
        }
    }

    /// What names a session that is not there is not taken.
    fn put(
        &mut self,
        key: String,
        says: String,
        session: Option<&SessionKey>,
        message: Option<Location>,
    ) {
        let is_there =
            session.is_none_or(|session| self.values.contains_key(&owned(session, "session")));
        if is_there {
            let session = session.map(name);
            let value = Value {
                says,
                session,
                message,
            };
            self.values.insert(key, value);
        }
    }

    /// What is left after a restart: no entry without its message, no message without an entry.
    pub fn restored(&self) -> Self {
        let mut values = self.values.clone();
        values.retain(|_, value| {
            value
                .message
                .is_none_or(|message| self.values.contains_key(&at(message)))
        });
        let named: Vec<String> = values.values().filter_map(|v| v.message).map(at).collect();
        values.retain(|key, _| !key.starts_with("message ") || named.contains(key));
        Self { values }
    }
}

fn name(session: &SessionKey) -> String {
    format!("{:?}", (&session.user, &session.client_id))
}

fn owned(session: &SessionKey, what: &str) -> String {
    format!("{} {what}", name(session))
}

fn absent(session: &SessionKey) -> String {
    owned(session, "absent")
}

fn at(location: Location) -> String {
    format!("message {:08}", location.0)
}

fn says(message: &Message, reader: Option<&Reader>) -> String {
    let payload = match (&message.body, reader) {
        (Body::Inline(payload), _) => payload.clone(),
        (Body::Stored { location, len }, Some(reader)) => {
            let read = reader.read(*location).expect("the payload can be read");
            let payload = read.unwrap_or_else(|| panic!("{location:?} has a payload"));
            assert_eq!(payload.len(), *len);
            payload
        }
        (Body::Stored { .. }, None) => panic!("only restored messages are without payload"),
    };
    let Message {
        topic,
        qos,
        retain,
        properties,
        expires,
        ..
    } = message;
    let sum = payload.iter().fold(payload.len() as u64, |sum, byte| {
        sum.wrapping_mul(31).wrapping_add(u64::from(*byte))
    });
    format!("{topic} {qos:?} {retain} {properties:?} {expires:?} {sum}")
}
