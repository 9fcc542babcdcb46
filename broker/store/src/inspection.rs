// SPDX-License-Identifier: Apache-2.0 OR MIT
//! A look at a store that changes nothing, for the command line.

use std::sync::Arc;

use crate::index::Live;
use crate::reader::Shared;
use crate::replay::replay;
use crate::restore::restore;
use crate::scan::scan;
use crate::{ClassBytes, Directory, OpenError, Opened, Reader, Report, Wear};

/// What a store holds and what is wrong with it.
pub struct Inspection {
    /// As [`crate::Journal::open`] would bring it back; damages are not kept as copies.
    pub opened: Opened,
    /// Bytes of values that count; framing and compaction have none.
    pub live: ClassBytes,
    /// Bytes of all batches.
    pub total: u64,
    /// Files with batches, and free ones.
    pub segments: (usize, usize),
    /// Damaged segments of earlier days.
    pub quarantined: Vec<String>,
    /// All that can be read.
    pub batches: u64,
    /// The newest format of a segment; none where there is no segment.
    pub version: Option<u32>,
    pub wear: Wear,
    /// Reads payloads.
    pub reader: Reader,
}

/// Reads a whole store.
pub fn inspect(directory: &dyn Directory) -> Result<Inspection, OpenError> {
    let scan = scan(directory, 0)?;
    let salt = scan.salt.unwrap_or(0);
    let shared = Arc::<Shared>::default();
    let replay = replay(&scan, salt, &shared);
    let restored = restore(&scan, &replay);
    let Live {
        retained,
        queue,
        session,
    } = replay.index.live();
    let mut damages: Vec<_> = replay
        .damages
        .into_iter()
        .map(|(_, damage)| damage)
        .collect();
    damages.extend(scan.rubbish.iter().map(|(slot, what)| crate::Damage {
        file: slot.name.clone(),
        kept_as: None,
        what: what.clone(),
    }));
    let opened = Opened {
        records: restored.records,
        last: replay.last,
        stamp: replay.stamp,
        report: Report {
            torn_bytes: replay.torn_bytes,
            damages,
            orphans: replay.orphans + restored.orphans.len() as u64,
        },
    };
    let headers = scan.live.values().filter_map(|found| found.header);
    let batches = replay.parts.iter().map(|part| part.bodies.len() as u64);
    Ok(Inspection {
        opened,
        live: ClassBytes {
            retained,
            queue,
            session,
            ..ClassBytes::default()
        },
        total: replay.parts.iter().map(|part| part.end as u64).sum(),
        version: headers.map(|header| header.version).max(),
        segments: (scan.live.len(), scan.free.len() + scan.rubbish.len()),
        quarantined: scan.quarantined,
        batches: batches.sum(),
        wear: restored.wear,
        reader: Reader::new(shared),
    })
}
