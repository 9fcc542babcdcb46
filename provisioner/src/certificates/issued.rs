// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The clients' certificates that this device's authority signed, and which of them are revoked.
//!
//! ```text
//! broker-provision issued 1
//! SERIAL AUTHORITY UNTIL valid | SECONDS-OF-REVOCATION NAME
//! ```

use std::error::Error;
use std::fmt;
use std::io;

use super::authority::Fingerprint;
use super::leaf::Serial;
use super::record::{digest, hex};
use crate::clock::Moment;
use crate::places::Places;
use crate::system::{Access, Files, files};

/// All of them, oldest first, at most 10,000.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ledger {
    pub entries: Vec<Entry>,
}

/// One certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    pub serial: Serial,
    /// Fingerprint of who signed it.
    pub authority: String,
    pub until: Moment,
    pub revoked: Option<Moment>,
    pub name: String,
}

/// Why the list cannot be used; nobody is let in by a list that cannot be read.
#[derive(Debug)]
pub enum LedgerError {
    Read(io::Error),
    Write(io::Error),
    /// The line with this number, from 1, is not one of this program's.
    Damaged(usize),
    /// 10,000 certificates still count.
    Full,
}

impl Ledger {
    /// The list kept on the device; empty if there is none.
    pub fn load(files: &dyn Files, places: &Places) -> Result<Self, LedgerError> {
        let bytes = files.read(&places.issued, LIMIT);
        match bytes.map_err(LedgerError::Read)? {
            Some(bytes) => Self::parse(&String::from_utf8_lossy(&bytes)),
            None => Ok(Self::default()),
        }
    }

    /// Keeps the list durably.
    pub fn store(&self, files: &dyn Files, places: &Places) -> Result<(), LedgerError> {
        let access = Access::ROOTS;
        files::replace(files, &places.issued, self.to_text().as_bytes(), access)
            .map_err(LedgerError::Write)
    }

    /// Adds one; what is over makes room, by a clock that is set.
    pub fn add(&mut self, entry: Entry, now: Option<Moment>) -> Result<(), LedgerError> {
        if self.entries.len() >= MOST {
            self.entries
                .retain(|entry| now.is_none_or(|now| now.0 <= entry.until.0));
        }
        if self.entries.len() >= MOST {
            return Err(LedgerError::Full);
        }
        self.entries.push(entry);
        Ok(())
    }

    /// Revokes those of a name, or the one with a serial number; those that were not yet.
    pub fn revoke(&mut self, which: &str, now: Moment) -> Vec<Entry> {
        let named = |entry: &Entry| entry.name == which || entry.serial.to_string() == which;
        let found = self
            .entries
            .iter_mut()
            .filter(|entry| entry.revoked.is_none() && named(entry));
        found
            .map(|entry| {
                entry.revoked = Some(now);
                entry.clone()
            })
            .collect()
    }

    /// The revoked ones of an authority.
    pub fn revoked(&self, authority: &Fingerprint) -> impl Iterator<Item = &Entry> {
        self.entries
            .iter()
            .filter(|entry| entry.revoked.is_some() && entry.authority == authority.as_str())
    }

    /// What tells whether a list of these revoked ones is the latest.
    pub fn serials(&self, authority: &Fingerprint) -> String {
        let serials: Vec<String> = self
            .revoked(authority)
            .map(|entry| entry.serial.to_string())
            .collect();
        digest(serials.join(" ").as_bytes())
    }

    fn parse(text: &str) -> Result<Self, LedgerError> {
        let mut lines = text.lines().zip(1..);
        if lines.next().map(|(line, _)| line) != Some(HEADING) {
            return Err(LedgerError::Damaged(1));
        }
        let entries =
            lines.map(|(line, number)| Entry::parse(line).ok_or(LedgerError::Damaged(number)));
        Ok(Self {
            entries: entries.collect::<Result<_, _>>()?,
        })
    }

    fn to_text(&self) -> String {
        let lines = self.entries.iter().map(Entry::to_line);
        [HEADING.to_owned() + "\n"]
            .into_iter()
            .chain(lines)
            .collect()
    }
}

impl Entry {
    fn parse(line: &str) -> Option<Self> {
        let mut fields = line.splitn(5, ' ');
        let serial = Serial::parse(fields.next()?)?;
        let authority = fields.next()?.to_owned();
        let until = Moment(fields.next()?.parse().ok()?);
        let revoked = match fields.next()? {
            VALID => None,
            seconds => Some(Moment(seconds.parse().ok()?)),
        };
        Some(Self {
            serial,
            authority,
            until,
            revoked,
            name: fields.next()?.to_owned(),
        })
    }

    fn to_line(&self) -> String {
        let state = match self.revoked {
            None => VALID.to_owned(),
            Some(moment) => moment.0.to_string(),
        };
        let Self {
            serial,
            authority,
            until,
            name,
            ..
        } = self;
        format!("{serial} {authority} {} {state} {name}\n", until.0)
    }
}

impl Serial {
    fn parse(text: &str) -> Option<Self> {
        let digits = text.len() == 32 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        let number = u128::from_str_radix(text, 16).ok().filter(|_| digits)?;
        Some(Self(number.to_be_bytes()))
    }
}

/// In hexadecimal, 32 digits.
impl fmt::Display for Serial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex(&self.0))
    }
}

impl fmt::Display for LedgerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Read(_) => f.write_str("reading the list of clients' certificates"),
            Self::Write(_) => f.write_str("writing the list of clients' certificates"),
            Self::Damaged(line) => write!(
                f,
                "the list of clients' certificates is damaged in line {line}; correct that line of \
                 /var/lib/broker-provision/issued, or take it out to forget that certificate"
            ),
            Self::Full => write!(
                f,
                "{MOST} clients' certificates still count, and no more are kept; revoke some and wait until they are over"
            ),
        }
    }
}

impl Error for LedgerError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Read(source) | Self::Write(source) => Some(source),
            Self::Damaged(_) | Self::Full => None,
        }
    }
}

const HEADING: &str = "broker-provision issued 1";
/// In place of the moment of revocation.
const VALID: &str = "valid";
/// Certificates remembered.
const MOST: usize = 10_000;
/// Bytes of the list: 10,000 lines of at most 280.
const LIMIT: u64 = 4 * 1024 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(number: u8, name: &str) -> Entry {
        Entry {
            serial: Serial::of([number; 16]),
            authority: "AB:CD".to_owned(),
            until: Moment(u64::from(number)),
            revoked: None,
            name: name.to_owned(),
        }
    }

    #[test]
    fn the_list_is_read_back_and_damage_is_told_by_its_line() {
        let mut ledger = Ledger::default();
        for (number, name) in [(1, "one"), (2, "two words"), (3, "one")] {
            ledger.add(entry(number, name), None).unwrap();
        }
        assert_eq!(ledger.revoke("one", Moment(7)).len(), 2);
        let text = ledger.to_text();
        assert_eq!(Ledger::parse(&text).unwrap(), ledger);
        let damaged = text.replacen(" valid ", " vali d ", 1);
        let error = Ledger::parse(&damaged).unwrap_err();
        assert!(matches!(error, LedgerError::Damaged(3)), "{error}");
        assert!(Ledger::parse("").is_err());
    }

    #[test]
    fn one_is_revoked_by_name_or_serial_and_only_once() {
        let mut ledger = Ledger::default();
        for (number, name) in [(1, "one"), (2, "two")] {
            ledger.add(entry(number, name), None).unwrap();
        }
        let serial = ledger.entries[1].serial.to_string();
        let authority = Fingerprint::of(b"another");
        let before = ledger.serials(&authority);
        assert_eq!(ledger.revoke(&serial, Moment(1)).len(), 1);
        assert_eq!(ledger.revoke("two", Moment(2)).len(), 0);
        assert_eq!(ledger.revoke("three", Moment(2)).len(), 0);
        assert_eq!(ledger.serials(&authority), before, "it signed none of them");
    }

    #[test]
    fn a_full_list_forgets_what_is_over() {
        let mut ledger = Ledger {
            entries: vec![entry(9, "x"); MOST],
        };
        let full = |added: Result<(), LedgerError>| matches!(added, Err(LedgerError::Full));
        assert!(full(ledger.add(entry(9, "y"), None)));
        assert!(full(ledger.add(entry(9, "y"), Some(Moment(9)))));
        ledger.add(entry(9, "y"), Some(Moment(10))).unwrap();
        assert_eq!(ledger.entries.len(), 1);
    }
}
