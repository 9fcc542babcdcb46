// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The wear budget: how long retained messages of QoS 0 wait, so that a day's writing stays within it.
//!
//! Bytes a day come in as credit, second by second; every write is paid from it, and those messages wait until there is
//! some again. What was promised to somebody is written whatever the credit is.

use std::time::{Duration, Instant};

/// Credit in bytes, and when it is counted next.
#[derive(Debug)]
pub struct Budget {
    /// Bytes; none without a budget.
    per_day: Option<u64>,
    credit: f64,
    counted: Instant,
}

impl Budget {
    pub fn new(megabytes_per_day: Option<u32>, now: Instant) -> Self {
        let mut budget = Self {
            per_day: None,
            credit: 0.0,
            counted: now,
        };
        budget.set(megabytes_per_day, now);
        budget
    }

    /// Another budget; it begins with the credit of an hour.
    pub fn set(&mut self, megabytes_per_day: Option<u32>, now: Instant) {
        let per_day = megabytes_per_day.map(|megabytes| u64::from(megabytes) * 1_000_000);
        if per_day != self.per_day {
            self.per_day = per_day;
            self.credit = self.rate() * HOUR.as_secs_f64();
            self.counted = now;
        }
    }

    pub fn is_set(&self) -> bool {
        self.per_day.is_some()
    }

    /// Pays for what was written.
    pub fn pay(&mut self, bytes: u64, now: Instant) {
        let most = self.rate() * HOUR.as_secs_f64();
        let earned = now.saturating_duration_since(self.counted).as_secs_f64() * self.rate();
        self.counted = now;
        // An hour's debt at most, so that no burst of promises stops them for a day.
        self.credit = ((self.credit + earned).min(most) - bytes as f64).max(-most);
    }

    /// How long messages that wait since `since` go on waiting: a window at least, an hour at most.
    pub fn due(&self, since: Instant, window: Duration) -> Instant {
        let rate = self.rate();
        if rate <= 0.0 || self.credit > 0.0 {
            return since + window;
        }
        let solvent = self.counted + Duration::from_secs_f64(-self.credit / rate);
        solvent.clamp(since + window, since + HOUR.max(window))
    }

    /// Bytes a second.
    fn rate(&self) -> f64 {
        self.per_day
            .map_or(0.0, |bytes| bytes as f64 / DAY.as_secs_f64())
    }
}

const HOUR: Duration = Duration::from_secs(60 * 60);
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

#[cfg(test)]
mod tests {
    use super::*;

    const WINDOW: Duration = Duration::from_secs(1);

    #[test]
    fn without_a_budget_a_message_waits_a_window() {
        let now = Instant::now();
        let mut budget = Budget::new(None, now);
        budget.pay(1 << 40, now);
        assert_eq!(budget.due(now, WINDOW), now + WINDOW);
    }

    #[test]
    fn a_day_of_writing_stays_within_the_budget() {
        let start = Instant::now();
        let (mut budget, mut now, mut written) = (Budget::new(Some(24), start), start, 0);
        while now < start + DAY {
            now = budget.due(now, WINDOW);
            budget.pay(8_192, now);
            written += 8_192;
        }
        // The first hour's credit comes on top.
        assert!((24_000_000..=25_100_000).contains(&written), "{written}");
    }

    #[test]
    fn whatever_was_written_an_hour_is_the_longest() {
        let now = Instant::now();
        let mut budget = Budget::new(Some(1), now);
        budget.pay(1 << 40, now);
        assert_eq!(budget.due(now, WINDOW), now + HOUR);
        let later = now + HOUR * 3;
        budget.pay(0, later);
        assert_eq!(budget.due(later, WINDOW), later + WINDOW);
    }
}
