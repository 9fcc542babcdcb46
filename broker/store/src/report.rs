// SPDX-License-Identifier: Apache-2.0 OR MIT
//! What opening a store found: what it holds, what is lost, and why it cannot be opened.

use std::fmt;
use std::io;

use mqtt_core::{CommitSeq, Record};

use crate::Stamp;

/// What a store holds.
#[derive(Debug, Default)]
pub struct Opened {
    /// Sessions, subscriptions, exchanges, retained messages, messages, then entries by their ids.
    pub records: Vec<Record>,
    /// The newest durable record; numbering goes on behind it.
    pub last: CommitSeq,
    /// The time of the newest batch; none in a new store.
    pub stamp: Option<Stamp>,
    pub report: Report,
}

/// What was not as a clean stop leaves it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// Bytes of a batch that a power cut left incomplete; nobody was told of it, so nothing is lost.
    pub torn_bytes: u64,
    /// Each loss.
    pub damages: Vec<Damage>,
    /// Queue entries without their message or session, and messages without an entry, that were dropped.
    pub orphans: u64,
}

/// A part of the store that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Damage {
    /// The file's name in the directory; empty where it is missing.
    pub file: String,
    /// The copy that was kept for the curious; none where there were too many or no room.
    pub kept_as: Option<String>,
    /// What is lost, in words.
    pub what: String,
}

impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.file.as_str() {
            "" => write!(f, "{}", self.what),
            file => write!(f, "{file}: {}", self.what),
        }?;
        match &self.kept_as {
            Some(name) => write!(f, "; a copy is kept as {name}"),
            None => Ok(()),
        }
    }
}

/// Why a store cannot be opened; what is inside the files never is a reason, but for a newer format.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Nothing was touched.
    #[error(
        "{file} has format {version}, this broker knows up to {known}: \
         install the newer broker again, or move the store's directory away to start with an empty one"
    )]
    NewerFormat {
        file: String,
        version: u32,
        known: u32,
    },
    #[error("{doing} {file}")]
    Io {
        doing: &'static str,
        /// Its name in the directory; empty for the directory itself.
        file: String,
        #[source]
        error: io::Error,
    },
}
