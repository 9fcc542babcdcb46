// SPDX-License-Identifier: Apache-2.0 OR MIT
//! What waits to be written: batches that are whole or not at all, and when the next is due.
//!
//! The hub fills it inside the core's lock, the store's thread empties it. Memory: a publisher who waits for his
//! acknowledgement is read no further (`connection/input.rs`), a topic's retained message of QoS 0 waits once.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use broker_config::{Mode, Persistence};
use mqtt_core::{CommitSeq, Message, Record};
use mqtt_proto::{QoS, Topic};

/// Records in the order in which they happened, in whole batches.
#[derive(Debug, Default)]
pub struct Intake {
    pub persistence: Persistence,
    batches: VecDeque<Batch>,
    /// The newest batch goes on in the next entry.
    open: bool,
    /// Retained messages of QoS 0, by topic: nobody waits for them.
    lazy: HashMap<Topic, Arc<Message>>,
    lazy_since: Option<Instant>,
    /// Since when the oldest batch waits.
    since: Option<Instant>,
    appended: CommitSeq,
    /// The newest that the thread has.
    taken: CommitSeq,
    wanted: CommitSeq,
    /// Since when somebody waits for what is here.
    wanted_since: Option<Instant>,
    bytes: usize,
    /// Everything is due, and the thread ends.
    pub stop: bool,
}

/// Records that become durable together.
#[derive(Debug, Default)]
pub struct Batch {
    pub records: Vec<Record>,
    /// The newest of them.
    pub last: CommitSeq,
    bytes: usize,
}

/// When something is to be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Due {
    Now,
    At(Instant),
    Never,
}

impl Intake {
    /// Numbers go on behind `last`.
    pub fn new(persistence: Persistence, last: CommitSeq) -> Self {
        Self {
            persistence,
            appended: last,
            ..Self::default()
        }
    }

    /// Takes the records, emptying the list; those of a batch that is not `whole` wait for the rest of it.
    ///
    /// Returns whether the thread must look when the next write is due.
    pub fn append(&mut self, records: &mut Vec<Record>, whole: bool, now: Instant) -> bool {
        let before = self.urgency();
        let full = self
            .batches
            .back()
            .is_none_or(|batch| batch.bytes >= MAX_BATCH);
        if full && !self.open {
            self.batches.push_back(Batch::default());
        }
        self.open = !whole;
        for record in records.drain(..) {
            self.appended.0 += 1;
            self.take(record, now);
        }
        if let Some(batch) = self.batches.back_mut() {
            batch.last = self.appended;
        }
        before != self.urgency()
    }

    /// What decides when the next write is due, but for who waits.
    fn urgency(&self) -> impl PartialEq + use<> {
        let large = self.bytes >= MAX_BATCH;
        (self.since, self.lazy_since, large, self.ready())
    }

    fn take(&mut self, record: Record, now: Instant) {
        match &record {
            Record::Retained(message) if message.qos == QoS::AtMostOnce => {
                self.lazy.insert(message.topic.clone(), Arc::clone(message));
                self.lazy_since.get_or_insert(now);
                return;
            }
            Record::Retained(message) => drop(self.lazy.remove(&message.topic)),
            Record::Unretained(topic) => drop(self.lazy.remove(topic)),
            _ => {}
        }
        let bytes = weight(&record);
        self.bytes += bytes;
        self.since.get_or_insert(now);
        if let Some(batch) = self.batches.back_mut() {
            batch.bytes += bytes;
            batch.records.push(record);
        }
    }

    /// Somebody waits for this commit; returns whether the thread must know.
    pub fn want(&mut self, commit: CommitSeq, now: Instant) -> bool {
        if commit <= self.wanted.max(self.taken) {
            return false;
        }
        self.wanted = commit;
        self.wanted_since.replace(now).is_none()
    }

    /// When the next batch must be written; `lazy` says when the retained messages of QoS 0 must.
    pub fn due(&self, now: Instant, lazy: impl FnOnce(Instant, Duration) -> Instant) -> Due {
        let ready = self.ready();
        if self.stop || ready && self.bytes >= MAX_BATCH {
            return Due::Now;
        }
        let wait = match self.persistence.mode {
            Mode::Group => self.persistence.window(),
            Mode::Sync | Mode::Relaxed | Mode::Memory => Duration::ZERO,
        };
        let window = self.window();
        let times = [
            self.wanted_since
                .filter(|_| ready)
                .map(|since| since + wait),
            self.since.filter(|_| ready).map(|since| since + window),
            self.lazy_since.map(|since| lazy(since, window)),
        ];
        match times.into_iter().flatten().min() {
            None => Due::Never,
            Some(at) if at <= now => Due::Now,
            Some(at) => Due::At(at),
        }
    }

    /// The oldest batch, if it is whole; the next one's time begins now.
    pub fn next(&mut self, now: Instant) -> Option<Batch> {
        if !self.ready() {
            return None;
        }
        let batch = self.batches.pop_front()?;
        self.taken = batch.last;
        self.bytes -= batch.bytes;
        let more = !self.batches.is_empty();
        self.since = self.since.filter(|_| more).map(|_| now);
        let owed = self.wanted > batch.last;
        self.wanted_since = self.wanted_since.filter(|_| owed);
        Some(batch)
    }

    /// The retained messages of QoS 0 that wait.
    pub fn take_lazy(&mut self) -> impl Iterator<Item = Record> + use<> {
        self.lazy_since = None;
        std::mem::take(&mut self.lazy)
            .into_values()
            .map(Record::Retained)
    }

    /// Forgets everything: it can never be written.
    pub fn discard(&mut self) {
        *self = Self {
            persistence: self.persistence,
            appended: self.appended,
            wanted: self.wanted,
            stop: self.stop,
            ..Self::default()
        };
    }

    /// Number of the newest record.
    pub fn appended(&self) -> CommitSeq {
        self.appended
    }

    /// Bytes that wait, about.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// Whether a whole batch waits.
    fn ready(&self) -> bool {
        self.batches.len() > usize::from(self.open)
    }

    /// How long what nobody waits for may wait.
    fn window(&self) -> Duration {
        match self.persistence.mode {
            Mode::Relaxed => self.persistence.window(),
            Mode::Sync | Mode::Group | Mode::Memory => WINDOW,
        }
    }
}

/// About what a record takes in memory and in the store.
fn weight(record: &Record) -> usize {
    RECORD
        + match record {
            Record::Message { message, .. } | Record::Retained(message) => {
                message.topic.as_str().len() + message.body.len()
            }
            _ => 0,
        }
}

/// Bytes; a batch that has them is written, and the next begins, so that nobody waits long for a large one.
pub const MAX_BATCH: usize = 512 * 1024;
/// For what nobody waits for.
const WINDOW: Duration = Duration::from_secs(1);
/// Bytes, besides topic and payload.
const RECORD: usize = 64;

#[cfg(test)]
mod tests;
