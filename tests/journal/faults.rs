// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Disks that fail or run full at the n-th operation, for each n: nothing acknowledged is lost, and a full disk only delays.

use std::io::ErrorKind;

use mqtt_store::{CommitError, Journal};
use tests::Random;

use crate::disk::{Disk, Fault};
use crate::model::Model;
use crate::properties::{options, stamp};
use crate::workload::Workload;

#[test]
fn whatever_operation_fails_nothing_acknowledged_is_lost() {
    for kind in [ErrorKind::StorageFull, ErrorKind::Other] {
        for count in [1, u64::MAX] {
            let mut at = 0;
            while run(Fault { at, count, kind }) {
                at += 1;
            }
            assert!(at > 100, "only {at} operations");
        }
    }
}

/// Runs until the fault, and on after a restart without it; says whether it happened at all.
fn run(fault: Fault) -> bool {
    let mut random = Random::new(7);
    let options = options(1_024);
    let disk = Disk::new(fault.at);
    disk.fail(Some(fault));
    let mut workload = Workload::new(1_500);
    let mut model = Model::default();
    let mut acknowledged = model.clone();
    let mut attempted = model.clone();
    let open = || {
        Journal::open(disk.shared(), options).unwrap_or_else(|error| {
            assert!(disk.operations() > fault.at, "{error:?}");
            disk.fail(None);
            Journal::open(disk.shared(), options).expect("it opens without the fault")
        })
    };
    let (mut journal, _) = open();
    for step in 0..400 {
        let result = match random.below(8) {
            0..=5 => {
                let record = workload.next(&mut random);
                model.apply(&record);
                journal.append(record);
                continue;
            }
            6 => {
                attempted = model.clone();
                journal.commit(stamp(step)).map(|_| true)
            }
            _ if journal.wants_compaction() || journal.is_full() => {
                journal.compact(stamp(step)).map(|_| false)
            }
            _ => continue,
        };
        match result {
            Ok(true) => acknowledged = attempted.clone(),
            Ok(false) | Err(CommitError::Full) => {}
            Err(CommitError::Io { .. }) => {
                let again = journal.commit(stamp(step));
                assert!(
                    matches!(again, Err(CommitError::Io { .. })),
                    "it stays broken"
                );
                disk.fail(None);
                let (reopened, opened) = Journal::open(disk.shared(), options).expect("it opens");
                journal = reopened;
                model = Model::of(&opened.records, &journal.reader());
                workload.last = opened.last.0;
                // What was read is built on: it must not be what a failed sync only shows.
                let (after_cut, left) =
                    Journal::open(disk.cut().shared(), options).expect("it opens");
                let left = Model::of(&left.records, &after_cut.reader());
                assert_eq!(
                    left,
                    model.restored(),
                    "{fault:?}, step {step}, after a cut"
                );
                let possible = [acknowledged.restored(), attempted.restored()];
                assert!(possible.contains(&model), "{fault:?}, step {step}");
                (acknowledged, attempted) = (model.clone(), model.clone());
            }
        }
    }
    let happened = disk.operations() > fault.at || fault.at < 6;
    disk.fail(None);
    while journal.compact(stamp(400)).expect("there is room") {}
    journal.close(stamp(400)).expect("there is room again");
    let (journal, opened) = Journal::open(disk.shared(), options).expect("it opens");
    let now = Model::of(&opened.records, &journal.reader());
    assert_eq!(now, model.restored(), "{fault:?}");
    happened
}
