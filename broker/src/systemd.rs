// SPDX-License-Identifier: Apache-2.0 OR MIT
//! What the service manager is told: ready, status, reloading, stopping.
//!
//! Outside of systemd (no NOTIFY_SOCKET) every call does nothing.

mod status;

use std::sync::Arc;
use std::time::Duration;

use sd_notify::NotifyState;
use tokio::time::{MissedTickBehavior, interval};

use crate::hub::Hub;
use crate::listener::Listeners;
use crate::reload::Reloader;
use crate::storage::{self, Handle};
use status::StatusLine;
pub use status::trouble;

/// Tells READY=1.
pub fn ready() {
    tell(&[NotifyState::Ready]);
}

/// Tells RELOADING=1 with the time systemd asks for; [`ready`] ends it.
pub fn reloading() {
    // Without the time systemd would wait in vain for the end of the reload.
    if let Ok(now) = NotifyState::monotonic_usec_now() {
        tell(&[NotifyState::Reloading, now]);
    }
}

/// Asks for time to read the store, as long as that may take in the worst case.
pub fn opening_store() {
    let microseconds = u32::try_from(OPENING.as_micros()).unwrap_or(u32::MAX);
    tell(&[
        NotifyState::Status("reading the store"),
        NotifyState::ExtendTimeoutUsec(microseconds),
    ]);
}

/// Tells STOPPING=1.
pub fn stopping() {
    tell(&[NotifyState::Stopping, NotifyState::Status("stopping")]);
}

/// Tells that the broker lives; only [`crate::canary`] knows when.
pub fn alive() {
    tell(&[NotifyState::Watchdog]);
}

/// Tells STATUS= whenever it changed, looking every 5 s, until aborted.
pub async fn report(
    hub: Arc<Hub>,
    listeners: Arc<Listeners>,
    reloader: Arc<Reloader>,
    store: Handle,
) {
    let mut ticks = interval(STATUS_INTERVAL);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut told = String::new();
    let mut publishes = hub.stats().publish_received;
    loop {
        ticks.tick().await;
        let stats = hub.stats();
        let rate = stats.publish_received.saturating_sub(publishes) / STATUS_INTERVAL.as_secs();
        publishes = stats.publish_received;
        let report = store.report();
        let line = StatusLine {
            locked: reloader.locked(),
            clients: stats.clients_connected,
            listeners: &listeners.states(),
            rate,
            store: report.state,
            wear: storage::trouble(&storage::figures(&report, hub.now())),
        };
        let text = line.to_string();
        if text != told {
            tell(&[NotifyState::Status(&text)]);
            told = text;
        }
    }
}

fn tell(state: &[NotifyState<'_>]) {
    // A service manager that does not listen is nobody to report to.
    let _ = sd_notify::notify(state);
}

/// For a store of its largest size on a slow card.
const OPENING: Duration = Duration::from_secs(10 * 60);
const STATUS_INTERVAL: Duration = Duration::from_secs(5);
