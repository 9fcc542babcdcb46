// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The sockets the broker will open, what could prevent it, and under which addresses clients reach them.

use std::fmt;
use std::net::IpAddr;

use broker_config::{BindAddress, Listener, Protocol};

use crate::system::Listening;

/// One listener on this machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Socket {
    pub listener: Listener,
    pub obstacle: Option<Obstacle>,
    /// The machine's addresses it listens on, without those only this machine reaches.
    pub addresses: Vec<IpAddr>,
}

/// What keeps a listener from opening at this moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Obstacle {
    /// No interface has its address.
    NoSuchAddress(IpAddr),
    /// Another program listens there.
    PortTaken(u16),
}

/// Compares the listeners with the machine; `broker_user` tells the broker's own sockets from others.
pub fn examine(
    listeners: &[Listener],
    addresses: &[IpAddr],
    listening: &[Listening],
    broker_user: Option<u32>,
) -> Vec<Socket> {
    let foreign: Vec<&Listening> = listening
        .iter()
        .filter(|socket| Some(socket.user) != broker_user)
        .collect();
    let examine = |listener: &Listener| {
        if listener.socket.is_some() {
            return Socket {
                listener: listener.clone(),
                obstacle: None,
                addresses: Vec::new(),
            };
        }
        let bind_address = listener.local_address();
        let taken = foreign
            .iter()
            .any(|socket| socket.port == listener.port && collide(&bind_address, socket.address));
        let obstacle = match bind_address {
            BindAddress::Ip(address)
                if !address.is_unspecified() && !addresses.contains(&address) =>
            {
                Some(Obstacle::NoSuchAddress(address))
            }
            _ if taken => Some(Obstacle::PortTaken(listener.port)),
            _ => None,
        };
        let reachable = addresses
            .iter()
            .copied()
            // Which of them the interface has is not known here.
            .filter(|_| listener.interface.is_none())
            .filter(|address| serves(&bind_address, *address));
        Socket {
            listener: listener.clone(),
            obstacle,
            addresses: reachable.filter(|address| is_outward(*address)).collect(),
        }
    };
    listeners.iter().map(examine).collect()
}

impl Socket {
    /// Whether only programs on this machine can reach it.
    pub fn is_local(&self) -> bool {
        match &self.listener.bind_address {
            _ if self.listener.socket.is_some() => true,
            BindAddress::Ip(address) => address.is_loopback(),
            BindAddress::Host(name) => name.eq_ignore_ascii_case("localhost"),
            BindAddress::Any => false,
        }
    }

    /// Whether other machines reach it, but the network has given this one no address for it yet.
    pub fn lacks_address(&self) -> bool {
        let listener = &self.listener;
        listener.socket.is_none()
            && listener.interface.is_none()
            && is_open_to_all(&listener.bind_address)
            && self.addresses.is_empty()
    }

    /// What clients may call this machine to reach it, best first; `name` is the machine's own. None for a Unix socket.
    pub fn hosts(&self, name: &str) -> Vec<String> {
        let addresses = self.addresses.iter().map(|address| literal(*address));
        match &self.listener.bind_address {
            _ if self.listener.socket.is_some() => Vec::new(),
            _ if self.is_local() => vec!["localhost".to_owned()],
            BindAddress::Host(name) => vec![name.clone()],
            BindAddress::Ip(address) if !address.is_unspecified() => vec![literal(*address)],
            BindAddress::Any | BindAddress::Ip(_) => {
                [name.to_owned()].into_iter().chain(addresses).collect()
            }
        }
    }

    /// The address a client is given, such as `mqtt://broker.local:1883`.
    pub fn url(&self, host: &str) -> String {
        let scheme = match (self.listener.protocol, &self.listener.tls) {
            (Protocol::Mqtt, None) => "mqtt",
            (Protocol::Mqtt, Some(_)) => "mqtts",
            (Protocol::WebSockets, None) => "ws",
            (Protocol::WebSockets, Some(_)) => "wss",
        };
        format!("{scheme}://{host}:{}", self.listener.port)
    }
}

/// An address as it stands in a URL.
fn literal(address: IpAddr) -> String {
    match address {
        IpAddr::V4(address) => address.to_string(),
        IpAddr::V6(address) => format!("[{address}]"),
    }
}

fn is_open_to_all(bind_address: &BindAddress) -> bool {
    match bind_address {
        BindAddress::Any => true,
        BindAddress::Ip(address) => address.is_unspecified(),
        BindAddress::Host(_) => false,
    }
}

/// Whether a socket of another program keeps this address from being bound.
fn collide(wanted: &BindAddress, taken: IpAddr) -> bool {
    match wanted {
        BindAddress::Any => true,
        BindAddress::Ip(wanted) if wanted == &taken => true,
        // Most programs open `::` for IPv4 as well.
        BindAddress::Ip(wanted) if taken.is_ipv6() => {
            taken.is_unspecified() || wanted.is_ipv6() && wanted.is_unspecified()
        }
        BindAddress::Ip(wanted) => {
            wanted.is_ipv4() && (wanted.is_unspecified() || taken.is_unspecified())
        }
        BindAddress::Host(_) => taken.is_unspecified(),
    }
}

fn serves(wanted: &BindAddress, address: IpAddr) -> bool {
    match wanted {
        BindAddress::Any => true,
        BindAddress::Ip(wanted) if wanted.is_unspecified() => wanted.is_ipv4() == address.is_ipv4(),
        BindAddress::Ip(wanted) => *wanted == address,
        BindAddress::Host(_) => false,
    }
}

/// Whether other machines can use the address as it is written; an IPv6 link-local one needs their interface's name.
fn is_outward(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => !address.is_loopback(),
        IpAddr::V6(address) => !address.is_loopback() && !address.is_unicast_link_local(),
    }
}

impl fmt::Display for Obstacle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoSuchAddress(address) => write!(
                f,
                "this machine does not have the address {address} now; unless the network still assigns it, correct \
                 `bind_address` or leave it out to listen on all addresses"
            ),
            Self::PortTaken(port) => {
                write!(
                    f,
                    "another program on this machine uses port {port}; stop it or choose another `port`"
                )
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use broker_config::Tls;

    use super::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    fn on(address: &str, port: u16) -> Listener {
        let bind_address = match address.parse() {
            Ok(address) => BindAddress::Ip(address),
            Err(_) if address == "any" => BindAddress::Any,
            Err(_) => BindAddress::Host(address.to_owned()),
        };
        Listener {
            port,
            bind_address,
            ..Listener::default()
        }
    }

    #[test]
    fn obstacles_are_seen_beforehand() {
        const BROKER: u32 = 998;
        let here = [ip("127.0.0.1"), ip("::1"), ip("192.168.1.20")];
        let missing = |address: &str| Some(Obstacle::NoSuchAddress(ip(address)));
        let taken = Some(Obstacle::PortTaken(1883));
        let cases = [
            ("any", None, None),
            ("192.168.1.20", None, None),
            ("192.168.1.99", None, missing("192.168.1.99")),
            ("0.0.0.0", None, None),
            ("localhost", None, None),
            ("any", Some(("0.0.0.0", 0)), taken.clone()),
            ("any", Some(("0.0.0.0", BROKER)), None),
            ("any", Some(("127.0.0.1", 0)), taken.clone()),
            ("192.168.1.20", Some(("127.0.0.1", 0)), None),
            ("192.168.1.20", Some(("::", 0)), taken.clone()),
            ("192.168.1.20", Some(("::1", 0)), None),
            ("::1", Some(("0.0.0.0", 0)), None),
            ("0.0.0.0", Some(("192.168.1.20", 0)), taken.clone()),
            ("localhost", Some(("0.0.0.0", 0)), taken),
        ];
        for (address, other, expected) in cases {
            let other = other.map(|(address, user)| Listening {
                address: ip(address),
                port: 1883,
                user,
            });
            let sockets = examine(&[on(address, 1883)], &here, other.as_slice(), Some(BROKER));
            assert_eq!(sockets[0].obstacle, expected, "{address} beside {other:?}");
            let sockets = examine(&[on(address, 1884)], &here, other.as_slice(), Some(BROKER));
            assert!(!matches!(sockets[0].obstacle, Some(Obstacle::PortTaken(_))));
        }
    }

    #[test]
    fn clients_are_told_the_hosts_they_can_use() {
        let here = [
            ip("127.0.0.1"),
            ip("::1"),
            ip("192.168.1.20"),
            ip("fe80::1"),
            ip("2001:db8::7"),
        ];
        let cases: [(&str, &[&str]); 8] = [
            ("any", &["broker.local", "192.168.1.20", "[2001:db8::7]"]),
            ("0.0.0.0", &["broker.local", "192.168.1.20"]),
            ("192.168.1.20", &["192.168.1.20"]),
            ("192.168.1.99", &["192.168.1.99"]),
            ("2001:db8::7", &["[2001:db8::7]"]),
            ("plant.example", &["plant.example"]),
            ("127.0.0.1", &["localhost"]),
            ("localhost", &["localhost"]),
        ];
        for (address, expected) in cases {
            let socket = &examine(&[on(address, 1883)], &here, &[], None)[0];
            assert_eq!(socket.hosts("broker.local"), expected, "{address}");
            assert!(!socket.lacks_address(), "{address}");
            assert_eq!(socket.is_local(), expected == ["localhost"], "{address}");
        }
    }

    #[test]
    fn a_machine_without_an_address_is_told_apart() {
        let here = [ip("127.0.0.1"), ip("fe80::1")];
        let cases = [
            ("any", true),
            ("0.0.0.0", true),
            ("127.0.0.1", false),
            ("localhost", false),
        ];
        for (address, expected) in cases {
            let socket = &examine(&[on(address, 1883)], &here, &[], None)[0];
            assert_eq!(socket.lacks_address(), expected, "{address}");
        }
    }

    #[test]
    fn a_url_names_the_protocol() {
        let mut socket = examine(&[on("any", 8083)], &[], &[], None).remove(0);
        assert_eq!(socket.url("broker.local"), "mqtt://broker.local:8083");
        socket.listener.protocol = Protocol::WebSockets;
        assert_eq!(socket.url("[2001:db8::7]"), "ws://[2001:db8::7]:8083");
        socket.listener.tls = Some(Tls::default());
        assert_eq!(socket.url("broker.local"), "wss://broker.local:8083");
    }
}
