// SPDX-License-Identifier: Apache-2.0 OR MIT
//! From a document as written to checked settings, collecting every problem on the way.
//!
//! A key is read through its entry in `reference`, which says its type; what has no entry is an unknown key.
//! The settings count only if no finding was made.

mod access;
mod ethernet;
mod limits;
mod listeners;
mod machine;
mod persistence;
mod tls;
mod users;
mod wlan;

use std::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::document::{Document, found};
use crate::fault::Fault;
use crate::hint::Hint;
use crate::position::Lines;
use crate::problem::Finding;
use crate::reference::{ALLOW_ANONYMOUS, Form, Key, Table, VERSION};
use crate::{BrokerSettings, Note, Settings};

/// What the document says, and what is wrong with it.
pub(crate) struct Resolved {
    /// Meaningful only if there are no findings.
    pub(crate) settings: Settings,
    pub(crate) findings: Vec<Finding>,
    /// Where plain-text secrets stand in the text, ascending.
    pub(crate) secrets: Vec<Range<usize>>,
    pub(crate) notes: Vec<Note>,
}

/// Checks the document; the findings of its writing come first in the result.
pub(crate) fn resolve(document: Document<'_>, lines: &Lines<'_>) -> Resolved {
    let mut resolver = Resolver::new(&document, lines);
    let settings = resolver.settings(&document.root);
    let mut findings = document.findings;
    // The tables are read in another order than they are written.
    resolver.secrets.sort_by_key(|place| place.start);
    findings.append(&mut resolver.findings);
    Resolved {
        settings,
        findings,
        secrets: resolver.secrets,
        notes: resolver.notes,
    }
}

pub(crate) use access::MAX_ENTRIES;

struct Resolver<'a> {
    lines: &'a Lines<'a>,
    /// Lines whose writing is faulty, ascending: what is read from them means nothing.
    unreadable: Vec<u32>,
    findings: Vec<Finding>,
    secrets: Vec<Range<usize>>,
    notes: Vec<Note>,
}

/// One table as written.
struct Fields<'d, 't> {
    table: Table,
    /// Where its heading stands.
    at: usize,
    entries: &'d DeTable<'t>,
}

/// A secret as written.
enum Written<'d> {
    Text(&'d str),
    /// The `0` that stands for one already taken.
    Taken,
}

/// A value and where its key stands.
struct Field<'d, 't> {
    key: &'static Key,
    at: usize,
    value: &'d Spanned<DeValue<'t>>,
}

impl<'a> Resolver<'a> {
    fn new(document: &Document<'_>, lines: &'a Lines<'a>) -> Self {
        let unreadable = document
            .findings
            .iter()
            .map(|finding| lines.line(finding.at))
            .collect();
        Self {
            lines,
            unreadable,
            findings: Vec::new(),
            secrets: Vec::new(),
            notes: Vec::new(),
        }
    }

    fn settings(&mut self, root: &DeTable<'_>) -> Settings {
        let top = Fields {
            table: Table::Top,
            at: 0,
            entries: root,
        };
        let readable = self.version(&top);
        let already = self.findings.len();
        self.unknown_keys(&top);
        let broker = self.single(root, Table::Broker);
        let settings = Settings {
            machine: self.machine(root),
            broker: BrokerSettings {
                allow_anonymous: self.allow_anonymous(broker.as_ref()),
                users: self.users(root),
                access: self.access(root, broker.as_ref()),
                listeners: self.listeners(root),
                persistence: self.persistence(root),
                limits: self.limits(root, broker),
            },
        };
        self.certificate_users(&settings);
        if !readable {
            // Another version has other keys: whatever else looks wrong may be right there.
            self.findings.truncate(already);
        }
        settings
    }

    /// Whether the file claims to be of the version that is checked here.
    fn version(&mut self, top: &Fields<'_, '_>) -> bool {
        if top.entries.is_empty() {
            self.fault_of_readable(0, Some(VERSION.name), Fault::Empty);
            return true;
        }
        let Some(field) = top.field(&VERSION) else {
            self.fault_of_readable(0, Some(VERSION.name), Fault::VersionMissing);
            return true;
        };
        match field.value.get_ref().as_integer() {
            Some(version) if version.as_str() == VERSION.example => true,
            Some(_) => {
                self.fault(
                    field.value.span().start,
                    Some(VERSION.name),
                    Fault::UnknownVersion,
                );
                false
            }
            None => {
                self.wrong_type(&field);
                true
            }
        }
    }

    fn allow_anonymous(&mut self, broker: Option<&Fields<'_, '_>>) -> bool {
        let field = broker.and_then(|broker| broker.field(&ALLOW_ANONYMOUS));
        field
            .and_then(|field| self.boolean(&field))
            .unwrap_or(false)
    }

    /// The table that stands once, or nothing.
    fn single<'d, 't>(&mut self, root: &'d DeTable<'t>, table: Table) -> Option<Fields<'d, 't>> {
        let (key, value) = root.get_key_value(table.name())?;
        let at = place_of(key, value);
        match value.get_ref() {
            DeValue::Table(entries) => {
                let fields = Fields { table, at, entries };
                self.unknown_keys(&fields);
                Some(fields)
            }
            DeValue::Array(array) if array.iter().all(|element| element.get_ref().is_table()) => {
                self.fault(at, Some(table.name()), Fault::RepeatedHeading(table));
                None
            }
            _ => {
                self.fault(at, Some(table.name()), Fault::NotATable(table));
                None
            }
        }
    }

    /// The tables that may repeat, in the order of the file.
    fn repeated<'d, 't>(&mut self, root: &'d DeTable<'t>, table: Table) -> Vec<Fields<'d, 't>> {
        let Some((key, value)) = root.get_key_value(table.name()) else {
            return Vec::new();
        };
        let at = place_of(key, value);
        let mut all = Vec::new();
        match value.get_ref() {
            DeValue::Table(entries) => {
                self.fault(at, Some(table.name()), Fault::SingleHeading(table));
                all.push(Fields { table, at, entries });
            }
            DeValue::Array(array) => {
                for element in array.iter() {
                    let at = element.span().start;
                    match element.get_ref() {
                        DeValue::Table(entries) => all.push(Fields { table, at, entries }),
                        _ => self.fault(at, Some(table.name()), Fault::NotATable(table)),
                    }
                }
            }
            _ => self.fault(at, Some(table.name()), Fault::NotATable(table)),
        }
        for fields in &all {
            self.unknown_keys(fields);
        }
        all
    }

    fn unknown_keys(&mut self, fields: &Fields<'_, '_>) {
        for (key, value) in fields.entries {
            let name: &str = key.get_ref();
            let table = fields.table;
            let known = table.keys().any(|known| known.name == name)
                || table == Table::Top && Table::named(name).is_some();
            if !known {
                let fault = match table {
                    Table::Top if is_table(value) => Fault::UnknownTable,
                    _ => Fault::UnknownKey(table),
                };
                let hint = Hint::for_unknown_key(table, name);
                self.push(Finding {
                    hint,
                    ..Finding::new(place_of(key, value), Some(name), fault)
                });
            }
        }
    }

    fn text<'d>(&mut self, field: &Field<'d, '_>) -> Option<&'d str> {
        let text = field.value.get_ref().as_str();
        if text.is_none() {
            self.wrong_type(field);
        }
        text
    }

    /// Remembers where the secret stands, whatever is wrong with it.
    fn secret<'d>(&mut self, field: &Field<'d, '_>) -> Option<Written<'d>> {
        if is_taken(field.value.get_ref()) {
            return Some(Written::Taken);
        }
        let place = field.value.span();
        if !place.is_empty() {
            self.secrets.push(place);
        }
        self.text(field).map(Written::Text)
    }

    /// The elements of a list, at most so many.
    fn elements<'d, 't>(
        &mut self,
        fields: &Fields<'d, 't>,
        key: &'static Key,
        most: usize,
        too_many: Fault,
    ) -> Option<Vec<Field<'d, 't>>> {
        let field = fields.field(key)?;
        let Some(list) = field.value.get_ref().as_array() else {
            self.wrong_type(&field);
            return None;
        };
        if list.len() > most {
            self.fault(field.at, Some(key.name), too_many);
            return None;
        }
        let element = |value| Field {
            key,
            at: field.at,
            value,
        };
        Some(list.iter().map(element).collect())
    }

    fn boolean(&mut self, field: &Field<'_, '_>) -> Option<bool> {
        let boolean = field.value.get_ref().as_bool();
        if boolean.is_none() {
            self.wrong_type(field);
        }
        boolean
    }

    /// The numbers of a list, if all are within the bounds of its key.
    fn integers(&mut self, field: &Field<'_, '_>) -> Option<Vec<i64>> {
        let Some(list) = field.value.get_ref().as_array() else {
            self.wrong_type(field);
            return None;
        };
        let element = |value| Field {
            key: field.key,
            at: field.at,
            value,
        };
        let numbers: Vec<_> = list
            .iter()
            .map(|value| self.integer(&element(value)))
            .collect();
        numbers.into_iter().collect()
    }

    /// The number, if it is one within the bounds of its key.
    fn integer(&mut self, field: &Field<'_, '_>) -> Option<i64> {
        let Some(integer) = field.value.get_ref().as_integer() else {
            self.wrong_type(field);
            return None;
        };
        let (min, max) = match field.key.form {
            Form::Integer { min, max } | Form::Integers { min, max } => (min, max),
            _ => (i64::MIN, i64::MAX),
        };
        let number = i64::from_str_radix(integer.as_str(), integer.radix()).ok();
        let number = number.filter(|number| (min..=max).contains(number));
        self.required(
            number,
            field,
            Fault::OutOfRange {
                key: field.key,
                min,
                max,
            },
        )
    }

    /// Passes a checked value on; its absence is the fault, told at the value.
    fn required<T>(&mut self, value: Option<T>, field: &Field<'_, '_>, fault: Fault) -> Option<T> {
        if value.is_none() {
            self.fault(field.value.span().start, Some(field.key.name), fault);
        }
        value
    }

    fn wrong_type(&mut self, field: &Field<'_, '_>) {
        let fault = Fault::WrongType {
            key: field.key,
            found: found(field.value.get_ref()),
        };
        self.fault(field.value.span().start, Some(field.key.name), fault);
    }

    fn fault(&mut self, at: usize, key: Option<&str>, fault: Fault) {
        self.push(Finding::new(at, key, fault));
    }

    /// A fault that rests on what is not written: not told if a line could not be read.
    fn fault_of_readable(&mut self, at: usize, key: Option<&str>, fault: Fault) {
        if self.unreadable.is_empty() {
            self.fault(at, key, fault);
        }
    }

    fn push(&mut self, finding: Finding) {
        if self
            .unreadable
            .binary_search(&self.lines.line(finding.at))
            .is_err()
        {
            self.findings.push(finding);
        }
    }
}

impl<'d, 't> Fields<'d, 't> {
    fn field(&self, key: &'static Key) -> Option<Field<'d, 't>> {
        let (written, value) = self.entries.get_key_value(key.name)?;
        Some(Field {
            key,
            at: written.span().start,
            value,
        })
    }
}

/// Where an entry stands: at its heading if it has one, otherwise at its key.
fn place_of(key: &Spanned<toml::de::DeString<'_>>, value: &Spanned<DeValue<'_>>) -> usize {
    key.span().start.min(value.span().start)
}

/// Whether a secret is the one of the sample file.
fn is_example(key: &Key, value: &str) -> bool {
    value == key.example.trim_matches('"')
}

/// Whether the value is the `0` that stands for a secret already taken.
fn is_taken(value: &DeValue<'_>) -> bool {
    value
        .as_integer()
        .is_some_and(|integer| integer.radix() == 10 && integer.as_str() == "0")
}

/// Whether the entry is a table, or several.
fn is_table(value: &Spanned<DeValue<'_>>) -> bool {
    let first = value
        .get_ref()
        .as_array()
        .and_then(|array| array.iter().next());
    first.unwrap_or(value).get_ref().is_table()
}
