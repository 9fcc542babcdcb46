// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Opening a store: whatever its files hold it opens, and says what it could not read.

use std::collections::VecDeque;
use std::io;
use std::ops::Range;
use std::sync::Arc;

use crate::batch::Batch;
use crate::format::SEGMENT_HEADER;
use crate::frame::FRAME_HEADER;
use crate::journal::Journal;
use crate::quarantine::Quarantine;
use crate::reader::Shared;
use crate::replay::{Part, Replay, replay};
use crate::restore::restore;
use crate::scan::{Found, Scan, failing, scan};
use crate::segment::{SPARE, Segment, Segments, Slot};
use crate::{CommitError, Damage, Directory, File, OpenError, Opened, Options, Report};

impl Journal {
    /// Recovers what a directory holds, whatever its state, and makes it ready to be written to.
    pub fn open(
        directory: Arc<dyn Directory>,
        mut options: Options,
    ) -> Result<(Self, Opened), OpenError> {
        options.segment_size = options.segment_size.max(SEGMENT_AT_LEAST);
        let mut scan = scan(directory.as_ref(), options.salt)?;
        let salt = scan.salt.unwrap_or(options.salt);
        let shared = Arc::<Shared>::default();
        let mut replay = replay(&scan, salt, &shared);
        let restored = restore(&scan, &replay);
        let orphans = replay.orphans + restored.orphans.len() as u64;
        let damaged = replay.damages.iter().map(|(number, _)| *number).max();
        let damages = keep_damaged(directory.as_ref(), &mut scan, &mut replay);
        shared.applied(replay.last);
        let report = Report {
            torn_bytes: replay.torn_bytes,
            damages,
            orphans,
        };
        let opened = Opened {
            records: restored.records,
            last: replay.last,
            stamp: replay.stamp,
            report,
        };
        let mut batch = Batch::new(restored.names, replay.next_sid);
        for key in restored.orphans {
            batch.delete(key, 0, &replay.index);
        }
        let mut journal = Self {
            segments: segments(directory, options, salt, scan, &replay.parts, &shared),
            index: replay.index,
            batch,
            shared,
            serial: replay.serial,
            appended: replay.last,
            durable: replay.last,
            sweep: None,
            since_sweep: 0,
            damaged: damaged.unwrap_or(0),
            buffer: Vec::new(),
            wear: restored.wear,
            is_blocked: false,
            broken: None,
        };
        let last = replay.parts.last().and_then(|part| part.bodies.last());
        journal.settle(last.map(|body| body.start), opened.report.torn_bytes > 0)?;
        Ok((journal, opened))
    }

    /// Makes durable what was read, since it is going to be built on, without a torn end, and prepares spare segments.
    ///
    /// The newest segment's header and its last batch, whose body begins at `last`, are written again: where their sync has
    /// failed the kernel may show them and yet never write them.
    fn settle(&mut self, last: Option<usize>, is_torn: bool) -> Result<(), OpenError> {
        if let Some(newest) = self.segments.live.values().next_back() {
            let last = last.map(|body| body.saturating_sub(FRAME_HEADER)..newest.used as usize);
            for bytes in [Some(0..SEGMENT_HEADER), last].into_iter().flatten() {
                let written = write_again(newest.file.as_ref(), bytes);
                failing("writing", &newest.name, written)?;
            }
            if is_torn {
                let zeros = vec![0; newest.size.saturating_sub(newest.used) as usize];
                let written = newest.file.write_at(&zeros, u64::from(newest.used));
                failing("writing", &newest.name, written)?;
            }
            failing("syncing", &newest.name, newest.file.sync())?;
        }
        failing("syncing", "", self.segments.directory.sync())?;
        while self.segments.spare.len() < SPARE {
            match self.segments.make_spare() {
                Ok(true) => {}
                Ok(false) | Err(CommitError::Full) => break,
                Err(CommitError::Io { doing, file, error }) => {
                    return Err(OpenError::Io { doing, file, error });
                }
            }
        }
        Ok(())
    }
}

fn write_again(file: &dyn File, bytes: Range<usize>) -> io::Result<()> {
    let mut buffer = vec![0; bytes.len()];
    match file.read_at(&mut buffer, bytes.start as u64) {
        Ok(_) => file.write_at(&buffer, bytes.start as u64),
        // Damage, which was dealt with.
        Err(_) => Ok(()),
    }
}

/// Copies what is damaged, puts aside what cannot be read, and frees the rest.
fn keep_damaged(directory: &dyn Directory, scan: &mut Scan, replay: &mut Replay) -> Vec<Damage> {
    let names = std::mem::take(&mut scan.quarantined);
    let mut quarantine = Quarantine::new(directory, names);
    let mut damages = Vec::new();
    for (number, mut damage) in std::mem::take(&mut replay.damages) {
        let found = scan.live.get(&number).filter(|_| !damage.file.is_empty());
        damage.kept_as = found.and_then(|found| quarantine.copy(&found.to_slot()));
        damages.push(damage);
    }
    for (slot, what) in std::mem::take(&mut scan.rubbish) {
        let is_readable = slot.size > 0 && slot.file.read_at(&mut [0], 0).is_ok();
        let kept_as = match is_readable {
            true => quarantine.copy(&slot),
            false => quarantine.put_aside(&slot),
        };
        damages.push(Damage {
            file: slot.name.clone(),
            kept_as,
            what,
        });
        if is_readable {
            // One that cannot be removed is met again at the next start.
            directory.remove(&slot.name).ok();
        }
    }
    damages
}

fn segments(
    directory: Arc<dyn Directory>,
    options: Options,
    salt: u64,
    scan: Scan,
    parts: &[Part],
    shared: &Arc<Shared>,
) -> Segments {
    let first = scan.live.keys().next().copied();
    let mut segments = Segments {
        directory,
        options,
        salt,
        live: scan
            .live
            .into_iter()
            .zip(parts)
            .map(|((number, found), part)| (number, segment(found, part)))
            .collect(),
        spare: VecDeque::new(),
        next_number: scan.next_number,
        next_slot: scan.next_slot,
        oldest: first.unwrap_or(scan.next_number),
        prepared: 0,
        device_full: false,
        shared: Arc::clone(shared),
    };
    for slot in scan.free {
        segments.keep(slot);
    }
    segments
}

/// One that is not sound is not written to, and not used again.
fn segment(found: Found, part: &Part) -> Segment {
    let used = u32::try_from(part.end.max(SEGMENT_HEADER)).unwrap_or(u32::MAX);
    Segment {
        name: found.name,
        file: found.file,
        size: if part.is_sound { found.size } else { used },
        used,
    }
}

impl Found {
    fn to_slot(&self) -> Slot {
        Slot {
            name: self.name.clone(),
            file: Arc::clone(&self.file),
            size: self.size,
        }
    }
}

/// In bytes; a smaller segment would be all headers.
const SEGMENT_AT_LEAST: u32 = 1_024;
