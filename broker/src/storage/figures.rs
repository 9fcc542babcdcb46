// SPDX-License-Identifier: Apache-2.0 OR MIT
//! What is told of the store: how long a flush takes, what was written.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use broker_config::Mode;
use mqtt_core::{Moment, StorageState, StoreFigures, WrittenBytes};
use mqtt_store::{Commit, Wear, Written};

/// The store's thread writes it, whoever tells of the store reads it.
#[derive(Debug, Default)]
pub struct Figures(Mutex<Inner>);

#[derive(Debug, Default)]
struct Inner {
    /// The newest flushes, in milliseconds.
    flushes: VecDeque<u64>,
    began: Option<Instant>,
    /// But for what is known only when it is asked.
    figures: StoreFigures,
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
        (inner.figures.bytes_live, inner.figures.bytes_total) = (commit.live, commit.total);
        if commit.bytes.sum() == 0 {
            return;
        }
        if inner.flushes.len() == KEPT {
            inner.flushes.pop_front();
        }
        let millis = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
        inner.flushes.push_back(millis);
    }

    /// What the meter says now.
    pub fn meter(&self, wear: &Wear, now: Moment) {
        let today = wear.days(now).find(|(age, _)| *age == 0);
        let figures = &mut self.inner().figures;
        figures.total = bytes(wear.total());
        figures.start = bytes(wear.since_start());
        figures.today = bytes(today.map(|(_, written)| written).unwrap_or_default());
        figures.per_day = wear.rate(now);
    }

    /// How long the flush takes that is under way; none where there is none.
    pub fn flushing(&self, now: Instant) -> Option<Duration> {
        let began = self.inner().began;
        began.map(|began| now.saturating_duration_since(began))
    }

    pub fn report(&self, state: StorageState, mode: Mode) -> StoreFigures {
        let inner = self.inner();
        let mut flushes: Vec<u64> = inner.flushes.iter().copied().collect();
        flushes.sort_unstable();
        let slowest = flushes.get((flushes.len() * 99).div_ceil(100).saturating_sub(1));
        StoreFigures {
            state: name(state),
            mode: mode.name(),
            flush_ms: slowest.copied().unwrap_or(0),
            ..inner.figures.clone()
        }
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// For a program.
fn name(state: StorageState) -> &'static str {
    match state {
        StorageState::Ok => "ok",
        StorageState::Full => "full",
        StorageState::Failed => "failed",
    }
}

fn bytes(written: Written) -> WrittenBytes {
    WrittenBytes {
        all: written.device_bytes(),
        retained: written.bytes.retained,
        queue: written.bytes.queue,
        session: written.bytes.session,
        overhead: written.overhead(),
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
            figures.report(StorageState::Ok, Mode::Sync).flush_ms
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
