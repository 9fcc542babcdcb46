// SPDX-License-Identifier: Apache-2.0 OR MIT
//! What a store's records amount to: the newest of each thing, as the journal keeps it and as recovery gives it back.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use mqtt_core::{Body, Entry, EntryId, Location, Message, Owner, Progress, Record, SessionKey};
use mqtt_proto::{Filter, PacketId, QoS, Topic};

use crate::Random;

/// What a record is about, in the order in which a broker is restored.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Key {
    Session(SessionKey),
    Absent(SessionKey),
    Subscription(SessionKey, Filter),
    Received(SessionKey, PacketId),
    Retained(Topic),
    Message(Location),
    Entry(EntryId),
}

/// The newest record of each thing.
#[derive(Clone, Default)]
pub(crate) struct Disk(BTreeMap<Key, Record>);

impl Disk {
    /// Applies one record, and checks that it can follow those before it.
    pub(crate) fn apply(&mut self, record: Record) {
        match key(&record) {
            Some(key) => self.put(key, record),
            None => self.remove(record),
        }
    }

    fn put(&mut self, key: Key, record: Record) {
        match &record {
            Record::Session { session, .. } => {
                self.0.remove(&Key::Absent(session.clone()));
            }
            Record::Message { location, message } => {
                assert!(
                    matches!(message.body, Body::Inline(_)),
                    "a message without payload at {location:?}"
                );
                assert!(!self.0.contains_key(&key), "two payloads at {location:?}");
            }
            Record::Entry(entry) => {
                let message = Key::Message(entry.location);
                assert!(self.0.contains_key(&message), "{entry:?} names no message");
            }
            _ => {}
        }
        self.0.insert(key, record);
    }

    fn remove(&mut self, record: Record) {
        let told = format!("{record:?}");
        assert!(self.take_out(record), "{told} ends nothing");
    }

    /// Whether there was anything to end.
    fn take_out(&mut self, record: Record) -> bool {
        let key = match record {
            Record::SessionEnded { session } => {
                self.end(&session);
                return true;
            }
            Record::Unsubscribed { session, filter } => Key::Subscription(session, filter),
            Record::Released { session, packet_id } => Key::Received(session, packet_id),
            Record::Unretained(topic) => Key::Retained(topic),
            Record::Forget { location } => Key::Message(location),
            Record::Done { id, .. } => Key::Entry(id),
            other => panic!("{other:?} has a key"),
        };
        self.0.remove(&key).is_some()
    }

    fn end(&mut self, ended: &SessionKey) {
        self.0.retain(|key, record| match (key, record) {
            (
                Key::Session(session)
                | Key::Absent(session)
                | Key::Subscription(session, _)
                | Key::Received(session, _),
                _,
            ) => session != ended,
            (_, Record::Entry(entry)) => entry.owner != Owner::Session(ended.clone()),
            _ => true,
        });
    }

    /// What recovery gives back, with nothing that the broker still holds; payloads of queued messages stay where they are.
    pub(crate) fn records(&self) -> impl Iterator<Item = Record> {
        self.0.values().map(|record| match record {
            Record::Message { location, message } => Record::Message {
                location: *location,
                message: Arc::new(without_payload(*location, message)),
            },
            Record::Retained(message) => {
                Record::Retained(Arc::new(with_body(message, message.body.clone())))
            }
            other => other.clone(),
        })
    }

    pub(crate) fn payload(&self, location: Location) -> Option<Bytes> {
        match self.0.get(&Key::Message(location)) {
            Some(Record::Message { message, .. }) => match &message.body {
                Body::Inline(payload) => Some(payload.clone()),
                Body::Stored { .. } => None,
            },
            _ => None,
        }
    }

    /// The payload of this message cannot be read any more.
    pub(crate) fn spoil(&mut self, location: Location) {
        if let Some(Record::Message { message, .. }) = self.0.get_mut(&Key::Message(location)) {
            *message = Arc::new(without_payload(location, message));
        }
    }

    /// Loses about one thing in `one_in`, as a damaged segment does.
    pub(crate) fn damage(&mut self, random: &mut Random, one_in: usize) {
        self.0.retain(|_, _| random.below(one_in) > 0);
    }

    /// Takes out what a record ends, if it is there.
    pub(crate) fn forgive(&mut self, record: Record) {
        match key(&record) {
            Some(_) => self.apply(record),
            None => drop(self.take_out(record)),
        }
    }

    /// The places of the messages that queue entries name.
    pub(crate) fn locations(&self) -> impl Iterator<Item = Location> {
        self.0.keys().filter_map(|key| match key {
            Key::Message(location) => Some(*location),
            _ => None,
        })
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    /// In words, for a comparison.
    pub(crate) fn picture(&self) -> BTreeMap<String, String> {
        picture(self.0.values())
    }
}

/// Records in words, each under the name of what it is about.
pub(crate) fn picture<'a>(
    records: impl IntoIterator<Item = &'a Record>,
) -> BTreeMap<String, String> {
    let mut words = BTreeMap::new();
    for record in records {
        let key = key(record).expect("what is kept has a key");
        words.insert(format!("{key:?}"), describe(record));
        if let (Key::Absent(session), Record::Absent { will_due: None, .. }) = (key, record) {
            // Its will was published or dropped.
            let session = words.entry(format!("{:?}", Key::Session(session)));
            session.and_modify(|text| text.truncate(text.find(", will").unwrap_or(0)));
        }
    }
    words
}

fn describe(record: &Record) -> String {
    match record {
        Record::Session {
            expiry_seconds,
            will,
            ..
        } => format!("expiry {expiry_seconds}, will {will:?}"),
        Record::Absent {
            expires, will_due, ..
        } => format!("until {expires:?}, will at {will_due:?}"),
        Record::Subscribed {
            options,
            identifier,
            ..
        } => {
            let (local, published) = (options.no_local, options.retain_as_published);
            format!("{:?} {local} {published} {identifier:?}", options.qos)
        }
        Record::Retained(message) => format!("{} {:?}", head(message), message.body),
        Record::Message { message, .. } => head(message),
        Record::Entry(entry) => place(entry),
        other => format!("{other:?}"),
    }
}

fn head(message: &Message) -> String {
    let Message {
        topic,
        qos,
        retain,
        properties,
        expires,
        body,
        ..
    } = message;
    let len = body.len();
    format!("{topic:?} {qos:?} {retain} {properties:?} {expires:?} {len} bytes")
}

/// Of what a group's member has that ends with its connection only matters whether QoS 2 has begun.
fn place(entry: &Entry) -> String {
    match &entry.owner {
        Owner::Session(_) => format!("{entry:?}"),
        Owner::Group(filter) => {
            let begun = entry.progress != Progress::Waiting && entry.qos == QoS::ExactlyOnce;
            format!("{filter:?} {:?} begun: {begun}", entry.location)
        }
    }
}

fn without_payload(location: Location, message: &Message) -> Message {
    let len = message.body.len();
    with_body(message, Body::Stored { location, len })
}

fn with_body(message: &Message, body: Body) -> Message {
    Message::new(
        message.topic.clone(),
        (message.qos, message.retain),
        message.properties.clone(),
        body,
        message.expires,
    )
}

/// What the record is about; none for one that ends something.
fn key(record: &Record) -> Option<Key> {
    Some(match record {
        Record::Session { session, .. } => Key::Session(session.clone()),
        Record::Absent { session, .. } => Key::Absent(session.clone()),
        Record::Subscribed {
            session, filter, ..
        } => Key::Subscription(session.clone(), filter.clone()),
        Record::Received { session, packet_id } => Key::Received(session.clone(), *packet_id),
        Record::Retained(message) => Key::Retained(message.topic.clone()),
        Record::Message { location, .. } => Key::Message(*location),
        Record::Entry(entry) => Key::Entry(entry.id),
        Record::SessionEnded { .. }
        | Record::Unsubscribed { .. }
        | Record::Forget { .. }
        | Record::Done { .. }
        | Record::Released { .. }
        | Record::Unretained(_) => return None,
    })
}
