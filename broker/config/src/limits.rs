// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The limits in force: the table's defaults, and what the file sets instead.

use std::collections::BTreeMap;
use std::fmt::Write;

use crate::reference::{Form, Key, LIMITS, Limit, Table};
use crate::span;

/// A value for every limit.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LimitSettings {
    /// By the name of the key, only what differs from the default.
    changed: BTreeMap<&'static str, u64>,
}

impl LimitSettings {
    /// The value in force, in the limit's unit.
    pub fn value(&self, limit: &Limit) -> u64 {
        let changed = self.changed.get(limit.key.name);
        changed.copied().unwrap_or(limit.default)
    }

    /// Sets a limit by the name of its key; false if there is none of that name, or if it cannot have that value.
    pub fn set(&mut self, name: &str, value: u64) -> bool {
        let Some(limit) = LIMITS.into_iter().find(|limit| limit.key.name == name) else {
            return false;
        };
        if !limit.allows(value) {
            return false;
        }
        if value == limit.default {
            self.changed.remove(limit.key.name);
        } else {
            self.changed.insert(limit.key.name, value);
        }
        true
    }

    /// The limits that differ from their defaults, in the order of the table.
    pub fn changed(&self) -> impl Iterator<Item = (&'static Limit, u64)> + '_ {
        LIMITS.into_iter().filter_map(|limit| {
            let value = self.changed.get(limit.key.name)?;
            Some((limit, *value))
        })
    }
}

/// The table of `[limits]` in Markdown, as `docs/limits.md` shows it.
pub fn limit_table() -> String {
    let mut table = "| key | unit | default | what it bounds, and what happens at it |\n\
                     | --- | --- | --- | --- |\n"
        .to_owned();
    let limits = LIMITS.into_iter();
    for limit in limits.filter(|limit| limit.key.table == Table::Limits) {
        let Key {
            name,
            default,
            sentence,
            ..
        } = &limit.key;
        // Writing to a `String` cannot fail.
        let _ = writeln!(
            table,
            "| `{name}` | {} | {default} | {sentence} |",
            limit.unit
        );
    }
    table
}

impl Limit {
    /// The value as a person reads it, a span of time in words.
    pub fn in_words(&self, value: u64) -> String {
        match self.key.form {
            Form::Span => span::in_words(value),
            _ => value.to_string(),
        }
    }

    /// What it is called in a sentence.
    pub fn noun(&self) -> &'static str {
        match self.key.table {
            Table::Limits => "limit",
            _ => "setting",
        }
    }

    fn allows(&self, value: u64) -> bool {
        match self.key.form {
            Form::Integer { min, max } => {
                i64::try_from(value).is_ok_and(|value| (min..=max).contains(&value))
            }
            _ => (1..=span::NEVER).contains(&value),
        }
    }
}
