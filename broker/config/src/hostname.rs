// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The machine's name on its network.

use std::fmt;

/// One label of a host name: 1 to 63 ASCII letters, digits and inner hyphens, not `localhost` (RFC 1123).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hostname(String);

impl Hostname {
    /// The name, if it is one.
    pub fn parse(name: &str) -> Option<Self> {
        (is_label(name) && !name.eq_ignore_ascii_case("localhost")).then(|| Self(name.to_owned()))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Hostname {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Whether the text is a name of dot-separated labels that cannot be mistaken for an IPv4 address.
pub(crate) fn is_domain_name(name: &str) -> bool {
    let last_is_number = name
        .rsplit('.')
        .next()
        .is_some_and(|last| last.bytes().all(|byte| byte.is_ascii_digit()));
    name.len() <= MAX_NAME && name.split('.').all(is_label) && !last_is_number
}

fn is_label(label: &str) -> bool {
    (1..=MAX_LABEL).contains(&label.len())
        && label
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
        && !label.starts_with('-')
        && !label.ends_with('-')
}

/// Bytes in a label (RFC 1035).
const MAX_LABEL: usize = 63;
/// Bytes in a name of several labels (RFC 1035, without root and lengths).
const MAX_NAME: usize = 253;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hostname_is_one_label() {
        let longest = "a".repeat(63);
        let too_long = "a".repeat(64);
        let cases = [
            ("broker", true),
            ("Plant-2", true),
            ("7", true),
            (longest.as_str(), true),
            (too_long.as_str(), false),
            ("", false),
            ("-broker", false),
            ("broker-", false),
            ("my broker", false),
            ("my_broker", false),
            ("broker.local", false),
            ("bröker", false),
            ("localhost", false),
        ];
        for (name, expected) in cases {
            assert_eq!(Hostname::parse(name).is_some(), expected, "{name:?}");
        }
    }

    #[test]
    fn a_domain_name_does_not_look_like_an_address() {
        let cases = [
            ("localhost", true),
            ("broker.local", true),
            ("300.1.2.3", false),
            ("a..b", false),
            ("eth0:1883", false),
        ];
        for (name, expected) in cases {
            assert_eq!(is_domain_name(name), expected, "{name:?}");
        }
    }
}
