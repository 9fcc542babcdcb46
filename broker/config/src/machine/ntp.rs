// SPDX-License-Identifier: Apache-2.0 OR MIT
//! A server of the network's time.

use std::fmt;
use std::net::IpAddr;

use crate::hostname::is_domain_name;

/// The name or address of an NTP server, without a port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NtpServer(String);

impl NtpServer {
    /// The server, if it is named by a host name or an address.
    pub fn parse(text: &str) -> Option<Self> {
        (is_domain_name(text) || text.parse::<IpAddr>().is_ok()).then(|| Self(text.to_owned()))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for NtpServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_is_a_name_or_an_address() {
        let cases = [
            ("ntp.nict.jp", true),
            ("192.168.1.1", true),
            ("fd00::1", true),
            ("", false),
            ("ntp.nict.jp:123", false),
            ("ntp://ntp.nict.jp", false),
            ("a b", false),
            ("300.1.1.1", false),
        ];
        for (text, expected) in cases {
            assert_eq!(NtpServer::parse(text).is_some(), expected, "{text}");
        }
    }
}
