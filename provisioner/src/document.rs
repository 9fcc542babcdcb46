// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Finds `broker.toml` on the boot partition, also under the names that editors and file systems make of it.

use std::error::Error;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use crate::system::Files;

/// The file as it stands on the card.
pub struct Document {
    pub name: String,
    pub path: PathBuf,
    /// At most one byte more than a `broker.toml` may have, so that a longer one is seen to be too long.
    pub bytes: Vec<u8>,
    /// Other files that could be meant, which are not read.
    pub ignored: Vec<String>,
}

/// Why the card could not be read.
#[derive(Debug)]
pub enum DocumentError {
    /// The boot folder cannot be listed: the partition is not there or damaged.
    Folder(PathBuf, io::Error),
    /// The file is there and cannot be read.
    File(PathBuf, io::Error),
}

/// The file to use; `None` if the folder holds none.
pub fn find(files: &dyn Files, boot: &Path) -> Result<Option<Document>, DocumentError> {
    let names = files
        .list(boot)
        .map_err(|error| DocumentError::Folder(boot.to_owned(), error))?;
    let mut candidates: Vec<(u8, String)> = names
        .into_iter()
        .filter_map(|name| preference(&name).map(|rank| (rank, name)))
        .collect();
    candidates.sort();
    let mut candidates = candidates.into_iter().map(|(_, name)| name);
    let Some(name) = candidates.next() else {
        return Ok(None);
    };
    let path = boot.join(&name);
    match files.read(&path, LIMIT) {
        Ok(Some(bytes)) => Ok(Some(Document {
            name,
            path,
            bytes,
            ignored: candidates.collect(),
        })),
        Ok(None) => Ok(None),
        Err(error) => Err(DocumentError::File(path, error)),
    }
}

/// How well a name fits, best first; `None` if it is another file's.
fn preference(name: &str) -> Option<u8> {
    match name {
        NAME => Some(0),
        _ if name.eq_ignore_ascii_case(NAME) => Some(1),
        _ if name.eq_ignore_ascii_case("broker.toml.txt") => Some(2),
        _ => None,
    }
}

impl fmt::Display for DocumentError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Folder(path, _) => write!(f, "reading the boot partition at {}", path.display()),
            Self::File(path, _) => write!(f, "reading {}", path.display()),
        }
    }
}

impl Error for DocumentError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Folder(_, source) | Self::File(_, source) => Some(source),
        }
    }
}

/// What the file is to be called.
pub const NAME: &str = "broker.toml";
/// Bytes read: the largest `broker.toml`, 1 MiB, and one more.
const LIMIT: u64 = 1024 * 1024 + 1;

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::system::Disk;

    #[test]
    fn the_best_name_is_read_and_the_others_are_named() {
        let cases: [(&[&str], Option<&str>, &[&str]); 6] = [
            (&[], None, &[]),
            (
                &["config.txt", "broker.toml.bak", "broker-report.txt"],
                None,
                &[],
            ),
            (&["BROKER.TOM", "Broker.TOML"], Some("Broker.TOML"), &[]),
            (&["broker.toml.txt"], Some("broker.toml.txt"), &[]),
            (
                &["Broker.toml.TXT", "config.txt"],
                Some("Broker.toml.TXT"),
                &[],
            ),
            (
                &["BROKER.TOML", "broker.toml", "broker.toml.txt"],
                Some("broker.toml"),
                &["BROKER.TOML", "broker.toml.txt"],
            ),
        ];
        for (names, expected, ignored) in cases {
            let boot = tempfile::tempdir().unwrap();
            for name in names {
                fs::write(boot.path().join(name), name).unwrap();
            }
            let found = find(&Disk, boot.path()).unwrap();
            assert_eq!(
                found.as_ref().map(|document| document.name.as_str()),
                expected
            );
            if let Some(document) = found {
                assert_eq!(document.bytes, document.name.as_bytes());
                assert_eq!(document.ignored, ignored);
            }
        }
    }

    #[test]
    fn a_boot_partition_that_is_not_there_is_an_error() {
        let boot = tempfile::tempdir().unwrap();
        assert!(matches!(
            find(&Disk, &boot.path().join("none")),
            Err(DocumentError::Folder(..))
        ));
        fs::create_dir(boot.path().join("broker.toml")).unwrap();
        assert!(matches!(
            find(&Disk, boot.path()),
            Err(DocumentError::File(..))
        ));
    }
}
