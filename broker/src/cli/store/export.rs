// SPDX-License-Identifier: Apache-2.0 OR MIT
//! `broker store export`: everything in the store as one JSON object a line.

use std::collections::HashMap;
use std::io::{self, Write};

use mqtt_core::{Body, Location, Message, Moment, Record};
use mqtt_store::{Inspection, Reader};

use super::encode::{self, Context};
use super::folder::Store;
use super::line::{End, Header, Line, VERSION};
use crate::storage::chain;

/// Writes the lines; what is lost is told in `notes`, a line each. Returns whether nothing is.
pub fn export(store: &Store, out: impl Write, notes: impl Write) -> io::Result<bool> {
    let Inspection { opened, reader, .. } = &store.found;
    let mut export = Export {
        out,
        notes,
        now: opened.stamp.unwrap_or_default().moment,
        reader: reader.clone(),
        numbers: HashMap::new(),
        lines: 0,
        whole: true,
    };
    for damage in &opened.report.damages {
        export.note(damage)?;
    }
    let mut records: Vec<&Record> = opened.records.iter().collect();
    records.sort_by(|one, other| place(one).cmp(&place(other)));
    export.line(&Line::Store(Header { version: VERSION }))?;
    for record in records {
        export.record(record)?;
    }
    let lines = export.lines + 1;
    export.line(&Line::End(End { lines }))?;
    export.out.flush()?;
    Ok(export.whole)
}

struct Export<W, N> {
    out: W,
    notes: N,
    now: Moment,
    reader: Reader,
    /// Of the messages that were written.
    numbers: HashMap<Location, u64>,
    lines: u64,
    whole: bool,
}

impl<W: Write, N: Write> Export<W, N> {
    fn record(&mut self, record: &Record) -> io::Result<()> {
        let payload = match record {
            Record::Message { message, .. } | Record::Retained(message) => {
                match payload(message, &self.reader) {
                    Ok(payload) => payload,
                    Err(why) => {
                        let topic = message.topic.as_str();
                        return self.note(format_args!("a message of {topic:?} is lost: {why}"));
                    }
                }
            }
            _ => bytes::Bytes::new(),
        };
        if let Record::Message { location, .. } = record {
            let number = self.numbers.len() as u64 + 1;
            self.numbers.insert(*location, number);
        }
        let context = Context {
            now: self.now,
            number: &|location| self.numbers.get(&location).copied(),
            payload: &payload,
        };
        match encode::line(record, &context) {
            Some(line) => self.line(&line),
            None => Ok(()),
        }
    }

    fn line(&mut self, line: &Line) -> io::Result<()> {
        self.lines += 1;
        serde_json::to_writer(&mut self.out, line)?;
        self.out.write_all(b"\n")
    }

    fn note(&mut self, what: impl std::fmt::Display) -> io::Result<()> {
        self.whole = false;
        writeln!(self.notes, "broker store export: {what}")
    }
}

/// The payload, from the store where it is only there; `Err` says why it cannot be had.
fn payload(message: &Message, reader: &Reader) -> Result<bytes::Bytes, String> {
    match &message.body {
        Body::Inline(payload) => Ok(payload.clone()),
        Body::Stored { location, .. } => match reader.read(*location) {
            Ok(Some(payload)) => Ok(payload),
            Ok(None) => Err("it is not in the store".to_owned()),
            Err(error) => Err(chain(&error)),
        },
    }
}

/// Sorts equal stores equally: sessions, what belongs to them, retained messages, messages, entries.
fn place(record: &Record) -> (u8, &str, &str, &str, u64) {
    match record {
        Record::Session { session, .. } => (0, &session.user, &session.client_id, "", 0),
        Record::Absent { session, .. } => (1, &session.user, &session.client_id, "", 0),
        Record::Subscribed {
            session, filter, ..
        } => (2, &session.user, &session.client_id, filter, 0),
        Record::Received { session, packet_id } => {
            let number = packet_id.get().into();
            (3, &session.user, &session.client_id, "", number)
        }
        Record::Retained(message) => (4, "", "", message.topic.as_str(), 0),
        Record::Message { location, .. } => (5, "", "", "", location.0),
        Record::Entry(entry) => (6, "", "", "", entry.id.0),
        _ => (7, "", "", "", 0),
    }
}
