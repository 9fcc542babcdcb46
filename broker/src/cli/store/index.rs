// SPDX-License-Identifier: Apache-2.0 OR MIT
//! What the lines of an import say of each other: what is named must be there, once, and nothing may be missing.

use std::collections::{HashMap, HashSet};
use std::fmt;
use std::sync::Arc;

use mqtt_core::{Entry, EntryId, Location, Moment, Owner, Progress, Record, SessionKey};
use mqtt_proto::{Filter, Topic};

use super::decode;
use super::line::{self, Line, VERSION};

/// The lines so far.
#[derive(Default)]
pub struct Index {
    /// From which remaining times count.
    now: Moment,
    lines: u64,
    ended: bool,
    sessions: HashSet<SessionKey>,
    absent: HashSet<SessionKey>,
    subscriptions: HashSet<(SessionKey, Filter)>,
    received: HashSet<(SessionKey, u16)>,
    in_flight: HashSet<(SessionKey, u16)>,
    retained: HashSet<Topic>,
    messages: HashMap<u64, Numbered>,
    entries: u64,
}

/// A message that entries name by a number.
struct Numbered {
    location: Location,
    line: u64,
    named: bool,
}

/// What is wrong with a line.
#[derive(Debug, PartialEq)]
pub enum Fault {
    /// By itself.
    Line(decode::Fault),
    NoHeader,
    NewerVersion(u32),
    /// A second first line, or a line behind the last one.
    OutOfPlace,
    NoEnd,
    /// Lines are missing, or there are too many.
    Count {
        said: u64,
        found: u64,
    },
    NoSession,
    NoMessage(u64),
    NoNumber,
    /// No entry names this message.
    Unnamed,
    /// There is a line about the same already.
    Repeated,
}

impl Index {
    /// Takes the next line; the first and the last are no records.
    pub fn take(&mut self, bytes: &[u8]) -> Result<Option<Record>, Fault> {
        self.lines += 1;
        let line = serde_json::from_slice(bytes).map_err(|error| {
            let text = error.to_string();
            // There is only one line in it.
            Fault::Line(decode::Fault::Json(text.replace(" line 1", "").into()))
        })?;
        match line {
            Line::Store(header) if self.lines == 1 => match header.version {
                1..=VERSION => Ok(None),
                other => Err(Fault::NewerVersion(other)),
            },
            _ if self.lines == 1 => Err(Fault::NoHeader),
            Line::Store(_) => Err(Fault::OutOfPlace),
            _ if self.ended => Err(Fault::OutOfPlace),
            Line::End(end) => self.end(end.lines).map(|()| None),
            line => self.record(line).map(Some),
        }
    }

    /// What the end of the file shows: faults and their lines.
    pub fn finish(self) -> Vec<(u64, Fault)> {
        let unnamed = self.messages.into_values().filter(|message| !message.named);
        let mut faults: Vec<_> = unnamed
            .map(|message| (message.line, Fault::Unnamed))
            .collect();
        faults.sort_by_key(|(line, _)| *line);
        if !self.ended {
            faults.push((self.lines + 1, Fault::NoEnd));
        }
        faults
    }

    fn end(&mut self, said: u64) -> Result<(), Fault> {
        self.ended = true;
        match self.lines {
            found if found == said => Ok(()),
            found => Err(Fault::Count { said, found }),
        }
    }

    fn record(&mut self, line: Line) -> Result<Record, Fault> {
        match line {
            Line::Session(line) => {
                let session = decode::session(&line.client_id, &line.user)?;
                let will = line.will.as_deref().map(decode::will).transpose()?;
                once(&mut self.sessions, session.clone())?;
                Ok(Record::Session {
                    session,
                    expiry_seconds: line.expiry_seconds,
                    will: will.map(Box::new),
                })
            }
            Line::Absent(line) => {
                let session = self.session(&line.client_id, &line.user)?;
                once(&mut self.absent, session.clone())?;
                Ok(Record::Absent {
                    session,
                    expires: decode::due(line.expires_in, self.now)?,
                    will_due: decode::due(line.will_in, self.now)?,
                })
            }
            Line::Subscription(line) => self.subscription(&line),
            Line::Received(line) => {
                let session = self.session(&line.client_id, &line.user)?;
                let packet_id = decode::packet_id(line.packet_id)?;
                once(&mut self.received, (session.clone(), line.packet_id))?;
                Ok(Record::Received { session, packet_id })
            }
            Line::Retained(line) if line.number.is_some() => {
                Err(decode::Fault::Misplaced("number").into())
            }
            Line::Retained(line) => {
                let message = decode::message(&line, self.now)?;
                once(&mut self.retained, message.topic.clone())?;
                Ok(Record::Retained(Arc::new(message)))
            }
            Line::Message(line) => self.message(&line),
            Line::Entry(line) => self.entry(line),
            Line::Store(_) | Line::End(_) => Err(Fault::OutOfPlace),
        }
    }

    fn subscription(&mut self, line: &line::Subscription) -> Result<Record, Fault> {
        let session = self.session(&line.client_id, &line.user)?;
        let filter = decode::filter(&line.filter)?;
        let options = decode::options(line)?;
        once(&mut self.subscriptions, (session.clone(), filter.clone()))?;
        Ok(Record::Subscribed {
            session,
            filter,
            options,
            identifier: line.identifier.map(decode::identifier).transpose()?,
        })
    }

    /// Its place is its order among the messages, which no number of a record to come can be.
    fn message(&mut self, line: &line::Message) -> Result<Record, Fault> {
        let number = line.number.ok_or(Fault::NoNumber)?;
        let message = Arc::new(decode::message(line, self.now)?);
        if self.messages.contains_key(&number) {
            return Err(Fault::Repeated);
        }
        let location = Location(self.messages.len() as u64 + 1);
        let numbered = Numbered {
            location,
            line: self.lines,
            named: false,
        };
        self.messages.insert(number, numbered);
        Ok(Record::Message { location, message })
    }

    fn entry(&mut self, line: line::Entry) -> Result<Record, Fault> {
        let number = line.message;
        let entry = decode::entry(line)?;
        let message = self.messages.get_mut(&number);
        let message = message.ok_or(Fault::NoMessage(number))?;
        message.named = true;
        if let Owner::Session(session) = &entry.owner {
            if !self.sessions.contains(session) {
                return Err(Fault::NoSession);
            }
            if let Progress::Sent { packet_id, .. } | Progress::Confirmed { packet_id, .. } =
                entry.progress
            {
                once(&mut self.in_flight, (session.clone(), packet_id.get()))?;
            }
        }
        self.entries += 1;
        Ok(Record::Entry(Box::new(Entry {
            id: EntryId(self.entries),
            location: message.location,
            ..entry
        })))
    }

    fn session(&self, client_id: &str, user: &str) -> Result<SessionKey, Fault> {
        let session = decode::session(client_id, user)?;
        match self.sessions.contains(&session) {
            true => Ok(session),
            false => Err(Fault::NoSession),
        }
    }
}

fn once<T: std::hash::Hash + Eq>(seen: &mut HashSet<T>, key: T) -> Result<(), Fault> {
    match seen.insert(key) {
        true => Ok(()),
        false => Err(Fault::Repeated),
    }
}

impl From<decode::Fault> for Fault {
    fn from(fault: decode::Fault) -> Self {
        Self::Line(fault)
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Line(fault) => fault.fmt(f),
            Self::NoHeader => {
                write!(
                    f,
                    "an export begins with {{\"store\":{{\"version\":{VERSION}}}}}"
                )
            }
            Self::NewerVersion(version) => write!(
                f,
                "this is version {version} of the export, this broker knows up to {VERSION}"
            ),
            Self::OutOfPlace => f.write_str("this line has no place here"),
            Self::NoEnd => f.write_str("the line {\"end\":…} is missing: the file was cut off"),
            Self::Count { said, found } => write!(
                f,
                "the export had {said} lines, here are {found}: some are missing, or too many; \
                 where that is meant, mend the number in this line"
            ),
            Self::NoSession => f.write_str("no line before this one tells of its session"),
            Self::NoMessage(number) => write!(f, "no line before this one has message {number}"),
            Self::NoNumber => f.write_str("number is missing, by which entries name the message"),
            Self::Unnamed => f.write_str("no entry names this message"),
            Self::Repeated => f.write_str("a line before this one is about the same"),
        }
    }
}

#[cfg(test)]
mod tests;
