// SPDX-License-Identifier: Apache-2.0 OR MIT
//! What a store holds, counted.

use std::collections::HashMap;

use mqtt_core::{Location, Owner, Progress, Record};
use serde::Serialize;

use crate::logging::Field;

/// Counts; bytes are those of topics and payloads.
#[derive(Debug, Default, PartialEq, Serialize)]
pub struct Census {
    pub sessions: u64,
    pub subscriptions: u64,
    pub shared_subscriptions: u64,
    pub retained_messages: u64,
    pub retained_bytes: u64,
    /// Messages that wait; one of them can stand in many queues.
    pub messages: u64,
    pub message_bytes: u64,
    /// Places in queues.
    pub queued: u64,
    /// Of these, in flight.
    pub in_flight: u64,
    /// QoS 2 exchanges with publishers that are half done.
    pub received: u64,
    /// The longest queues, the longest first.
    pub largest: Vec<Queue>,
}

/// A session's queue, or a shared subscription's own.
#[derive(Debug, PartialEq, Serialize)]
pub struct Queue {
    pub name: String,
    pub queued: u64,
    pub bytes: u64,
}

impl Census {
    /// Counts what opening a store yielded.
    pub fn of(records: &[Record]) -> Self {
        let mut census = Self::default();
        let mut sizes: HashMap<Location, u64> = HashMap::new();
        let mut queues: HashMap<&Owner, (u64, u64)> = HashMap::new();
        for record in records {
            if let Record::Message { location, message } = record {
                sizes.insert(*location, size(message));
            }
        }
        for record in records {
            census.count(record);
            if let Record::Entry(entry) = record {
                let queue = queues.entry(&entry.owner).or_default();
                queue.0 += 1;
                queue.1 += sizes.get(&entry.location).copied().unwrap_or_default();
            }
        }
        let rows = queues.into_iter().map(|(owner, (queued, bytes))| Queue {
            name: name(owner),
            queued,
            bytes,
        });
        census.largest = rows.collect();
        census
            .largest
            .sort_by(|one, other| (other.queued, &one.name).cmp(&(one.queued, &other.name)));
        census.largest.truncate(LARGEST);
        census
    }

    fn count(&mut self, record: &Record) {
        match record {
            Record::Session { .. } => self.sessions += 1,
            Record::Subscribed { filter, .. } if filter.share().is_some() => {
                self.shared_subscriptions += 1;
            }
            Record::Subscribed { .. } => self.subscriptions += 1,
            Record::Received { .. } => self.received += 1,
            Record::Retained(message) => {
                self.retained_messages += 1;
                self.retained_bytes += size(message);
            }
            Record::Message { message, .. } => {
                self.messages += 1;
                self.message_bytes += size(message);
            }
            Record::Entry(entry) => {
                self.queued += 1;
                self.in_flight += u64::from(entry.progress != Progress::Waiting);
            }
            _ => {}
        }
    }
}

/// Such as `1 session`, `2 batches`.
pub fn counted(count: u64, noun: &str) -> String {
    match count {
        1 => format!("1 {noun}"),
        _ if noun.ends_with("ch") => format!("{count} {noun}es"),
        _ => format!("{count} {noun}s"),
    }
}

fn size(message: &mqtt_core::Message) -> u64 {
    (message.topic.as_str().len() + message.body.len()) as u64
}

/// Whose queue it is, for people.
fn name(owner: &Owner) -> String {
    match owner {
        Owner::Session(session) if session.user.is_empty() => Field(&session.client_id).to_string(),
        Owner::Session(session) => {
            format!("{} of {}", Field(&session.client_id), Field(&session.user))
        }
        Owner::Group(filter) => Field(filter).to_string(),
    }
}

/// Queues that are named.
const LARGEST: usize = 10;
