// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The thread that writes: a batch after the other, each with one flush, while others serve.
//!
//! ```text
//!            commit        no room                 other error, first ──► the process ends
//!   waiting ────────► ok ──────────► full (again   other error, second ─► failed: nothing is kept
//!      ▲               │    ◄──────── every second)
//!      └───────────────┘    written
//! ```

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread;
use std::time::{Duration, Instant};

use mqtt_core::{CommitSeq, Record, StorageState};
use mqtt_store::{CommitError, Journal};
use tokio::sync::watch;

use super::appender::Shared;
use super::budget::Budget;
use super::clock::Clock;
use super::failure::{Marker, chain};
use super::intake::{Batch, Due};
use super::snapshot::Snapshot;
use crate::logging::Log;

/// The journal's owner.
pub struct Writer {
    shared: Arc<Shared>,
    /// None once it has failed.
    journal: Option<Journal>,
    progress: watch::Sender<CommitSeq>,
    clock: Clock,
    budget: Budget,
    /// Bytes that it paid for.
    paid: u64,
    /// The newest record that was handed to the journal.
    handed: CommitSeq,
    /// When a batch for which there was no room is tried again.
    retry: Option<Instant>,
    /// When a full store looks for room again.
    look: Option<Instant>,
    marker: Marker,
    /// Where a store in memory goes at a clean stop.
    snapshot: Option<Snapshot>,
    log: Log,
}

/// What a writer is made of.
pub struct Parts {
    pub journal: Option<Journal>,
    pub clock: Clock,
    pub marker: Marker,
    pub snapshot: Option<Snapshot>,
    pub log: Log,
}

/// Nothing more can be written, and the process must end.
struct Broken;

impl Writer {
    pub fn new(shared: Arc<Shared>, parts: Parts) -> (Self, watch::Receiver<CommitSeq>) {
        let handed = CommitSeq(shared.durable.load(Ordering::Relaxed));
        let (progress, followers) = watch::channel(handed);
        let budget = shared.intake().persistence.sd_budget_mb_per_day;
        let writer = Self {
            shared,
            journal: parts.journal,
            progress,
            clock: parts.clock,
            budget: Budget::new(budget, Instant::now()),
            paid: 0,
            handed,
            retry: None,
            look: None,
            marker: parts.marker,
            snapshot: parts.snapshot,
            log: parts.log,
        };
        (writer, followers)
    }

    /// Writes until it is told to stop, or until the process must end.
    pub fn run(mut self) {
        // Set once: a writer has one thread.
        let _ = self.shared.thread.set(thread::current());
        self.meter(Instant::now());
        while let Ok(false) = self.step() {}
    }

    /// One write, or one wait; true at the end.
    fn step(&mut self) -> Result<bool, Broken> {
        let now = Instant::now();
        let shared = Arc::clone(&self.shared);
        let mut intake = shared.intake();
        let stop = intake.stop;
        if self.journal.is_none() {
            intake.discard();
            drop(intake);
            if !stop {
                thread::park();
            }
            return Ok(stop);
        }
        self.budget
            .set(intake.persistence.sd_budget_mb_per_day, now);
        let due = match self.retry {
            Some(at) if !stop && now < at => Due::At(at),
            Some(_) => Due::Now,
            None => intake.due(now, |since, window| self.budget.due(since, window)),
        };
        if due != Due::Now {
            drop(intake);
            return self.wait(due, now).map(|()| false);
        }
        let batch = intake.next(now);
        let is_last = stop && batch.is_none();
        // Beside a promise they cost little; with a budget they wait for their own time.
        let with_lazy = batch.is_none() || !self.budget.is_set();
        let lazy = with_lazy.then(|| intake.take_lazy());
        shared.waiting.store(intake.bytes(), Ordering::Relaxed);
        drop(intake);
        self.hand(batch, lazy.into_iter().flatten());
        match is_last {
            true => self.close().map(|()| true),
            false => self.commit().map(|()| false),
        }
    }

    /// Uses the time to compact, or sleeps until something is due or somebody calls.
    fn wait(&mut self, due: Due, now: Instant) -> Result<(), Broken> {
        if self.compact()? {
            return Ok(());
        }
        let due = match due {
            Due::At(at) => Some(at),
            Due::Now | Due::Never => None,
        };
        match due.into_iter().chain(self.look).min() {
            Some(at) => thread::park_timeout(at.saturating_duration_since(now)),
            None => thread::park(),
        }
        Ok(())
    }

    fn hand(&mut self, batch: Option<Batch>, lazy: impl Iterator<Item = Record>) {
        let Some(journal) = &mut self.journal else {
            return;
        };
        if let Some(batch) = batch {
            batch
                .records
                .into_iter()
                .for_each(|record| journal.append(record));
            self.handed = batch.last;
        }
        lazy.for_each(|record| journal.append(record));
    }

    fn commit(&mut self) -> Result<(), Broken> {
        let Some(journal) = &mut self.journal else {
            return Ok(());
        };
        self.shared.figures.begin(Instant::now());
        let outcome = journal.commit(self.clock.stamp());
        let now = Instant::now();
        let took = self.shared.figures.end(now);
        let written = match outcome {
            Ok(commit) => {
                self.shared.figures.count(took, &commit);
                true
            }
            Err(CommitError::Full) => false,
            Err(error) => return self.fail(&error),
        };
        if written {
            self.announce();
        }
        self.meter(now);
        self.retry = (!written).then(|| now + RETRY);
        self.note_room(now);
        self.compact().map(drop)
    }

    /// One step of compaction, if there is anything to compact; in a full store it looks for room.
    fn compact(&mut self) -> Result<bool, Broken> {
        let Some(journal) = &mut self.journal else {
            return Ok(false);
        };
        let looks = self.look.is_some_and(|at| at <= Instant::now());
        if !looks && !journal.wants_compaction() {
            return Ok(false);
        }
        let compacted = journal.compact(self.clock.stamp());
        let now = Instant::now();
        self.look = self.look.map(|at| if looks { now + RETRY } else { at });
        match compacted {
            Ok(worked) => {
                self.meter(now);
                self.note_room(now);
                Ok(worked)
            }
            Err(CommitError::Full) => Ok(false),
            Err(error) => self.fail(&error).map(|()| false),
        }
    }

    /// Has the budget pay for what reached the device since the last time, and lets others know.
    fn meter(&mut self, now: Instant) {
        let Some(journal) = &self.journal else { return };
        let paid = journal.wear().since_start().device_bytes();
        self.budget.pay(paid - self.paid, now);
        self.paid = paid;
        self.shared.figures.measure(journal);
    }

    /// Tells what is durable.
    fn announce(&self) {
        self.shared.durable.store(self.handed.0, Ordering::Release);
        self.progress.send_replace(self.handed);
    }

    /// Notes whether there is room.
    fn note_room(&mut self, now: Instant) {
        let is_full = self.retry.is_some() || self.journal.as_ref().is_some_and(Journal::is_full);
        let state = match is_full {
            true => StorageState::Full,
            false => StorageState::Ok,
        };
        self.look = is_full.then(|| self.look.unwrap_or(now + RETRY));
        // The core says it in the log.
        self.shared
            .state
            .send_if_modified(|known| std::mem::replace(known, state) != state);
    }

    /// What is on the device is unknown now.
    fn fail(&mut self, error: &CommitError) -> Result<(), Broken> {
        let error = format!("the store failed {}", chain(error));
        if !self.marker.is_second() {
            self.log.error(format!(
                "{error}; the broker ends, so that it reads again what the device has"
            ));
            return Err(Broken);
        }
        self.log.error(format!(
            "{error}; it is the second time within an hour: {DEGRADED}"
        ));
        self.journal = None;
        self.shared.state.send_replace(StorageState::Failed);
        Ok(())
    }

    /// Commits what is left, and the time.
    fn close(&mut self) -> Result<(), Broken> {
        let Some(journal) = self.journal.take() else {
            return Ok(());
        };
        match journal.close(self.clock.stamp()) {
            Ok(_) => self.announce(),
            Err(CommitError::Full) => {
                self.log
                    .error("the store is full to the end: what nobody was promised is lost");
            }
            Err(error) => return self.fail(&error),
        }
        if let Some(snapshot) = self.snapshot.take() {
            match snapshot.save() {
                Ok(files) => self
                    .log
                    .notice(format!("the store in memory was written, {files} files")),
                Err(error) => self
                    .log
                    .error(format!("the store in memory cannot be written: {error}")),
            }
        }
        Ok(())
    }
}

#[cfg(not(test))]
const RETRY: Duration = Duration::from_secs(1);
#[cfg(test)]
const RETRY: Duration = Duration::from_millis(5);
pub const DEGRADED: &str = "the broker goes on without its store, refuses what it would have to promise, and keeps \
                            nothing beyond its own end";
