// SPDX-License-Identifier: Apache-2.0 OR MIT
//! What a commit did, and why it did not.

use std::io;

use mqtt_core::CommitSeq;

/// What one batch brought to the device.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Commit {
    /// The newest record that survives a power cut.
    pub last: CommitSeq,
    /// Written, by class.
    pub bytes: ClassBytes,
    /// Pages of 4,096 bytes that were touched.
    pub pages: u64,
    /// Bytes of records that still say something.
    pub live: u64,
    /// Bytes of batches in all live segments.
    pub total: u64,
    /// Records that later ones of the same batch made needless.
    pub elided: u64,
}

/// Bytes by what they are for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ClassBytes {
    pub retained: u64,
    /// Messages and their places in queues.
    pub queue: u64,
    /// Sessions, their subscriptions, wills and QoS 2 exchanges with publishers.
    pub session: u64,
    /// Headers of batches and segments.
    pub framing: u64,
    /// Records of any class that were copied forward so that an old segment could be used again.
    pub compaction: u64,
}

impl ClassBytes {
    pub fn sum(&self) -> u64 {
        self.retained + self.queue + self.session + self.framing + self.compaction
    }

    pub(crate) fn add(&mut self, more: &Self) {
        self.retained += more.retained;
        self.queue += more.queue;
        self.session += more.session;
        self.framing += more.framing;
        self.compaction += more.compaction;
    }
}

/// Why a batch is not durable.
#[derive(Debug, thiserror::Error)]
pub enum CommitError {
    /// There is no room, on the device or within `max_bytes`; the batch is kept and can be tried again.
    #[error("the store is full")]
    Full,
    /// What is on the device is unknown now: nothing can be committed until the journal is opened again.
    #[error("{doing} {file}")]
    Io {
        /// Such as `syncing`.
        doing: &'static str,
        /// Its name in the directory; empty for the directory itself.
        file: String,
        #[source]
        error: io::Error,
    },
}
