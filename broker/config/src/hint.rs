// SPDX-License-Identifier: Apache-2.0 OR MIT
//! What to do about a problem: a fixed sentence, or the key that was probably meant.

use std::fmt;

use crate::reference::{Form, KEYS, Key, Table};
use crate::spelling::most_similar;

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
        // What is said once for all is meant rather than what is said of one user or listener.
        let everywhere = KEYS
            .iter()
            .filter(|key| key.name == name && key.table != table)
            .min_by_key(|key| key.table.repeats());
        everywhere.map_or(Self::KeysOf(table), |key| Self::BelongsIn(key.table))
    }
}

/// A remedy for words that are known from later versions, from Mosquitto or from habit.
fn by_word(table: Table, name: &str) -> Option<Hint> {
    let later = match table {
        Table::Top => LATER_TABLES.contains(&name),
        _ => LATER_KEYS.contains(&(table, name)),
    };
    if later {
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

const LATER_TABLES: [&str; 10] = [
    "wlan", "ethernet", "ssh", "log", "bridge", "tls", "cluster", "status", "update", "network",
];

const LATER_KEYS: &[(Table, &str)] = &[(Table::Time, "ntp_servers")];

/// What people write for a key, and the key.
const HABITS: &[(Table, &str, &str)] = &[
    (Table::System, "name", "hostname"),
    (Table::System, "host", "hostname"),
    (Table::Time, "zone", "timezone"),
    (Table::Time, "tz", "timezone"),
    (Table::Broker, "anonymous", "allow_anonymous"),
    (Table::Broker, "aclfile", "acl_file"),
    (Table::Broker, "passwd_file", "password_file"),
    (Table::User, "group", "groups"),
    (Table::User, "rights", "acl"),
    (Table::User, "topics", "acl"),
    (Table::Group, "groupname", "name"),
    (Table::User, "user", "username"),
    (Table::User, "name", "username"),
    (Table::User, "login", "username"),
    (Table::User, "passwd", "password"),
    (Table::User, "pass", "password"),
    (Table::User, "pw", "password"),
    (Table::User, "hash", "password_hash"),
    (Table::User, "method", "auth"),
    (Table::User, "auth_method", "auth"),
    (Table::User, "authentication", "auth"),
    (Table::Listener, "listener", "port"),
    (Table::Listener, "bind", "bind_address"),
    (Table::Listener, "address", "bind_address"),
    (Table::Listener, "host", "bind_address"),
    (Table::Listener, "ip", "bind_address"),
    (Table::Listener, "bind_ip", "bind_address"),
    (Table::Listener, "type", "protocol"),
    (Table::Listener, "bind_interface", "interface"),
    (Table::Listener, "device", "interface"),
    (Table::Listener, "path", "socket"),
    (Table::Listener, "unix_socket", "socket"),
    (Table::Listener, "family", "socket_domain"),
    (Table::Limits, "message_size_limit", "max_packet_size"),
    (Table::Limits, "max_message_size", "max_packet_size"),
    (Table::Limits, "max_clients", "max_connections"),
    (Table::Limits, "global_max_clients", "max_connections"),
    (Table::Limits, "global_max_connections", "max_connections"),
    (Table::Limits, "max_inflight", "max_inflight_messages"),
    (
        Table::Limits,
        "max_session_expiry_interval",
        "max_session_expiry",
    ),
    (Table::Listener, "ssl", "tls"),
    (Table::Listener, "cert", "certfile"),
    (Table::Listener, "key", "keyfile"),
    (Table::Listener, "capath", "cafile"),
    (Table::Listener, "ca", "cafile"),
    (Table::Listener, "crl", "crlfile"),
    (
        Table::Listener,
        "use_subject_as_username",
        "use_identity_as_username",
    ),
    (Table::Listener, "anonymous", "allow_anonymous"),
    (
        Table::Listener,
        "listener_allow_anonymous",
        "allow_anonymous",
    ),
    (Table::Listener, "versions", "accept_protocol_versions"),
    (Table::Listener, "max_clients", "max_connections"),
    (Table::Persistence, "durability", "mode"),
    (Table::Persistence, "persistence", "mode"),
    (Table::Persistence, "fsync", "mode"),
    (Table::Persistence, "window", "window_ms"),
    (Table::Persistence, "interval", "window_ms"),
    (Table::Persistence, "sd_budget", "sd_budget_mb_per_day"),
    (Table::Persistence, "budget", "sd_budget_mb_per_day"),
    (Table::Persistence, "tbw", "card_endurance_tb"),
    (Table::Persistence, "endurance", "card_endurance_tb"),
    (Table::Top, "durability", "[persistence]"),
    (Table::Top, "store", "[persistence]"),
    (Table::Top, "users", "[[user]]"),
    (Table::Top, "listeners", "[[listener]]"),
];

/// What people write where no single key is meant, and what to do instead.
const ASTRAY: &[(Table, &str, Hint)] = &[
    (Table::User, "scram", Hint::Do("write `auth = \"scram\"`")),
    (
        Table::Top,
        "bind",
        Hint::Do("write `bind_address` below a heading `[[listener]]`"),
    ),
    (
        Table::Top,
        "passwd",
        Hint::Do("write `password` below a heading `[[user]]`"),
    ),
    (
        Table::Top,
        "name",
        Hint::Do("write `hostname` below the heading `[system]`"),
    ),
    (Table::Top, "message_size_limit", PACKET_SIZE),
    (Table::Broker, "message_size_limit", PACKET_SIZE),
    (Table::Top, "autosave_interval", AUTOSAVE),
    (Table::Top, "autosave_on_changes", AUTOSAVE),
    (Table::Persistence, "autosave_interval", AUTOSAVE),
    (Table::Persistence, "autosave_on_changes", AUTOSAVE),
    (Table::Top, "websockets", WEBSOCKETS),
    (Table::Listener, "websockets", WEBSOCKETS),
    (Table::Listener, "websocket", WEBSOCKETS),
];

/// Mosquitto's words for when its database is written.
const AUTOSAVE: Hint = Hint::Do(
    "every change is written before it is acknowledged; `mode` below the heading `[persistence]` makes it otherwise",
);

const PACKET_SIZE: Hint = Hint::Do("write `max_packet_size` below the heading `[limits]`");

const WEBSOCKETS: Hint =
    Hint::Do("write `protocol = \"websockets\"` below a heading `[[listener]]`");

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
            (Table::Time, "ntp_servers", Hint::LaterVersion),
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
            (Table::Top, "message_size_limit", PACKET_SIZE),
            (
                Table::Limits,
                "message_size_limit",
                Hint::DidYouMean("max_packet_size"),
            ),
            (Table::Top, "listner", Hint::DidYouMean("[[listener]]")),
            (Table::Top, "wlan", Hint::LaterVersion),
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
