// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Enters the core when its deadline has come, or at once while it has work left.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use mqtt_core::{Command, Moment};
use tokio::sync::Notify;

use super::Hub;

/// The core's next deadline; set inside the core's lock.
pub struct Alarm {
    /// Milliseconds of the hub's clock.
    deadline: AtomicU64,
    /// What the timer sleeps towards; an earlier deadline wakes it.
    sleeping: AtomicU64,
    earlier: Notify,
}

impl Default for Alarm {
    fn default() -> Self {
        Self {
            deadline: AtomicU64::new(NEVER),
            sleeping: AtomicU64::new(NEVER),
            earlier: Notify::new(),
        }
    }
}

impl Alarm {
    /// Replaces the deadline.
    pub fn set(&self, deadline: Option<Moment>) {
        let deadline = deadline.map_or(NEVER, Moment::as_millis);
        self.deadline.store(deadline, Ordering::SeqCst);
        if deadline < self.sleeping.load(Ordering::SeqCst) {
            self.earlier.notify_one();
        }
    }

    /// What to sleep towards now.
    fn next(&self) -> u64 {
        loop {
            let deadline = self.deadline.load(Ordering::SeqCst);
            self.sleeping.store(deadline, Ordering::SeqCst);
            // A deadline set in between may have looked at the former value.
            if self.deadline.load(Ordering::SeqCst) >= deadline {
                return deadline;
            }
        }
    }
}

/// Keeps the core's time until aborted.
pub async fn keep_time(hub: Arc<Hub>) {
    let mut commands = Vec::with_capacity(1);
    loop {
        let deadline = hub.alarm.next();
        let wait = Duration::from_millis(deadline.saturating_sub(hub.now().as_millis()));
        if wait.is_zero() {
            commands.push(Command::Tick);
            hub.enter(&mut commands);
            tokio::task::yield_now().await;
            continue;
        }
        tokio::select! {
            () = tokio::time::sleep(wait.min(LONGEST_SLEEP)) => {}
            () = hub.alarm.earlier.notified() => {}
        }
    }
}

const NEVER: u64 = u64::MAX;
/// The runtime's timer does not reach the end of time.
const LONGEST_SLEEP: Duration = Duration::from_secs(24 * 60 * 60);

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn an_earlier_deadline_wakes_the_timer_and_a_later_one_does_not() {
        let alarm = Alarm::default();
        alarm.set(Some(Moment::from_millis(500)));
        alarm.earlier.notified().await;
        assert_eq!(alarm.next(), 500);

        alarm.set(Some(Moment::from_millis(700)));
        assert_eq!(alarm.next(), 700);
        alarm.set(Some(Moment::from_millis(600)));
        alarm.earlier.notified().await;
        assert_eq!(alarm.next(), 600);
        alarm.set(None);
        assert_eq!(alarm.next(), NEVER);
    }
}
