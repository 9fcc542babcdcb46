// SPDX-License-Identifier: Apache-2.0 OR MIT
//! What to do about a problem: a fixed sentence, or the key that was probably meant.

mod words;

use std::fmt;

use crate::reference::{Form, KEYS, Key, Table};
use crate::spelling::most_similar;
use words::{ASTRAY, HABITS, LATER_TABLES};

/// The remedy that ends the line of a problem.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hint {
    /// A sentence.
    Do(&'static str),
    /// A similar name that exists there.
    DidYouMean(&'static str),
    /// The key exists, in another table.
    BelongsIn(Table),
    /// These are the keys of the table.
    KeysOf(Table),
    /// The key as it may be written.
    Write(&'static Key),
    /// The words the key accepts.
    OneOf(&'static [&'static str]),
    /// The heading as it must be written.
    Heading(Table),
    /// Known, but not to this version of the broker.
    LaterVersion,
}

impl Hint {
    /// What was probably meant by a key that does not exist in the table.
    pub(crate) fn for_unknown_key(table: Table, written: &str) -> Self {
        let name = written.to_ascii_lowercase().replace('-', "_");
        if let Some(hint) = by_word(table, &name) {
            return hint;
        }
        if let Some(similar) = most_similar(&name, names(table)) {
            return Self::DidYouMean(Table::named(similar).map_or(similar, Table::heading));
        }
        // What is said once for all is meant rather than what is said of one user or listener, but a password is a user's.
        let everywhere = KEYS
            .iter()
            .filter(|key| key.name == name && key.table != table)
            .min_by_key(|key| (key.table == Table::Wlan, key.table.repeats()));
        everywhere.map_or(Self::KeysOf(table), |key| Self::BelongsIn(key.table))
    }
}

/// A remedy for words that are known from later versions, from Mosquitto or from habit.
fn by_word(table: Table, name: &str) -> Option<Hint> {
    if table == Table::Top && LATER_TABLES.contains(&name) {
        return Some(Hint::LaterVersion);
    }
    if let Some((_, _, key)) = HABITS
        .iter()
        .find(|(at, word, _)| *at == table && *word == name)
    {
        return Some(Hint::DidYouMean(key));
    }
    let astray = ASTRAY
        .iter()
        .find(|(at, word, _)| *at == table && *word == name);
    astray.map(|(_, _, hint)| *hint)
}

fn names(table: Table) -> impl Iterator<Item = &'static str> {
    let tables = Table::ALL
        .into_iter()
        .skip(1)
        .map(Table::name)
        .filter(move |_| table == Table::Top);
    table.keys().map(|key| key.name).chain(tables)
}

impl fmt::Display for Hint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Do(sentence) => f.write_str(sentence),
            Self::DidYouMean(name) => write!(f, "did you mean `{name}`?"),
            Self::BelongsIn(table) => write!(f, "it belongs in {}", table.heading()),
            Self::KeysOf(table) => {
                f.write_str("here may stand")?;
                for (index, name) in names(*table).enumerate() {
                    let name = Table::named(name).map_or(name, Table::heading);
                    write!(f, "{} `{name}`", if index == 0 { "" } else { "," })?;
                }
                Ok(())
            }
            Self::Write(key) if key.form == Form::Boolean => {
                write!(
                    f,
                    "write `{0} = true` or `{0} = false`, without quotes",
                    key.name
                )
            }
            Self::Write(key) => write!(f, "write it as in `{} = {}`", key.name, key.example),
            Self::OneOf(words) => {
                f.write_str("write")?;
                for (index, word) in words.iter().enumerate() {
                    write!(f, "{} `\"{word}\"`", if index == 0 { "" } else { " or" })?;
                }
                Ok(())
            }
            Self::Heading(table) => write!(
                f,
                "write the heading `{}` and its keys below it",
                table.heading()
            ),
            Self::LaterVersion => {
                f.write_str("a later version will know it; take it out for this one")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_key_is_answered_with_what_was_probably_meant() {
        let cases = [
            (Table::Listener, "portt", Hint::DidYouMean("port")),
            (Table::Listener, "prot", Hint::DidYouMean("port")),
            (
                Table::Listener,
                "Bind-Address",
                Hint::DidYouMean("bind_address"),
            ),
            (Table::Listener, "bind", Hint::DidYouMean("bind_address")),
            (Table::Listener, "ssl", Hint::DidYouMean("tls")),
            (Table::Listener, "colour", Hint::KeysOf(Table::Listener)),
            (Table::User, "passwd", Hint::DidYouMean("password")),
            (Table::Time, "ntp", Hint::DidYouMean("ntp_servers")),
            (Table::Top, "password", Hint::BelongsIn(Table::User)),
            (Table::Top, "wifi", Hint::DidYouMean("[wlan]")),
            (
                Table::Top,
                "allow_anonymous",
                Hint::BelongsIn(Table::Broker),
            ),
            (Table::Top, "port", Hint::BelongsIn(Table::Listener)),
            (
                Table::Top,
                "max_connections",
                Hint::BelongsIn(Table::Limits),
            ),
            (
                Table::Broker,
                "max_queued_bytes",
                Hint::BelongsIn(Table::Limits),
            ),
            (Table::Top, "message_size_limit", words::PACKET_SIZE),
            (
                Table::Limits,
                "message_size_limit",
                Hint::DidYouMean("max_packet_size"),
            ),
            (Table::Top, "listner", Hint::DidYouMean("[[listener]]")),
            (Table::Top, "bridge", Hint::LaterVersion),
            (Table::System, "timezone", Hint::BelongsIn(Table::Time)),
        ];
        for (table, written, expected) in cases {
            assert_eq!(
                Hint::for_unknown_key(table, written),
                expected,
                "{written} in {table:?}"
            );
        }
    }
}
