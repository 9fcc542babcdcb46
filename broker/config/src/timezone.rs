// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The machine's time zone by its name in the tz database; whether it exists there only the machine knows.

use std::fmt;

/// A well-formed tz database name such as `Asia/Tokyo` or `UTC`, at most 64 bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TimeZone(String);

impl TimeZone {
    /// The name, if it has the form of one: parts of letters, digits, `_`, `+`, `-` between slashes.
    pub fn parse(name: &str) -> Option<Self> {
        (name.len() <= MAX_NAME && name.split('/').all(is_part)).then(|| Self(name.to_owned()))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for TimeZone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

fn is_part(part: &str) -> bool {
    part.starts_with(|first: char| first.is_ascii_alphabetic())
        && part
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"_+-".contains(&byte))
}

/// Bytes; the longest name in the database has 32.
const MAX_NAME: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_zone_has_the_form_of_a_tz_name() {
        let cases = [
            ("UTC", true),
            ("Asia/Tokyo", true),
            ("America/Argentina/Buenos_Aires", true),
            ("Etc/GMT+9", true),
            ("", false),
            ("+09:00", false),
            ("Asia/", false),
            ("/Asia/Tokyo", false),
            ("../../etc/shadow", false),
            ("Asia/To kyo", false),
        ];
        for (name, expected) in cases {
            assert_eq!(TimeZone::parse(name).is_some(), expected, "{name:?}");
        }
    }
}
