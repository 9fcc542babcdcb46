// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Words that people write for keys and tables, and what they mean.

use super::Hint;
use crate::reference::Table;

/// Tables that later versions will know.
pub(super) const LATER_TABLES: [&str; 6] = ["log", "bridge", "tls", "cluster", "status", "update"];

/// What people write for a key, and the key.
pub(super) const HABITS: &[(Table, &str, &str)] = &[
    (Table::System, "name", "hostname"),
    (Table::System, "host", "hostname"),
    (Table::Time, "zone", "timezone"),
    (Table::Time, "tz", "timezone"),
    (Table::Time, "ntp", "ntp_servers"),
    (Table::Time, "servers", "ntp_servers"),
    (Table::Wlan, "name", "ssid"),
    (Table::Wlan, "network", "ssid"),
    (Table::Wlan, "key", "password"),
    (Table::Wlan, "passphrase", "password"),
    (Table::Wlan, "passwd", "password"),
    (Table::Wlan, "wpa_passphrase", "password"),
    (Table::Wlan, "wpa_psk", "psk"),
    (Table::Wlan, "country_code", "country"),
    (Table::Wlan, "scan_ssid", "hidden"),
    (Table::Ethernet, "ip", "address"),
    (Table::Ethernet, "ip_address", "address"),
    (Table::Ethernet, "mode", "method"),
    (Table::Ethernet, "router", "gateway"),
    (Table::Ethernet, "routers", "gateway"),
    (Table::Ethernet, "nameserver", "dns"),
    (Table::Ethernet, "nameservers", "dns"),
    (Table::Ethernet, "dns_servers", "dns"),
    (Table::Ssh, "key", "authorized_keys"),
    (Table::Ssh, "keys", "authorized_keys"),
    (Table::Ssh, "public_key", "authorized_keys"),
    (Table::Broker, "anonymous", "allow_anonymous"),
    (Table::Broker, "aclfile", "acl_file"),
    (Table::Broker, "passwd_file", "password_file"),
    (Table::User, "group", "groups"),
    (Table::User, "rights", "acl"),
    (Table::User, "topics", "acl"),
    (Table::Group, "groupname", "name"),
    (Table::User, "user", "username"),
    (Table::User, "name", "username"),
    (Table::User, "login", "username"),
    (Table::User, "passwd", "password"),
    (Table::User, "pass", "password"),
    (Table::User, "pw", "password"),
    (Table::User, "hash", "password_hash"),
    (Table::User, "method", "auth"),
    (Table::User, "auth_method", "auth"),
    (Table::User, "authentication", "auth"),
    (Table::Listener, "listener", "port"),
    (Table::Listener, "bind", "bind_address"),
    (Table::Listener, "address", "bind_address"),
    (Table::Listener, "host", "bind_address"),
    (Table::Listener, "ip", "bind_address"),
    (Table::Listener, "bind_ip", "bind_address"),
    (Table::Listener, "type", "protocol"),
    (Table::Listener, "bind_interface", "interface"),
    (Table::Listener, "device", "interface"),
    (Table::Listener, "path", "socket"),
    (Table::Listener, "unix_socket", "socket"),
    (Table::Listener, "family", "socket_domain"),
    (Table::Limits, "message_size_limit", "max_packet_size"),
    (Table::Limits, "max_message_size", "max_packet_size"),
    (Table::Limits, "max_clients", "max_connections"),
    (Table::Limits, "global_max_clients", "max_connections"),
    (Table::Limits, "global_max_connections", "max_connections"),
    (Table::Limits, "max_inflight", "max_inflight_messages"),
    (
        Table::Limits,
        "max_session_expiry_interval",
        "max_session_expiry",
    ),
    (Table::Listener, "ssl", "tls"),
    (Table::Listener, "cert", "certfile"),
    (Table::Listener, "key", "keyfile"),
    (Table::Listener, "capath", "cafile"),
    (Table::Listener, "ca", "cafile"),
    (Table::Listener, "crl", "crlfile"),
    (
        Table::Listener,
        "use_subject_as_username",
        "use_identity_as_username",
    ),
    (Table::Listener, "anonymous", "allow_anonymous"),
    (
        Table::Listener,
        "listener_allow_anonymous",
        "allow_anonymous",
    ),
    (Table::Listener, "versions", "accept_protocol_versions"),
    (Table::Listener, "max_clients", "max_connections"),
    (Table::Persistence, "durability", "mode"),
    (Table::Persistence, "persistence", "mode"),
    (Table::Persistence, "fsync", "mode"),
    (Table::Persistence, "window", "window_ms"),
    (Table::Persistence, "interval", "window_ms"),
    (Table::Persistence, "sd_budget", "sd_budget_mb_per_day"),
    (Table::Persistence, "budget", "sd_budget_mb_per_day"),
    (Table::Persistence, "tbw", "card_endurance_tb"),
    (Table::Persistence, "endurance", "card_endurance_tb"),
    (Table::Top, "wifi", "[wlan]"),
    (Table::Top, "wireless", "[wlan]"),
    (Table::Top, "lan", "[ethernet]"),
    (Table::Top, "eth0", "[ethernet]"),
    (Table::Top, "durability", "[persistence]"),
    (Table::Top, "store", "[persistence]"),
    (Table::Top, "users", "[[user]]"),
    (Table::Top, "listeners", "[[listener]]"),
];

/// What people write where no single key is meant, and what to do instead.
pub(super) const ASTRAY: &[(Table, &str, Hint)] = &[
    (
        Table::Top,
        "network",
        Hint::Do("write `[wlan]` for the radio or `[ethernet]` for the cable"),
    ),
    (
        Table::Ethernet,
        "netmask",
        Hint::Do("write its bits behind the address, as in `address = \"192.168.1.10/24\"`"),
    ),
    (
        Table::Ssh,
        "password",
        Hint::Do("SSH opens with keys only: write `authorized_keys = [\"…\"]`"),
    ),
    (
        Table::Ssh,
        "enabled",
        Hint::Do("a key in `authorized_keys` opens SSH, without one it is closed"),
    ),
    (
        Table::Ssh,
        "port",
        Hint::Do("SSH listens on port 22: take the line out"),
    ),
    (Table::User, "scram", Hint::Do("write `auth = \"scram\"`")),
    (
        Table::Top,
        "bind",
        Hint::Do("write `bind_address` below a heading `[[listener]]`"),
    ),
    (
        Table::Top,
        "passwd",
        Hint::Do("write `password` below a heading `[[user]]`"),
    ),
    (
        Table::Top,
        "name",
        Hint::Do("write `hostname` below the heading `[system]`"),
    ),
    (Table::Top, "message_size_limit", PACKET_SIZE),
    (Table::Broker, "message_size_limit", PACKET_SIZE),
    (Table::Top, "autosave_interval", AUTOSAVE),
    (Table::Top, "autosave_on_changes", AUTOSAVE),
    (Table::Persistence, "autosave_interval", AUTOSAVE),
    (Table::Persistence, "autosave_on_changes", AUTOSAVE),
    (Table::Top, "websockets", WEBSOCKETS),
    (Table::Listener, "websockets", WEBSOCKETS),
    (Table::Listener, "websocket", WEBSOCKETS),
];

/// Mosquitto's words for when its database is written.
const AUTOSAVE: Hint = Hint::Do(
    "every change is written before it is acknowledged; `mode` below the heading `[persistence]` makes it otherwise",
);

pub(super) const PACKET_SIZE: Hint =
    Hint::Do("write `max_packet_size` below the heading `[limits]`");

const WEBSOCKETS: Hint =
    Hint::Do("write `protocol = \"websockets\"` below a heading `[[listener]]`");
