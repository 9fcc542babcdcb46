// SPDX-License-Identifier: Apache-2.0 OR MIT
//! `broker store stats`: how much is in the store, of what.

use std::io::{self, Write};

use serde::Serialize;

use super::census::{Census, Queue};
use super::folder::Store;

#[derive(Serialize)]
struct Stats {
    /// None where there is no segment.
    format: Option<u32>,
    segments: usize,
    spare_segments: usize,
    /// Of batches, those that say nothing any more included.
    bytes: u64,
    live: Live,
    written: Written,
    #[serde(flatten)]
    census: Census,
}

/// Bytes that still say something.
#[derive(Serialize)]
struct Live {
    retained: u64,
    queue: u64,
    session: u64,
}

/// Bytes that reached the device since the store was made, in whole pages.
#[derive(Serialize)]
struct Written {
    total: u64,
    retained: u64,
    queue: u64,
    session: u64,
    overhead: u64,
}

/// Writes the numbers; true where nothing is lost.
pub fn stats(store: &Store, json: bool, out: &mut impl Write) -> io::Result<bool> {
    let found = &store.found;
    let (segments, spare_segments) = found.segments;
    let stats = Stats {
        format: found.version,
        segments,
        spare_segments,
        bytes: found.total,
        live: Live {
            retained: found.live.retained,
            queue: found.live.queue,
            session: found.live.session,
        },
        written: written(&found.wear.total()),
        census: Census::of(&found.opened.records),
    };
    if json {
        serde_json::to_writer_pretty(&mut *out, &stats)?;
        writeln!(out)?;
    } else {
        page(&stats, out)?;
    }
    Ok(found.opened.report.damages.is_empty())
}

fn written(total: &mqtt_store::Written) -> Written {
    Written {
        total: total.device_bytes(),
        retained: total.bytes.retained,
        queue: total.bytes.queue,
        session: total.bytes.session,
        overhead: total.overhead(),
    }
}

fn page(stats: &Stats, out: &mut impl Write) -> io::Result<()> {
    let Stats {
        live,
        written,
        census,
        ..
    } = stats;
    let format = stats
        .format
        .map_or("none yet".to_owned(), |it| it.to_string());
    writeln!(out, "Format         {format}")?;
    let (used, spare) = (stats.segments, stats.spare_segments);
    writeln!(
        out,
        "Segments       {used} in use, {spare} spare, {} bytes",
        stats.bytes
    )?;
    let sum = live.retained + live.queue + live.session;
    writeln!(
        out,
        "Live           {sum} bytes: {} retained, {} queued, {} sessions",
        live.retained, live.queue, live.session
    )?;
    writeln!(
        out,
        "Written        {} bytes since it was made: {} retained, {} queued, {} sessions, {} overhead",
        written.total, written.retained, written.queue, written.session, written.overhead
    )?;
    writeln!(out, "Sessions       {}", census.sessions)?;
    writeln!(
        out,
        "Subscriptions  {}, and {} shared",
        census.subscriptions, census.shared_subscriptions
    )?;
    writeln!(
        out,
        "Retained       {} messages, {} bytes",
        census.retained_messages, census.retained_bytes
    )?;
    writeln!(
        out,
        "Queued         {} in all queues, {} of them in flight",
        census.queued, census.in_flight
    )?;
    writeln!(
        out,
        "               {} messages, {} bytes",
        census.messages, census.message_bytes
    )?;
    writeln!(
        out,
        "From clients   {} exchanges of QoS 2 half done",
        census.received
    )?;
    if !census.largest.is_empty() {
        writeln!(out, "\nLongest queues")?;
    }
    for Queue {
        name,
        queued,
        bytes,
    } in &census.largest
    {
        writeln!(out, "{queued:>9} messages, {bytes:>11} bytes  {name}")?;
    }
    Ok(())
}
