// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Readers beside the owner: they see what is durable, also while segments are used again under their hands.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;

use mqtt_core::{Location, Record};
use mqtt_store::{Journal, RamDirectory, ReadError};

use crate::disk::Disk;
use crate::properties::{options, stamp};
use crate::records::{message, open};

fn payload(location: u64) -> Vec<u8> {
    location.to_le_bytes().repeat(1 + location as usize % 40)
}

#[test]
fn only_what_is_durable_is_seen() {
    let (mut journal, _) = open(&RamDirectory::default());
    let reader = journal.reader();
    journal.append(message(1, b"on"));
    assert_eq!(reader.read(Location(1)).expect("no fault"), None);
    journal.commit(stamp(1)).expect("there is room");
    let read = reader.read(Location(1)).expect("no fault");
    assert_eq!(read.as_deref(), Some(&b"on"[..]));
    journal.append(Record::Forget {
        location: Location(1),
    });
    assert!(reader.read(Location(1)).expect("no fault").is_some());
    journal.commit(stamp(1)).expect("there is room");
    assert_eq!(reader.read(Location(1)).expect("no fault"), None);
}

#[test]
fn compaction_never_shows_through() {
    let (mut journal, _) = open(&RamDirectory::default());
    let reader = journal.reader();
    let (newest, is_over) = (AtomicU64::new(0), AtomicBool::new(false));
    thread::scope(|scope| {
        let reading = scope.spawn(|| {
            let (mut found, mut turn) = (0, 0);
            while !is_over.load(Ordering::Acquire) {
                let newest = newest.load(Ordering::Acquire).max(1);
                turn += 1;
                let location = newest - (turn % 64).min(newest - 1);
                let read = reader.read(Location(location)).expect("no fault");
                if let Some(read) = read {
                    assert_eq!(read, payload(location));
                    found += 1;
                }
            }
            found
        });
        for location in 1..6_000 {
            journal.append(message(location, &payload(location)));
            if location > 40 && location % 7 != 0 {
                let location = Location(location - 40);
                journal.append(Record::Forget { location });
            }
            if location > 400 {
                let location = Location(location - 400);
                journal.append(Record::Forget { location });
            }
            journal.commit(stamp(location)).expect("there is room");
            newest.store(location, Ordering::Release);
            while journal.wants_compaction() {
                journal.compact(stamp(location)).expect("there is room");
            }
        }
        is_over.store(true, Ordering::Release);
        assert!(reading.join().expect("it ends") > 0);
    });
    assert!(journal.wear().since_start().bytes.compaction > 10_000);
}

#[test]
fn a_segment_that_is_used_again_during_a_read_is_noticed() {
    let disk = Disk::new(1);
    let open = Journal::open(disk.shared(), options(4_096));
    let (mut journal, _) = open.expect("it opens");
    let reader = journal.reader();
    let put = |journal: &mut Journal, location: u64| {
        journal.append(message(location, &[location as u8; 600]));
        journal.commit(stamp(location)).expect("there is room");
    };
    put(&mut journal, 1_000);
    // Behind both headers: length, tag and location.
    let operation = |disk: &Disk| disk.bytes("segment-0001")[92..97].to_vec();
    let first = operation(&disk);
    let again = disk.clone();
    disk.before_read(move || {
        for number in 1_001..5_000 {
            put(&mut journal, number);
            let now = operation(&again);
            if now[..3] == first[..3] && now != first {
                return;
            }
            let location = Location(number);
            journal.append(Record::Forget { location });
            journal.commit(stamp(number)).expect("there is room");
            while journal.wants_compaction() {
                journal.compact(stamp(number)).expect("there is room");
            }
        }
        panic!("no message came to lie where the first one lay");
    });
    let read = reader.read(Location(1_000)).expect("no fault");
    assert_eq!(read.as_deref(), Some(&[1_000_u64 as u8; 600][..]));
}

#[test]
fn rot_under_a_message_is_told() {
    let directory = Disk::new(1);
    let open = Journal::open(directory.shared(), options(4_096));
    let (mut journal, _) = open.expect("it opens");
    journal.append(message(1, &[1; 600]));
    journal.commit(stamp(1)).expect("there is room");
    directory.alter("segment-0001", |bytes| bytes[400] ^= 1);
    let read = journal.reader().read(Location(1));
    assert!(matches!(read, Err(ReadError::Damaged { .. })), "{read:?}");
}
