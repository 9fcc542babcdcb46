// SPDX-License-Identifier: Apache-2.0 OR MIT
//! What files a store's directory has: live segments in order, free ones, and what is neither. Changes nothing.

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;

use crate::format::{MAX_SEGMENT, SEGMENT_HEADER, SegmentHeader, VERSION, is_quarantined, slot_of};
use crate::frame::{FRAME_HEADER, FrameHeader, number_by_frames, walk};
use crate::segment::Slot;
use crate::{Directory, File, OpenError};

/// The files of a store.
#[derive(Default)]
pub(crate) struct Scan {
    pub salt: Option<u64>,
    /// By number, from the oldest on.
    pub live: BTreeMap<u32, Found>,
    /// The first live segment as the store itself says.
    pub oldest: u32,
    /// Files that can be used again.
    pub free: Vec<Slot>,
    /// Files that hold what nobody can read, and what is wrong with them.
    pub rubbish: Vec<(Slot, String)>,
    pub next_number: u32,
    pub next_slot: u32,
    /// Files with damaged segments of earlier days.
    pub quarantined: Vec<String>,
}

/// A file that is a segment.
pub(crate) struct Found {
    pub name: String,
    pub file: Arc<dyn File>,
    pub size: u32,
    /// None where only its frames say what it is.
    pub header: Option<SegmentHeader>,
}

/// Looks at every file with the name of a segment.
pub(crate) fn scan(directory: &dyn Directory, salt: u64) -> Result<Scan, OpenError> {
    let mut scan = Scan {
        next_number: 1,
        next_slot: 1,
        ..Scan::default()
    };
    let mut found = Vec::new();
    let mut names = failing("listing", "", directory.list())?;
    names.sort();
    for (name, len) in names {
        if is_quarantined(&name) {
            scan.quarantined.push(name);
        } else if let Some(slot) = slot_of(&name) {
            scan.next_slot = scan.next_slot.max(slot.saturating_add(1));
            let file = failing("opening", &name, directory.open(&name))?;
            if len > MAX_SEGMENT {
                let what = format!("{len} bytes are no segment");
                let size = 0;
                scan.rubbish.push((Slot { name, file, size }, what));
                continue;
            }
            let size = u32::try_from(len).unwrap_or(u32::MAX);
            let header = header_of(&name, &file)?;
            found.push(Found {
                name,
                file,
                size,
                header,
            });
        }
    }
    scan.salt = commonest_salt(&found);
    scan.sort(found, salt);
    scan.free_old(salt);
    Ok(scan)
}

/// The sound header of a file; that of a newer format is an error.
fn header_of(name: &str, file: &Arc<dyn File>) -> Result<Option<SegmentHeader>, OpenError> {
    let mut head = [0; SEGMENT_HEADER];
    // A block that cannot be read is met again with the rest.
    file.read_at(&mut head, 0).ok();
    match SegmentHeader::decode(&head) {
        Some(header) if header.version > VERSION => Err(OpenError::NewerFormat {
            file: name.to_owned(),
            version: header.version,
            known: VERSION,
        }),
        header => Ok(header),
    }
}

/// Segments of another store may have been copied here, but hardly more than there are of this one.
fn commonest_salt(found: &[Found]) -> Option<u64> {
    let mut salts = BTreeMap::<u64, (usize, u32)>::new();
    for header in found.iter().filter_map(|found| found.header) {
        let (count, newest) = salts.entry(header.salt).or_default();
        *count += 1;
        *newest = header.number.max(*newest);
    }
    let commonest = salts.iter().max_by_key(|(_, rank)| **rank);
    commonest.map(|(salt, _)| *salt).or_else(|| {
        found.iter().find_map(|found| {
            let mut head = [0; FRAME_HEADER];
            found.file.read_at(&mut head, SEGMENT_HEADER as u64).ok()?;
            FrameHeader::decode(&head).map(|header| header.salt)
        })
    })
}

impl Scan {
    /// Tells segments from free files and rubbish.
    fn sort(&mut self, found: Vec<Found>, default: u64) {
        let salt = self.salt.unwrap_or(default);
        for found in found {
            let number = match found.header {
                Some(header) if header.salt == salt => Some(header.number),
                Some(_) => {
                    let what = "a segment of another store".to_owned();
                    self.rubbish.push((found.into_slot(), what));
                    continue;
                }
                None => None,
            };
            match number.map_or_else(|| self.identify(&found, salt), Ok) {
                Ok(number) => {
                    self.next_number = self.next_number.max(number.saturating_add(1));
                    self.take(number, found, salt);
                }
                Err(None) => self.free.push(found.into_slot()),
                Err(Some(what)) => self.rubbish.push((found.into_slot(), what)),
            }
        }
    }

    /// What a file without a sound header is: a segment by its frames, free, or what is wrong with it.
    fn identify(&self, found: &Found, salt: u64) -> Result<u32, Option<String>> {
        let mut bytes = Vec::new();
        let unreadable = read_whole(found.file.as_ref(), found.size, &mut bytes);
        if let Some(number) = number_by_frames(&bytes, salt) {
            return Ok(number);
        }
        if unreadable > 0 {
            return Err(Some(format!("{unreadable} bytes cannot be read")));
        }
        // Before the first batch only a header is written, and a cut may have torn that.
        let behind = bytes.get(SEGMENT_HEADER..).unwrap_or_default();
        match behind.iter().all(|byte| *byte == 0) {
            true => Err(None),
            false => Err(Some("no segment: there is no header and no batch".into())),
        }
    }

    /// Of two files with one number the better stays.
    fn take(&mut self, number: u32, found: Found, salt: u64) {
        let frames = |found: &Found| {
            let mut bytes = Vec::new();
            read_whole(found.file.as_ref(), found.size, &mut bytes);
            walk(&bytes, number, salt).frames.len()
        };
        let spare = match self.live.remove(&number) {
            Some(other) if frames(&other) < frames(&found) => {
                self.live.insert(number, found);
                other
            }
            Some(other) => {
                self.live.insert(number, other);
                found
            }
            None => {
                self.live.insert(number, found);
                return;
            }
        };
        let what = format!("a second copy of segment {number}");
        self.rubbish.push((spare.into_slot(), what));
    }

    /// Asks the newest segments for the oldest live one; those before are free.
    fn free_old(&mut self, default: u64) {
        let salt = self.salt.unwrap_or(default);
        let newest = self.live.iter().rev();
        let oldest = newest.map(|(number, found)| found.oldest(*number, salt));
        self.oldest = oldest.flatten().next().unwrap_or(0);
        let live = self.live.split_off(&self.oldest);
        let old = std::mem::replace(&mut self.live, live);
        self.free.extend(old.into_values().map(Found::into_slot));
    }
}

impl Found {
    /// The oldest live segment when its newest frame was written.
    fn oldest(&self, number: u32, salt: u64) -> Option<u32> {
        let mut bytes = Vec::new();
        read_whole(self.file.as_ref(), self.size, &mut bytes);
        let frames = walk(&bytes, number, salt).frames;
        let last = frames.last().map(|frame| frame.header.oldest);
        last.max(self.header.map(|header| header.oldest))
    }

    pub fn into_slot(self) -> Slot {
        Slot {
            name: self.name,
            file: self.file,
            size: self.size,
        }
    }
}

/// Reads all bytes of a file, with zeros where they cannot be read, and says how many those are.
pub(crate) fn read_whole(file: &dyn File, size: u32, bytes: &mut Vec<u8>) -> usize {
    bytes.resize(size as usize, 0);
    if let Ok(read) = file.read_at(bytes, 0) {
        bytes.truncate(read);
        return 0;
    }
    let mut unreadable = 0;
    for (index, block) in bytes.chunks_mut(BLOCK).enumerate() {
        if file.read_at(block, (index * BLOCK) as u64).is_err() {
            block.fill(0);
            unreadable += block.len();
        }
    }
    unreadable
}

/// Names what was done when an operation of the directory failed.
pub(crate) fn failing<T>(
    doing: &'static str,
    file: &str,
    result: io::Result<T>,
) -> Result<T, OpenError> {
    result.map_err(|error| OpenError::Io {
        doing,
        file: file.to_owned(),
        error,
    })
}

/// What a device reads at least.
const BLOCK: usize = 4_096;
