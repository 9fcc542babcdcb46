// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The first file of a backup: what it is, of which device and when, and what follows with which checksum.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// Format 1.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    pub format: u32,
    /// Which version wrote it.
    pub program: String,
    pub host: String,
    /// RFC 3339, in UTC.
    pub made: String,
    pub with_secrets: bool,
    /// All that follows, in this order.
    pub files: Vec<Listed>,
}

/// One file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Listed {
    pub name: String,
    pub bytes: u64,
    /// In hexadecimal.
    pub sha256: String,
}

impl Listed {
    pub fn of(name: &str, contents: &[u8]) -> Self {
        Self {
            name: name.to_owned(),
            bytes: contents.len() as u64,
            sha256: hex(&Sha256::digest(contents)),
        }
    }
}

/// A digest as the manifest has it.
pub fn hex(digest: &[u8]) -> String {
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// What this version writes and reads.
pub const FORMAT: u32 = 1;
/// Files beside the manifest.
pub const MOST_FILES: usize = 256;
