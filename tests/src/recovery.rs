// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The real journal on a disk in memory, beneath the virtual world: what it gives back must be what was given to it.

use std::sync::Arc;

use mqtt_core::{CommitSeq, Moment, Record};
use mqtt_store::{Journal, Opened, Options, RamDirectory, Stamp};

use crate::disk::{Disk, picture};

/// A journal that is opened when the first record comes.
#[derive(Default)]
pub(crate) struct Recovery {
    directory: RamDirectory,
    journal: Option<Journal>,
}

impl Recovery {
    /// Takes one transaction.
    pub(crate) fn append(&mut self, records: Vec<Record>) {
        let journal = match self.journal.take() {
            Some(journal) => journal,
            None => self.open().0,
        };
        let journal = self.journal.insert(journal);
        for record in records {
            journal.append(record);
        }
        journal.commit(STAMP).expect("memory takes all");
        while journal.wants_compaction() {
            if !journal.compact(STAMP).expect("memory takes all") {
                break;
            }
        }
    }

    /// Opens it as after a power cut, and checks that `disk` is what it holds.
    #[track_caller]
    pub(crate) fn recover(&mut self, disk: &Disk, last: u64) -> Vec<Record> {
        self.journal = None;
        let (journal, opened) = self.open();
        assert_eq!(opened.last, CommitSeq(last));
        assert!(opened.report.damages.is_empty(), "{:?}", opened.report);
        assert_eq!(
            picture(&opened.records),
            disk.picture(),
            "the journal and what it was given"
        );
        let reader = journal.reader();
        for location in disk.locations() {
            let payload = reader.read(location).expect("memory is readable");
            assert_eq!(payload, disk.payload(location));
        }
        self.journal = Some(journal);
        opened.records
    }

    fn open(&self) -> (Journal, Opened) {
        let options = Options {
            segment_size: 64 * 1024,
            max_bytes: u64::MAX,
            ..Options::default()
        };
        Journal::open(Arc::new(self.directory.clone()), options).expect("a store opens")
    }
}

const STAMP: Stamp = Stamp {
    moment: Moment::from_millis(0),
    wall: None,
};
