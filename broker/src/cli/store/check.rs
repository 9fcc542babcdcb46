// SPDX-License-Identifier: Apache-2.0 OR MIT
//! `broker store check`: what was found by reading everything, and what the broker would make of it.

use std::io::{self, Write};

use super::census::{Census, counted};
use super::folder::Store;

/// Writes the verdict; true where nothing is lost.
pub fn check(store: &Store, out: &mut impl Write) -> io::Result<bool> {
    let found = &store.found;
    let census = Census::of(&found.opened.records);
    let (used, spare) = found.segments;
    writeln!(
        out,
        "{}: {}, {} in use, {spare} spare, {}",
        store.folder.display(),
        match found.version {
            Some(version) => format!("format {version}"),
            None => "new".to_owned(),
        },
        counted(used as u64, "segment"),
        counted(found.batches, "batch")
    )?;
    writeln!(
        out,
        "{}, {}, {}, {}",
        counted(census.sessions, "session"),
        counted(
            census.subscriptions + census.shared_subscriptions,
            "subscription"
        ),
        counted(census.retained_messages, "retained message"),
        counted(census.queued, "queued message")
    )?;
    remarks(store, out)
}

fn remarks(store: &Store, out: &mut impl Write) -> io::Result<bool> {
    let report = &store.found.opened.report;
    if report.torn_bytes > 0 {
        let bytes = counted(report.torn_bytes, "byte");
        writeln!(
            out,
            "torn: {bytes} of a batch that a power cut left incomplete; nobody was told of it, so nothing is lost: the \
             broker writes over them"
        )?;
    }
    if report.orphans > 0 {
        let orphans = counted(report.orphans, "value");
        writeln!(
            out,
            "dropped: {orphans} that belong to nothing any more; the broker deletes them"
        )?;
    }
    for name in &store.found.quarantined {
        writeln!(
            out,
            "kept: {name}, the copy of a segment that was found damaged; it may be deleted"
        )?;
    }
    for damage in &report.damages {
        writeln!(out, "DAMAGED: {damage}")?;
    }
    if report.damages.is_empty() {
        writeln!(out, "nothing is damaged")?;
    } else {
        writeln!(
            out,
            "The broker keeps a copy of each damaged segment and starts with the rest; `broker store export` shows it."
        )?;
    }
    Ok(report.damages.is_empty())
}
