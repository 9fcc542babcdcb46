// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Access lists in one line: `read a/#`, `write b`, `readwrite +/c`, `deny $SYS/#`, with `%u` and `%c` for names.

use std::sync::Arc;

use mqtt_core::{Access, AccessEntry, Grant, Grants, Rules};

use crate::packets::filter;

/// One entry.
pub fn entry(text: &str) -> AccessEntry {
    let (word, topics) = text.split_once(' ').expect("an entry has two words");
    let grant = match word {
        "read" => Grant::Read,
        "write" => Grant::Write,
        "readwrite" => Grant::ReadWrite,
        "deny" => Grant::Deny,
        _ => panic!("unknown right {word}"),
    };
    AccessEntry::pattern(grant, &filter(topics))
}

/// What these entries allow, and nothing else.
pub fn listed<S: AsRef<str>>(texts: &[S]) -> Grants {
    let entries = texts.iter().map(|text| entry(text.as_ref())).collect();
    Grants::Listed(Arc::new(Rules::new(entries, Arc::default())))
}

/// What a user is given who has no access list.
pub const EVERYTHING: [&str; 2] = ["readwrite #", "read $SYS/#"];

/// The user has these entries; everybody else may everything.
pub fn user_may<S: AsRef<str>>(user: &str, texts: &[S]) -> Access {
    Access {
        users: [(user.into(), listed(texts))].into(),
        ..Access::default()
    }
}
