// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The files of the store: live segments in order, spare ones, and the room for more.

use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::sync::Arc;

use crate::format::{MAX_SEGMENT, SEGMENT_HEADER, SegmentHeader, VERSION, slot_name};
use crate::frame::{FRAME_HEADER, FrameHeader};
use crate::index::Place;
use crate::reader::Shared;
use crate::{CommitError, Directory, File, Options};

/// A file with batches.
pub(crate) struct Segment {
    pub name: String,
    pub file: Arc<dyn File>,
    /// Bytes of the file.
    pub size: u32,
    /// Bytes up to the end of its last batch.
    pub used: u32,
}

/// A file of zeros or of batches that say nothing any more.
pub(crate) struct Slot {
    pub name: String,
    pub file: Arc<dyn File>,
    pub size: u32,
}

/// All files of the store.
pub(crate) struct Segments {
    pub directory: Arc<dyn Directory>,
    pub options: Options,
    pub salt: u64,
    /// By number; the last is written to.
    pub live: BTreeMap<u32, Segment>,
    /// The first is used next: bytes stay for as long as possible.
    pub spare: VecDeque<Slot>,
    pub next_number: u32,
    pub next_slot: u32,
    /// No live segment has a smaller number, and the device knows it.
    pub oldest: u32,
    /// The device had no room for another segment when one was last to be made.
    pub device_full: bool,
    /// Bytes of new segments that the meter does not know of yet.
    pub prepared: u64,
    pub shared: Arc<Shared>,
}

/// Segments without which no batch may begin a new one: compaction needs it.
pub(crate) const FOR_COMPACTION: usize = 1;

/// Spare segments that are always there: one for compaction, one for what frees room while the device is full.
pub(crate) const SPARE: usize = 2;

/// More spare segments than this are given back.
const SPARE_AT_MOST: usize = 16;

impl Segments {
    /// Bytes of a segment's batches.
    pub fn capacity(&self) -> u64 {
        u64::from(self.options.segment_size).saturating_sub(SEGMENT_HEADER as u64)
    }

    /// Bytes of all batches in live segments.
    pub fn total(&self) -> u64 {
        self.live
            .values()
            .map(|segment| u64::from(segment.used))
            .sum()
    }

    /// Bytes left in the segment that is written to.
    pub fn remaining(&self) -> u64 {
        let last = self.live.values().next_back();
        last.map_or(0, |last| u64::from(last.size.saturating_sub(last.used)))
    }

    /// How many segments can be begun.
    pub fn free(&self) -> u64 {
        self.spare.len() as u64 + self.creatable()
    }

    /// How many files can be made.
    pub fn creatable(&self) -> u64 {
        if self.device_full {
            return 0;
        }
        let size = u64::from(self.options.segment_size);
        let most = self.options.max_bytes.max(SEGMENTS_AT_LEAST * size);
        most.saturating_sub(self.allocated()) / size
    }

    fn allocated(&self) -> u64 {
        let live = self.live.values().map(|segment| u64::from(segment.size));
        let spare = self.spare.iter().map(|slot| u64::from(slot.size));
        live.sum::<u64>() + spare.sum::<u64>()
    }

    /// Makes one more spare segment; false where there is no room for it.
    pub fn make_spare(&mut self) -> Result<bool, CommitError> {
        let again = std::mem::replace(&mut self.device_full, false);
        if self.creatable() == 0 {
            self.device_full = again;
            return Ok(false);
        }
        let made = self.make_slot(self.options.segment_size)?;
        self.device_full = made.is_none();
        let is_made = made.is_some();
        self.spare.extend(made);
        Ok(is_made)
    }

    /// A file of zeros, durable with its name; none where the device has no room for it.
    fn make_slot(&mut self, size: u32) -> Result<Option<Slot>, CommitError> {
        let name = slot_name(self.next_slot);
        self.next_slot += 1;
        match self.fill_slot(&name, size) {
            Ok(file) => {
                self.prepared += u64::from(size);
                Ok(Some(Slot { name, file, size }))
            }
            Err(error) if is_full(&error) => {
                // Where even this fails the next start removes it.
                self.directory.remove(&name).ok();
                Ok(None)
            }
            Err(error) => Err(failed("preparing", &name, error)),
        }
    }

    fn fill_slot(&self, name: &str, size: u32) -> io::Result<Arc<dyn File>> {
        let file = self.directory.create(name)?;
        let zeros = [0; 65_536];
        let mut offset = 0;
        while offset < u64::from(size) {
            let left = usize::try_from(u64::from(size) - offset).unwrap_or(usize::MAX);
            let chunk = zeros.get(..left).unwrap_or(&zeros);
            file.write_at(chunk, offset)?;
            offset += chunk.len() as u64;
        }
        file.sync()?;
        self.directory.sync()?;
        Ok(file)
    }

    /// Writes a frame whose body follows [`BODY`] bytes of room in `buffer`, and waits for the device. At least `reserve` spare
    /// segments stay; where that cannot be, the store is full.
    pub fn write(
        &mut self,
        buffer: &mut [u8],
        mut header: FrameHeader,
        reserve: usize,
    ) -> Result<Place, CommitError> {
        let len = buffer.len() as u64;
        if len > self.remaining() {
            self.begin(len, reserve)?;
        }
        let Some((&number, segment)) = self.live.iter_mut().next_back() else {
            return Err(CommitError::Full);
        };
        header.segment = number;
        header.salt = self.salt;
        header.complete(buffer.get(BODY..).unwrap_or_default());
        if let Some(head) = buffer.get_mut(..BODY) {
            head.copy_from_slice(&header.encode());
        }
        let offset = segment.used;
        write(segment, buffer, offset, self.options.sync)?;
        let len = u32::try_from(len).unwrap_or(u32::MAX);
        segment.used += len;
        Ok(Place {
            segment: number,
            offset,
            len,
        })
    }

    /// Makes a segment with room for `len` bytes the one that is written to; its header is durable before any batch.
    fn begin(&mut self, len: u64, reserve: usize) -> Result<(), CommitError> {
        let number = self.next_number;
        let slot = if len <= self.capacity() {
            if self.spare.len() <= reserve {
                self.make_spare()?;
            }
            let free = self.spare.len() > reserve;
            free.then(|| self.spare.pop_front()).flatten()
        } else {
            self.make_large(len)?
        };
        let slot = slot.ok_or(CommitError::Full)?;
        self.next_number = number.checked_add(1).ok_or(CommitError::Full)?;
        self.shared.open_file(number, &slot.name, &slot.file);
        let segment = Segment {
            name: slot.name,
            file: slot.file,
            size: slot.size,
            used: SEGMENT_HEADER as u32,
        };
        let header = SegmentHeader {
            version: VERSION,
            number,
            oldest: self.oldest,
            salt: self.salt,
        };
        write(&segment, &header.encode(), 0, self.options.sync)?;
        self.live.insert(number, segment);
        Ok(())
    }

    /// A file of its own for a batch that is larger than a segment; spare segments make room for it.
    fn make_large(&mut self, len: u64) -> Result<Option<Slot>, CommitError> {
        let size = len + SEGMENT_HEADER as u64;
        let Some(fitting) = u32::try_from(size).ok().filter(|_| size <= MAX_SEGMENT) else {
            return Ok(None);
        };
        loop {
            let room = self.options.max_bytes.saturating_sub(self.allocated());
            let made = match size <= room {
                true => self.make_slot(fitting)?,
                false => None,
            };
            if made.is_some() || self.spare.len() <= SPARE {
                return Ok(made);
            }
            if let Some(slot) = self.spare.pop_back() {
                // One that cannot be removed is found again at the next start.
                self.directory.remove(&slot.name).ok();
            }
        }
    }

    /// Makes `oldest`, which a durable frame names, the first live segment; the ones before are used again.
    pub fn release(&mut self, oldest: u32) {
        self.oldest = oldest;
        let live = self.live.split_off(&oldest);
        for (number, segment) in std::mem::replace(&mut self.live, live) {
            self.shared.close_file(number);
            let slot = Slot {
                name: segment.name,
                file: segment.file,
                size: segment.size,
            };
            self.keep(slot);
        }
    }

    /// Keeps a file as a spare segment, or removes it where it has another size or there are enough.
    pub fn keep(&mut self, slot: Slot) {
        if slot.size == self.options.segment_size && self.spare.len() < SPARE_AT_MOST {
            self.spare.push_back(slot);
        } else {
            // One that cannot be removed is found again at the next start.
            self.directory.remove(&slot.name).ok();
        }
    }
}

/// Whether an error says that there is no room.
fn is_full(error: &io::Error) -> bool {
    use io::ErrorKind::{QuotaExceeded, StorageFull};
    matches!(error.kind(), StorageFull | QuotaExceeded)
}

pub(crate) fn failed(doing: &'static str, file: &str, error: io::Error) -> CommitError {
    CommitError::Io {
        doing,
        file: file.to_owned(),
        error,
    }
}

fn write(segment: &Segment, bytes: &[u8], offset: u32, sync: bool) -> Result<(), CommitError> {
    let written = segment.file.write_at(bytes, u64::from(offset));
    written.map_err(|error| failed("writing", &segment.name, error))?;
    if sync {
        let synced = segment.file.sync();
        synced.map_err(|error| failed("syncing", &segment.name, error))?;
    }
    Ok(())
}

/// Bytes before the body in a buffer to be written.
pub(crate) const BODY: usize = FRAME_HEADER;

/// A store with fewer could not compact.
const SEGMENTS_AT_LEAST: u64 = 8;
