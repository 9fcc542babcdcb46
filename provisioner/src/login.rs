// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The login this program makes when a valid file names no user, so that a fresh card is neither open nor useless.
//!
//! The plain password exists in the report on the card and nowhere else. It is shown there before its hash is in
//! force, and read back from there at every boot until somebody has logged in with it.

use std::io;

use serde_json::Value;

use crate::desired::Desired;
use crate::places::Places;
use crate::report::text::PASSWORD_LABEL;
use crate::system::{Files, Randomness};

/// A user name and its plain password; it has neither `Debug` nor `Display`.
#[derive(Clone, PartialEq, Eq)]
pub struct Login {
    pub username: String,
    pub password: String,
}

impl Login {
    /// A new login: `mqtt` and 20 random characters, 100 bits, none easily taken for another.
    pub fn generate(random: &dyn Randomness) -> io::Result<Self> {
        let mut bytes = [0; LENGTH];
        random.fill(&mut bytes)?;
        let letter = |byte: u8| {
            ALPHABET
                .get(usize::from(byte) % ALPHABET.len())
                .copied()
                .unwrap_or(b'x')
        };
        let password = bytes.into_iter().map(letter).map(char::from).collect();
        Ok(Self {
            username: USERNAME.to_owned(),
            password,
        })
    }

    /// The login still to be shown: the report holds it, it is in force, and nobody has used it yet.
    pub fn pending(files: &dyn Files, places: &Places, desired: &Desired) -> Option<Self> {
        let username = desired.generated_user.as_ref()?;
        let hash = desired.hash_of(username)?;
        if !matches!(files.len(&places.first_login), Ok(None)) {
            return None;
        }
        // A power cut while the reports were written leaves at least one of them whole.
        let read = |path| files.read(path, LIMIT).ok().flatten().unwrap_or_default();
        let candidates = [
            password_in_json(&read(&places.report_json)),
            password_in_text(&read(&places.report_text)),
        ];
        let password = candidates
            .into_iter()
            .flatten()
            .find(|password| hash.verify(password.as_bytes()))?;
        Some(Self {
            username: username.clone(),
            password,
        })
    }
}

fn password_in_json(report: &[u8]) -> Option<String> {
    let report: Value = serde_json::from_slice(report).ok()?;
    report
        .get("login")?
        .get("password")?
        .as_str()
        .map(str::to_owned)
}

fn password_in_text(report: &[u8]) -> Option<String> {
    let text = String::from_utf8_lossy(report);
    let password = text
        .lines()
        .find_map(|line| line.trim().strip_prefix(PASSWORD_LABEL))?
        .trim();
    Some(password.to_owned())
}

/// The generated user's name.
const USERNAME: &str = "mqtt";
/// Characters in a generated password.
const LENGTH: usize = 20;
/// 32 characters, so that every byte picks one evenly; no `l`, `1`, `o`, `0`.
const ALPHABET: &[u8; 32] = b"abcdefghijkmnpqrstuvwxyz23456789";
/// Bytes of a report.
const LIMIT: u64 = 1024 * 1024;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::system::Entropy;

    #[test]
    fn generated_logins_differ_and_can_be_read_aloud() {
        let one = Login::generate(&Entropy).unwrap();
        let two = Login::generate(&Entropy).unwrap();
        assert!(one != two);
        assert_eq!(one.username, "mqtt");
        assert_eq!(one.password.len(), 20);
        assert!(one.password.bytes().all(|byte| ALPHABET.contains(&byte)));
        assert!(
            ["l", "1", "o", "0"]
                .iter()
                .all(|unclear| !one.password.contains(unclear))
        );
    }

    #[test]
    fn a_password_is_found_in_either_report() {
        let cases: [(Option<String>, Option<&str>); 5] = [
            (
                password_in_json(br#"{"login":{"username":"mqtt","password":"abc"}}"#),
                Some("abc"),
            ),
            (password_in_json(br#"{"login":null}"#), None),
            (password_in_json(b"{\"login\":{\"pass"), None),
            (
                password_in_text(b"LOGIN\r\n  user name  mqtt\r\n  password   abc\r\n"),
                Some("abc"),
            ),
            (password_in_text(b"\xFF\xFEpass"), None),
        ];
        for (found, expected) in cases {
            assert_eq!(found.as_deref(), expected);
        }
    }
}
