// SPDX-License-Identifier: Apache-2.0 OR MIT
//! What is told of the store: how long a flush takes, what was written.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use broker_config::Persistence;
use mqtt_core::StorageState;
use mqtt_store::{Commit, Journal, Wear};

/// The store's thread writes it, whoever tells of the store reads it.
#[derive(Debug, Default)]
pub struct Figures(Mutex<Inner>);

#[derive(Debug, Default)]
struct Inner {
    /// The newest flushes, in milliseconds.
    flushes: VecDeque<u64>,
    began: Option<Instant>,
    wear: Wear,
    live: u64,
    total: u64,
}

/// The store at one moment.
#[derive(Clone, Debug)]
pub struct Report {
    pub state: StorageState,
    pub persistence: Persistence,
    /// Milliseconds in which 99 of 100 of the newest flushes were done.
    pub flush_ms: u64,
    /// What was written.
    pub wear: Wear,
    /// Bytes of what still counts, and of everything in the files.
    pub live: u64,
    pub total: u64,
}

impl Figures {
    /// A flush begins.
    pub fn begin(&self, now: Instant) {
        self.inner().began = Some(now);
    }

    /// It has ended; returns how long it took.
    pub fn end(&self, now: Instant) -> Duration {
        let began = self.inner().began.take();
        began.map_or(Duration::ZERO, |began| now.saturating_duration_since(began))
    }

    /// It wrote this.
    pub fn count(&self, took: Duration, commit: &Commit) {
        let mut inner = self.inner();
        if commit.bytes.sum() == 0 {
            return;
        }
        if inner.flushes.len() == KEPT {
            inner.flushes.pop_front();
        }
        let millis = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
        inner.flushes.push_back(millis);
    }

    /// Takes over what the journal has measured.
    pub fn measure(&self, journal: &Journal) {
        let mut inner = self.inner();
        inner.wear.clone_from(journal.wear());
        (inner.live, inner.total) = (journal.live(), journal.total());
    }

    /// How long the flush takes that is under way; none where there is none.
    pub fn flushing(&self, now: Instant) -> Option<Duration> {
        let began = self.inner().began;
        began.map(|began| now.saturating_duration_since(began))
    }

    pub fn report(&self, state: StorageState, persistence: Persistence) -> Report {
        let inner = self.inner();
        let mut flushes: Vec<u64> = inner.flushes.iter().copied().collect();
        flushes.sort_unstable();
        let slowest = flushes.get((flushes.len() * 99).div_ceil(100).saturating_sub(1));
        Report {
            state,
            persistence,
            flush_ms: slowest.copied().unwrap_or(0),
            wear: inner.wear.clone(),
            live: inner.live,
            total: inner.total,
        }
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Flushes that are looked at.
const KEPT: usize = 100;

#[cfg(test)]
mod tests {
    use mqtt_store::ClassBytes;

    use super::*;

    #[test]
    fn one_slow_flush_in_a_hundred_does_not_show_and_two_do() {
        let figures = Figures::default();
        let bytes = ClassBytes {
            queue: 10,
            ..ClassBytes::default()
        };
        let commit = Commit {
            bytes,
            ..Commit::default()
        };
        let flush = |took| {
            figures.count(Duration::from_millis(took), &commit);
            let report = figures.report(StorageState::Ok, Persistence::default());
            report.flush_ms
        };
        (0..99).for_each(|_| assert_eq!(flush(3), 3));
        assert_eq!(flush(900), 3);
        assert_eq!(flush(900), 900);
    }

    #[test]
    fn a_flush_is_measured_while_it_is_under_way() {
        let (figures, now) = (Figures::default(), Instant::now());
        assert_eq!(figures.flushing(now), None);
        figures.begin(now);
        let span = Duration::from_secs(7);
        assert_eq!(figures.flushing(now + span), Some(span));
        assert_eq!(figures.end(now + span), span);
        assert_eq!(figures.flushing(now + span), None);
    }
}
