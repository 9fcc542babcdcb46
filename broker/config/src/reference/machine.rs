// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The rows of the table that are about the machine.

use super::{Form, Key, Table};

pub(crate) const HOSTNAME: Key = Key {
    table: Table::System,
    name: "hostname",
    form: Form::Text,
    default: "the name stays as it is",
    sentence: "The machine's name of letters, digits and hyphens; \
               a machine called \"broker\" is reached as broker.local.",
    example: "\"broker\"",
};

pub(crate) const TIMEZONE: Key = Key {
    table: Table::Time,
    name: "timezone",
    form: Form::Text,
    default: "the time zone stays as it is",
    sentence: "The time zone of the log, as \"Area/City\".",
    example: "\"Asia/Tokyo\"",
};

pub(crate) const NTP_SERVERS: Key = Key {
    table: Table::Time,
    name: "ntp_servers",
    form: Form::Texts,
    default: "the system's own",
    sentence: "The servers that the clock is set by, at most 8, by name or address.",
    example: "[\"ntp.nict.jp\"]",
};

pub(crate) const SSID: Key = Key {
    table: Table::Wlan,
    name: "ssid",
    form: Form::Text,
    default: "none, the table needs it",
    sentence: "The name of the network, exactly as it is written elsewhere.",
    example: "\"plant-2\"",
};

pub(crate) const WLAN_PASSWORD: Key = Key {
    table: Table::Wlan,
    name: "password",
    form: Form::Secret,
    default: "none, which is for a network that is open to everybody",
    sentence: "The password of the network (WPA2 and WPA3), 8 to 63 bytes; the first boot keeps it on the device and overwrites it here with 0, which means: taken.",
    example: "\"choose your own passphrase\"",
};

pub(crate) const PSK: Key = Key {
    table: Table::Wlan,
    name: "psk",
    form: Form::Secret,
    default: "none",
    sentence: "Instead of password: the 64 hexadecimal digits that wpa_passphrase makes of it, for WPA2 alone.",
    example: "\"0f1e2d3c4b5a69780f1e2d3c4b5a69780f1e2d3c4b5a69780f1e2d3c4b5a6978\"",
};

pub(crate) const COUNTRY: Key = Key {
    table: Table::Wlan,
    name: "country",
    form: Form::Text,
    default: "none, the table needs it",
    sentence: "The country that the machine is in, by its two letters (ISO 3166-1): the radio keeps to that country's rules.",
    example: "\"JP\"",
};

pub(crate) const HIDDEN: Key = Key {
    table: Table::Wlan,
    name: "hidden",
    form: Form::Boolean,
    default: "false",
    sentence: "Whether the network does not tell its name.",
    example: "true",
};

pub(crate) const METHOD: Key = Key {
    table: Table::Ethernet,
    name: "method",
    form: Form::Word(&["auto", "static"]),
    default: "\"static\" where address stands",
    sentence: "How the machine gets its address: from the network, or from the next three keys.",
    example: "\"static\"",
};

pub(crate) const ADDRESS: Key = Key {
    table: Table::Ethernet,
    name: "address",
    form: Form::Text,
    default: "none",
    sentence: "The machine's address, and behind the slash how many of its bits name the network: 24 for a netmask of 255.255.255.0.",
    example: "\"192.168.1.10/24\"",
};

pub(crate) const GATEWAY: Key = Key {
    table: Table::Ethernet,
    name: "gateway",
    form: Form::Text,
    default: "none, the local network only",
    sentence: "The address of the router.",
    example: "\"192.168.1.1\"",
};

pub(crate) const DNS: Key = Key {
    table: Table::Ethernet,
    name: "dns",
    form: Form::Texts,
    default: "none",
    sentence: "The addresses of servers of names, at most 8; often the router.",
    example: "[\"192.168.1.1\"]",
};

pub(crate) const AUTHORIZED_KEYS: Key = Key {
    table: Table::Ssh,
    name: "authorized_keys",
    form: Form::Texts,
    default: "none, SSH is closed",
    sentence: "Public keys, at most 64, each the one line of a file such as id_ed25519.pub.",
    example: "[\"ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIEFub3RoZXJLZXlPZllvdXJPd25JblBsYWNlT2ZUaGlz you@laptop\"]",
};
