// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Files on the boot partition by which somebody without a keyboard asks for something at the next start.
//!
//! A request is a file of a known name, in any case, with or without `.txt`, as editors and file managers make it.
//! What follows from it is its own module's business.

use std::io;
use std::path::{Path, PathBuf};

use crate::system::Files;

/// What can be asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Everything of the owner's is to go; the text is the device's host name.
    FactoryReset,
    /// The bundle for somebody who helps; the text does not matter.
    Support,
}

/// A file that asks.
#[derive(Debug, PartialEq, Eq)]
pub struct Request {
    /// As it stands on the card.
    pub name: String,
    pub path: PathBuf,
    /// Without mark, line ends and spaces around it; `None` if it is longer than 4 KiB or no text.
    pub text: Option<String>,
}

impl Kind {
    /// The name people are told.
    pub fn name(self) -> &'static str {
        match self {
            Self::FactoryReset => "factory-reset",
            Self::Support => "support",
        }
    }

    fn is_named(self, name: &str) -> bool {
        let name = name.to_ascii_lowercase();
        name.strip_suffix(".txt").unwrap_or(&name) == self.name()
    }
}

/// Every file that asks for this, by name; folders and what cannot be read are left out.
pub fn find(files: &dyn Files, boot: &Path, kind: Kind) -> io::Result<Vec<Request>> {
    let names = files.list(boot)?.into_iter();
    let requests = names.filter(|name| kind.is_named(name)).filter_map(|name| {
        let path = boot.join(&name);
        let bytes = files.read(&path, LIMIT + 1).ok()??;
        let fits = bytes.len() as u64 <= LIMIT;
        let text = broker_config::plain_text(&bytes).filter(|_| fits);
        let text = text.map(|text| text.trim().to_owned());
        Some(Request { name, path, text })
    });
    Ok(requests.collect())
}

/// Takes a request off the card, durably, so that it counts once.
pub fn withdraw(files: &dyn Files, boot: &Path, request: &Request) -> io::Result<()> {
    files.remove(&request.path)?;
    files.sync(boot)
}

/// Bytes of a request that are read.
const LIMIT: u64 = 4096;

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::system::Disk;

    #[test]
    fn a_request_is_found_under_every_name_an_editor_gives_it() {
        let cases = [
            ("factory-reset", Some(Kind::FactoryReset)),
            ("FACTORY-RESET.TXT", Some(Kind::FactoryReset)),
            ("Support", Some(Kind::Support)),
            ("support.txt", Some(Kind::Support)),
            ("broker-support.txt", None),
            ("support.txt.txt", None),
            ("support.md", None),
            ("factory-reset2", None),
        ];
        for (name, expected) in cases {
            let boot = tempfile::tempdir().unwrap();
            fs::write(boot.path().join(name), "broker").unwrap();
            for kind in [Kind::FactoryReset, Kind::Support] {
                let found = find(&Disk, boot.path(), kind).unwrap();
                let names: Vec<&str> = found.iter().map(|found| found.name.as_str()).collect();
                let expected = (expected == Some(kind)).then_some(name);
                assert_eq!(names, Vec::from_iter(expected), "{name}");
            }
        }
    }

    #[test]
    fn its_text_is_read_as_windows_writes_it() {
        let wide =
            |text: &str, unit: fn(u16) -> [u8; 2]| text.encode_utf16().flat_map(unit).collect();
        let cases: [(Vec<u8>, Option<&str>); 8] = [
            (b"broker".to_vec(), Some("broker")),
            (b"  broker \r\n\r\n".to_vec(), Some("broker")),
            (b"\xEF\xBB\xBFbroker\r\n".to_vec(), Some("broker")),
            (wide("\u{FEFF}broker\r\n", u16::to_le_bytes), Some("broker")),
            (wide("\u{FEFF}broker\r\n", u16::to_be_bytes), Some("broker")),
            (Vec::new(), Some("")),
            (b"\xFFbroker".to_vec(), None),
            (vec![b'x'; 4097], None),
        ];
        for (bytes, expected) in cases {
            let boot = tempfile::tempdir().unwrap();
            fs::write(boot.path().join("factory-reset"), &bytes).unwrap();
            let found = find(&Disk, boot.path(), Kind::FactoryReset).unwrap();
            assert_eq!(found[0].text.as_deref(), expected, "{bytes:?}");
        }
    }

    #[test]
    fn a_withdrawn_request_is_gone_and_a_folder_asks_for_nothing() {
        let boot = tempfile::tempdir().unwrap();
        fs::write(boot.path().join("support.txt"), "").unwrap();
        fs::create_dir(boot.path().join("support")).unwrap();
        let found = find(&Disk, boot.path(), Kind::Support).unwrap();
        assert_eq!(found.len(), 1);
        withdraw(&Disk, boot.path(), &found[0]).unwrap();
        assert!(find(&Disk, boot.path(), Kind::Support).unwrap().is_empty());
    }
}
