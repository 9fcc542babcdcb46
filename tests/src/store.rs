// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The virtual world's store: can hold durability back, and forgets in a crash what was not durable.

use std::collections::VecDeque;

use bytes::Bytes;
use mqtt_core::{Command, CommitSeq, Location, Record, StorageState};

use crate::World;
use crate::disk::Disk;
use crate::recovery::Recovery;

/// Transactions count as durable at once, or only when the test says so.
#[derive(Default)]
pub(crate) struct Store {
    appended: u64,
    held_at: Option<u64>,
    /// With everything that was appended.
    now: Disk,
    /// With what is durable, and with which record it ends.
    durable: Disk,
    durable_to: u64,
    /// The same in the real journal.
    recovery: Recovery,
    /// Records of transactions that are not durable, each with the number of its last one.
    waiting: VecDeque<(u64, Vec<Record>)>,
    /// Records of one that goes on with the next entry.
    open: Vec<Record>,
}

impl Store {
    /// Takes the records of one entry; `incomplete` ones are one transaction with those of the next.
    pub(crate) fn append(&mut self, records: &mut Vec<Record>, incomplete: bool) {
        self.appended += records.len() as u64;
        for record in records.drain(..) {
            self.now.apply(record.clone());
            self.open.push(record);
        }
        if !incomplete && !self.open.is_empty() {
            self.waiting
                .push_back((self.appended, std::mem::take(&mut self.open)));
        }
        self.flush();
    }

    /// Makes durable what may be.
    fn flush(&mut self) {
        let may_be = |(end, _): &&mut (u64, _)| self.held_at.is_none_or(|held_at| *end <= held_at);
        while self.waiting.front_mut().filter(may_be).is_some() {
            let Some((end, records)) = self.waiting.pop_front() else {
                return;
            };
            self.durable_to = end;
            for record in &records {
                self.durable.apply(record.clone());
            }
            self.recovery.append(records);
        }
    }

    pub(crate) fn appended(&self) -> CommitSeq {
        CommitSeq(self.appended)
    }

    pub(crate) fn durable(&self) -> CommitSeq {
        CommitSeq(self.durable_to)
    }

    /// From now on nothing more becomes durable.
    pub(crate) fn hold(&mut self) {
        self.held_at.get_or_insert(self.durable_to);
    }

    /// Lets `count` more records become durable, as far as they are whole transactions, while the others stay held back.
    pub(crate) fn commit(&mut self, count: u64) {
        if let Some(held_at) = &mut self.held_at {
            *held_at = self.appended.min(*held_at + count);
        }
        self.flush();
    }

    pub(crate) fn release(&mut self) {
        self.held_at = None;
        self.flush();
    }

    /// Nothing was held back or is under way.
    pub(crate) fn is_settled(&self) -> bool {
        self.durable_to == self.appended
    }

    /// The power fails: what is not durable never was; returns what is.
    #[track_caller]
    pub(crate) fn crash(&mut self) -> Vec<Record> {
        self.now = self.durable.clone();
        self.appended = self.durable_to;
        self.held_at = None;
        self.waiting.clear();
        self.open.clear();
        self.recovery.recover(&self.durable, self.durable_to)
    }

    pub(crate) fn disk(&self) -> &Disk {
        &self.now
    }

    pub(crate) fn read(&self, location: Location) -> Option<Bytes> {
        self.now.payload(location)
    }

    /// The payloads of queued messages cannot be read any more.
    pub(crate) fn spoil(&mut self) {
        for location in self.now.locations().collect::<Vec<_>>() {
            self.now.spoil(location);
            self.durable.spoil(location);
        }
    }

    pub(crate) fn payloads(&self) -> usize {
        self.now.locations().count()
    }
}

impl World {
    /// Nothing becomes durable until [`World::release_commits`].
    pub fn hold_commits(&self) {
        self.state().store.hold();
    }

    /// Lets the next `count` held records become durable.
    pub fn commit(&self, count: u64) {
        let mut state = self.state();
        state.store.commit(count);
        state.settle();
    }

    pub fn release_commits(&self) {
        let mut state = self.state();
        state.store.release();
        state.settle();
    }

    /// How the store is from now on.
    pub fn store_is(&self, storage: StorageState) {
        let mut state = self.state();
        state.commands.push(Command::Storage(storage));
        state.settle();
    }

    /// Payloads that the store keeps for sessions' queues.
    pub fn stored_payloads(&self) -> usize {
        self.state().store.payloads()
    }
}
