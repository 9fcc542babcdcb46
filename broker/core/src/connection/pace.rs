// SPDX-License-Identifier: Apache-2.0 OR MIT
//! How fast a client may publish: a bucket that fills with `max_message_rate` and holds one second's worth.

use std::time::Duration;

use crate::Moment;

/// What is left of a client's rate.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pace {
    /// In thousandths of a message.
    left: u64,
    at: Moment,
    /// The rate is used up, or a message cost too much; what the client sends meanwhile is held, and reading pauses.
    pub waiting: bool,
    /// How often that happened.
    pub waits: u64,
}

impl Pace {
    /// A full bucket.
    pub fn new(now: Moment) -> Self {
        Self {
            left: u64::MAX,
            at: now,
            waiting: false,
            waits: 0,
        }
    }

    /// Takes one message of `rate` a second, or tells when to go on: a tenth of a second's worth later, one message at least.
    pub fn take(&mut self, now: Moment, rate: u32) -> Result<(), Moment> {
        let rate = u64::from(rate);
        let passed = u64::try_from(now.since(self.at).as_millis()).unwrap_or(u64::MAX);
        let filled = self.left.saturating_add(passed.saturating_mul(rate));
        self.left = filled.min(rate * MESSAGE);
        self.at = now;
        if self.left >= MESSAGE {
            self.left -= MESSAGE;
            return Ok(());
        }
        let helping = (rate / 10).max(1) * MESSAGE;
        let wait = (helping - self.left).div_ceil(rate.max(1));
        Err(now.after(Duration::from_millis(wait)))
    }
}

/// In thousandths: at a rate of 1 a second one comes in each millisecond.
const MESSAGE: u64 = 1_000;

#[cfg(test)]
mod tests {
    use super::*;

    /// Messages let through in ten seconds by a client that sends as fast as it may.
    fn in_ten_seconds(rate: u32) -> usize {
        let (mut now, end) = (Moment::default(), Moment::from_millis(10_000));
        let mut pace = Pace::new(now);
        let mut taken = 0;
        while now < end {
            match pace.take(now, rate) {
                Ok(()) => taken += 1,
                Err(later) => {
                    assert!(later > now, "time goes on");
                    now = later;
                }
            }
        }
        taken
    }

    #[test]
    fn ten_seconds_let_through_ten_times_the_rate_and_the_burst() {
        for (rate, least, most) in [
            (1, 10, 11),
            (7, 75, 78),
            (1_000, 10_900, 11_100),
            (65_535, 714_000, 721_000),
        ] {
            let taken = in_ten_seconds(rate);
            assert!((least..=most).contains(&taken), "{taken} at {rate}");
        }
    }
}
