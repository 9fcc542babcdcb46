// SPDX-License-Identifier: Apache-2.0 OR MIT
//! A public key that opens the machine over SSH, as a line of `authorized_keys` (sshd(8)).

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

/// One line without options: a type, its key, and a remark or none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuthorizedKey(String);

/// Why a text is no such line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InvalidKey {
    Empty,
    /// It is the half that nobody else may have.
    Private,
    /// A file of PuTTY.
    Putty,
    /// The other form of public keys (RFC 4716).
    Ssh2,
    FileName,
    Dsa,
    Several,
    Options,
    /// No type that OpenSSH takes.
    Unknown,
    /// The key does not decode, or is of another type than its line says.
    Damaged,
    /// Longer than 8192 bytes, or with control characters.
    Form,
}

impl AuthorizedKey {
    /// Reads one line, spaces around it taken off.
    pub fn parse(text: &str) -> Result<Self, InvalidKey> {
        let line = text.trim();
        if let Some(fault) = mistaken(line) {
            return Err(fault);
        }
        let mut words = line.split([' ', '\t']).filter(|word| !word.is_empty());
        let (kind, key) = (words.next().unwrap_or_default(), words.next());
        if kind == "ssh-dss" {
            return Err(InvalidKey::Dsa);
        }
        let Some((_, fields)) = KINDS.iter().find(|(name, _)| *name == kind) else {
            let later = words.chain(key).any(is_kind);
            return Err(if later {
                InvalidKey::Options
            } else {
                InvalidKey::Unknown
            });
        };
        let blob = key.and_then(|key| STANDARD.decode(key).ok());
        let whole = blob.is_some_and(|blob| holds(&blob, kind, *fields));
        if !whole {
            return Err(InvalidKey::Damaged);
        }
        Ok(Self(line.to_owned()))
    }

    /// The line as it is written.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The key itself in base64, between type and remark.
    pub fn key(&self) -> &str {
        self.0.split_ascii_whitespace().nth(1).unwrap_or_default()
    }
}

/// What somebody pasted in place of a line.
fn mistaken(line: &str) -> Option<InvalidKey> {
    let begins = |word: &str| line.starts_with(word);
    let kinds = || line.split_whitespace().filter(|word| is_kind(word));
    if line.is_empty() {
        Some(InvalidKey::Empty)
    } else if line.contains("PRIVATE KEY") {
        Some(InvalidKey::Private)
    } else if begins("PuTTY-User-Key-File") {
        Some(InvalidKey::Putty)
    } else if begins("---- BEGIN SSH2") {
        Some(InvalidKey::Ssh2)
    } else if kinds().count() > 1 {
        Some(InvalidKey::Several)
    } else if line.len() > MAX_LINE || line.contains(|c: char| c.is_control() && c != '\t') {
        Some(InvalidKey::Form)
    } else if kinds().next().is_none() && is_file_name(line) {
        Some(InvalidKey::FileName)
    } else {
        None
    }
}

fn is_kind(word: &str) -> bool {
    KINDS.iter().any(|(kind, _)| *kind == word)
}

fn is_file_name(line: &str) -> bool {
    let ends = [".pub", ".ppk", ".pem", ".txt"];
    line.starts_with(['~', '/'])
        || ends.iter().any(|end| line.ends_with(end))
        || line.contains(":\\")
}

/// Whether the blob names its type and holds as many further strings, up to its end (RFC 4253, 6.6).
fn holds(blob: &[u8], kind: &str, fields: usize) -> bool {
    let mut rest = blob;
    let mut next = || {
        let (length, behind) = rest.split_first_chunk::<4>()?;
        let length = usize::try_from(u32::from_be_bytes(*length)).ok()?;
        let (field, behind) = behind.split_at_checked(length)?;
        rest = behind;
        Some(field)
    };
    let named = next() == Some(kind.as_bytes());
    let filled = (0..fields).all(|_| next().is_some_and(|field| !field.is_empty()));
    named && filled && rest.is_empty()
}

impl fmt::Display for InvalidKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Empty => "this key is empty",
            Self::Private => "this is a private key, which nobody else may have",
            Self::Putty => "this is a file of PuTTY, which holds the private key, too",
            Self::Ssh2 => "this is a public key in the form of SSH2, of several lines",
            Self::FileName => "this is the name of a file, not a key",
            Self::Dsa => {
                "keys of type ssh-dss (DSA) are no longer secure, and OpenSSH refuses them"
            }
            Self::Several => "several keys stand in one text",
            Self::Options => "options before a key are not supported",
            Self::Unknown => "this is not a public key of a known type",
            Self::Damaged => "this key is damaged or incomplete",
            Self::Form => "a key is one line of at most 8192 bytes without control characters",
        })
    }
}

impl std::error::Error for InvalidKey {}

/// The types that OpenSSH takes, and how many strings follow the type in the key.
const KINDS: [(&str, usize); 7] = [
    ("ssh-ed25519", 1),
    ("ssh-rsa", 2),
    ("ecdsa-sha2-nistp256", 2),
    ("ecdsa-sha2-nistp384", 2),
    ("ecdsa-sha2-nistp521", 2),
    ("sk-ssh-ed25519@openssh.com", 2),
    ("sk-ecdsa-sha2-nistp256@openssh.com", 3),
];
/// Bytes of a line (sshd(8), AUTHORIZED_KEYS FILE FORMAT).
const MAX_LINE: usize = 8192;

#[cfg(test)]
mod tests {
    use super::*;

    const ED25519: &str = "AAAAC3NzaC1lZDI1NTE5AAAAINT+K4WMxMDEG2whg+onuOZQJuJq8iM6ihLg0C0N0xmh";
    const ECDSA: &str = "AAAAE2VjZHNhLXNoYTItbmlzdHAyNTYAAAAIbmlzdHAyNTYAAABBBGjD4lxeozj5n/O3Es4NIkIUfpfkSBT4sl+KVxbu+Ae3wOISEKMXEl+sEz7sj0IyEUf1kwidt4npNRSWdlm1tPM=";

    #[test]
    fn a_key_is_one_line_of_a_type_that_its_blob_names() {
        let line = |kind: &str, key: &str| format!("{kind} {key} me at home");
        let good = line("ssh-ed25519", ED25519);
        let half = ED25519.split_at(40).0;
        let cases = [
            (good.clone(), None),
            (format!("  ssh-ed25519\t{ED25519}\n"), None),
            (line("ecdsa-sha2-nistp256", ECDSA), None),
            (String::new(), Some(InvalidKey::Empty)),
            (line("ssh-rsa", ED25519), Some(InvalidKey::Damaged)),
            (line("ssh-ed25519", half), Some(InvalidKey::Damaged)),
            ("ssh-ed25519".to_owned(), Some(InvalidKey::Damaged)),
            (line("ssh-dss", ED25519), Some(InvalidKey::Dsa)),
            (format!("no-pty {good}"), Some(InvalidKey::Options)),
            (format!("{good}\n{good}"), Some(InvalidKey::Several)),
            (format!("{good}\u{1b}"), Some(InvalidKey::Form)),
            (ED25519.to_owned(), Some(InvalidKey::Unknown)),
            ("id_ed25519.pub".to_owned(), Some(InvalidKey::FileName)),
            (
                "C:\\Users\\me\\.ssh\\id_rsa".to_owned(),
                Some(InvalidKey::FileName),
            ),
            (
                "-----BEGIN OPENSSH PRIVATE KEY-----\nb3Bl".to_owned(),
                Some(InvalidKey::Private),
            ),
            (
                "PuTTY-User-Key-File-3: ssh-ed25519".to_owned(),
                Some(InvalidKey::Putty),
            ),
            (
                format!("---- BEGIN SSH2 PUBLIC KEY ----\n{ED25519}"),
                Some(InvalidKey::Ssh2),
            ),
        ];
        for (text, expected) in cases {
            assert_eq!(AuthorizedKey::parse(&text).err(), expected, "{text}");
        }
    }
}
