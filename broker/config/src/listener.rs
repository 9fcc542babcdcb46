// SPDX-License-Identifier: Apache-2.0 OR MIT
//! One listening socket: port, address, protocol, and when two of them would collide.

use std::fmt;
use std::net::IpAddr;

/// One `[[listener]]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listener {
    /// 1 to 65535; default 1883.
    pub port: u16,
    /// Default: all addresses.
    pub bind_address: BindAddress,
    /// Default: MQTT over TCP.
    pub protocol: Protocol,
    /// Connections through it, 1 to 1,000,000; default: no bound of its own.
    pub max_connections: Option<u32>,
    /// Whether clients without a user name are let in here; default: what `[broker]` says.
    pub allow_anonymous: Option<bool>,
    /// Protocol levels, ascending, at least one: 3 for MQTT 3.1, 4 for 3.1.1, 5 for 5.0; default: all.
    pub accept_protocol_versions: Vec<u8>,
}

/// The local address a listener opens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BindAddress {
    /// All addresses, IPv4 and IPv6 on one socket.
    Any,
    Ip(IpAddr),
    /// A host name, resolved when the socket is opened.
    Host(String),
}

/// What is spoken on a listener.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// MQTT over TCP, written `mqtt`.
    Mqtt,
    /// MQTT in WebSocket binary frames, written `websockets`.
    WebSockets,
}

impl Default for Listener {
    fn default() -> Self {
        Self {
            port: DEFAULT_PORT,
            bind_address: BindAddress::Any,
            protocol: Protocol::Mqtt,
            max_connections: None,
            allow_anonymous: None,
            accept_protocol_versions: PROTOCOL_VERSIONS.to_vec(),
        }
    }
}

impl Listener {
    /// Whether both are the same socket, which a change from one to the other leaves open.
    pub fn is_same_socket(&self, other: &Self) -> bool {
        (self.port, &self.bind_address, self.protocol)
            == (other.port, &other.bind_address, other.protocol)
    }

    /// Whether both would need the same port of the same address; a host name overlaps only itself and "all".
    pub fn overlaps(&self, other: &Self) -> bool {
        self.port == other.port && self.bind_address.overlaps(&other.bind_address)
    }
}

impl BindAddress {
    fn overlaps(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Any, _) | (_, Self::Any) => true,
            (Self::Ip(one), Self::Ip(two)) => {
                one == two
                    || one.is_ipv4() == two.is_ipv4()
                        && (one.is_unspecified() || two.is_unspecified())
            }
            (Self::Host(one), Self::Host(two)) => one.eq_ignore_ascii_case(two),
            (Self::Ip(_), Self::Host(_)) | (Self::Host(_), Self::Ip(_)) => false,
        }
    }
}

impl Protocol {
    /// As written in `broker.toml`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Mqtt => "mqtt",
            Self::WebSockets => "websockets",
        }
    }

    /// The protocol of that name, if there is one.
    pub(crate) fn named(name: &str) -> Option<Self> {
        [Self::Mqtt, Self::WebSockets]
            .into_iter()
            .find(|protocol| protocol.name() == name)
    }
}

/// As written in `broker.toml`.
impl fmt::Display for BindAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Any => f.write_str("::"),
            Self::Ip(address) => address.fmt(f),
            Self::Host(name) => f.write_str(name),
        }
    }
}

/// As a person reads it: `port 1883, all addresses, mqtt`.
impl fmt::Display for Listener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "port {}, ", self.port)?;
        match &self.bind_address {
            BindAddress::Any => f.write_str("all addresses")?,
            address => write!(f, "address {address}")?,
        }
        write!(f, ", {}", self.protocol.name())
    }
}

/// Every protocol level there is.
pub(crate) const PROTOCOL_VERSIONS: [u8; 3] = [3, 4, 5];
/// IANA's port of MQTT without TLS.
pub(crate) const DEFAULT_PORT: u16 = 1883;

#[cfg(test)]
mod tests {
    use super::*;

    fn on(address: &str) -> Listener {
        let bind_address = match address.parse() {
            _ if address == "::" => BindAddress::Any,
            Ok(ip) => BindAddress::Ip(ip),
            Err(_) => BindAddress::Host(address.to_owned()),
        };
        Listener {
            bind_address,
            ..Listener::default()
        }
    }

    #[test]
    fn listeners_on_one_port_overlap_where_their_addresses_do() {
        let cases = [
            ("::", "::", true),
            ("::", "127.0.0.1", true),
            ("::", "broker.local", true),
            ("0.0.0.0", "127.0.0.1", true),
            ("0.0.0.0", "::1", false),
            ("127.0.0.1", "127.0.0.1", true),
            ("127.0.0.1", "127.0.0.2", false),
            ("localhost", "LOCALHOST", true),
            ("localhost", "127.0.0.1", false),
        ];
        for (one, two, expected) in cases {
            assert_eq!(on(one).overlaps(&on(two)), expected, "{one} and {two}");
            assert_eq!(on(two).overlaps(&on(one)), expected, "{two} and {one}");
        }
    }

    #[test]
    fn listeners_on_different_ports_never_overlap() {
        let other = Listener {
            port: 8083,
            ..Listener::default()
        };
        assert!(!Listener::default().overlaps(&other));
    }
}
