// SPDX-License-Identifier: Apache-2.0 OR MIT
//! What is told of the card, and when.

use std::sync::Arc;

use bytes::Bytes;
use mqtt_core::{Body, Message, Record};
use mqtt_proto::{Properties, QoS, Topic};
use mqtt_store::{Journal, Options, RamDirectory, Stamp};

use super::*;

/// A report of a store that has written so many messages of 40 KB, one an hour.
fn report(messages: u64, persistence: Persistence) -> Report {
    let options = Options {
        segment_size: 65_536,
        ..Options::default()
    };
    let (mut journal, _) = Journal::open(Arc::new(RamDirectory::default()), options).unwrap();
    for number in 0..messages {
        let name = ["camera\u{1b}", "sensor"][usize::from(number % 10 == 0)];
        journal.append(Record::Retained(Arc::new(Message::new(
            Topic::new(name.into()).unwrap(),
            (QoS::AtMostOnce, true),
            Properties::new(),
            Body::Inline(Bytes::from(vec![7; 40_000])),
            None,
        ))));
        let stamp = Stamp {
            moment: at(number),
            wall: None,
        };
        journal.commit(stamp).unwrap();
        while journal.wants_compaction() {
            journal.compact(stamp).unwrap();
        }
    }
    Report {
        state: StorageState::Ok,
        persistence,
        flush_ms: 3,
        wear: journal.wear().clone(),
        live: journal.live(),
        total: journal.total(),
    }
}

fn at(hours: u64) -> Moment {
    Moment::from_millis(hours * 3_600_000)
}

#[test]
fn the_rate_of_a_week_tells_how_long_a_card_lasts() {
    let report = report(24 * 9, Persistence::default());
    let figures = figures(&report, at(24 * 9));
    let rate = figures.per_day.unwrap();
    assert!((960_000..1_300_000).contains(&rate), "{rate}");
    // 16 TB at about a megabyte a day.
    assert!(figures.life_days.unwrap() > 10_000_000);
    assert_eq!(trouble(&figures), None);
    assert!(figures.today.all < figures.total.all);
    let WrittenBytes {
        all,
        retained,
        queue,
        session,
        overhead,
    } = figures.total;
    assert_eq!(retained + queue + session + overhead, all);
}

#[test]
fn a_store_in_memory_wears_no_card() {
    let persistence = Persistence {
        mode: Mode::Memory,
        ..Persistence::default()
    };
    let report = report(30, persistence);
    let figures = figures(&report, at(30));
    assert_eq!((figures.total.all, figures.life_days), (0, None));
    assert_eq!(Overuse::default().look(&report, at(30)), None);
}

#[test]
fn too_much_is_told_once_a_day_with_the_topics_that_write_most() {
    let persistence = Persistence {
        sd_budget_mb_per_day: Some(1),
        ..Persistence::default()
    };
    let mut report = report(24 + 20, persistence);
    let mut overuse = Overuse::default();
    assert_eq!(
        overuse.look(&report, at(24 + 30)),
        None,
        "another day has begun"
    );
    report.persistence.sd_budget_mb_per_day = Some(1_000);
    assert_eq!(overuse.look(&report, at(40)), None);
    let most = "since the start most was written for camera\\u{1b} (1.5 MB), sensor (200 KB)";
    report.wear.add(
        at(40),
        Written {
            pages: 500_000,
            ..Written::default()
        },
    );
    let line = overuse.look(&report, at(40)).unwrap();
    assert!(
        line.starts_with(
            "the card was written 2.0 GB today, more than sd_budget_mb_per_day = 1000; "
        ),
        "{line}"
    );
    assert!(line.ends_with(most), "{line}");
    assert_eq!(overuse.look(&report, at(41)), None, "it was told today");
}

#[test]
fn a_card_that_lasts_less_than_a_year_is_told_of() {
    let persistence = Persistence {
        card_endurance_tb: Some(1),
        ..Persistence::default()
    };
    let mut report = report(3, persistence);
    report.wear.add(
        at(3),
        Written {
            pages: 250_000,
            ..Written::default()
        },
    );
    let line = Overuse::default().look(&report, at(3)).unwrap();
    assert!(
        line.starts_with("at 8.1 GB a day the card lasts about 4 months (card_endurance_tb); it is written less with "),
        "{line}"
    );
    let trouble = trouble(&figures(&report, at(3)));
    assert_eq!(
        trouble.as_deref(),
        Some("the card lasts about 4 months at this rate")
    );
}

#[test]
fn amounts_and_spans_are_said_as_people_say_them() {
    let amounts = [
        (999, "999 bytes"),
        (64_000, "64 KB"),
        (3_800_000, "3.8 MB"),
        (120_000_000, "120 MB"),
        (3_800_000_000, "3.8 GB"),
        (45_000_000_000, "45 GB"),
        (2_300_000_000_000, "2.3 TB"),
    ];
    for (bytes, expected) in amounts {
        assert_eq!(amount(bytes), expected);
    }
    let spans = [
        (59, "less than two months"),
        (123, "about 4 months"),
        (548, "about 18 months"),
        (4_210, "about 11 years"),
        (40_000, "more than 100 years"),
    ];
    for (tenths, expected) in spans {
        assert_eq!(in_words(tenths), expected);
    }
}
