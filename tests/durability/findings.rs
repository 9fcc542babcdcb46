// SPDX-License-Identifier: Apache-2.0 OR MIT
//! What broke its promise, counted by kind and told with its round and seed; the first of each run in full.

use std::collections::BTreeMap;
use std::sync::Mutex;

/// The kinds of broken promises.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// An acknowledged message that a subscriber never got.
    Message,
    /// A retained message older than the last acknowledged one, or one that was removed.
    Retained,
    /// A session that a CONNACK promised, or one that a CONNACK ended.
    Session,
    /// A subscription other than SUBACK or UNSUBACK said.
    Subscription,
    /// A QoS 2 message that came twice.
    Duplicate,
    /// A message behind a later one of its topic.
    Order,
    /// The broker did not start, or ended by itself.
    Start,
    /// A message with other contents, or an answer that is none.
    Damaged,
    /// A message that the broker acknowledged with an error.
    Refused,
}

/// The kinds that are acknowledged and gone.
pub const LOSSES: [Kind; 4] = [
    Kind::Message,
    Kind::Retained,
    Kind::Session,
    Kind::Subscription,
];

/// A growing count of findings; told at once, `SHOWN` of each kind.
#[derive(Default)]
pub struct Findings {
    inner: Mutex<Inner>,
}

#[derive(Default)]
struct Inner {
    context: String,
    counts: BTreeMap<Kind, u64>,
    told: BTreeMap<Kind, u32>,
}

impl Findings {
    /// Says where what is found from now on was found.
    pub fn enter(&self, context: String) {
        self.lock().context = context;
    }

    pub fn report(&self, kind: Kind, text: &str) {
        self.report_many(kind, 1, text);
    }

    /// Counts `number` of a kind; `text` names the client, the topic and the first of them.
    pub fn report_many(&self, kind: Kind, number: u64, text: &str) {
        let mut inner = self.lock();
        *inner.counts.entry(kind).or_default() += number;
        let told = inner.told.entry(kind).or_default();
        *told += 1;
        if *told <= SHOWN {
            println!("  {kind:?} [{}]: {text}", inner.context);
        }
    }

    pub fn count(&self, kinds: &[Kind]) -> u64 {
        let inner = self.lock();
        let of_kind = |kind| inner.counts.get(kind).copied().unwrap_or(0);
        kinds.iter().map(of_kind).sum()
    }

    pub fn total(&self) -> u64 {
        self.lock().counts.values().sum()
    }

    /// All kinds found with their numbers, in one line.
    pub fn summary(&self) -> String {
        let inner = self.lock();
        let counts: Vec<_> = inner
            .counts
            .iter()
            .map(|(kind, count)| format!("{kind:?} {count}"))
            .collect();
        counts.join(", ")
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(|error| error.into_inner())
    }
}

const SHOWN: u32 = 4;
