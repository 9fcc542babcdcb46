// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Takes plain-text passwords off the card, in place and byte for byte, so that FAT moves nothing.

use std::error::Error;
use std::fmt;
use std::io;
use std::path::Path;

use broker_config::SecretSpan;
use serde::{Deserialize, Serialize};

use crate::system::Files;

/// What is written over one secret, as long as the secret was.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Patch {
    /// Bytes from the beginning of the file.
    pub offset: u64,
    /// `0` and spaces in the file's encoding.
    pub fill: String,
}

/// Why secrets are still on the card.
#[derive(Debug)]
pub enum ScrubError {
    /// Somebody changed the file after it was read; the next run takes it anew.
    Changed,
    /// The card could not be read or written.
    Card(io::Error),
}

impl Patch {
    /// The patch for a secret.
    pub fn over(span: &SecretSpan) -> Self {
        let fill = String::from_utf8_lossy(&span.overwrite()).into_owned();
        Self {
            offset: span.range.start as u64,
            fill,
        }
    }

    /// Whether the bytes read so already.
    pub fn is_in_place(&self, bytes: &[u8]) -> bool {
        let start = usize::try_from(self.offset).unwrap_or(usize::MAX);
        bytes.get(start..start.saturating_add(self.fill.len())) == Some(self.fill.as_bytes())
    }
}

/// The file as it reads with every patch in place; a patch beyond its end is ignored.
pub fn masked(bytes: &[u8], patches: &[Patch]) -> Vec<u8> {
    let mut masked = bytes.to_vec();
    for patch in patches {
        let start = usize::try_from(patch.offset).unwrap_or(usize::MAX);
        let place = masked.get_mut(start..start.saturating_add(patch.fill.len()));
        if let Some(place) = place {
            place.copy_from_slice(patch.fill.as_bytes());
        }
    }
    masked
}

/// Puts the patches onto the card and makes them durable, if the file is still the one that was read.
pub fn scrub(
    files: &dyn Files,
    path: &Path,
    read: &[u8],
    patches: &[Patch],
) -> Result<(), ScrubError> {
    let limit = read.len() as u64 + 1;
    if files
        .read(path, limit)
        .map_err(ScrubError::Card)?
        .as_deref()
        != Some(read)
    {
        return Err(ScrubError::Changed);
    }
    for patch in patches {
        files
            .overwrite(path, patch.offset, patch.fill.as_bytes())
            .map_err(ScrubError::Card)?;
    }
    files.sync(path).map_err(ScrubError::Card)
}

/// A number of passwords in words.
pub fn passwords(number: usize) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{number} password{plural}")
}

impl fmt::Display for ScrubError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Changed => {
                f.write_str("the file was changed meanwhile; it is read again at the next start")
            }
            Self::Card(_) => f.write_str("the card could not be written"),
        }
    }
}

impl Error for ScrubError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Changed => None,
            Self::Card(source) => Some(source),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::system::Disk;

    fn utf16(text: &str, unit: fn(u16) -> [u8; 2]) -> Vec<u8> {
        format!("\u{FEFF}{text}")
            .encode_utf16()
            .flat_map(unit)
            .collect()
    }

    #[test]
    fn every_encoding_is_scrubbed_in_place_and_reads_as_taken() {
        let text =
            "version = 1\r\n[[user]]\r\nusername = \"ü\"\r\npassword = \"hunter2 😀\" # mine\r\n";
        let cases = [
            text.as_bytes().to_vec(),
            utf16(text, u16::to_le_bytes),
            utf16(text, u16::to_be_bytes),
        ];
        for bytes in cases {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("broker.toml");
            fs::write(&path, &bytes).unwrap();
            let patches: Vec<Patch> = broker_config::read(&bytes)
                .secrets
                .iter()
                .map(Patch::over)
                .collect();
            assert_eq!(patches.len(), 1);
            scrub(&Disk, &path, &bytes, &patches).unwrap();
            let after = fs::read(&path).unwrap();
            assert_eq!(after.len(), bytes.len());
            assert_eq!(after, masked(&bytes, &patches));
            let reading = broker_config::read(&after);
            assert!(reading.secrets.is_empty());
            let settings = reading
                .verdict
                .unwrap_or_else(|problems| panic!("{}", problems[0]));
            assert!(
                settings
                    .broker
                    .users
                    .iter()
                    .all(|user| user.credential == broker_config::Credential::Kept)
            );
        }
    }

    #[test]
    fn a_file_changed_after_reading_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("broker.toml");
        fs::write(&path, "password = \"b\"").unwrap();
        let patches = [Patch {
            offset: 11,
            fill: "0  ".to_owned(),
        }];
        let result = scrub(&Disk, &path, b"password = \"a\"", &patches);
        assert!(matches!(result, Err(ScrubError::Changed)));
        assert_eq!(fs::read_to_string(&path).unwrap(), "password = \"b\"");
    }

    #[test]
    fn a_patch_beyond_the_end_is_ignored() {
        let beyond = [
            Patch {
                offset: 3,
                fill: "0 ".to_owned(),
            },
            Patch {
                offset: u64::MAX,
                fill: "0".to_owned(),
            },
        ];
        assert_eq!(masked(b"abcd", &beyond), b"abcd");
    }
}
