// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Compaction: what still counts of the oldest segment is copied forward, then the segment is used again.
//!
//! A tombstone goes with its segment: what it deletes is in no younger one. The frame with the last copy names the new oldest
//! segment, so the old one is free only once all its copies are durable.

use std::io;
use std::ops::Range;

use crate::frame::{FrameHeader, walk};
use crate::index::Place;
use crate::journal::{Journal, place_in};
use crate::key::Key;
use crate::op::Ops;
use crate::scan::read_whole;
use crate::segment::{BODY, SPARE, failed};
use crate::{ClassBytes, CommitError, Stamp};

/// The oldest segment while it is copied forward.
pub(crate) struct Sweep {
    number: u32,
    bytes: Vec<u8>,
    /// Bodies that are still to be looked at, the next one last.
    bodies: Vec<Range<usize>>,
}

/// A value that was copied: what it is, where it was, and where it ends in the buffer.
struct Copied {
    key: Key,
    from: Place,
    end: usize,
}

impl Journal {
    /// Whether there is something to copy forward, or a spare segment to make.
    pub fn wants_compaction(&self) -> bool {
        let lacks_spare = self.segments.spare.len() < SPARE && self.segments.creatable() > 0;
        lacks_spare || self.wants_sweep()
    }

    fn wants_sweep(&self) -> bool {
        let Some(number) = self.oldest_closed() else {
            return false;
        };
        if self.sweep.is_some() || number <= self.damaged {
            return true;
        }
        let (live, total) = (self.index.live().sum(), self.segments.total());
        let (garbage, segment) = (total.saturating_sub(live), self.segments.capacity());
        let pressed =
            self.is_full() && garbage >= segment.max(total / 8) || self.headroom() < segment / 8;
        garbage > live + SLACK * segment || pressed && garbage >= segment / 4
    }

    /// The oldest segment, unless it is written to.
    fn oldest_closed(&self) -> Option<u32> {
        let mut numbers = self.segments.live.keys();
        numbers.next().filter(|_| numbers.next().is_some()).copied()
    }

    /// One bounded step of it, at most a segment; says whether it did anything. While the store is full it also looks whether the
    /// device has room again, so call it every second then.
    pub fn compact(&mut self, stamp: Stamp) -> Result<bool, CommitError> {
        self.check()?;
        if self.segments.spare.len() < SPARE || self.segments.device_full && self.is_full() {
            let made = self.segments.make_spare();
            if self.watch(made)? {
                return Ok(true);
            }
        }
        if !self.wants_sweep() {
            return Ok(false);
        }
        let swept = self.sweep(stamp);
        self.watch_sweep(swept)
    }

    fn watch_sweep(&mut self, swept: Result<(), CommitError>) -> Result<bool, CommitError> {
        let blocked = self.is_blocked;
        let swept = self.watch(swept);
        // A batch may still have room where compaction has none.
        self.is_blocked = blocked;
        swept.map(|()| true)
    }

    /// Copies until the frame is large enough or so many segments have nothing more to be copied.
    fn sweep(&mut self, stamp: Stamp) -> Result<(), CommitError> {
        // The last free segment takes the oldest as a whole, in one frame: that always fits.
        let segment = self.segments.options.segment_size as usize;
        let pace = std::mem::take(&mut self.since_sweep).saturating_mul(PACE);
        let most = match self.segments.free() {
            0 | 1 => usize::MAX,
            _ => BODY + pace.clamp(segment / STEPS, segment),
        };
        let mut buffer = std::mem::take(&mut self.buffer);
        buffer.clear();
        buffer.resize(BODY, 0);
        let mut copied = Vec::new();
        let mut oldest = self.segments.oldest;
        for _ in 0..SEGMENTS {
            let sweep = match self.sweep.take() {
                Some(sweep) => sweep,
                None => match self.next_sweep(oldest)? {
                    Some(sweep) => sweep,
                    None => break,
                },
            };
            let (number, rest) = (
                sweep.number,
                self.copy(sweep, most, &mut buffer, &mut copied),
            );
            if rest.is_some() {
                self.sweep = rest;
                break;
            }
            oldest = self.number_behind(number);
            if !copied.is_empty() {
                break;
            }
        }
        let written = self.write_copies(&mut buffer, copied, oldest, stamp);
        self.buffer = buffer;
        written
    }

    fn number_behind(&self, number: u32) -> u32 {
        let mut behind = self.segments.live.range(number + 1..);
        behind.next().map_or(number, |(number, _)| *number)
    }

    /// Reads the first segment from `oldest` on, unless it is the one that is written to.
    fn next_sweep(&self, oldest: u32) -> Result<Option<Sweep>, CommitError> {
        let mut live = self.segments.live.range(oldest..);
        let (Some((&number, segment)), Some(_)) = (live.next(), live.next()) else {
            return Ok(None);
        };
        let mut bytes = Vec::new();
        let unreadable = read_whole(segment.file.as_ref(), segment.used, &mut bytes);
        let found = walk(&bytes, number, self.segments.salt);
        let is_whole = found.bad_bytes == 0 && found.end == segment.used as usize;
        if number > self.damaged && (unreadable > 0 || !is_whole) {
            let what = "it is not what was written";
            let error = io::Error::new(io::ErrorKind::InvalidData, what);
            return Err(failed("reading", &segment.name, error));
        }
        let bodies = found.frames.into_iter().rev().map(|frame| frame.body);
        Ok(Some(Sweep {
            number,
            bytes,
            bodies: bodies.collect(),
        }))
    }

    /// Appends what counts to the buffer; what is left of the sweep when that has `most` bytes.
    fn copy(
        &mut self,
        mut sweep: Sweep,
        most: usize,
        buffer: &mut Vec<u8>,
        copied: &mut Vec<Copied>,
    ) -> Option<Sweep> {
        while let Some(body) = sweep.bodies.pop() {
            let bytes = sweep.bytes.get(body.clone()).unwrap_or_default();
            for op in Ops::new(bytes).flatten() {
                let offset = body.start + op.start;
                if buffer.len() > BODY && buffer.len() + op.bytes.len() > most {
                    sweep.bodies.push(offset..body.end);
                    return Some(sweep);
                }
                let from = Place {
                    segment: sweep.number,
                    offset: u32::try_from(offset).unwrap_or(u32::MAX),
                    len: u32::try_from(op.bytes.len()).unwrap_or(u32::MAX),
                };
                if op.value.is_none() {
                    continue;
                }
                if !self.index.is_live(&op.key, from) {
                    self.index.forget(&op.key, from);
                    continue;
                }
                buffer.extend_from_slice(op.bytes);
                let end = buffer.len();
                let key = op.key;
                copied.push(Copied { key, from, end });
            }
        }
        None
    }

    fn write_copies(
        &mut self,
        buffer: &mut [u8],
        copied: Vec<Copied>,
        oldest: u32,
        stamp: Stamp,
    ) -> Result<(), CommitError> {
        let header = FrameHeader {
            serial: self.serial + 1,
            last: self.durable,
            stamp,
            oldest,
            ..FrameHeader::default()
        };
        let written = self.segments.write(buffer, header, 0);
        if written.is_err() {
            // What was taken from the sweep was copied nowhere.
            self.sweep = None;
        }
        let frame = written?;
        self.serial += 1;
        let bytes = ClassBytes {
            compaction: u64::from(frame.len),
            ..ClassBytes::default()
        };
        self.meter(stamp, bytes, frame);
        let mut start = BODY;
        for Copied { key, from, end } in copied {
            let sid = self.index.owner(&key);
            let to = place_in(frame, start, end - start);
            debug_assert!(self.index.is_live(&key, from), "nothing came between");
            self.index.put(key, to, sid);
            start = end;
        }
        self.segments.release(oldest);
        Ok(())
    }
}

/// Steps in which a segment is copied at most.
const STEPS: usize = 8;

/// Bytes that a step copies for each that was written since the last one; half of a store is garbage before it begins.
const PACE: usize = 2;

/// Segments that one step reads at most.
const SEGMENTS: usize = 4;

/// Segments of garbage that are always left alone.
const SLACK: u64 = 4;
