// SPDX-License-Identifier: Apache-2.0 OR MIT
//! A batch on the device: a header with two checksums, then operations; and finding the batches of a segment.

use std::ops::Range;

use mqtt_core::{CommitSeq, Moment};

use crate::Stamp;
use crate::format::{SEGMENT_HEADER, checksum, u32_at, u64_at};

/// Bytes of a frame's header.
pub(crate) const FRAME_HEADER: usize = 60;

/// The head of a batch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct FrameHeader {
    /// The store's own, so that nobody outside can make up a frame.
    pub salt: u64,
    /// The segment it was written to.
    pub segment: u32,
    /// One more than that of the frame before it.
    pub serial: u64,
    /// The newest record that is durable with it.
    pub last: CommitSeq,
    pub stamp: Stamp,
    /// Segments before this one say nothing any more once this frame is durable.
    pub oldest: u32,
    pub body_len: u32,
    pub body_checksum: u32,
}

impl FrameHeader {
    pub fn encode(&self) -> [u8; FRAME_HEADER] {
        let mut out = Vec::with_capacity(FRAME_HEADER);
        out.extend_from_slice(&mark(self.salt));
        out.extend_from_slice(&self.segment.to_le_bytes());
        out.extend_from_slice(&self.serial.to_le_bytes());
        out.extend_from_slice(&self.last.0.to_le_bytes());
        out.extend_from_slice(&self.stamp.moment.as_millis().to_le_bytes());
        out.extend_from_slice(&self.stamp.wall.unwrap_or(0).to_le_bytes());
        out.extend_from_slice(&self.oldest.to_le_bytes());
        out.extend_from_slice(&self.body_len.to_le_bytes());
        out.extend_from_slice(&self.body_checksum.to_le_bytes());
        out.extend_from_slice(&checksum(self.segment, &out).to_le_bytes());
        out.try_into().unwrap_or([0; FRAME_HEADER])
    }

    /// Takes over length and checksum of the body.
    pub fn complete(&mut self, body: &[u8]) {
        self.body_len = u32::try_from(body.len()).unwrap_or(u32::MAX);
        self.body_checksum = checksum(self.segment, body);
    }

    /// None unless the bytes begin with a sound header of any segment.
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        let segment = u32_at(bytes, 8)?;
        if u32_at(bytes, 56)? != checksum(segment, bytes.get(..56)?) {
            return None;
        }
        Some(Self {
            salt: u64_at(bytes, 0)? ^ MARK,
            segment,
            serial: u64_at(bytes, 12)?,
            last: CommitSeq(u64_at(bytes, 20)?),
            stamp: Stamp {
                moment: Moment::from_millis(u64_at(bytes, 28)?),
                wall: Some(u64_at(bytes, 36)?).filter(|wall| *wall != 0),
            },
            oldest: u32_at(bytes, 44)?,
            body_len: u32_at(bytes, 48)?,
            body_checksum: u32_at(bytes, 52)?,
        })
    }
}

/// A batch whose checksums are right.
#[derive(Clone, Debug)]
pub(crate) struct Frame {
    pub header: FrameHeader,
    /// Where in the segment its operations are.
    pub body: Range<usize>,
}

/// What the bytes of one segment are.
#[derive(Debug, Default)]
pub(crate) struct Walk {
    pub frames: Vec<Frame>,
    /// Bytes before or between frames that should have been some.
    pub bad_bytes: usize,
    /// Whether the first of them lie before the first frame.
    pub bad_start: bool,
    /// Bytes of an incomplete frame behind the last one.
    pub torn_bytes: usize,
    /// Where the last frame ends.
    pub end: usize,
}

/// Finds the frames of segment `number`; stale ones of an earlier use have another number.
pub(crate) fn walk(bytes: &[u8], number: u32, salt: u64) -> Walk {
    let mut found = Walk {
        end: SEGMENT_HEADER,
        ..Walk::default()
    };
    let mut at = SEGMENT_HEADER;
    while let Some(header) = next_header(bytes, &mut at, number, salt) {
        let start = at + FRAME_HEADER;
        let end = start.saturating_add(header.body_len as usize);
        let body = bytes.get(start..end);
        if body.is_some_and(|body| checksum(number, body) == header.body_checksum) {
            let skipped = at - found.end;
            found.bad_start |= skipped > 0 && found.frames.is_empty();
            found.bad_bytes += skipped;
            found.torn_bytes = 0;
            found.end = end;
            let body = start..end;
            found.frames.push(Frame { header, body });
            at = end;
        } else {
            found.torn_bytes = end.min(bytes.len()) - found.end;
            // Its length may be trusted, but what is behind it need not be a frame: look from there on.
            at = if body.is_some() { end } else { start };
        }
    }
    if found.torn_bytes == 0 && begins_frame(bytes, found.end, number, salt) {
        found.torn_bytes = FRAME_HEADER.min(bytes.len() - found.end);
    }
    found
}

/// The next sound header of this segment at or behind `at`, which becomes its place.
fn next_header(bytes: &[u8], at: &mut usize, number: u32, salt: u64) -> Option<FrameHeader> {
    let ours = |header: &FrameHeader| header.segment == number && header.salt == salt;
    loop {
        let rest = bytes.get(*at..)?;
        if let Some(header) = FrameHeader::decode(rest).filter(ours) {
            return Some(header);
        }
        *at += 1 + find(rest.get(1..)?, mark(salt))?;
    }
}

/// Whether the beginning of a frame of this segment was written here.
fn begins_frame(bytes: &[u8], at: usize, number: u32, salt: u64) -> bool {
    let rest = bytes.get(at..).unwrap_or_default();
    rest.starts_with(&mark(salt)) && u32_at(rest, 8) == Some(number)
}

/// The segment of which a file without a sound header holds at least one frame.
pub(crate) fn number_by_frames(bytes: &[u8], salt: u64) -> Option<u32> {
    let mut at = 0;
    loop {
        let rest = bytes.get(at..)?;
        if let Some(header) = FrameHeader::decode(rest).filter(|header| header.salt == salt) {
            let body =
                rest.get(FRAME_HEADER..FRAME_HEADER.saturating_add(header.body_len as usize));
            if body.is_some_and(|body| checksum(header.segment, body) == header.body_checksum) {
                return Some(header.segment);
            }
        }
        at += 1 + find(rest.get(1..)?, mark(salt))?;
    }
}

/// What each frame of a store begins with.
fn mark(salt: u64) -> [u8; 8] {
    (salt ^ MARK).to_le_bytes()
}

fn find(bytes: &[u8], wanted: [u8; 8]) -> Option<usize> {
    let [first, ..] = wanted;
    let mut at = 0;
    loop {
        let rest = bytes.get(at..)?;
        let candidate = rest.iter().position(|byte| *byte == first)?;
        if rest.get(candidate..)?.starts_with(&wanted) {
            return Some(at + candidate);
        }
        at += candidate + 1;
    }
}

/// Keeps the mark of a store without salt from being zero.
const MARK: u64 = u64::from_le_bytes(*b"mqttfram");
