// SPDX-License-Identifier: Apache-2.0 OR MIT
//! What can be wrong with the tables that are about the machine.

use std::fmt;

use crate::InvalidKey;
use crate::hint::Hint;
use crate::reference::{ADDRESS, METHOD};

/// What is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MachineFault {
    Hostname,
    TimeZone,
    NtpServer,
    TooManyNtpServers,
    SsidMissing,
    Ssid,
    /// The radio keeps to no rules.
    CountryMissing,
    Country,
    /// Small letters of a country there is.
    CountryCase,
    /// `UK`.
    UnitedKingdom,
    WlanPasswordEmpty,
    WlanPassword,
    /// 64 hexadecimal digits.
    PasswordIsPsk,
    Psk,
    PasswordAndPsk,
    /// A table that says nothing.
    EthernetEmpty,
    Method,
    AddressMissing,
    AutoAndAddress,
    OwnAddress,
    PrefixMissing,
    Netmask,
    Prefix,
    /// A network, everybody in it, or no single machine.
    NoHost,
    Gateway,
    GatewayItself,
    GatewayOutside,
    Dns,
    TooManyDns,
    TooManyKeys,
    KeyTwice,
    /// It is the one of the sample file.
    KeyKnown,
    Key(InvalidKey),
}

impl MachineFault {
    pub(super) fn code(self) -> &'static str {
        match self {
            Self::Hostname => "bad-hostname",
            Self::TimeZone => "bad-timezone",
            Self::NtpServer => "bad-ntp-server",
            Self::TooManyNtpServers => "too-many-ntp-servers",
            Self::SsidMissing => "ssid-missing",
            Self::Ssid => "bad-ssid",
            Self::CountryMissing => "country-missing",
            Self::Country => "bad-country",
            Self::CountryCase => "bad-country",
            Self::UnitedKingdom => "bad-country",
            Self::WlanPasswordEmpty => "wlan-password-empty",
            Self::WlanPassword => "bad-wlan-password",
            Self::PasswordIsPsk => "password-is-psk",
            Self::Psk => "bad-psk",
            Self::PasswordAndPsk => "password-and-psk",
            Self::EthernetEmpty => "ethernet-empty",
            Self::Method => "bad-method",
            Self::AddressMissing => "address-missing",
            Self::AutoAndAddress => "auto-and-address",
            Self::OwnAddress => "bad-own-address",
            Self::PrefixMissing => "prefix-missing",
            Self::Netmask => "netmask",
            Self::Prefix => "bad-prefix",
            Self::NoHost => "no-host-address",
            Self::Gateway => "bad-gateway",
            Self::GatewayItself => "gateway-is-address",
            Self::GatewayOutside => "gateway-outside",
            Self::Dns => "bad-dns",
            Self::TooManyDns => "too-many-dns",
            Self::TooManyKeys => "too-many-keys",
            Self::KeyTwice => "key-twice",
            Self::KeyKnown => "key-known",
            Self::Key(InvalidKey::Private | InvalidKey::Putty) => "private-key",
            Self::Key(_) => "bad-key",
        }
    }

    pub(super) fn remedy(self) -> Hint {
        match self {
            Self::Hostname => Hint::Do("write one name without dots, such as `\"broker\"`"),
            Self::TimeZone => {
                Hint::Do("write area and city, such as `\"Asia/Tokyo\"`, or `\"UTC\"`")
            }
            Self::NtpServer => {
                Hint::Do("write the bare name or address, such as `\"ntp.nict.jp\"`")
            }
            Self::TooManyNtpServers => Hint::Do("keep the 8 nearest"),
            Self::SsidMissing => {
                Hint::Do("write `ssid = \"…\"` below the heading, or take the table out")
            }
            Self::Ssid => Hint::Do("write it as the router or a telephone shows it"),
            Self::CountryMissing => {
                Hint::Do("write where the machine is, such as `country = \"JP\"`")
            }
            Self::Country => Hint::Do("write it as in `\"JP\"`, `\"DE\"` or `\"US\"`"),
            Self::CountryCase => Hint::Do("write it in capitals"),
            Self::UnitedKingdom => Hint::Do("write `country = \"GB\"`"),
            Self::WlanPasswordEmpty => Hint::Do(
                "write it between the quotes, or take the line out for a network that is open to everybody",
            ),
            Self::WlanPassword => {
                Hint::Do("write it as the router shows it, capitals and small letters as there")
            }
            Self::PasswordIsPsk => Hint::Do("write them as `psk = \"…\"`"),
            Self::Psk => {
                Hint::Do("copy it completely, or write the password itself as `password = \"…\"`")
            }
            Self::PasswordAndPsk => Hint::Do("keep one of them"),
            Self::EthernetEmpty => Hint::Do(
                "write `address = \"192.168.1.10/24\"` or `method = \"auto\"`, or take the heading out",
            ),
            Self::Method => METHOD.remedy(),
            Self::AddressMissing => Hint::Do(
                "write `address = \"192.168.1.10/24\"` below the heading, or `method = \"auto\"`",
            ),
            Self::AutoAndAddress => Hint::Do("take it out, or write `method = \"static\"`"),
            Self::OwnAddress => Hint::Write(&ADDRESS),
            Self::PrefixMissing => {
                Hint::Do("write them behind a slash, such as `/24` for a netmask of 255.255.255.0")
            }
            Self::Netmask => {
                Hint::Do("write the number of its bits, such as `/24` for 255.255.255.0")
            }
            Self::Prefix => Hint::Do("write `/24` for a netmask of 255.255.255.0"),
            Self::NoHost => {
                Hint::Do("write a free address of your network, such as `\"192.168.1.10/24\"`")
            }
            Self::Gateway => {
                Hint::Do("write the bare address of the router, such as `\"192.168.1.1\"`")
            }
            Self::GatewayItself => {
                Hint::Do("write the address of the router, or take the line out")
            }
            Self::GatewayOutside => Hint::Do("correct one of them, or the number behind the slash"),
            Self::Dns => {
                Hint::Do("write the bare address of a server of names, such as `\"192.168.1.1\"`")
            }
            Self::TooManyDns => Hint::Do("keep the first 8"),
            Self::TooManyKeys => Hint::Do("take those out that nobody uses any more"),
            Self::KeyTwice => Hint::Do("take one of them out"),
            Self::KeyKnown => Hint::Do("write a key of your own"),
            Self::Key(fault) => key_remedy(fault),
        }
    }
}

fn key_remedy(fault: InvalidKey) -> Hint {
    Hint::Do(match fault {
        InvalidKey::Empty => "take the empty text out",
        InvalidKey::Private => {
            "delete it here, empty the card's trash, make a new pair, and write the line of the file that ends in .pub"
        }
        InvalidKey::Putty => {
            "delete it here, make a new pair, and write what PuTTYgen shows as \"public key for pasting\""
        }
        InvalidKey::Ssh2 => {
            "write the one line that begins with `ssh-`; `ssh-keygen -i -f FILE` makes it of this file"
        }
        InvalidKey::FileName => "open the file and write the line that stands in it",
        InvalidKey::Dsa => "make another with `ssh-keygen -t ed25519`",
        InvalidKey::Several => "write each in quotes of its own, with a comma between them",
        InvalidKey::Options => "begin with the type, such as `ssh-ed25519`",
        InvalidKey::Unknown => {
            "write the line of the file that ends in .pub, such as id_ed25519.pub"
        }
        InvalidKey::Damaged | InvalidKey::Form => "copy the line of the .pub file completely",
    })
}

impl fmt::Display for MachineFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Hostname => "a name has 1 to 63 letters (a-z), digits and inner hyphens",
            Self::TimeZone => "this is not the name of a time zone",
            Self::NtpServer => "this is neither a host name nor an address",
            Self::TooManyNtpServers => "there are more than 8 servers",
            Self::SsidMissing => "the wireless network has no name",
            Self::Ssid => {
                "the name of a wireless network has 1 to 32 bytes and no control characters"
            }
            Self::CountryMissing => "without a country the radio must stay off",
            Self::Country => "a country has two capital letters (ISO 3166-1)",
            Self::CountryCase => "a country has two capital letters (ISO 3166-1)",
            Self::UnitedKingdom => "the United Kingdom has the letters GB",
            Self::WlanPasswordEmpty => "the password is empty",
            Self::WlanPassword => {
                "the password of a wireless network has 8 to 63 bytes and no control characters"
            }
            Self::PasswordIsPsk => {
                "these 64 digits are the key made of a password, not the password"
            }
            Self::Psk => "a psk has exactly 64 hexadecimal digits",
            Self::PasswordAndPsk => "the wireless network has a password and a psk",
            Self::EthernetEmpty => "nothing is said of the cable",
            Self::Method => "unknown way to get an address",
            Self::AddressMissing => "a static connection needs an address",
            Self::AutoAndAddress => "with `method = \"auto\"` this comes from the network",
            Self::OwnAddress => {
                "this is not an address with the length of its network behind a slash"
            }
            Self::PrefixMissing => "it is not said how many bits of the address name its network",
            Self::Netmask => "a netmask stands behind the slash",
            Self::Prefix => "a network has 1 to 31 bits of an IPv4 address, or 1 to 127 of IPv6",
            Self::NoHost => "no machine can have this address",
            Self::Gateway => "this is not an address",
            Self::GatewayItself => "this is the address of this machine",
            Self::GatewayOutside => "the router is not in the network of `address`",
            Self::Dns => "this is not an address",
            Self::TooManyDns => "there are more than 8 servers of names",
            Self::TooManyKeys => "there are more than 64 keys",
            Self::KeyTwice => "the same key stands there twice",
            Self::KeyKnown => "this is the example of the sample file",
            Self::Key(fault) => return fault.fmt(f),
        })
    }
}
