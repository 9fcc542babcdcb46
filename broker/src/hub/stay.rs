// SPDX-License-Identifier: Apache-2.0 OR MIT
//! A stay inside the one lock: what it protects, and what happens before it is left.

use std::sync::{MutexGuard, PoisonError};
use std::time::Duration;

use mqtt_core::{Broker, Effects, Moment};
use tokio::time::Instant;

use super::Hub;
use super::drain::Parked;
use super::registry::Registry;
use super::scratch::Scratch;
use crate::storage::Store;

/// What the one lock protects.
pub struct Core {
    pub broker: Broker,
    pub store: Box<dyn Store>,
    pub parked: Parked,
    pub links: Registry,
    /// The store's newest batch goes on in the next entry.
    batch_is_open: bool,
    /// What the alarm is set to.
    deadline: Option<Moment>,
    /// The longest stay since the store was taken over.
    pub longest: Duration,
}

impl Core {
    pub fn new(broker: Broker, store: Box<dyn Store>) -> Self {
        Self {
            broker,
            store,
            parked: Parked::default(),
            links: Registry::default(),
            batch_is_open: false,
            deadline: None,
            longest: Duration::ZERO,
        }
    }

    /// Hands the store what it has to keep and to read, and finds the connections that something follows for.
    pub fn conclude(&mut self, scratch: &mut Scratch) {
        let effects = &mut scratch.effects;
        if !effects.records.is_empty() || self.batch_is_open {
            self.batch_is_open = effects.incomplete;
            self.store.append(&mut effects.records, !effects.incomplete);
        }
        if !effects.fetch.is_empty() {
            self.store.fetch(&mut effects.fetch);
        }
        if !effects.wake.is_empty() {
            self.links.find(&mut effects.wake, &mut scratch.links);
        }
        if !effects.ended.is_empty() {
            self.links.find(&mut effects.ended, &mut scratch.ended);
        }
    }

    /// The deadline that the alarm is to be set to, if it is a new one.
    fn new_deadline(&mut self, now: Moment, effects: &Effects) -> Option<Option<Moment>> {
        let deadline = match effects.unfinished {
            true => Some(now),
            false => effects.deadline,
        };
        (std::mem::replace(&mut self.deadline, deadline) != deadline).then_some(deadline)
    }
}

impl Hub {
    /// One stay inside the lock; a panic in it ends the process, because the state may be half changed.
    pub(super) fn visit(
        &self,
        scratch: &mut Scratch,
        act: impl FnOnce(&mut Core, Moment, &mut Scratch),
    ) {
        let mut core = self.lock();
        let abort = AbortOnUnwind;
        let begun = Instant::now();
        let now = self.clock.at(begun);
        act(&mut core, now, scratch);
        core.conclude(scratch);
        // Inside the lock, so that an older deadline never replaces a newer one.
        if let Some(deadline) = core.new_deadline(now, &scratch.effects) {
            self.alarm.set(deadline);
        }
        core.longest = core.longest.max(begun.elapsed());
        std::mem::forget(abort);
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, Core> {
        self.core.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Ends the process when it is dropped, which only an unwinding stack does.
struct AbortOnUnwind;

impl Drop for AbortOnUnwind {
    fn drop(&mut self) {
        std::process::abort();
    }
}
