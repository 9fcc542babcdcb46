// SPDX-License-Identifier: Apache-2.0 OR MIT
//! One listening socket: port and address or path, protocol, terms, and when two of them would collide.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::Tls;

/// One `[[listener]]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listener {
    /// 1 to 65535, 0 for a Unix socket; default 1883.
    pub port: u16,
    /// Default: all addresses.
    pub bind_address: BindAddress,
    /// Which of the addresses that `bind_address` leaves open; default: both families.
    pub socket_domain: SocketDomain,
    /// The network interface it is bound to, 1 to 15 bytes; default: any.
    pub interface: Option<String>,
    /// Path of a Unix socket in place of port and address, absolute, at most 107 bytes.
    pub socket: Option<String>,
    /// Default: MQTT over TCP.
    pub protocol: Protocol,
    /// Connections through it, 1 to 1,000,000; default: no bound of its own.
    pub max_connections: Option<u32>,
    /// Whether clients without a user name are let in here; default: what `[broker]` says.
    pub allow_anonymous: Option<bool>,
    /// Protocol levels, ascending, at least one: 3 for MQTT 3.1, 4 for 3.1.1, 5 for 5.0; default: all.
    pub accept_protocol_versions: Vec<u8>,
    /// Default: nothing is encrypted.
    pub tls: Option<Tls>,
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

/// The family of addresses a listener opens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SocketDomain {
    Both,
    /// Written `ipv4`.
    Ipv4,
    /// Written `ipv6`.
    Ipv6,
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
            socket_domain: SocketDomain::Both,
            interface: None,
            socket: None,
            protocol: Protocol::Mqtt,
            max_connections: None,
            allow_anonymous: None,
            accept_protocol_versions: PROTOCOL_VERSIONS.to_vec(),
            tls: None,
        }
    }
}

impl Listener {
    /// Whether both are the same socket, which a change from one to the other leaves open: all but TLS itself may
    /// change of TLS.
    pub fn is_same_socket(&self, other: &Self) -> bool {
        let socket = |listener: &Self| Self {
            max_connections: None,
            allow_anonymous: None,
            accept_protocol_versions: Vec::new(),
            tls: listener.tls.as_ref().map(|_| Tls::default()),
            ..listener.clone()
        };
        socket(self) == socket(other)
    }

    /// The address it opens, all addresses of one family being `0.0.0.0` or `::` of IPv6 alone.
    pub fn local_address(&self) -> BindAddress {
        match (&self.bind_address, self.socket_domain) {
            (BindAddress::Any, SocketDomain::Ipv4) => BindAddress::Ip(Ipv4Addr::UNSPECIFIED.into()),
            (BindAddress::Any, SocketDomain::Ipv6) => BindAddress::Ip(Ipv6Addr::UNSPECIFIED.into()),
            (address, _) => address.clone(),
        }
    }

    /// What a person calls it in a short sentence: `port 1883`, or the path of a Unix socket.
    pub fn place(&self) -> String {
        match &self.socket {
            Some(path) => path.clone(),
            None => format!("port {}", self.port),
        }
    }

    /// Whether both would need the same port of the same address; a host name overlaps only itself and "all".
    pub fn overlaps(&self, other: &Self) -> bool {
        let apart = |one: &Option<String>, two: &Option<String>| {
            one.is_some() && two.is_some() && one != two
        };
        match (&self.socket, &other.socket) {
            (None, None) => {
                self.port == other.port
                    && !apart(&self.interface, &other.interface)
                    && self.local_address().overlaps(&other.local_address())
            }
            (one, two) => one == two,
        }
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

impl SocketDomain {
    /// As written in `broker.toml`; none for both, which is what an absent line means.
    pub fn name(self) -> Option<&'static str> {
        match self {
            Self::Both => None,
            Self::Ipv4 => Some("ipv4"),
            Self::Ipv6 => Some("ipv6"),
        }
    }

    /// The family of that name, if there is one.
    pub fn named(name: &str) -> Option<Self> {
        [Self::Ipv4, Self::Ipv6]
            .into_iter()
            .find(|domain| domain.name() == Some(name))
    }

    /// Whether the address may be opened.
    pub fn includes(self, address: IpAddr) -> bool {
        match self {
            Self::Both => true,
            Self::Ipv4 => address.is_ipv4(),
            Self::Ipv6 => address.is_ipv6(),
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

/// As a person reads it: `port 1883, all addresses, mqtt`. No two sockets of a configuration read the same.
impl fmt::Display for Listener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.place())?;
        let family = match self.socket_domain {
            SocketDomain::Both => "",
            SocketDomain::Ipv4 => "IPv4 ",
            SocketDomain::Ipv6 => "IPv6 ",
        };
        match &self.bind_address {
            _ if self.socket.is_some() => {}
            BindAddress::Any => write!(f, ", all {family}addresses")?,
            address => write!(f, ", {family}address {address}")?,
        }
        if let Some(interface) = &self.interface {
            write!(f, " on {interface}")?;
        }
        let over_tls = if self.tls.is_some() { " over TLS" } else { "" };
        write!(f, ", {}{over_tls}", self.protocol.name())
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
    fn families_interfaces_and_paths_keep_listeners_apart() {
        let all = Listener::default();
        let of = |socket_domain| Listener {
            socket_domain,
            ..Listener::default()
        };
        let (ipv4, ipv6) = (of(SocketDomain::Ipv4), of(SocketDomain::Ipv6));
        let bound = |name: &str| Listener {
            interface: Some(name.to_owned()),
            ..Listener::default()
        };
        let at = |path: &str| Listener {
            port: 0,
            socket: Some(path.to_owned()),
            ..Listener::default()
        };
        let cases = [
            (&ipv4, &ipv6, false),
            (&ipv4, &all, true),
            (&ipv4, &on("192.168.1.10"), true),
            (&ipv6, &on("192.168.1.10"), false),
            (&bound("eth0"), &bound("wlan0"), false),
            (&bound("eth0"), &bound("eth0"), true),
            (&bound("eth0"), &all, true),
            (&at("/run/broker/a"), &at("/run/broker/b"), false),
            (&at("/run/broker/a"), &at("/run/broker/a"), true),
            (&at("/run/broker/a"), &all, false),
        ];
        for (one, two, expected) in cases {
            assert_eq!(one.overlaps(two), expected, "{one} and {two}");
            assert_eq!(two.overlaps(one), expected, "{two} and {one}");
        }
    }

    #[test]
    fn a_listener_is_described_by_what_tells_it_from_others() {
        let cases = [
            (on("192.168.1.10"), "port 1883, address 192.168.1.10, mqtt"),
            (
                Listener {
                    socket_domain: SocketDomain::Ipv4,
                    interface: Some("eth0".to_owned()),
                    ..Listener::default()
                },
                "port 1883, all IPv4 addresses on eth0, mqtt",
            ),
            (
                Listener {
                    port: 0,
                    socket: Some("/run/broker/mqtt.sock".to_owned()),
                    protocol: Protocol::WebSockets,
                    ..Listener::default()
                },
                "/run/broker/mqtt.sock, websockets",
            ),
            (
                Listener {
                    port: 8883,
                    tls: Some(Tls::default()),
                    ..Listener::default()
                },
                "port 8883, all addresses, mqtt over TLS",
            ),
        ];
        for (listener, expected) in cases {
            assert_eq!(listener.to_string(), expected);
        }
    }

    #[test]
    fn another_certificate_leaves_a_socket_open_and_tls_itself_does_not() {
        let with = |tls| Listener {
            tls,
            ..Listener::default()
        };
        let own = Tls {
            certificate: crate::Certificate::Own {
                certfile: "a.pem".to_owned(),
                keyfile: "a.key".to_owned(),
            },
            clients: Some(crate::ClientCertificates::default()),
            minimum: crate::TlsVersion::V13,
        };
        assert!(with(Some(own)).is_same_socket(&with(Some(Tls::default()))));
        assert!(!with(Some(Tls::default())).is_same_socket(&with(None)));
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
