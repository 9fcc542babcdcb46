// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Remembers what was signed last, so that nothing has to be read out of a certificate.
//!
//! It is written after the file it is about. A file that is not the remembered one counts as missing and is made anew.

use std::collections::BTreeSet;
use std::io;
use std::net::IpAddr;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::leaf::Identity;
use super::validity::Validity;
use crate::clock::Moment;
use crate::places::Places;
use crate::system::{Access, Files, files};

/// What was signed last; version 1.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Record {
    version: u32,
    pub server: Option<ServerRecord>,
    pub revocations: Option<ListRecord>,
}

/// The server's certificate.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ServerRecord {
    /// Of the file with certificate and key.
    pub sha256: String,
    /// Fingerprint of who signed it.
    pub authority: String,
    pub names: Vec<String>,
    pub addresses: BTreeSet<IpAddr>,
    from: u64,
    until: u64,
    /// Whether the clock had been set when it was signed.
    pub clock_set: bool,
}

/// The list of revoked certificates.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ListRecord {
    /// Of the file.
    pub sha256: String,
    /// Fingerprint of who signed it.
    pub authority: String,
    /// Digest of the serial numbers in it.
    pub serials: String,
    from: u64,
    until: u64,
}

impl Record {
    /// What is remembered; nothing if that is not legible, which costs only new certificates.
    pub fn load(files: &dyn Files, places: &Places) -> Self {
        let bytes = files.read(&places.certificate_record, LIMIT).ok().flatten();
        let record = bytes.and_then(|bytes| serde_json::from_slice::<Self>(&bytes).ok());
        record
            .filter(|record| record.version == VERSION)
            .unwrap_or_default()
    }

    /// Remembers it durably.
    pub fn store(&self, files: &dyn Files, places: &Places) -> io::Result<()> {
        let text = serde_json::to_vec_pretty(&Self {
            version: VERSION,
            ..self.clone()
        })?;
        let access = Access::ROOTS;
        files::replace(files, &places.certificate_record, &text, access)
    }
}

impl ServerRecord {
    pub fn new(
        file: &str,
        authority: &str,
        identity: &Identity,
        validity: Validity,
        clock_set: bool,
    ) -> Self {
        Self {
            sha256: digest(file.as_bytes()),
            authority: authority.to_owned(),
            names: identity.names.clone(),
            addresses: identity.addresses.clone(),
            from: validity.from.0,
            until: validity.until.0,
            clock_set,
        }
    }

    pub fn validity(&self) -> Validity {
        Validity {
            from: Moment(self.from),
            until: Moment(self.until),
        }
    }
}

impl ListRecord {
    pub fn new(file: &str, authority: &str, serials: String, validity: Validity) -> Self {
        Self {
            sha256: digest(file.as_bytes()),
            authority: authority.to_owned(),
            serials,
            from: validity.from.0,
            until: validity.until.0,
        }
    }

    pub fn validity(&self) -> Validity {
        Validity {
            from: Moment(self.from),
            until: Moment(self.until),
        }
    }
}

/// Bytes in hexadecimal.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// What a file is recognised by.
pub fn digest(contents: &[u8]) -> String {
    hex(&Sha256::digest(contents))
}

/// Version of the stored form.
const VERSION: u32 = 1;
/// Bytes of the stored form.
const LIMIT: u64 = 1024 * 1024;
