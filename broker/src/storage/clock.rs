// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The broker's own running time, which goes on across restarts, and the wall clock while that is trusted.

use std::path::Path;
use std::time::{Duration, SystemTime};

use mqtt_core::Moment;
use mqtt_store::Stamp;
use tokio::time::Instant;

/// The clock of every entry and of every batch.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    /// The running time at the start of this process.
    base: Moment,
    started: Instant,
}

impl Clock {
    /// One that begins at nothing.
    #[cfg(test)]
    pub fn new() -> Self {
        Self::from(Moment::default())
    }

    /// Goes on behind the newest batch of a store: by the time that has passed since, where the wall clock was trusted
    /// then and is trusted now, otherwise as if none had passed.
    pub fn after(stamp: Option<Stamp>) -> Self {
        Self::from(continued(stamp.unwrap_or_default(), wall()))
    }

    fn from(base: Moment) -> Self {
        Self {
            base,
            started: Instant::now(),
        }
    }

    pub fn now(&self) -> Moment {
        self.base.after(self.started.elapsed())
    }

    /// The same of an earlier look at the system's clock.
    pub fn at(&self, instant: Instant) -> Moment {
        self.base.after(instant.duration_since(self.started))
    }

    /// Since the start of this process.
    pub fn uptime(&self) -> Duration {
        self.started.elapsed()
    }

    /// What a batch that is written now carries.
    pub fn stamp(&self) -> Stamp {
        Stamp {
            moment: self.now(),
            wall: wall(),
        }
    }
}

/// A clock set back while the broker was off takes no time back.
fn continued(stamp: Stamp, wall: Option<u64>) -> Moment {
    let passed = wall
        .zip(stamp.wall)
        .map(|(now, then)| now.saturating_sub(then));
    stamp
        .moment
        .after(Duration::from_millis(passed.unwrap_or(0)))
}

/// Unix time in milliseconds; none as long as systemd-timesyncd has not set the clock since the machine's start.
///
/// Whatever else sets it (an RTC, chrony) leaves no mark that a sandboxed service may read: the time for which the
/// broker is off does not count then.
fn wall() -> Option<u64> {
    if !Path::new(SYNCHRONIZED).exists() {
        return None;
    }
    let passed = SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .ok()?;
    u64::try_from(passed.as_millis()).ok()
}

/// systemd-timesyncd makes it at its first synchronisation; /run is empty at every start of the machine.
const SYNCHRONIZED: &str = "/run/systemd/timesync/synchronized";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_off_counts_only_between_two_trusted_clocks() {
        let at = |moment, wall| Stamp {
            moment: Moment::from_millis(moment),
            wall,
        };
        let cases = [
            (at(5_000, Some(100_000)), Some(160_000), 65_000),
            (at(5_000, None), Some(160_000), 5_000),
            (at(5_000, Some(100_000)), None, 5_000),
            (at(5_000, Some(100_000)), Some(40_000), 5_000),
            (Stamp::default(), Some(160_000), 0),
        ];
        for (stamp, wall, expected) in cases {
            let base = continued(stamp, wall);
            assert_eq!(base, Moment::from_millis(expected), "{stamp:?} {wall:?}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn the_running_time_goes_on_and_the_uptime_begins_anew() {
        let clock = Clock::from(Moment::from_millis(9_000));
        tokio::time::advance(Duration::from_secs(2)).await;
        assert_eq!(clock.now(), Moment::from_millis(11_000));
        assert_eq!(clock.uptime(), Duration::from_secs(2));
    }
}
