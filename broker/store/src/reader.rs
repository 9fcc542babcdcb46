// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Payloads of stored messages, read beside the journal's owner.

use std::collections::HashMap;
use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use bytes::Bytes;
use mqtt_core::{CommitSeq, Location};

/// Reads payloads; its clones read the same store.
#[derive(Clone, Default)]
pub struct Reader {
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    payloads: RwLock<HashMap<u64, Bytes>>,
    applied: AtomicU64,
}

impl Reader {
    /// The payload of a durable message; none where it was forgotten.
    pub fn read(&self, location: Location) -> Result<Option<Bytes>, ReadError> {
        let payloads = &self.shared.payloads;
        let payloads = payloads.read().unwrap_or_else(PoisonError::into_inner);
        Ok(payloads.get(&location.0).cloned())
    }

    /// The newest record that reads can see.
    pub fn applied(&self) -> CommitSeq {
        CommitSeq(self.shared.applied.load(Ordering::Acquire))
    }

    pub(crate) fn apply(&self, changes: Vec<(u64, Option<Bytes>)>, last: CommitSeq) {
        let payloads = &self.shared.payloads;
        let mut payloads = payloads.write().unwrap_or_else(PoisonError::into_inner);
        for (location, payload) in changes {
            match payload {
                Some(payload) => payloads.insert(location, payload),
                None => payloads.remove(&location),
            };
        }
        self.shared.applied.store(last.0, Ordering::Release);
    }
}

/// Why a payload cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// Its bytes are not those that were written.
    #[error("message {} in {file} is damaged", location.0)]
    Damaged { file: String, location: Location },
    #[error("reading {file}")]
    Io {
        file: String,
        #[source]
        error: io::Error,
    },
}
