// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Where entries go: the journal's socket when standard error is the journal, else standard error itself.

use std::fmt::Display;
use std::io::Write;

use log::kv::{Key, Source, Value, VisitSource};
use log::{Level, Record};
use systemd_journal_logger::{JournalLog, connected_to_journal};

use super::entry::Entry;
use super::timestamp::Timestamp;

/// The place the logger thread writes to; writing may block.
pub enum Sink {
    Journal(JournalLog),
    Stderr,
    #[cfg(test)]
    Captured(std::sync::mpsc::Sender<String>),
}

impl Sink {
    /// The journal if standard error is connected to it and its socket answers, else standard error.
    pub fn open() -> Self {
        let journal = connected_to_journal().then(JournalLog::empty);
        match journal {
            Some(Ok(journal)) => {
                Self::Journal(journal.with_syslog_identifier(IDENTIFIER.to_owned()))
            }
            Some(Err(_)) | None => Self::Stderr,
        }
    }

    /// A sink that a test reads.
    #[cfg(test)]
    pub fn captured() -> (Self, std::sync::mpsc::Receiver<String>) {
        let (lines, captured) = std::sync::mpsc::channel();
        (Self::Captured(lines), captured)
    }

    /// Writes one entry; a log that cannot be written is nobody's to report to.
    pub fn write(&mut self, entry: &Entry) {
        match self {
            Self::Journal(journal) => drop(send(journal, entry)),
            // One system call for the whole line.
            Self::Stderr => {
                let line = line(Timestamp::now(), entry) + "\n";
                drop(std::io::stderr().write_all(line.as_bytes()));
            }
            #[cfg(test)]
            Self::Captured(lines) => drop(lines.send(entry.text.clone())),
        }
    }
}

fn send(journal: &JournalLog, entry: &Entry) -> std::io::Result<()> {
    journal.journal_send(
        &Record::builder()
            .level(entry.kind.level)
            .target(IDENTIFIER)
            .key_values(&Fields(entry))
            .args(format_args!("{}", entry.text))
            .build(),
    )
}

fn line(time: impl Display, entry: &Entry) -> String {
    let urgency = match entry.kind.level {
        Level::Error => "error: ",
        Level::Warn => "warning: ",
        Level::Info | Level::Debug | Level::Trace => "",
    };
    format!("{time} {urgency}{}", entry.text)
}

/// An entry's journal fields as the logger crate reads them.
struct Fields<'a>(&'a Entry);

impl Source for Fields<'_> {
    fn visit<'kvs>(&'kvs self, visitor: &mut dyn VisitSource<'kvs>) -> Result<(), log::kv::Error> {
        visitor.visit_pair(
            Key::from_str("MESSAGE_ID"),
            Value::from(self.0.kind.message_id),
        )?;
        for (name, value) in &self.0.fields {
            visitor.visit_pair(Key::from_str(name), Value::from(value.as_str()))?;
        }
        Ok(())
    }
}

/// SYSLOG_IDENTIFIER of every entry, as `journalctl -t broker` finds it.
const IDENTIFIER: &str = "broker";

#[cfg(test)]
mod tests {
    use super::super::kind::Kind;
    use super::*;

    #[test]
    fn a_line_names_time_and_urgency() {
        let time = "1970-01-01T00:00:00.000Z";
        let step = Entry::own(&Kind::STEP, "broker 0.1.0 starting");
        assert_eq!(
            line(time, &step),
            "1970-01-01T00:00:00.000Z broker 0.1.0 starting"
        );
        let warning = Entry::own(&Kind::WARNING, "port 1883 is in use");
        assert_eq!(
            line(time, &warning),
            "1970-01-01T00:00:00.000Z warning: port 1883 is in use"
        );
    }
}
