// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Single damages, and what is said of each.

use mqtt_core::Record;
use mqtt_store::{Journal, Opened, inspect};

use crate::disk::Disk;
use crate::properties::{options, stamp};
use crate::records::{begun, entry, message};

/// Seven segments with a message in each batch, five batches in a segment.
fn store() -> Disk {
    store_of(4_096)
}

fn store_of(segment_size: u32) -> Disk {
    let disk = Disk::new(0);
    let open = Journal::open(disk.shared(), options(segment_size));
    let (mut journal, _) = open.expect("it opens");
    for location in 1..=33 {
        journal.append(begun("pump"));
        journal.append(message(location, &[location as u8; 600]));
        journal.append(entry(location, location, "pump"));
        journal.commit(stamp(location)).expect("there is room");
    }
    disk
}

fn open(disk: &Disk) -> (Journal, Opened) {
    Journal::open(disk.shared(), options(4_096)).expect("it opens")
}

fn told(opened: &Opened) -> Vec<String> {
    let damages = opened.report.damages.iter();
    damages.map(ToString::to_string).collect()
}

fn messages(opened: &Opened) -> usize {
    let is_message = |record: &&Record| matches!(record, Record::Message { .. });
    opened.records.iter().filter(is_message).count()
}

#[test]
fn a_flipped_bit_costs_a_batch_and_is_told_once_compaction_went_over_it_no_more() {
    let disk = store();
    disk.alter("segment-0003", |bytes| bytes[1_000] ^= 0x10);
    let rotten = disk.bytes("segment-0003");
    let seen = inspect(&disk).expect("it can be read").opened;
    assert_eq!(told(&seen).len(), 1);
    assert!(
        !disk.names().iter().any(|name| name.contains("bad")),
        "a look changes nothing"
    );
    for _ in 0..2 {
        let (_, opened) = open(&disk);
        let [damage] = &told(&opened)[..] else {
            panic!("{:?}", told(&opened));
        };
        assert!(damage.starts_with("segment-0003: "), "{damage}");
        assert!(damage.contains("a batch is lost"), "{damage}");
        assert!(
            damage.ends_with("a copy is kept as segment-0003.bad-1"),
            "{damage}"
        );
        assert_eq!(messages(&opened), 32);
    }
    assert_eq!(disk.bytes("segment-0003.bad-1"), rotten);
    let (mut journal, _) = open(&disk);
    assert!(journal.wants_compaction());
    while journal.compact(stamp(50)).expect("there is room") {}
    let (_, opened) = open(&disk);
    assert_eq!((told(&opened), messages(&opened)), (vec![], 32));
}

#[test]
fn a_missing_segment_is_missed() {
    let disk = store();
    disk.alter("segment-0004", |bytes| bytes.fill(0));
    let (_, opened) = open(&disk);
    assert_eq!(
        told(&opened),
        ["segment 4 is missing, what it held is lost"]
    );
    assert_eq!(messages(&opened), 28);
}

#[test]
fn blocks_that_cannot_be_read_cost_what_they_held() {
    let disk = store_of(12_288);
    disk.make_unreadable("segment-0002", 0..700);
    let open = Journal::open(disk.shared(), options(12_288));
    let (mut journal, opened) = open.expect("it opens");
    assert!(
        told(&opened)[0].starts_with("segment-0002: "),
        "{:?}",
        told(&opened)
    );
    assert!(messages(&opened) >= 26, "{}", messages(&opened));
    let segment = "segment-0002".to_owned();
    while journal.compact(stamp(50)).expect("there is room") {}
    assert!(!disk.names().contains(&segment), "it is used no more");
}

#[test]
fn a_file_that_cannot_be_read_at_all_is_put_aside() {
    let disk = store();
    let segment = disk.bytes("segment-0002");
    disk.make_unreadable("segment-0002", 0..4_096);
    let (_, opened) = open(&disk);
    assert_eq!(messages(&opened), 28);
    let told = told(&opened).join("\n");
    assert!(told.contains("segment 2 is missing"), "{told}");
    assert!(
        told.contains("segment-0002: 4096 bytes cannot be read"),
        "{told}"
    );
    assert_eq!(disk.bytes("segment-0002.bad-1"), segment);
    assert!(!disk.names().contains(&"segment-0002".to_owned()));
}

#[test]
fn a_segment_of_another_store_says_nothing() {
    let disk = store();
    let other = Disk::new(1);
    let foreign = mqtt_store::Options {
        salt: 99,
        ..options(4_096)
    };
    let (mut journal, _) = Journal::open(other.shared(), foreign).expect("it opens");
    for location in 100..120 {
        journal.append(message(location, &[1; 600]));
        journal.commit(stamp(1)).expect("there is room");
    }
    disk.place("segment-0050", other.bytes("segment-0003"));
    let (_, opened) = open(&disk);
    assert_eq!(messages(&opened), 33);
    assert!(told(&opened)[0].contains("a segment of another store"));
}
