// SPDX-License-Identifier: Apache-2.0 OR MIT
//! What can be measured: names, units and which way is better.

/// One kind of number.
#[derive(Debug, PartialEq, Eq)]
pub struct Figure {
    /// Its name in files of results.
    pub name: &'static str,
    /// What stands beside the scenario in a table.
    pub title: &'static str,
    pub more_is_better: bool,
}

/// What one turn gave.
pub type Figures = Vec<(&'static Figure, f64)>;

macro_rules! figures {
    ($($constant:ident = $name:literal, $title:literal, $more:literal;)*) => {
        $(pub static $constant: Figure = Figure { name: $name, title: $title, more_is_better: $more };)*
    };
}

figures! {
    CPU = "cpu_us", "CPU µs each", false;
    RATE = "per_second", "a second", true;
    GENERATOR = "generator_us", "generator's CPU µs each", false;
    MEMORY = "rss_mb", "MB resident", false;
    P50 = "p50_us", "p50 µs", false;
    P99 = "p99_us", "p99 µs", false;
    P999 = "p999_us", "p99.9 µs", false;
    LONGEST = "max_us", "longest µs", false;
    ENTRY = "longest_entry_us", "µs, longest entry into the core", false;
    LOST = "lost", "lost", false;
    DUPLICATED = "duplicated", "twice", false;
    REORDERED = "reordered", "out of order", false;
    CALLS = "calls", "system calls each", false;
    CONNECT = "connect_cpu_us", "CPU µs per connection", false;
    CONNECTIONS = "connections_per_second", "connections a second", true;
    PER_CONNECTION = "connection_bytes", "bytes per idle connection", false;
    WAKEUPS = "wakeups_per_second", "wake-ups a second, idle", false;
    SUBSCRIBE = "subscribe_cpu_us", "CPU µs per subscription", false;
    PER_SUBSCRIPTION = "subscription_bytes", "bytes per subscription", false;
    MATCH2 = "match2_cpu_us", "CPU µs per publish that matches 2", false;
    NOMATCH = "nomatch_cpu_us", "CPU µs per publish that matches none", false;
    STORE = "store_cpu_us", "CPU µs to retain", false;
    PER_RETAINED = "retained_bytes", "bytes per retained message", false;
    FETCH = "fetch_cpu_us", "CPU µs each, fetched by #", false;
    FILL = "fill_cpu_us", "CPU µs to queue", false;
    PER_QUEUED = "queued_bytes", "bytes per queued message", false;
    DRAIN = "drain_cpu_us", "CPU µs to drain", false;
    CALM = "calm_p50_ms", "p50 ms of the others before", false;
    MEANWHILE = "meanwhile_p50_ms", "p50 ms of the others meanwhile", false;
    KEPT = "kept_mb", "MB kept for the slow one", false;
    START = "start_ms", "ms to the first CONNACK", false;
    IDLE_MEMORY = "idle_rss_mb", "MB resident, idle", false;
    BINARY = "binary_mb", "MB, stripped program", false;
    ACKNOWLEDGED = "acknowledged_per_second", "acknowledged a second", true;
}
