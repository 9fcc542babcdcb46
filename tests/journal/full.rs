// SPDX-License-Identifier: Apache-2.0 OR MIT
//! A store at its bound, and on a device without room: what promises something is refused before it is too late, acknowledgements and
//! deletions go on and make room.

use std::sync::Arc;

use bytes::Bytes;
use mqtt_core::{Body, Location, Message, Record};
use mqtt_proto::{Properties, QoS, Topic};
use mqtt_store::{Journal, Options};
use tests::Random;

use crate::disk::Disk;
use crate::properties::{options, stamp};
use crate::seeds;

const SEGMENT: u32 = 4_096;

fn message(location: u64, random: &mut Random) -> Record {
    message_of(location, random.below(600))
}

fn message_of(location: u64, len: usize) -> Record {
    let topic = Topic::new("a".into()).expect("a topic name");
    let body = Body::Inline(Bytes::from(vec![location as u8; len]));
    let kind = (QoS::AtLeastOnce, false);
    let message = Message::new(topic, kind, Properties::new(), body, None);
    Record::Message {
        location: Location(location),
        message: Arc::new(message),
    }
}

/// Fills, and empties when full; every batch must find room. How often it was full.
fn churn(disk: &Disk, options: Options, random: &mut Random) -> usize {
    let (mut journal, _) = Journal::open(disk.shared(), options).expect("it opens");
    let (mut last, mut times_full) = (0, 0);
    let mut held: Vec<u64> = Vec::new();
    let mut was_full = false;
    for step in 0..2_000 {
        let is_full = journal.is_full();
        times_full += usize::from(is_full && !was_full);
        was_full = is_full;
        for _ in 0..random.below(6) {
            last += 1;
            if journal.is_full() && !held.is_empty() {
                let location = held.swap_remove(random.below(held.len()));
                let location = Location(location);
                journal.append(Record::Forget { location });
            } else if !journal.is_full() {
                held.push(last);
                journal.append(message(last, random));
            }
        }
        journal
            .commit(stamp(step))
            .expect("what was promised has room");
        while journal.wants_compaction() {
            journal.compact(stamp(step)).expect("compaction has room");
        }
    }
    let mut kept = 0;
    for location in held {
        let read = journal.reader().read(Location(location));
        kept += usize::from(read.expect("it can be read").is_some());
    }
    assert!(kept > 0);
    times_full
}

#[test]
fn a_store_at_its_bound_keeps_room_for_what_makes_room() {
    for seed in seeds(6) {
        let options = Options {
            max_bytes: u64::from(SEGMENT) * (8 + seed * 3),
            ..options(SEGMENT)
        };
        let disk = Disk::new(seed);
        let times_full = churn(&disk, options, &mut Random::new(seed));
        assert!(times_full > 2, "full {times_full} times");
        let sum: usize = disk.names().iter().map(|name| disk.bytes(name).len()).sum();
        assert!(
            sum as u64 <= options.max_bytes,
            "{sum} bytes of {}",
            options.max_bytes
        );
    }
}

#[test]
fn a_full_device_leaves_the_same_room() {
    for seed in seeds(6) {
        let disk = Disk::new(seed);
        disk.limit(SEGMENT as usize * (5 + seed as usize * 2) + 1_000);
        let times_full = churn(&disk, options(SEGMENT), &mut Random::new(seed));
        assert!(times_full > 2, "full {times_full} times");
    }
}

#[test]
fn spare_segments_make_room_for_a_large_batch() {
    let options = Options {
        max_bytes: 20 * u64::from(SEGMENT),
        ..options(SEGMENT)
    };
    for room in [usize::MAX, 19 * SEGMENT as usize] {
        let disk = Disk::new(1);
        disk.limit(room);
        let (mut journal, _) = Journal::open(disk.shared(), options).expect("it opens");
        for location in 1..=100 {
            journal.append(message_of(location, 500));
            journal.commit(stamp(location)).expect("there is room");
        }
        for location in 1..=100 {
            let location = Location(location);
            journal.append(Record::Forget { location });
        }
        journal.commit(stamp(101)).expect("there is room");
        while journal.wants_compaction() {
            journal.compact(stamp(102)).expect("there is room");
        }
        let large = 5 * u64::from(SEGMENT);
        assert!(journal.spare() > large);
        journal.append(message_of(200, large as usize));
        journal
            .commit(stamp(103))
            .expect("spare segments make room");
    }
}

#[test]
fn one_step_of_compaction_a_commit_keeps_pace() {
    let mut random = Random::new(3);
    let options = Options {
        max_bytes: 30_000 * 5 / 2 + 11 * u64::from(SEGMENT),
        ..options(SEGMENT)
    };
    let disk = Disk::new(3);
    let (mut journal, _) = Journal::open(disk.shared(), options).expect("it opens");
    for step in 0..3_000 {
        for _ in 0..random.below(10) {
            let topic = format!("{:03}", random.below(100));
            let topic = Topic::new(topic.into()).expect("a topic name");
            let body = Body::Inline(Bytes::from(vec![0; 280]));
            let kind = (QoS::AtMostOnce, true);
            let message = Message::new(topic, kind, Properties::new(), body, None);
            journal.append(Record::Retained(Arc::new(message)));
        }
        let done = journal.commit(stamp(step)).expect("there is room");
        assert!(!journal.is_full(), "step {step}: {done:?}");
        if journal.wants_compaction() {
            journal.compact(stamp(step)).expect("there is room");
        }
    }
}

#[test]
fn room_on_the_device_is_noticed() {
    let mut random = Random::new(1);
    let disk = Disk::new(1);
    disk.limit(SEGMENT as usize * 4);
    let (mut journal, _) = Journal::open(disk.shared(), options(SEGMENT)).expect("it opens");
    let mut last = 0;
    while !journal.is_full() {
        last += 1;
        journal.append(message(last, &mut random));
        journal.commit(stamp(last)).expect("there is room");
        while journal.wants_compaction() {
            journal.compact(stamp(last)).expect("there is room");
        }
    }
    assert!(!journal.compact(stamp(0)).expect("nothing fails"));
    assert!(journal.is_full());
    disk.limit(usize::MAX);
    assert!(journal.compact(stamp(0)).expect("nothing fails"));
    assert!(!journal.is_full());
}
