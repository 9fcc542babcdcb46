// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Rotten, zeroed, cut, swapped, doubled and foreign files: the store always opens, and never says what was never written.

use mqtt_store::{Journal, Options};
use tests::Random;

use crate::disk::Disk;
use crate::model::{Ever, Model};
use crate::properties::{options, stamp};
use crate::seeds;
use crate::workload::Workload;

#[test]
fn whatever_happens_to_the_files_the_store_opens_with_what_was_written() {
    let (mut found, mut unharmed) = (0, 0);
    for seed in seeds(400) {
        let mut random = Random::new(seed);
        let options = options(*random.pick(&[1_024, 4_096]));
        let disk = Disk::new(seed);
        let mut ever = Ever::new();
        let whole = fill(&disk, options, &mut random, &mut ever);
        for _ in 0..1 + random.below(3) {
            harm(&disk, &mut random);
        }
        let (journal, opened) = Journal::open(disk.shared(), options).expect("it opens");
        let now = Model::of(&opened.records, &journal.reader());
        assert_eq!(now.made_up(&ever), Vec::<&String>::new());
        found += usize::from(!opened.report.damages.is_empty());
        unharmed += usize::from(now == whole);
        goes_on(&disk, journal, &now, options, &mut random);
    }
    println!("damages found in {found} stores, nothing lost in {unharmed}");
    assert!(found > 100 && unharmed > 40, "{found} {unharmed}");
}

fn fill(disk: &Disk, options: Options, random: &mut Random, ever: &mut Ever) -> Model {
    let mut workload = Workload::new(1_500);
    let mut model = Model::default();
    let (mut journal, _) = Journal::open(disk.shared(), options).expect("it opens");
    for step in 0..150 {
        let record = workload.next(random);
        model.apply(&record);
        model.gather(ever);
        journal.append(record);
        if random.chance(30) {
            journal.commit(stamp(step)).expect("there is room");
        }
        while journal.wants_compaction() && random.chance(80) {
            journal.compact(stamp(step)).expect("there is room");
        }
    }
    journal.close(stamp(150)).expect("there is room");
    model.restored()
}

fn harm(disk: &Disk, random: &mut Random) {
    let names = disk.names();
    let name = random.pick(&names).clone();
    let other = random.pick(&names).clone();
    let bytes = disk.bytes(&name);
    let at = random.below(bytes.len().max(1));
    let end = bytes.len().min(at + 1 + random.below(600));
    match random.below(9) {
        0 => disk.alter(&name, |bytes| {
            bytes.iter_mut().skip(at).take(1).for_each(|b| *b ^= 1)
        }),
        1 => disk.alter(&name, |bytes| bytes[at.min(end)..end].fill(0)),
        2 => disk.alter(&name, |bytes| bytes.truncate(at)),
        3 => {
            disk.place(&name, disk.bytes(&other));
            disk.place(&other, bytes);
        }
        4 => disk.place(&other, bytes),
        5 => disk.place("segment-0099", bytes),
        6 => disk.place(&name, random.bytes(2_000)),
        7 => disk.place("lost+found.txt", random.bytes(100)),
        _ => {
            let noise = random.bytes(end - at.min(end));
            disk.alter(&name, |bytes| {
                bytes[at.min(end)..end].copy_from_slice(&noise)
            });
        }
    }
}

/// It is written to, compacted and opened again: the same is there, and nothing is damaged any more.
fn goes_on(
    disk: &Disk,
    mut journal: Journal,
    found: &Model,
    options: Options,
    random: &mut Random,
) {
    let mut model = found.clone();
    let mut workload = Workload::new(300);
    workload.last = 1_000_000;
    for step in 0..20 {
        let record = workload.next(random);
        model.apply(&record);
        journal.append(record);
        journal.commit(stamp(step)).expect("there is room");
        while journal.wants_compaction() {
            journal.compact(stamp(step)).expect("there is room");
        }
    }
    journal.close(stamp(20)).expect("there is room");
    let (journal, opened) = Journal::open(disk.shared(), options).expect("it opens");
    assert_eq!(
        Model::of(&opened.records, &journal.reader()),
        model.restored()
    );
    assert_eq!(opened.report.damages, vec![], "they were compacted away");
    let names = disk.names();
    let copies = names.iter().filter(|name| name.contains(".bad-"));
    assert!(copies.count() <= 8);
}
