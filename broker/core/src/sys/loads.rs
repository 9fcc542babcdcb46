// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Loads: how often something happens a minute, averaged over 1, 5 and 15 minutes as Unix does it.

use crate::{Moment, Stats};

/// A counter's name, the counter, and what is counted a minute.
pub(super) type Row = (&'static str, fn(&Stats) -> u64, &'static str);

/// The counters that have loads.
pub(super) const LOADS: &[Row] = &[
    (
        "messages/received",
        |s| s.messages_received,
        "packets of any kind from clients, a minute",
    ),
    (
        "messages/sent",
        |s| s.messages_sent,
        "packets of any kind to clients, a minute",
    ),
    (
        "publish/received",
        |s| s.publish_received,
        "PUBLISH packets from clients, a minute",
    ),
    (
        "publish/sent",
        |s| s.publish_sent,
        "PUBLISH packets to clients, a minute",
    ),
    (
        "publish/dropped",
        |s| s.publish_dropped,
        "messages not delivered or not accepted, a minute",
    ),
    (
        "bytes/received",
        |s| s.bytes_received,
        "bytes from the network, a minute",
    ),
    (
        "bytes/sent",
        |s| s.bytes_sent,
        "bytes to the network, a minute",
    ),
    (
        "sockets",
        |s| s.sockets_accepted,
        "connections accepted, a minute",
    ),
    ("connections", |s| s.connects, "CONNECT packets, a minute"),
];

/// The last level of a load's topic, and the seconds over which it fades to 1/e.
pub(super) const PERIODS: [(&str, f64); 3] = [("1min", 60.0), ("5min", 300.0), ("15min", 900.0)];

/// The loads as last measured.
pub(super) struct Loads {
    measured: Moment,
    /// In the order of [`LOADS`].
    rows: Vec<Load>,
}

#[derive(Clone, Copy, Default)]
struct Load {
    count: u64,
    /// In the order of [`PERIODS`], times a minute.
    averages: [f64; 3],
}

impl Loads {
    /// Nothing has happened before `now`.
    pub fn new(now: Moment) -> Self {
        Self {
            measured: now,
            rows: vec![Load::default(); LOADS.len()],
        }
    }

    /// Takes in what was counted since the last time.
    pub fn measure(&mut self, now: Moment, stats: &Stats) {
        let span = now.since(self.measured);
        if span.is_zero() {
            return;
        }
        let seconds = span.as_secs_f64();
        self.measured = now;
        for ((_, counter, _), load) in LOADS.iter().zip(&mut self.rows) {
            load.measure(counter(stats), seconds);
        }
    }

    /// With two decimals: a change of less is none.
    pub fn values(&self) -> impl Iterator<Item = String> + '_ {
        let averages = self.rows.iter().flat_map(|load| load.averages);
        averages.map(|average| format!("{average:.2}"))
    }
}

impl Load {
    fn measure(&mut self, count: u64, seconds: f64) {
        let events = count.saturating_sub(self.count) as f64;
        let rate = events * 60.0 / seconds;
        self.count = count;
        for ((_, fade), average) in PERIODS.iter().zip(&mut self.averages) {
            *average = rate + (-seconds / fade).exp() * (*average - rate);
        }
    }
}
