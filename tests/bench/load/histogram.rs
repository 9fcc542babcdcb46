// SPDX-License-Identifier: Apache-2.0 OR MIT
//! How often each duration occurred, in fixed memory: 128 buckets for each doubling, so that no answer is off by more than 1 %.

use std::fmt;
use std::time::Duration;

/// Durations up to 18 minutes; longer ones count as that.
#[derive(Clone)]
pub struct Histogram {
    counts: Vec<u64>,
    total: u64,
    highest: u64,
}

impl Histogram {
    pub fn record(&mut self, nanos: u64) {
        let nanos = nanos.min(HIGHEST);
        self.counts[bucket(nanos)] += 1;
        self.total += 1;
        self.highest = self.highest.max(nanos);
    }

    /// How many were recorded.
    pub fn total(&self) -> u64 {
        self.total
    }

    /// The longest.
    pub fn highest(&self) -> Duration {
        Duration::from_nanos(self.highest)
    }

    /// The duration that this share of all, from 0 to 1, did not exceed; zero if there are none.
    pub fn quantile(&self, share: f64) -> Duration {
        let rank = ((share * self.total as f64).ceil() as u64).max(1);
        let mut seen = 0;
        for (n, count) in self.counts.iter().enumerate() {
            seen += count;
            if seen >= rank {
                return Duration::from_nanos(middle(n).min(self.highest));
            }
        }
        Duration::ZERO
    }
}

impl Default for Histogram {
    fn default() -> Self {
        Self {
            counts: vec![0; bucket(HIGHEST) + 1],
            total: 0,
            highest: 0,
        }
    }
}

impl fmt::Debug for Histogram {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [median, p99, p999] = [0.5, 0.99, 0.999].map(|share| self.quantile(share));
        let (total, highest) = (self.total(), self.highest());
        write!(
            f,
            "{total}: p50 {median:?} p99 {p99:?} p99.9 {p999:?} highest {highest:?}"
        )
    }
}

/// The bucket of a duration: exact below 256 ns, then by its eight highest bits.
fn bucket(nanos: u64) -> usize {
    let shift = (u64::BITS - nanos.leading_zeros()).saturating_sub(PRECISION + 1);
    (u64::from(shift) << PRECISION) as usize + (nanos >> shift) as usize
}

/// The duration in the middle of a bucket.
fn middle(bucket: usize) -> u64 {
    let shift = (bucket >> PRECISION).saturating_sub(1);
    let lowest = ((bucket - (shift << PRECISION)) as u64) << shift;
    lowest + (1 << shift) / 2
}

/// Each doubling has 2 to the power of this many buckets.
const PRECISION: u32 = 7;
/// The longest duration told apart, in nanoseconds.
const HIGHEST: u64 = (1 << 40) - 1;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_bucket_lies_after_the_one_before_and_is_narrow() {
        let mut last = 0;
        let mut nanos = 1_u64;
        while nanos < HIGHEST {
            let here = bucket(nanos);
            assert!(here == last || here == last + 1, "{nanos} is in {here}");
            let off = middle(here).abs_diff(nanos) as f64;
            assert!(
                off <= nanos as f64 / 100.0,
                "{nanos} is told as {}",
                middle(here)
            );
            last = here;
            nanos += 1.max(nanos / 300);
        }
    }

    #[test]
    fn quantiles_are_those_of_what_was_recorded() {
        let mut histogram = Histogram::default();
        assert_eq!(Duration::ZERO, histogram.quantile(0.5));
        for micros in 1..=1000 {
            histogram.record(micros * 1000);
        }
        for (share, expected) in [(0.5, 500.0), (0.99, 990.0), (0.999, 999.0), (1.0, 1000.0)] {
            let told = histogram.quantile(share).as_secs_f64() * 1e6;
            assert!(
                (told - expected).abs() <= expected / 100.0,
                "{share}: {told}"
            );
        }
        assert_eq!(1000, histogram.total());
        assert_eq!(Duration::from_millis(1), histogram.highest());
    }

    #[test]
    fn what_is_too_long_counts_as_the_longest() {
        let mut histogram = Histogram::default();
        histogram.record(u64::MAX);
        assert_eq!(Duration::from_nanos(HIGHEST), histogram.highest());
    }
}
