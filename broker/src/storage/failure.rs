// SPDX-License-Identifier: Apache-2.0 OR MIT
//! What a failed write means: the first ends the process, so that a new one reads what the device really has; a second
//! soon after it leaves the broker running without its store.

use std::error::Error;
use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use nix::time::{ClockId, clock_gettime};

/// A note of the last failure, in a folder that outlives the process and not the machine's uptime.
pub struct Marker(Option<PathBuf>);

impl Marker {
    /// Without the service manager's folder nothing starts the process again, so each failure is the first.
    pub fn new(runtime_folder: Option<PathBuf>) -> Self {
        Self(runtime_folder.map(|folder| folder.join(NAME)))
    }

    /// Notes a failure; whether another came within an hour before it.
    pub fn is_second(&self) -> bool {
        uptime().is_some_and(|now| self.is_second_at(now))
    }

    fn is_second_at(&self, now: Duration) -> bool {
        let Some(path) = &self.0 else {
            return false;
        };
        let last = fs::read_to_string(path).ok();
        let last = last
            .and_then(|text| text.trim().parse().ok())
            .map(Duration::from_secs);
        if last.is_some_and(|last| now.saturating_sub(last) < RECENT) {
            return true;
        }
        // Where it cannot be written the next failure is a first one again.
        let _ = fs::write(path, now.as_secs().to_string());
        false
    }
}

/// An error and what caused it.
pub fn chain(error: &dyn Error) -> String {
    match error.source() {
        Some(cause) => format!("{error}: {}", chain(cause)),
        None => error.to_string(),
    }
}

/// Of the machine.
fn uptime() -> Option<Duration> {
    clock_gettime(ClockId::CLOCK_BOOTTIME)
        .ok()
        .map(Duration::from)
}

const NAME: &str = "store-failed";
const RECENT: Duration = Duration::from_secs(60 * 60);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_failure_within_an_hour_is_known_as_one() {
        let folder = std::env::temp_dir().join(format!("broker-marker-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        let at = |now| Marker::new(Some(folder.clone())).is_second_at(now);
        let first = Duration::from_secs(20);
        assert!(!at(first));
        assert!(at(first + RECENT - Duration::from_secs(1)));
        assert!(!at(first + RECENT));
        assert!(!Marker::new(None).is_second());
        fs::remove_dir_all(&folder).unwrap();
    }
}
