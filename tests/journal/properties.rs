// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Random runs on a sound disk: whatever is appended, committed, compacted and reopened, the store says what the model says.

use std::sync::Arc;

use mqtt_core::{CommitSeq, Moment};
use mqtt_store::{Directory, Journal, Options, RamDirectory, Stamp, inspect};
use tests::Random;

use crate::model::Model;
use crate::seeds;
use crate::workload::Workload;

pub fn options(segment_size: u32) -> Options {
    Options {
        segment_size,
        max_bytes: 64 << 20,
        salt: 0x1234_5678_9ABC_DEF0,
        ..Options::default()
    }
}

pub fn stamp(millis: u64) -> Stamp {
    Stamp {
        moment: Moment::from_millis(millis),
        wall: Some(1_700_000_000_000 + millis),
    }
}

#[test]
fn the_store_says_what_the_model_says() {
    for seed in seeds(40) {
        let mut random = Random::new(seed);
        let segment_size = *random.pick(&[2_048, 4_096, 16_384]);
        run(&mut random, options(segment_size), 600);
    }
}

fn run(random: &mut Random, options: Options, steps: u64) {
    let directory = RamDirectory::default();
    let shared: Arc<dyn Directory> = Arc::new(directory.clone());
    let (mut journal, opened) = Journal::open(Arc::clone(&shared), options).expect("it opens");
    assert!(opened.records.is_empty() && opened.stamp.is_none());
    let mut workload = Workload::new(6_000);
    let (mut model, mut committed) = (Model::default(), Model::default());
    let mut last = CommitSeq(0);
    for step in 0..steps {
        match random.below(20) {
            0..=14 => {
                let record = workload.next(random);
                model.apply(&record);
                journal.append(record);
            }
            15..=16 => {
                let done = journal.commit(stamp(step)).expect("there is room");
                assert!(done.live <= done.total, "{done:?}");
                committed = model.clone();
                last = CommitSeq(workload.last);
                assert_eq!((done.last, journal.reader().applied()), (last, last));
            }
            17..=18 => {
                while journal.wants_compaction() && random.chance(80) {
                    journal.compact(stamp(step)).expect("there is room");
                }
            }
            _ => {
                let seen = inspect(&directory).expect("it can be read");
                let open = Journal::open(Arc::clone(&shared), options);
                let (again, opened) = open.expect("it opens");
                assert_eq!(
                    (opened.report.torn_bytes, opened.report.damages),
                    (0, vec![])
                );
                assert_eq!(seen.opened.report.damages, vec![]);
                model = committed.restored();
                assert_eq!(Model::of(&opened.records, &again.reader()), model);
                assert_eq!(seen.opened.records.len(), opened.records.len());
                assert!(
                    opened.last <= last,
                    "records without effect are not written"
                );
                committed = model.clone();
                journal = again;
                workload.last = opened.last.0;
            }
        }
    }
}
