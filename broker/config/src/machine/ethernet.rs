// SPDX-License-Identifier: Apache-2.0 OR MIT
//! How the machine gets its address on the cable.

use std::net::IpAddr;

/// What `[ethernet]` says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ethernet {
    /// From the network: DHCP, and router advertisements of IPv6.
    Auto,
    Static(StaticAddress),
}

/// An address that the file names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StaticAddress {
    pub address: IpAddr,
    /// Bits of the address that name its network: 1 to 31 for IPv4, 1 to 127 for IPv6.
    pub prefix: u8,
    /// Of the same family, another address of the same network or link-local; `None`: the local network only.
    pub gateway: Option<IpAddr>,
    /// Servers of names, at most 8.
    pub dns: Vec<IpAddr>,
}

impl StaticAddress {
    /// Whether the other address is of the same family and network.
    pub fn reaches(&self, other: IpAddr) -> bool {
        network(self.address, self.prefix) == network(other, self.prefix)
    }

    /// Whether the address is the network's own name, or the one that means everybody in it (IPv4 of 2 host bits or more).
    pub fn is_no_host(&self) -> bool {
        let IpAddr::V4(address) = self.address else {
            return network(self.address, self.prefix) == Some(self.address);
        };
        let host = u32::MAX.checked_shr(self.prefix.into()).unwrap_or(0);
        let bits = address.to_bits() & host;
        self.prefix < 31 && (bits == 0 || bits == host)
    }
}

/// The address with nothing but the bits of its network; `None` where the family has not so many.
fn network(address: IpAddr, prefix: u8) -> Option<IpAddr> {
    let prefix = u32::from(prefix);
    Some(match address {
        IpAddr::V4(address) => {
            let mask = u32::MAX
                .checked_shl(32_u32.checked_sub(prefix)?)
                .unwrap_or(0);
            IpAddr::from((address.to_bits() & mask).to_be_bytes())
        }
        IpAddr::V6(address) => {
            let mask = u128::MAX
                .checked_shl(128_u32.checked_sub(prefix)?)
                .unwrap_or(0);
            IpAddr::from((address.to_bits() & mask).to_be_bytes())
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(address: &str, prefix: u8) -> StaticAddress {
        StaticAddress {
            address: address.parse().unwrap(),
            prefix,
            gateway: None,
            dns: Vec::new(),
        }
    }

    #[test]
    fn an_address_reaches_what_is_in_its_network() {
        let cases = [
            ("192.168.1.10", 24, "192.168.1.1", true),
            ("192.168.1.10", 24, "192.168.2.1", false),
            ("192.168.1.10", 16, "192.168.2.1", true),
            ("10.0.0.1", 31, "10.0.0.0", true),
            ("fd00::10", 64, "fd00::1", true),
            ("fd00::10", 64, "fd00:1::1", false),
            ("192.168.1.10", 24, "fd00::1", false),
        ];
        for (address, prefix, other, expected) in cases {
            let reaches = at(address, prefix).reaches(other.parse().unwrap());
            assert_eq!(reaches, expected, "{address}/{prefix} {other}");
        }
    }

    #[test]
    fn the_first_and_the_last_address_of_a_network_belong_to_nobody() {
        let cases = [
            ("192.168.1.0", 24, true),
            ("192.168.1.255", 24, true),
            ("192.168.1.255", 16, false),
            ("10.0.0.0", 31, false),
            ("fd00::", 64, true),
            ("fd00::1", 64, false),
        ];
        for (address, prefix, expected) in cases {
            assert_eq!(
                at(address, prefix).is_no_host(),
                expected,
                "{address}/{prefix}"
            );
        }
    }
}
