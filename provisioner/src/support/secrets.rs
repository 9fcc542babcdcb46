// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The second net of the bundle: lines that hold a secret of this device, or something of a secret's shape, are left out.
//!
//! Nothing that goes into the bundle is to hold a secret in the first place. A line is left out as a whole, so that a gap
//! does not tell which word of it was a password. A password of fewer than four characters is no secret here.

use std::collections::BTreeSet;

use broker_config::SecretSpan;

use crate::document;
use crate::provision::World;
use crate::report::text::PASSWORD_LABEL;

/// What must not be told; it has neither `Debug` nor `Display`.
pub struct Secrets(BTreeSet<String>);

impl Secrets {
    /// Every secret that stands on the card or in the files of this device, as far as they can be read.
    pub fn of(world: &World) -> Self {
        let (files, places) = (world.files, &world.places);
        let read = |path| files.read(path, LIMIT).ok().flatten().unwrap_or_default();
        let mut found = BTreeSet::new();
        if let Ok(Some(document)) = document::find(files, &places.boot) {
            let spans = broker_config::read(&document.bytes).secrets;
            found.extend(spans.iter().map(|span| spanned(&document.bytes, span)));
            found.extend(assigned(&legible(&document.bytes)));
        }
        for path in [
            &places.desired,
            &places.configuration,
            &places.report_json,
            &places.stamp,
            &places.certificate_record,
        ] {
            found.extend(assigned(&legible(&read(path))));
        }
        let report = legible(&read(&places.report_text));
        let labelled = report
            .lines()
            .filter_map(|line| line.trim().strip_prefix(PASSWORD_LABEL));
        found.extend(labelled.map(|password| password.trim().to_owned()));
        found.retain(|secret| secret.chars().count() >= SHORTEST);
        Self(found)
    }

    /// The text without the lines that tell one.
    pub fn without(&self, text: &str) -> String {
        let mut in_key = false;
        let line = |line: &str| {
            let begins = line.contains("PRIVATE KEY");
            let left_out = in_key || begins || self.are_in(line);
            in_key = match begins {
                true => line.contains("BEGIN"),
                false => in_key && line.len() < LONGEST_OF_KEY,
            };
            match left_out {
                true => format!("{LEFT_OUT}\n"),
                false => format!("{line}\n"),
            }
        };
        text.lines().map(line).collect()
    }

    fn are_in(&self, line: &str) -> bool {
        let is_hash = |shape: &&str| line.contains(shape);
        HASHES.iter().any(is_hash)
            || line.split(|c: char| !is_of_base64(c)).any(is_like_a_key)
            || line.trim_start().starts_with(PASSWORD_LABEL)
            || self.0.iter().any(|secret| tells(line, secret))
    }
}

/// Whether the secret stands in the line, a short one as a word of its own.
fn tells(line: &str, secret: &str) -> bool {
    line.match_indices(secret).any(|(at, _)| {
        let before = line.get(..at).and_then(|text| text.chars().next_back());
        let after = line
            .get(at + secret.len()..)
            .and_then(|text| text.chars().next());
        let borders = [before, after].into_iter().flatten();
        secret.chars().count() >= LONG || !borders.into_iter().any(char::is_alphanumeric)
    })
}

/// What stands at a span, without its quotes.
fn spanned(bytes: &[u8], span: &SecretSpan) -> String {
    let secret = bytes.get(span.range.clone()).unwrap_or_default();
    // In UTF-16 every other byte of such a text is zero.
    let secret: Vec<u8> = secret.iter().copied().filter(|byte| *byte != 0).collect();
    let text = String::from_utf8_lossy(&secret).into_owned();
    text.trim_matches(['"', '\'']).to_owned()
}

/// The bytes as text, also of UTF-16.
fn legible(bytes: &[u8]) -> String {
    let wide = |unit: fn([u8; 2]) -> u16| {
        let pairs = bytes.chunks_exact(2).skip(1);
        let units = pairs.map(|pair| {
            unit([
                pair.first().copied().unwrap_or(0),
                pair.last().copied().unwrap_or(0),
            ])
        });
        char::decode_utf16(units)
            .map(|unit| unit.unwrap_or(char::REPLACEMENT_CHARACTER))
            .collect()
    };
    match bytes {
        [0xFF, 0xFE, ..] => wide(u16::from_le_bytes),
        [0xFE, 0xFF, ..] => wide(u16::from_be_bytes),
        _ => String::from_utf8_lossy(bytes).into_owned(),
    }
}

/// Values that follow a name of a secret in TOML, JSON or `KEY=value`, also in a file with faults.
fn assigned(text: &str) -> Vec<String> {
    let mut values = Vec::new();
    for line in text.lines() {
        let lower = line.to_ascii_lowercase();
        for name in NAMES {
            for (at, _) in lower.match_indices(name) {
                let rest = line.get(at + name.len()..).unwrap_or_default();
                values.extend(value(rest));
            }
        }
    }
    values
}

/// What stands behind the rest of a name and `=` or `:`, up to the end of its quotes or of its word.
fn value(rest: &str) -> Option<String> {
    if rest.starts_with("_file") {
        return None;
    }
    let of_name = |c: char| c.is_alphanumeric() || c == '_' || c == '-';
    let value = rest
        .trim_start_matches(of_name)
        .trim_start_matches(['"', '\''])
        .trim_start();
    let value = value.strip_prefix(['=', ':'])?.trim_start();
    let quote = value.chars().next().filter(|c| ['"', '\''].contains(c));
    let (value, end): (&str, &[char]) = match quote {
        Some('"') => (value.trim_start_matches('"'), &['"']),
        Some(_) => (value.trim_start_matches('\''), &['\'']),
        None => (value, &[' ', '\t', ',', '}', '#']),
    };
    let value = value.split(end).next().unwrap_or_default().trim();
    (!value.is_empty()).then(|| value.to_owned())
}

fn is_of_base64(c: char) -> bool {
    c.is_ascii_alphanumeric() || "+/".contains(c)
}

/// Whether a word reads as base64 of a key, or as the 64 digits of a Wi-Fi key.
fn is_like_a_key(word: &str) -> bool {
    let has = |kind: fn(&u8) -> bool| word.as_bytes().iter().any(kind);
    let is_mixed =
        has(u8::is_ascii_uppercase) && has(u8::is_ascii_lowercase) && has(u8::is_ascii_digit);
    let is_hex = word.len() == 64 && word.bytes().all(|byte| byte.is_ascii_hexdigit());
    is_hex || word.len() >= SHORTEST_KEY && is_mixed
}

/// Parts of the names of keys whose values are secrets.
const NAMES: [&str; 7] = [
    "password",
    "passphrase",
    "psk",
    "secret",
    "hash",
    "verifier",
    "salt",
];
/// How hashes of passwords begin.
const HASHES: [&str; 9] = [
    "$argon2",
    "SCRAM-SHA-256$",
    "$scrypt",
    "$7$",
    "$6$",
    "$5$",
    "$2a$",
    "$2b$",
    "$2y$",
];
const LEFT_OUT: &str = "(a line is left out here, because it may hold a secret)";
/// Characters of the shortest text that counts as a secret.
const SHORTEST: usize = 4;
/// Characters from which a secret is found inside a word, too.
const LONG: usize = 8;
/// Characters of the shortest word that counts as a key.
const SHORTEST_KEY: usize = 40;
/// Bytes of a line of a PEM file at most.
const LONGEST_OF_KEY: usize = 100;
/// Bytes of a file in which secrets are looked for.
const LIMIT: u64 = 4 * 1024 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_of_secrets_are_found_also_in_files_with_faults() {
        let cases = [
            ("password = \"hunter2\" # mine", "hunter2"),
            ("password=letmein", "letmein"),
            ("password = '''tri\"ple'''", "tri\"ple"),
            ("{ username = \"a\", password = \"in line\" }", "in line"),
            (
                "  \"password_hash\": \"$argon2id$v=19$x\",",
                "$argon2id$v=19$x",
            ),
            ("psk = 0123abcd, x", "0123abcd"),
            ("wifi_PASSWORD: secret one", "secret"),
        ];
        for (line, expected) in cases {
            assert!(assigned(line).contains(&expected.to_owned()), "{line}");
        }
        assert!(assigned("password = 0").iter().all(|value| value == "0"));
        for line in [
            "no passwords here",
            "password_file = \"passwd\"",
            "the password of ann: none",
        ] {
            assert!(assigned(line).is_empty(), "{line}");
        }
    }

    #[test]
    fn lines_with_a_secret_or_the_shape_of_one_are_left_out() {
        let secrets = Secrets(["hunter2", "long enough"].map(str::to_owned).into());
        let kept = [
            "hunter20 is another word",
            "/usr/lib/systemd/system/broker-provision-certificate.service",
            "MESSAGE_ID=39b078a1ec9a45d89fa4a7f39f5e730d",
            "AA:BB:CC:DD:EE:FF:00:11:22:33:44:55:66:77:88:99:AA:BB:CC:DD:EE:FF:00:11:22:33:44:55:66:77:88:99",
        ];
        let left_out = [
            "client said hunter2!",
            "xlong enoughx",
            "$7$101$salt$hash",
            "hash $argon2id$v=19$m=19456",
            "  password   abcdefg",
            "MC4CAQAwBQYDK2VwBCIEIGAOldLBDSBdgOAl0KDSB9yCfSgIxFpSXxm3FpXUq7L4",
            "psk 0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
        ];
        for line in kept {
            assert_eq!(secrets.without(line), format!("{line}\n"));
        }
        for line in left_out {
            assert_eq!(secrets.without(line), format!("{LEFT_OUT}\n"), "{line}");
        }
        let key = "-----BEGIN PRIVATE KEY-----\nshort\n-----END PRIVATE KEY-----\nafter";
        let expected = format!("{LEFT_OUT}\n{LEFT_OUT}\n{LEFT_OUT}\nafter\n");
        assert_eq!(secrets.without(key), expected);
    }
}
