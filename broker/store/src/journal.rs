// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The journal's owner: appends, commits, closes; opening is in `recovery`, copying forward in `compaction`.

use std::io;
use std::sync::Arc;

use mqtt_core::{CommitSeq, Record};

use crate::batch::{Batch, Net};
use crate::compaction::Sweep;
use crate::frame::FrameHeader;
use crate::index::{Index, Place};
use crate::key::{Class, Key};
use crate::op::put_op;
use crate::reader::Shared;
use crate::segment::{BODY, FOR_COMPACTION, Segments};
use crate::value::put_value;
use crate::wear::PAGE;
use crate::{ClassBytes, Commit, CommitError, Reader, Stamp, Wear, Written};

/// Durable changes in a directory.
pub struct Journal {
    pub(crate) segments: Segments,
    pub(crate) index: Index,
    pub(crate) batch: Batch,
    pub(crate) shared: Arc<Shared>,
    /// Number of the newest frame.
    pub(crate) serial: u64,
    /// The newest record, and the newest that is durable.
    pub(crate) appended: CommitSeq,
    pub(crate) durable: CommitSeq,
    pub(crate) sweep: Option<Sweep>,
    /// Bytes of batches since the last step of compaction, which must keep pace with them.
    pub(crate) since_sweep: usize,
    /// Segments up to this one had damages when the journal was opened: they are copied forward and used no more.
    pub(crate) damaged: u32,
    pub(crate) buffer: Vec<u8>,
    pub(crate) wear: Wear,
    /// The open batch had no room.
    pub(crate) is_blocked: bool,
    /// What broke the journal: doing what to which file.
    pub(crate) broken: Option<(&'static str, String, io::ErrorKind)>,
}

impl Journal {
    /// Takes a record into the open batch, of which only the net effect is written; never does I/O.
    pub fn append(&mut self, record: Record) {
        self.appended.0 += 1;
        self.batch.append(record, &self.index);
    }

    /// Writes the open batch and waits for the device; writes nothing where nothing was appended or nothing is left of it.
    pub fn commit(&mut self, stamp: Stamp) -> Result<Commit, CommitError> {
        self.commit_open(stamp, false)
    }

    /// Commits what is open and leaves the last stamp, at a clean stop.
    pub fn close(mut self, stamp: Stamp) -> Result<Commit, CommitError> {
        self.commit_open(stamp, true)
    }

    fn commit_open(&mut self, stamp: Stamp, always: bool) -> Result<Commit, CommitError> {
        self.check()?;
        let mut batch = std::mem::take(&mut self.batch);
        let written = self.write(&batch.net(&self.index), stamp, always);
        let elided = batch.elided;
        if written.is_ok() {
            batch.clear();
        }
        self.batch = batch;
        let done = written?;
        self.is_blocked = false;
        self.durable = self.appended;
        self.shared.applied(self.durable);
        self.buffer.shrink_to(BUFFER);
        Ok(Commit {
            last: self.durable,
            live: self.live(),
            total: self.total(),
            elided,
            ..done
        })
    }

    /// Writes changes as one frame, sometimes with the meter behind them, and tells the index where they are.
    fn write(
        &mut self,
        net: &[Net<'_>],
        stamp: Stamp,
        always: bool,
    ) -> Result<Commit, CommitError> {
        let is_metered = always || !net.is_empty() && self.wear.is_due(stamp.moment);
        let ends = self.encode(net, is_metered);
        if ends.is_empty() {
            return Ok(Commit::default());
        }
        let header = FrameHeader {
            serial: self.serial + 1,
            last: self.appended,
            stamp,
            oldest: self.segments.oldest,
            ..FrameHeader::default()
        };
        let written = self
            .segments
            .write(&mut self.buffer, header, FOR_COMPACTION);
        let frame = self.watch(written)?;
        self.serial += 1;
        self.since_sweep = self.since_sweep.saturating_add(frame.len as usize);
        self.wear.count_topics(net, &ends);
        let bytes = self.apply(net, &ends, frame);
        let pages = self.meter(stamp, bytes, frame);
        if is_metered {
            self.wear.saved(stamp.moment);
        }
        Ok(Commit {
            bytes,
            pages,
            ..Commit::default()
        })
    }

    /// Puts changes into the buffer, and the meter behind them; says where each operation ends.
    fn encode(&mut self, net: &[Net<'_>], is_metered: bool) -> Vec<usize> {
        self.buffer.clear();
        self.buffer.resize(BODY, 0);
        let mut ends = Vec::with_capacity(net.len() + 1);
        for (key, put, sid) in net {
            let value = put.map(|record| |out: &mut Vec<u8>| put_value(record, *sid, out));
            put_op(key, value, &mut self.buffer);
            ends.push(self.buffer.len());
        }
        if is_metered {
            let value = |out: &mut Vec<u8>| self.wear.save(out);
            put_op(&Key::Wear, Some(value), &mut self.buffer);
            ends.push(self.buffer.len());
        }
        ends
    }

    /// Tells the index where the values of a durable frame are; `ends` is where each operation ends in the buffer, the meter's
    /// behind the others.
    fn apply(&mut self, net: &[Net<'_>], ends: &[usize], frame: Place) -> ClassBytes {
        let changes = net
            .iter()
            .map(|(key, put, sid)| (*key, put.is_some(), *sid));
        let changes = changes.chain([(&Key::Wear, true, 0)]);
        let mut bytes = ClassBytes::default();
        let mut start = BODY;
        for ((key, is_put, sid), end) in changes.zip(ends) {
            let len = end - start;
            *bytes.of(key.class()) += len as u64;
            match is_put {
                true => self
                    .index
                    .put(key.clone(), place_in(frame, start, len), sid),
                false => self.index.delete(key),
            }
            start = *end;
        }
        bytes.framing += u64::from(frame.len) - bytes.sum();
        bytes
    }

    /// Counts a frame, and segments that were made for it; returns the pages it lies in.
    pub(crate) fn meter(&mut self, stamp: Stamp, bytes: ClassBytes, frame: Place) -> u64 {
        let (start, end) = (u64::from(frame.offset), u64::from(frame.offset + frame.len));
        let pages = end.div_ceil(PAGE) - start / PAGE;
        let prepared = std::mem::take(&mut self.segments.prepared);
        let mut written = Written { bytes, pages };
        written.bytes.framing += prepared;
        written.pages += prepared / PAGE;
        self.wear.add(stamp.moment, written);
        pages
    }

    /// Whether no new message may be promised; acknowledgements and deletions still have room.
    pub fn is_full(&self) -> bool {
        self.is_blocked || self.spare() == 0
    }

    /// Bytes that may still be promised, those of the open batch taken off.
    pub fn spare(&self) -> u64 {
        let kept = self.batch.weight + self.segments.capacity();
        self.headroom().saturating_sub(kept)
    }

    /// Bytes that batches may still have; compaction's segment is not among them.
    pub(crate) fn headroom(&self) -> u64 {
        let segments = self.segments.free().saturating_sub(FOR_COMPACTION as u64);
        self.segments.remaining() + segments * self.segments.capacity()
    }

    /// Bytes of records that still say something.
    pub fn live(&self) -> u64 {
        self.index.live().sum()
    }

    /// Bytes of batches in all live segments.
    pub fn total(&self) -> u64 {
        self.segments.total()
    }

    /// What the device was made to write.
    pub fn wear(&self) -> &Wear {
        &self.wear
    }

    /// Reads payloads beside the owner.
    pub fn reader(&self) -> Reader {
        Reader::new(Arc::clone(&self.shared))
    }

    /// Nothing is written any more after an error: what the device has is unknown.
    pub(crate) fn check(&self) -> Result<(), CommitError> {
        match &self.broken {
            None => Ok(()),
            Some((doing, file, kind)) => Err(CommitError::Io {
                doing,
                file: file.clone(),
                error: (*kind).into(),
            }),
        }
    }

    /// Remembers what went wrong.
    pub(crate) fn watch<T>(&mut self, result: Result<T, CommitError>) -> Result<T, CommitError> {
        match &result {
            Ok(_) => {}
            Err(CommitError::Full) => self.is_blocked = true,
            Err(CommitError::Io { doing, file, error }) => {
                self.broken = Some((doing, file.clone(), error.kind()));
            }
        }
        result
    }
}

impl ClassBytes {
    pub(crate) fn of(&mut self, class: Class) -> &mut u64 {
        match class {
            Class::Retained => &mut self.retained,
            Class::Queue => &mut self.queue,
            Class::Session => &mut self.session,
            Class::Framing => &mut self.framing,
        }
    }
}

/// Where in its segment an operation is that begins at `start` of the buffer.
pub(crate) fn place_in(frame: Place, start: usize, len: usize) -> Place {
    Place {
        segment: frame.segment,
        offset: frame.offset + u32::try_from(start).unwrap_or(u32::MAX),
        len: u32::try_from(len).unwrap_or(u32::MAX),
    }
}

/// Bytes for which the buffer keeps its memory.
const BUFFER: usize = 1 << 20;
