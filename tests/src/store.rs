// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The virtual world's store: keeps payloads in memory and can hold durability back.

use std::collections::BTreeMap;

use bytes::Bytes;
use mqtt_core::{Body, CommitSeq, Location, Record};

/// Records count as durable at once, or only when the test says so.
#[derive(Default)]
pub(crate) struct Store {
    appended: u64,
    held_at: Option<u64>,
    payloads: BTreeMap<Location, Bytes>,
}

impl Store {
    pub(crate) fn append(&mut self, records: &mut Vec<Record>) {
        for record in records.drain(..) {
            self.appended += 1;
            match record {
                Record::Message { location, message } => {
                    let Body::Inline(payload) = &message.body else {
                        panic!("a message without payload at {location:?}");
                    };
                    let payload = payload.clone();
                    let before = self.payloads.insert(location, payload);
                    assert!(before.is_none(), "two payloads at {location:?}");
                }
                Record::Forget { location } => {
                    let before = self.payloads.remove(&location);
                    assert!(before.is_some(), "nothing to forget at {location:?}");
                }
                _ => {}
            }
        }
    }

    pub(crate) fn appended(&self) -> CommitSeq {
        CommitSeq(self.appended)
    }

    pub(crate) fn durable(&self) -> CommitSeq {
        CommitSeq(self.held_at.unwrap_or(self.appended))
    }

    /// From now on nothing more becomes durable.
    pub(crate) fn hold(&mut self) {
        self.held_at.get_or_insert(self.appended);
    }

    /// Lets `count` more records become durable while the others stay held back.
    pub(crate) fn commit(&mut self, count: u64) {
        if let Some(held_at) = &mut self.held_at {
            *held_at = self.appended.min(*held_at + count);
        }
    }

    pub(crate) fn release(&mut self) {
        self.held_at = None;
    }

    pub(crate) fn read(&self, location: Location) -> Option<Bytes> {
        self.payloads.get(&location).cloned()
    }

    pub(crate) fn payloads(&self) -> usize {
        self.payloads.len()
    }
}
