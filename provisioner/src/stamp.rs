// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Remembers which file was accepted, so that the same file is not checked and hashed again at every boot.
//!
//! ```text
//!            accepted              overwritten
//!   (none) ───────────▶ Scrubbing ─────────────▶ Settled
//!      │        no secret in the file              ▲
//!      └───────────────────────────────────────────┘
//! ```
//!
//! The passwords themselves are left out of the fingerprint: a file is known by everything else, and by where they were.

use std::io;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::card::{CardFile, State};
use crate::places::Places;
use crate::secret::{Patch, masked};
use crate::system::{Access, Files, files};

/// Which file was accepted, and how far taking its secrets off the card has come.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Stamp {
    version: u32,
    /// Of the file with every patch in place, in hexadecimal.
    sha256: String,
    progress: Progress,
    patches: Vec<Patch>,
    /// The files that it names.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    files: Vec<StampedFile>,
}

/// A file on the card as it was when it was accepted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StampedFile {
    pub name: String,
    /// With its private key, which nobody can guess from it.
    pub sha256: String,
    pub length: u64,
    /// Whether it is overwritten, because a private key is in it.
    pub is_secret: bool,
}

/// How far the overwriting has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Progress {
    Scrubbing,
    Settled,
}

/// What a file is to the stamp.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Known {
    /// Exactly the accepted file, without its secrets.
    Settled,
    /// The accepted file, some of whose secrets, or of the keys in files it names, may be overwritten in part.
    Scrubbing,
    /// Another file.
    No,
}

impl Stamp {
    /// The stamp to keep before secrets are overwritten; settled at once if there are none.
    pub fn before_scrubbing(bytes: &[u8], patches: Vec<Patch>, card: &[CardFile]) -> Self {
        let has_new_key = card.iter().any(|file| file.is_secret && !file.is_kept);
        let progress = if patches.is_empty() && !has_new_key {
            Progress::Settled
        } else {
            Progress::Scrubbing
        };
        Self {
            version: VERSION,
            sha256: fingerprint(&masked(bytes, &patches)),
            progress,
            patches,
            files: card.iter().map(StampedFile::of).collect(),
        }
    }

    /// The stamp to keep once all are overwritten.
    pub fn after_scrubbing(self) -> Self {
        Self {
            progress: Progress::Settled,
            ..self
        }
    }

    /// Whether these bytes are the accepted file, and those that it names are what they were.
    pub fn recognise(&self, bytes: &[u8], files: &[State]) -> Known {
        let masked = masked(bytes, &self.patches);
        let still_to_do = |state: &State| matches!(state, State::Whole | State::Torn);
        match self.progress {
            _ if fingerprint(&masked) != self.sha256 => Known::No,
            _ if files.contains(&State::Changed) => Known::No,
            Progress::Settled if files.iter().any(still_to_do) => Known::No,
            Progress::Scrubbing => Known::Scrubbing,
            // A new password as long as the one before changes nothing but the masked bytes.
            Progress::Settled if masked != bytes => Known::No,
            Progress::Settled => Known::Settled,
        }
    }

    /// What is to be written over the secrets.
    pub fn patches(&self) -> &[Patch] {
        &self.patches
    }

    /// The files that it names.
    pub fn files(&self) -> &[StampedFile] {
        &self.files
    }

    /// Whether nothing is left to overwrite.
    pub fn is_settled(&self) -> bool {
        self.progress == Progress::Settled
    }

    /// The stamp kept on the device; `None` if there is none or it is not legible, which costs only work.
    pub fn load(files: &dyn Files, places: &Places) -> Option<Self> {
        let bytes = files.read(&places.stamp, LIMIT).ok().flatten()?;
        let stamp: Self = serde_json::from_slice(&bytes).ok()?;
        (stamp.version == VERSION).then_some(stamp)
    }

    /// Keeps the stamp durably.
    pub fn store(&self, files: &dyn Files, places: &Places) -> io::Result<()> {
        let text = serde_json::to_vec_pretty(self)?;
        files::replace(files, &places.stamp, &text, Access::ROOTS)
    }
}

impl StampedFile {
    fn of(file: &CardFile) -> Self {
        Self {
            name: file.name.clone(),
            sha256: fingerprint(&file.bytes),
            length: file.bytes.len() as u64,
            is_secret: file.is_secret,
        }
    }

    /// Whether these are its bytes of before.
    pub fn is(&self, bytes: &[u8]) -> bool {
        fingerprint(bytes) == self.sha256
    }
}

fn fingerprint(bytes: &[u8]) -> String {
    Sha256::digest(bytes)
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

/// Version of the stored form.
const VERSION: u32 = 1;
/// Bytes of a stored stamp: 1,000 patches of 128 characters, each written as an escape of six.
const LIMIT: u64 = 4 * 1024 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &[u8] = b"user = \"a\"\npassword = \"hunter2\"\n";
    const CLEAN: &[u8] = b"user = \"a\"\npassword = 0        \n";

    fn patches() -> Vec<Patch> {
        vec![Patch {
            offset: 22,
            fill: "0        ".to_owned(),
        }]
    }

    #[test]
    fn a_file_is_recognised_by_what_is_not_secret() {
        let scrubbing = Stamp::before_scrubbing(FILE, patches(), &[]);
        let settled = scrubbing.clone().after_scrubbing();
        let torn: &[u8] = b"user = \"a\"\npassword = 0    er2\"\n";
        let same_length: &[u8] = b"user = \"a\"\npassword = \"letmein\"\n";
        let edited: &[u8] = b"user = \"b\"\npassword = 0        \n";
        let cases = [
            (&scrubbing, FILE, Known::Scrubbing),
            (&scrubbing, torn, Known::Scrubbing),
            (&scrubbing, CLEAN, Known::Scrubbing),
            (&scrubbing, edited, Known::No),
            (&settled, CLEAN, Known::Settled),
            (&settled, same_length, Known::No),
            (&settled, edited, Known::No),
            (&settled, b"", Known::No),
        ];
        for (stamp, bytes, expected) in cases {
            assert_eq!(
                stamp.recognise(bytes, &[]),
                expected,
                "{}",
                String::from_utf8_lossy(bytes)
            );
        }
    }

    #[test]
    fn a_file_without_secrets_is_settled_at_once() {
        assert_eq!(
            Stamp::before_scrubbing(CLEAN, Vec::new(), &[]).recognise(CLEAN, &[]),
            Known::Settled
        );
    }

    #[test]
    fn a_stamp_holds_no_secret() {
        let text = serde_json::to_string(&Stamp::before_scrubbing(FILE, patches(), &[])).unwrap();
        assert!(!text.contains("hunter2"));
    }
}
