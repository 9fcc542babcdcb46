// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The machine's place in its network: name, addresses, and which ports are already in use.

use std::fs;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// What the kernel says about names, addresses and sockets; what cannot be read is left out.
pub trait Network {
    /// The machine's name at this moment.
    fn host_name(&self) -> Option<String>;
    /// Every address of every interface.
    fn addresses(&self) -> Vec<IpAddr>;
    /// Every TCP socket that listens.
    fn listening(&self) -> Vec<Listening>;
}

/// A listening TCP socket and the user it belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Listening {
    pub address: IpAddr,
    pub port: u16,
    pub user: u32,
}

/// This machine's kernel.
pub struct Kernel;

impl Network for Kernel {
    fn host_name(&self) -> Option<String> {
        nix::unistd::gethostname().ok()?.into_string().ok()
    }

    fn addresses(&self) -> Vec<IpAddr> {
        let interfaces = nix::ifaddrs::getifaddrs().into_iter().flatten();
        let addresses = interfaces
            .filter_map(|interface| interface.address)
            .filter_map(|address| {
                let v4 = address.as_sockaddr_in().map(|v4| IpAddr::V4(v4.ip()));
                v4.or_else(|| address.as_sockaddr_in6().map(|v6| IpAddr::V6(v6.ip())))
            });
        addresses.collect()
    }

    fn listening(&self) -> Vec<Listening> {
        let tables = ["/proc/net/tcp", "/proc/net/tcp6"]
            .into_iter()
            .filter_map(|table| fs::read_to_string(table).ok());
        tables
            .flat_map(|table| table.lines().filter_map(parse_line).collect::<Vec<_>>())
            .collect()
    }
}

/// One line of /proc/net/tcp or tcp6, if its socket listens.
fn parse_line(line: &str) -> Option<Listening> {
    let mut fields = line.split_ascii_whitespace();
    let local = fields.nth(1)?;
    let state = fields.nth(1)?;
    let user = fields.nth(3)?.parse().ok()?;
    let (address, port) = local.split_once(':')?;
    let port = u16::from_str_radix(port, 16).ok()?;
    (state == LISTEN).then_some(Listening {
        address: parse_address(address)?,
        port,
        user,
    })
}

/// An address as words of 32 bits in the machine's byte order, in hexadecimal.
fn parse_address(text: &str) -> Option<IpAddr> {
    let mut bytes = Vec::with_capacity(16);
    for start in (0..text.len()).step_by(8) {
        let word = u32::from_str_radix(text.get(start..start + 8)?, 16).ok()?;
        bytes.extend(word.to_ne_bytes());
    }
    let v4 = <[u8; 4]>::try_from(bytes.as_slice()).map(|bytes| IpAddr::V4(Ipv4Addr::from(bytes)));
    v4.or_else(|_| {
        <[u8; 16]>::try_from(bytes.as_slice()).map(|bytes| IpAddr::V6(Ipv6Addr::from(bytes)))
    })
    .ok()
}

/// TCP_LISTEN in /proc/net/tcp.
const LISTEN: &str = "0A";

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(target_endian = "little")]
    #[test]
    fn listening_sockets_are_read_from_the_kernels_table() {
        let cases = [
            (
                "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode",
                None,
            ),
            (
                "   0: 0100007F:075B 00000000:0000 0A 00000000:00000000 00:00000000 00000000   998        0 1 1 0 100",
                Some(("127.0.0.1", 1883, 998)),
            ),
            (
                "   1: 0100007F:075B 0100007F:9C40 01 00000000:00000000 00:00000000 00000000   998        0 1 1 0",
                None,
            ),
            (
                "   2: 00000000000000000000000000000000:1F93 00000000000000000000000000000000:0000 0A 0:0 00:0 0 0 0 1",
                Some(("::", 8083, 0)),
            ),
            (
                "   3: B80D0120000000000000000001000000:0050 00000000000000000000000000000000:0000 0A 0:0 00:0 0 7 0 1",
                Some(("2001:db8::1", 80, 7)),
            ),
            ("garbage", None),
            ("   4: 01:0050 0:0 0A 0:0 00:0 0 7 0 1", None),
        ];
        for (line, expected) in cases {
            let expected = expected.map(|(address, port, user)| Listening {
                address: address.parse().unwrap(),
                port,
                user,
            });
            assert_eq!(parse_line(line), expected, "{line}");
        }
    }

    #[test]
    fn the_kernel_knows_a_socket_of_this_test() {
        let socket = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let port = socket.local_addr().unwrap().port();
        let user = nix::unistd::getuid().as_raw();
        assert!(Kernel.listening().contains(&Listening {
            address: Ipv4Addr::LOCALHOST.into(),
            port,
            user
        }));
        assert!(Kernel.addresses().contains(&Ipv4Addr::LOCALHOST.into()));
    }
}
