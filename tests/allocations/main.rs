// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Counts what a message costs the allocator between its bytes coming in and its bytes going out, with buffers warm.
//!
//! The decoder, the core and what it gives to the sockets, without sockets: `allocations [SCENARIO]` runs one for a profiler.

mod bench;

use std::alloc::System;

use mqtt_proto::{Property, Publish, QoS, Version};
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};

use bench::{Bench, Work};
use tests::packets;

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// Name, work, and the most allocations for a delivery.
const SCENARIOS: [(&str, Work, f64); 6] = [
    ("one to one, QoS 0", work(QoS::AtMostOnce, 1, 64), 0.0),
    ("one to one, QoS 1", work(QoS::AtLeastOnce, 1, 64), 4.0),
    ("one to one, QoS 2", work(QoS::ExactlyOnce, 1, 64), 4.0),
    (
        "one to a hundred, QoS 0",
        work(QoS::AtMostOnce, 100, 64),
        0.0,
    ),
    (
        "one to a hundred, QoS 1",
        work(QoS::AtLeastOnce, 100, 64),
        0.1,
    ),
    (
        "one to one, QoS 0, 64 KiB",
        work(QoS::AtMostOnce, 1, 65_000),
        4.0,
    ),
];

const fn work(qos: QoS, receivers: usize, payload: usize) -> Work {
    Work {
        qos,
        receivers,
        payload,
    }
}

fn main() {
    let only = std::env::args()
        .nth(1)
        .filter(|name| !name.starts_with('-'));
    let mut failed = false;
    for (name, work, most) in SCENARIOS {
        if only.as_ref().is_some_and(|only| only != name) {
            continue;
        }
        let mut bench = Bench::new(&work, Version::V311);
        bench.run(MESSAGES);
        let region = Region::new(ALLOCATOR);
        let delivered = bench.run(MESSAGES);
        let change = region.change();
        let expected = MESSAGES * work.receivers;
        assert_eq!(delivered, expected, "{name}: messages are missing");
        let made = change.allocations + change.reallocations;
        let each = made as f64 / delivered as f64;
        println!(
            "{name}: {made} allocations for {delivered} deliveries, {each:.3} each, at most {most}"
        );
        failed |= each > most + PER_BATCH;
    }
    assert!(!failed, "a delivery costs more allocations than it may");
    if only.is_none() {
        nothing_that_waits_holds_a_read_buffer();
    }
}

/// Messages of ten bytes that wait, each of which came at the front of 64 KiB.
fn nothing_that_waits_holds_a_read_buffer() {
    let queued = packets::publish_at(QoS::AtLeastOnce, 1, "x", "ten bytes.");
    let expiring = Publish {
        properties: packets::properties([Property::MessageExpiryInterval(60)]),
        ..packets::publish("x", "ten bytes.")
    };
    let retained = Publish {
        retain: true,
        ..packets::publish("x", "ten bytes.")
    };
    for (name, publish) in [
        ("queued", queued),
        ("for a full socket", packets::publish("x", "ten bytes.")),
        ("for a full socket, with expiry", expiring),
        ("retained", retained),
    ] {
        let mut bench = Bench::new(&work(publish.qos, 1, 10), Version::V5);
        let region = Region::new(ALLOCATOR);
        bench.fill(KEPT, &publish);
        let change = region.change();
        let held = change.bytes_allocated as i64 - change.bytes_deallocated as i64;
        let each = held / KEPT as i64;
        println!("{name}: {each} bytes for a message of ten");
        assert!(each < 2_048, "{name}: messages that wait hold read buffers");
    }
}

const MESSAGES: usize = 10_240;
const KEPT: usize = 500;
/// What a whole batch may allocate, for each of its messages.
const PER_BATCH: f64 = 0.02;
