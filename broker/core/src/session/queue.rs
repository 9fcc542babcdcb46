// SPDX-License-Identifier: Apache-2.0 OR MIT
//! QoS 1 and 2 messages that wait for a session, bounded in number and payload bytes.

use std::collections::VecDeque;
use std::sync::Arc;

use bytes::Bytes;
use mqtt_proto::QoS;

use crate::memory::Charge;
use crate::shared::GroupId;
use crate::total::{Part, Total};
use crate::{Body, EntryId, Limits, Location, Message};

/// Where the store has a queue entry and its message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Stored {
    pub id: EntryId,
    pub location: Location,
}

/// A message for one session or group.
#[derive(Clone, Debug)]
pub(crate) struct Queued {
    pub message: Arc<Message>,
    pub qos: QoS,
    pub retain: bool,
    pub identifiers: Box<[u32]>,
    /// Its place in the store, if it is durable.
    pub stored: Option<Stored>,
    /// A stored payload that was read back.
    pub fetched: Option<Box<Bytes>>,
    /// What its place is counted with, once it has one.
    pub charge: Option<Charge>,
    /// The shared subscription through which the session got it.
    pub group: Option<Box<GroupId>>,
}

impl Queued {
    pub fn location(&self) -> Option<Location> {
        self.stored.map(|stored| stored.location)
    }

    /// The payload, if it is in memory.
    pub fn payload(&self) -> Option<&Bytes> {
        match &self.message.body {
            Body::Inline(payload) => Some(payload),
            Body::Stored { .. } => self.fetched.as_deref(),
        }
    }

    /// Whether its payload is this one and not in memory.
    pub fn misses(&self, location: Location) -> bool {
        self.location() == Some(location) && self.payload().is_none()
    }

    /// Bytes that wait with this entry.
    fn weight(&self) -> usize {
        self.message.body.len() + self.message.head_weight()
    }
}

/// First in, first out.
pub(crate) struct Queue {
    entries: VecDeque<Queued>,
    /// Of the entries: payloads, in memory or in the store, topics and properties.
    bytes: Part,
}

impl Queue {
    /// An empty one, whose bytes are part of `total`.
    pub fn new(total: &Total) -> Self {
        Self {
            entries: VecDeque::new(),
            bytes: total.part(),
        }
    }

    /// Refuses with the name of the limit that is reached.
    pub fn push(&mut self, entry: Queued, limits: &Limits) -> Result<(), (Queued, &'static str)> {
        let weight = entry.weight();
        if self.entries.len() >= limits.max_queued_messages {
            return Err((entry, "max_queued_messages"));
        }
        if self.bytes.get() + weight > limits.max_queued_bytes && !self.entries.is_empty() {
            return Err((entry, "max_queued_bytes"));
        }
        self.push_back(entry);
        Ok(())
    }

    /// Appends what was held before, whatever the limits.
    pub fn push_back(&mut self, entry: Queued) {
        self.bytes.add(entry.weight());
        self.entries.push_back(entry);
    }

    /// Puts back what was held before, whatever the limits.
    pub fn push_front(&mut self, entry: Queued) {
        self.bytes.add(entry.weight());
        self.entries.push_front(entry);
    }

    pub fn pop(&mut self) -> Option<Queued> {
        let entry = self.entries.pop_front()?;
        self.bytes.subtract(entry.weight());
        Some(entry)
    }

    pub fn iter(&self) -> impl Iterator<Item = &Queued> {
        self.entries.iter()
    }

    pub fn front(&self) -> Option<&Queued> {
        self.entries.front()
    }

    pub fn iter_mut(&mut self) -> impl Iterator<Item = &mut Queued> {
        self.entries.iter_mut()
    }

    /// Takes out the entries that miss this payload.
    pub fn discard(&mut self, location: Location) -> Vec<Queued> {
        let lost = |entry: &Queued| entry.misses(location);
        let all = std::mem::take(&mut self.entries).into_iter();
        let (gone, kept): (Vec<_>, Vec<_>) = all.partition(lost);
        self.bytes
            .subtract(gone.iter().map(Queued::weight).sum::<usize>());
        self.entries = kept.into();
        gone
    }

    pub fn take_all(&mut self) -> impl DoubleEndedIterator<Item = Queued> + use<> {
        self.bytes.subtract(self.bytes.get());
        std::mem::take(&mut self.entries).into_iter()
    }

    pub fn len(&self) -> usize {
        self.entries.len()
    }

    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }
}
