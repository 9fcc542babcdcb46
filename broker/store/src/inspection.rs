// SPDX-License-Identifier: Apache-2.0 OR MIT
//! A look at a store that changes nothing, for the command line.

use std::sync::Arc;

use mqtt_core::Record;

use crate::index::Live;
use crate::reader::Shared;
use crate::replay::replay;
use crate::restore::restore;
use crate::scan::scan;
use crate::{Directory, OpenError, Opened, Report};

/// What a store holds and what is wrong with it.
#[derive(Debug, Default)]
pub struct Inspection {
    /// As [`crate::Journal::open`] would bring it back; damages are not kept as copies.
    pub opened: Opened,
    pub retained: u64,
    /// Messages and their places in queues.
    pub messages: u64,
    pub entries: u64,
    pub sessions: u64,
    pub subscriptions: u64,
    /// First halves of QoS 2 exchanges with publishers.
    pub received: u64,
    /// Bytes of values that count: retained messages, queues, sessions.
    pub live: (u64, u64, u64),
    /// Bytes of all batches.
    pub total: u64,
    /// Files with batches, and free ones.
    pub segments: (usize, usize),
    /// Damaged segments of earlier days.
    pub quarantined: Vec<String>,
}

/// Reads a whole store.
pub fn inspect(directory: &dyn Directory) -> Result<Inspection, OpenError> {
    let scan = scan(directory, 0)?;
    let salt = scan.salt.unwrap_or(0);
    let replay = replay(&scan, salt, &Arc::<Shared>::default());
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
    let mut inspection = Inspection {
        live: (retained, queue, session),
        total: replay.parts.iter().map(|part| part.end as u64).sum(),
        segments: (scan.live.len(), scan.free.len() + scan.rubbish.len()),
        quarantined: scan.quarantined,
        ..Inspection::default()
    };
    for record in &restored.records {
        inspection.count(record);
    }
    inspection.opened = Opened {
        records: restored.records,
        last: replay.last,
        stamp: replay.stamp,
        report: Report {
            torn_bytes: replay.torn_bytes,
            damages,
            orphans: replay.orphans + restored.orphans.len() as u64,
        },
    };
    Ok(inspection)
}

impl Inspection {
    fn count(&mut self, record: &Record) {
        let count = match record {
            Record::Retained(_) => &mut self.retained,
            Record::Message { .. } => &mut self.messages,
            Record::Entry(_) => &mut self.entries,
            Record::Session { .. } => &mut self.sessions,
            Record::Subscribed { .. } => &mut self.subscriptions,
            Record::Received { .. } => &mut self.received,
            _ => return,
        };
        *count += 1;
    }
}
