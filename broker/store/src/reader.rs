// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Payloads of stored messages, read beside the journal's owner.

use std::collections::HashMap;
use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use bytes::Bytes;
use mqtt_core::{CommitSeq, Location};

use crate::File;
use crate::index::Place;
use crate::numbers::NumberMap;
use crate::value::payload_of;

/// Reads payloads; its clones read the same store.
#[derive(Clone)]
pub struct Reader {
    shared: Arc<Shared>,
}

/// What the owner and the readers know together.
#[derive(Default)]
pub(crate) struct Shared {
    places: RwLock<Places>,
    applied: AtomicU64,
}

/// Durable messages, and the files of live segments by number.
#[derive(Default)]
struct Places {
    messages: NumberMap<Place>,
    files: HashMap<u32, (String, Arc<dyn File>)>,
}

impl Reader {
    pub(crate) const fn new(shared: Arc<Shared>) -> Self {
        Self { shared }
    }

    /// The payload of a durable message; none where it was forgotten.
    pub fn read(&self, location: Location) -> Result<Option<Bytes>, ReadError> {
        let mut tried = None;
        loop {
            let Some((place, name, file)) = self.shared.locate(location.0) else {
                return Ok(None);
            };
            // A segment may have been used again before it was read; then the message has another place now.
            if tried == Some(place) {
                return Err(ReadError::Damaged {
                    file: name,
                    location,
                });
            }
            tried = Some(place);
            let mut bytes = vec![0; place.len as usize];
            let read = file.read_at(&mut bytes, u64::from(place.offset));
            let read = read.map_err(|error| ReadError::Io { file: name, error })?;
            bytes.truncate(read);
            if let Some(payload) = payload_of(bytes, location.0) {
                return Ok(Some(payload));
            }
        }
    }

    /// The newest record that reads can see.
    pub fn applied(&self) -> CommitSeq {
        CommitSeq(self.shared.applied.load(Ordering::Acquire))
    }
}

impl Shared {
    pub fn place(&self, location: u64) -> Option<Place> {
        self.read().messages.get(&location).copied()
    }

    /// Says where a message is now, and answers where it was.
    pub fn put(&self, location: u64, place: Place) -> Option<Place> {
        self.write().messages.insert(location, place)
    }

    pub fn delete(&self, location: u64) -> Option<Place> {
        self.write().messages.remove(&location)
    }

    pub fn open_file(&self, segment: u32, name: &str, file: &Arc<dyn File>) {
        let file = (name.to_owned(), Arc::clone(file));
        self.write().files.insert(segment, file);
    }

    pub fn close_file(&self, segment: u32) {
        self.write().files.remove(&segment);
    }

    pub fn applied(&self, last: CommitSeq) {
        self.applied.store(last.0, Ordering::Release);
    }

    fn locate(&self, location: u64) -> Option<(Place, String, Arc<dyn File>)> {
        let places = self.read();
        let place = *places.messages.get(&location)?;
        let (name, file) = places.files.get(&place.segment)?;
        Some((place, name.clone(), Arc::clone(file)))
    }

    fn read(&self) -> RwLockReadGuard<'_, Places> {
        self.places.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Places> {
        self.places.write().unwrap_or_else(PoisonError::into_inner)
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
