// SPDX-License-Identifier: Apache-2.0 OR MIT
//! What single batches do: order of restoring, net effect, numbering, large batches, formats that are too new.

use std::sync::Arc;

use bytes::Bytes;
use mqtt_core::{
    Body, CommitSeq, Entry, EntryId, Location, Message, Owner, Progress, Record, SessionKey,
};
use mqtt_proto::{Properties, QoS, Topic};
use mqtt_store::{Directory, Journal, OpenError, Opened, RamDirectory, inspect};

use crate::properties::{options, stamp};

pub fn session(client_id: &str) -> SessionKey {
    SessionKey {
        user: "ann".into(),
        client_id: client_id.to_owned().into(),
    }
}

pub fn begun(client_id: &str) -> Record {
    Record::Session {
        session: session(client_id),
        expiry_seconds: 3_600,
        will: None,
    }
}

pub fn message(location: u64, payload: &[u8]) -> Record {
    let topic = Topic::new("hall/lamp".into()).expect("a topic name");
    let body = Body::Inline(Bytes::copy_from_slice(payload));
    let kind = (QoS::AtLeastOnce, false);
    let message = Message::new(topic, kind, Properties::new(), body, None);
    Record::Message {
        location: Location(location),
        message: Arc::new(message),
    }
}

pub fn entry(id: u64, location: u64, client_id: &str) -> Record {
    Record::Entry(Box::new(Entry {
        id: EntryId(id),
        owner: Owner::Session(session(client_id)),
        location: Location(location),
        qos: QoS::AtLeastOnce,
        retain: false,
        identifiers: vec![],
        group: None,
        progress: Progress::Waiting,
    }))
}

pub fn open(directory: &RamDirectory) -> (Journal, Opened) {
    Journal::open(Arc::new(directory.clone()), options(4_096)).expect("it opens")
}

fn kinds(records: &[Record]) -> Vec<&'static str> {
    let kind = |record: &Record| match record {
        Record::Session { .. } => "session",
        Record::Absent { .. } => "absent",
        Record::Subscribed { .. } => "subscribed",
        Record::Received { .. } => "received",
        Record::Retained(_) => "retained",
        Record::Message { .. } => "message",
        Record::Entry(_) => "entry",
        _ => "something that is no state",
    };
    records.iter().map(kind).collect()
}

#[test]
fn owners_come_before_what_belongs_to_them() {
    let directory = RamDirectory::default();
    let (mut journal, _) = open(&directory);
    journal.append(begun("pump"));
    journal.append(message(2, b"on"));
    journal.append(entry(9, 2, "pump"));
    journal.append(entry(4, 2, "pump"));
    journal.append(Record::Absent {
        session: session("pump"),
        expires: None,
        will_due: None,
    });
    journal.commit(stamp(5)).expect("there is room");
    let (_, opened) = open(&directory);
    assert_eq!(
        kinds(&opened.records),
        ["session", "absent", "message", "entry", "entry"]
    );
    let ids = opened.records.iter().filter_map(|record| match record {
        Record::Entry(entry) => Some(entry.id.0),
        _ => None,
    });
    assert_eq!(ids.collect::<Vec<_>>(), [4, 9]);
    assert_eq!(opened.stamp, Some(stamp(5)));
    let seen = inspect(&directory).expect("it can be read").opened.records;
    assert_eq!(kinds(&seen), kinds(&opened.records));
}

#[test]
fn what_comes_and_goes_within_a_batch_is_not_written() {
    let directory = RamDirectory::default();
    let (mut journal, _) = open(&directory);
    journal.append(begun("pump"));
    journal.commit(stamp(1)).expect("there is room");
    journal.append(message(2, &[7; 1_000]));
    journal.append(entry(3, 2, "pump"));
    journal.append(Record::Done {
        id: EntryId(3),
        session: Some(session("pump")),
    });
    journal.append(Record::Forget {
        location: Location(2),
    });
    let written = journal.wear().total();
    let done = journal.commit(stamp(2)).expect("there is room");
    assert_eq!((done.bytes.sum(), done.pages, done.elided), (0, 0, 4));
    assert_eq!(done.last, CommitSeq(5));
    assert_eq!(journal.wear().total(), written);
}

#[test]
fn nothing_is_written_where_nothing_happened() {
    let directory = RamDirectory::default();
    let (mut journal, _) = open(&directory);
    let done = journal.commit(stamp(1)).expect("there is room");
    assert_eq!((done.bytes.sum(), done.pages), (0, 0));
    assert!(!journal.wants_compaction());
    journal.close(stamp(7)).expect("there is room");
    let (_, opened) = open(&directory);
    assert_eq!(opened.stamp, Some(stamp(7)), "a clean stop leaves the time");
}

#[test]
fn numbers_go_on_after_a_restart() {
    let directory = RamDirectory::default();
    for round in 0..5 {
        let (mut journal, opened) = open(&directory);
        assert_eq!(opened.last, CommitSeq(round * 2));
        journal.append(begun("pump"));
        journal.append(begun("door"));
        let done = journal.commit(stamp(1)).expect("there is room");
        assert_eq!(done.last, CommitSeq(round * 2 + 2));
        assert_eq!(done.bytes.sum(), done.bytes.session + done.bytes.framing);
    }
}

#[test]
fn a_batch_larger_than_a_segment_is_one_batch_all_the_same() {
    let directory = RamDirectory::default();
    let (mut journal, _) = open(&directory);
    let payload = vec![9; 50_000];
    for location in 1..=3 {
        journal.append(begun("pump"));
        journal.append(message(location, &payload));
        journal.append(entry(location, location, "pump"));
        journal.commit(stamp(1)).expect("there is room");
    }
    let (mut journal, opened) = open(&directory);
    assert_eq!(opened.records.len(), 7);
    for location in 1..=3 {
        let read = journal.reader().read(Location(location));
        assert_eq!(read.expect("it can be read").as_deref(), Some(&payload[..]));
        journal.append(Record::Forget {
            location: Location(location),
        });
    }
    journal.commit(stamp(2)).expect("there is room");
    while journal.wants_compaction() {
        journal.compact(stamp(3)).expect("there is room");
    }
    let sizes = directory.list().expect("it lists");
    assert!(sizes.iter().all(|(_, size)| *size == 4_096), "{sizes:?}");
}

#[test]
fn what_has_lost_its_other_half_is_dropped_and_told() {
    let directory = RamDirectory::default();
    let (mut journal, _) = open(&directory);
    journal.append(begun("pump"));
    journal.append(message(2, b"named by nobody"));
    journal.append(entry(3, 99, "pump"));
    journal.append(message(4, b"whole"));
    journal.append(entry(5, 4, "pump"));
    journal.commit(stamp(1)).expect("there is room");
    let (mut journal, opened) = open(&directory);
    assert_eq!(kinds(&opened.records), ["session", "message", "entry"]);
    assert_eq!(opened.report.orphans, 2);
    journal.append(begun("pump"));
    journal.commit(stamp(2)).expect("there is room");
    assert_eq!(open(&directory).1.report.orphans, 0, "they were deleted");
}

#[test]
fn the_end_of_a_session_costs_one_operation() {
    let directory = RamDirectory::default();
    let (mut journal, _) = open(&directory);
    journal.append(begun("pump"));
    for location in 2..500 {
        journal.append(message(location, b"on"));
        journal.append(entry(location, location, "pump"));
    }
    journal.commit(stamp(1)).expect("there is room");
    journal.append(Record::SessionEnded {
        session: session("pump"),
    });
    let done = journal.commit(stamp(2)).expect("there is room");
    assert!(done.bytes.session < 8 && done.bytes.queue == 0, "{done:?}");
    journal.append(begun("pump"));
    journal.commit(stamp(2)).expect("there is room");
    let (_, opened) = open(&directory);
    assert_eq!(kinds(&opened.records), ["session"]);
}

#[test]
fn a_newer_format_is_left_alone() {
    let directory = RamDirectory::default();
    let (mut journal, _) = open(&directory);
    journal.append(begun("pump"));
    journal.commit(stamp(1)).expect("there is room");
    let file = directory.open("segment-0001").expect("it is there");
    let mut header = [0; 32];
    file.read_at(&mut header, 0).expect("it can be read");
    header[8] = 2;
    let sum = crc32(&header[..28]);
    header[28..].copy_from_slice(&sum.to_le_bytes());
    file.write_at(&header, 0).expect("it can be written");
    let before = directory.list().expect("it lists");
    let refused = Journal::open(Arc::new(directory.clone()), options(4_096));
    let error = refused.err().expect("it is refused");
    assert!(matches!(error, OpenError::NewerFormat { version: 2, .. }));
    let text = error.to_string();
    assert!(
        text.contains("segment-0001") && text.contains("install"),
        "{text}"
    );
    assert_eq!(directory.list().expect("it lists"), before);
}

/// CRC-32 (IEEE), bit by bit.
fn crc32(bytes: &[u8]) -> u32 {
    let mut sum = u32::MAX;
    for byte in bytes {
        sum ^= u32::from(*byte);
        for _ in 0..8 {
            sum = if sum & 1 == 1 {
                sum >> 1 ^ 0xEDB8_8320
            } else {
                sum >> 1
            };
        }
    }
    !sum
}
