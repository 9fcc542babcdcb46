// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Replaying the live segments into an index, and judging what is missing.

use std::ops::Range;
use std::sync::Arc;

use mqtt_core::CommitSeq;

use crate::frame::{FrameHeader, Walk, walk};
use crate::index::{Index, Place};
use crate::key::Key;
use crate::op::Ops;
use crate::reader::Shared;
use crate::scan::{Found, Scan, read_whole};
use crate::value::StoredEntry;
use crate::{Damage, Stamp};

/// What the live segments say.
pub(crate) struct Replay {
    pub index: Index,
    pub parts: Vec<Part>,
    /// The newest frame's.
    pub serial: u64,
    pub last: CommitSeq,
    pub stamp: Option<Stamp>,
    /// Every session that is named has a smaller number.
    pub next_sid: u64,
    pub torn_bytes: u64,
    /// With the number of the last segment each concerns.
    pub damages: Vec<(u32, Damage)>,
    /// Values of sessions that are not there and never ended.
    pub orphans: u64,
}

/// One live segment.
pub(crate) struct Part {
    pub number: u32,
    /// The operations of each batch.
    pub bodies: Vec<Range<usize>>,
    /// Where its last batch ends.
    pub end: usize,
    pub is_sound: bool,
    serials: Option<(u64, u64)>,
    bad_bytes: usize,
    bad_start: bool,
    torn_bytes: usize,
    unknown: u64,
    lost: u64,
}

pub(crate) fn replay(scan: &Scan, salt: u64, shared: &Arc<Shared>) -> Replay {
    let mut replay = Replay {
        index: Index::new(Arc::clone(shared)),
        parts: Vec::new(),
        serial: 0,
        last: CommitSeq::default(),
        stamp: None,
        next_sid: 1,
        torn_bytes: 0,
        damages: Vec::new(),
        orphans: 0,
    };
    let mut bytes = Vec::new();
    for (number, found) in &scan.live {
        shared.open_file(*number, &found.name, &found.file);
        replay.take(*number, found, salt, &mut bytes);
    }
    replay.orphans = replay.index.drop_homeless();
    replay.judge(scan);
    replay
}

impl Replay {
    fn take(&mut self, number: u32, found: &Found, salt: u64, bytes: &mut Vec<u8>) {
        let unreadable = read_whole(found.file.as_ref(), found.size, bytes);
        let walked = walk(bytes, number, salt);
        let mut part = Part::new(number, &walked, found.header.is_some() && unreadable == 0);
        for frame in walked.frames {
            let serial = frame.header.serial;
            part.lost += match part.serials {
                Some((_, before)) => serial.saturating_sub(before.saturating_add(1)),
                None => 0,
            };
            let (first, _) = part.serials.unwrap_or((serial, serial));
            part.serials = Some((first, serial));
            let body = bytes.get(frame.body.clone()).unwrap_or_default();
            part.unknown += self.apply(body, number, frame.body.start);
            self.note(&frame.header);
            part.bodies.push(frame.body);
        }
        self.parts.push(part);
    }

    fn note(&mut self, header: &FrameHeader) {
        self.serial = header.serial;
        self.last = header.last;
        self.stamp = Some(header.stamp);
    }

    /// Applies the operations of a batch, and says how many it does not understand.
    fn apply(&mut self, body: &[u8], segment: u32, at: usize) -> u64 {
        let mut unknown = 0;
        for op in Ops::new(body) {
            let Ok(op) = op else {
                unknown += 1;
                continue;
            };
            let sid = match (&op.key, op.value) {
                (Key::Entry(_), Some(value)) => StoredEntry::sid(value).unwrap_or(0),
                (key, _) => key.session().unwrap_or(0),
            };
            self.next_sid = self.next_sid.max(sid.saturating_add(1));
            if op.value.is_some() {
                let place = place(segment, at + op.start, op.bytes);
                self.index.put(op.key, place, sid);
            } else {
                self.index.delete(&op.key);
            }
        }
        unknown
    }

    /// Tells a torn end from damages, and a missing segment from one that never was.
    fn judge(&mut self, scan: &Scan) {
        if let Some(newest) = self.parts.last_mut() {
            // Only the newest batch was never waited for.
            self.torn_bytes += std::mem::take(&mut newest.torn_bytes) as u64;
        }
        if let Some(first) = self.parts.first() {
            if scan.oldest < first.number {
                self.missing(scan.oldest, first.number - 1);
            }
        }
        let mut before: Option<(usize, u32, u64)> = None;
        for index in 0..self.parts.len() {
            let Some(part) = self.parts.get_mut(index) else {
                break;
            };
            let Some((first, last)) = part.serials else {
                continue;
            };
            let number = part.number;
            if let Some((earlier, earlier_number, serial)) = before {
                let lost = first.saturating_sub(serial.saturating_add(1));
                if part.bad_start {
                    part.lost += lost;
                } else if lost > 0 && earlier_number + 1 < number && earlier + 1 == index {
                    self.missing(earlier_number + 1, number - 1);
                } else if let Some(part) = self.parts.get_mut(index - 1) {
                    part.lost += lost;
                }
            }
            before = Some((index, number, last));
        }
        for part in &self.parts {
            if let Some(what) = part.damage() {
                let found = scan.live.get(&part.number);
                let damage = Damage {
                    file: found.map_or_else(String::new, |found| found.name.clone()),
                    kept_as: None,
                    what,
                };
                self.damages.push((part.number, damage));
            }
        }
    }

    fn missing(&mut self, from: u32, to: u32) {
        let what = match from == to {
            true => format!("segment {from} is missing, what it held is lost"),
            false => format!("segments {from} to {to} are missing, what they held is lost"),
        };
        let damage = Damage {
            file: String::new(),
            kept_as: None,
            what,
        };
        self.damages.push((from.saturating_sub(1), damage));
    }
}

impl Part {
    fn new(number: u32, walked: &Walk, is_sound: bool) -> Self {
        Self {
            number,
            bodies: Vec::with_capacity(walked.frames.len()),
            end: walked.end,
            is_sound: is_sound && walked.bad_bytes == 0,
            serials: None,
            bad_bytes: walked.bad_bytes,
            bad_start: walked.bad_start,
            torn_bytes: walked.torn_bytes,
            unknown: 0,
            lost: 0,
        }
    }

    /// What is lost of it, in words.
    fn damage(&self) -> Option<String> {
        if self.unknown > 0 {
            return Some(format!(
                "{} changes make no sense and are lost",
                self.unknown
            ));
        }
        let bytes = self.bad_bytes + self.torn_bytes;
        if bytes == 0 && self.lost == 0 {
            return None;
        }
        let batches = match self.lost {
            0 | 1 => "a batch is lost".to_owned(),
            lost => format!("{lost} batches are lost"),
        };
        Some(match bytes {
            0 => batches,
            bytes => format!("{bytes} bytes cannot be understood, {batches}"),
        })
    }
}

/// Where an operation is.
pub(crate) fn place(segment: u32, offset: usize, bytes: &[u8]) -> Place {
    Place {
        segment,
        offset: u32::try_from(offset).unwrap_or(u32::MAX),
        len: u32::try_from(bytes.len()).unwrap_or(u32::MAX),
    }
}
