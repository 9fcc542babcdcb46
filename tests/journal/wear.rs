// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The meter in the journal: nothing is written for its sake alone, and it goes on across a clean stop.

use std::sync::Arc;

use bytes::Bytes;
use mqtt_core::{Body, Message, Record};
use mqtt_proto::{Properties, QoS, Topic};
use mqtt_store::{Directory, Journal, RamDirectory, inspect};

use crate::properties::{options, stamp};

fn retained(topic: &str, payload: usize) -> Record {
    Record::Retained(Arc::new(Message::new(
        Topic::new(topic.into()).expect("a topic"),
        (QoS::AtMostOnce, true),
        Properties::new(),
        Body::Inline(Bytes::from(vec![7; payload])),
        None,
    )))
}

fn bytes(directory: &RamDirectory) -> Vec<Vec<u8>> {
    let files = directory.list().expect("a list");
    let read = |(name, len): (String, u64)| {
        let mut bytes = vec![0; len as usize];
        let file = directory.open(&name).expect("it is there");
        file.read_at(&mut bytes, 0).expect("it can be read");
        bytes
    };
    files.into_iter().map(read).collect()
}

fn open(directory: &RamDirectory) -> Journal {
    let opened = Journal::open(Arc::new(directory.clone()), options(65_536));
    opened.expect("it opens").0
}

#[test]
fn the_meter_writes_only_with_other_changes_and_goes_on_behind_a_clean_stop() {
    let directory = RamDirectory::default();
    let open = || open(&directory);
    let mut journal = open();
    for minute in 0..60 {
        journal.append(retained("camera", 3_000));
        journal.append(retained("sensor", 30));
        journal
            .commit(stamp(minute * 60_000))
            .expect("there is room");
        let before = bytes(&directory);
        journal
            .commit(stamp(minute * 60_000 + 30_000))
            .expect("there is nothing");
        assert_eq!(before, bytes(&directory), "an idle journal writes nothing");
        while journal.wants_compaction() {
            journal
                .compact(stamp(minute * 60_000))
                .expect("there is room");
        }
    }
    let wear = journal.wear().clone();
    let most = wear.topics.most();
    assert_eq!(most[0].0.as_str(), "camera");
    assert!((180_000..190_000).contains(&most[0].1), "{most:?}");
    let total = wear.total();
    assert_eq!(total.bytes.retained, wear.topics.sum());
    assert!(total.device_bytes() >= total.bytes.sum());
    assert!(
        total.bytes.framing < 6 * 65_536,
        "headers, the meter, and new segments: {total:?}"
    );

    journal.close(stamp(3_700_000)).expect("there is room");
    let again = open();
    assert_eq!(again.wear().total().bytes.retained, total.bytes.retained);
    assert_eq!(
        inspect(&directory).expect("it can be read").wear.total(),
        again.wear().total()
    );
    assert!(again.wear().topics.most().is_empty());
    assert!(again.wear().rate(stamp(3_700_000).moment).is_some());
}

#[test]
fn a_power_cut_takes_ten_minutes_of_the_meter_at_most() {
    let directory = RamDirectory::default();
    let open = || open(&directory);
    let mut journal = open();
    for second in 0..3_600 {
        journal.append(retained("sensor", 30));
        journal
            .commit(stamp(second * 1_000))
            .expect("there is room");
        while journal.wants_compaction() {
            journal
                .compact(stamp(second * 1_000))
                .expect("there is room");
        }
    }
    let total = journal.wear().total();
    let files = directory.list().expect("a list").len() as u64;
    let heads = 3_600 * 60 + files * 65_536;
    let meter = total.bytes.framing - heads;
    assert!(meter < 1_000, "seven values in an hour: {meter} bytes");
    let pages = total.pages;
    drop(journal);
    let kept = open().wear().total().pages;
    assert!(
        kept < pages && kept >= pages * 5 / 6 - 64,
        "{kept} of {pages}"
    );
}

#[test]
fn what_compaction_copies_is_counted_apart() {
    let shared: Arc<dyn Directory> = Arc::new(RamDirectory::default());
    let (mut journal, _) = Journal::open(shared, options(65_536)).expect("it opens");
    for topic in 0..100 {
        journal.append(retained(&format!("cold/{topic}"), 1_000));
    }
    for second in 0..1_000 {
        journal.append(retained("hot", 1_000));
        journal
            .commit(stamp(second * 1_000))
            .expect("there is room");
        while journal.wants_compaction() {
            journal
                .compact(stamp(second * 1_000))
                .expect("there is room");
        }
    }
    let total = journal.wear().total();
    assert!(total.bytes.compaction > 100_000, "{total:?}");
    assert!(total.device_bytes() >= total.bytes.sum());
    assert_eq!(journal.wear().since_start(), total);
}
