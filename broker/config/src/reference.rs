// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The one table of keys: what may stand in a `broker.toml`, of which form, and what it means.
//!
//! The sample, the manual page, the hints and the checks of `resolve` derive from it; the machine's keys stand apart in `machine`, limits in `limits`,
//! persistence in `persistence`, TLS in `tls`, rights in `access`.

mod access;
mod limits;
mod machine;
mod persistence;
mod tls;

pub(crate) use access::*;
pub use limits::*;
pub(crate) use machine::*;
pub(crate) use persistence::*;
pub(crate) use tls::*;

pub(crate) use crate::span::NEVER;

/// The tables of a `broker.toml`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Table {
    /// What stands before the first heading.
    Top,
    System,
    Time,
    Wlan,
    Ethernet,
    Ssh,
    Broker,
    User,
    Group,
    Listener,
    Persistence,
    Limits,
}

/// The form of a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    Boolean,
    Integer {
        min: i64,
        max: i64,
    },
    Text,
    /// Text, or `0` once the text was taken from the card.
    Secret,
    /// A span of time: text such as "14d", "never", or whole seconds.
    Span,
    /// A list of at least one number.
    Integers {
        min: i64,
        max: i64,
    },
    /// A list of texts.
    Texts,
    /// One of these words.
    Word(&'static [&'static str]),
}

/// One key of a `broker.toml`.
#[derive(Debug, PartialEq, Eq)]
pub struct Key {
    pub table: Table,
    pub name: &'static str,
    pub form: Form,
    /// What holds if the key is absent, in words.
    pub default: &'static str,
    /// What the key does, in one sentence.
    pub sentence: &'static str,
    /// A value as it is written in the file.
    pub example: &'static str,
}

impl Table {
    /// All of them, in the order of the sample.
    pub const ALL: [Self; 12] = [
        Self::Top,
        Self::System,
        Self::Time,
        Self::Wlan,
        Self::Ethernet,
        Self::Ssh,
        Self::Broker,
        Self::User,
        Self::Group,
        Self::Listener,
        Self::Persistence,
        Self::Limits,
    ];

    /// As written in the brackets of its heading.
    pub fn name(self) -> &'static str {
        match self {
            Self::Top => "",
            Self::System => "system",
            Self::Time => "time",
            Self::Wlan => "wlan",
            Self::Ethernet => "ethernet",
            Self::Ssh => "ssh",
            Self::Broker => "broker",
            Self::User => "user",
            Self::Group => "group",
            Self::Listener => "listener",
            Self::Persistence => "persistence",
            Self::Limits => "limits",
        }
    }

    /// Its heading as a person writes it; a few words for what stands before the first heading.
    pub fn heading(self) -> &'static str {
        match self {
            Self::Top => "the top of the file",
            Self::System => "[system]",
            Self::Time => "[time]",
            Self::Wlan => "[wlan]",
            Self::Ethernet => "[ethernet]",
            Self::Ssh => "[ssh]",
            Self::Broker => "[broker]",
            Self::User => "[[user]]",
            Self::Group => "[[group]]",
            Self::Listener => "[[listener]]",
            Self::Persistence => "[persistence]",
            Self::Limits => "[limits]",
        }
    }

    /// Whether there may be several, each with a heading in double brackets.
    pub fn repeats(self) -> bool {
        matches!(self, Self::User | Self::Group | Self::Listener)
    }

    /// What the table is for, in one sentence.
    pub const fn sentence(self) -> &'static str {
        match self {
            Self::Top => "The first line of the file.",
            Self::System => "The machine.",
            Self::Time => "The clock.",
            Self::Wlan => "The wireless network that the machine joins.",
            Self::Ethernet => {
                "The cable; without this table the machine takes its address from the network."
            }
            Self::Ssh => {
                "Remote access for maintenance, as root and with keys only: ssh root@broker.local. \
                 It is closed as long as no key stands here."
            }
            Self::Broker => "The broker as a whole.",
            Self::Group => {
                "Rights that several users have; repeat it for every group, at most 1,000."
            }
            Self::User => "Somebody who may log in; repeat it for every user, at most 1,000.",
            Self::Listener => {
                "A socket that clients connect to; repeat it for every socket, at most 64. \
                 Without any there is one: port 1883 on all addresses."
            }
            Self::Persistence => {
                "What is on the card when a client is told that its message has arrived."
            }
            Self::Limits => {
                "How much of everything there may be: whole numbers, in the unit their sentence names."
            }
        }
    }

    /// The table of that name.
    pub(crate) fn named(name: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .filter(|table| *table != Self::Top)
            .find(|table| table.name() == name)
    }

    /// The keys that may stand in the table.
    pub fn keys(self) -> impl Iterator<Item = &'static Key> {
        KEYS.iter().copied().filter(move |key| key.table == self)
    }
}

/// Every key, in the order of the sample.
pub const KEYS: &[&Key] = &[
    &VERSION,
    &HOSTNAME,
    &TIMEZONE,
    &NTP_SERVERS,
    &SSID,
    &WLAN_PASSWORD,
    &PSK,
    &COUNTRY,
    &HIDDEN,
    &METHOD,
    &ADDRESS,
    &GATEWAY,
    &DNS,
    &AUTHORIZED_KEYS,
    &ALLOW_ANONYMOUS,
    &ANONYMOUS_ACL,
    &ACL_FILE,
    &PASSWORD_FILE,
    &ACL_MODE,
    &SYS_INTERVAL.key,
    &USERNAME,
    &PASSWORD,
    &PASSWORD_HASH,
    &AUTH,
    &ACL,
    &GROUPS,
    &GROUP_NAME,
    &GROUP_ACL,
    &PORT,
    &BIND_ADDRESS,
    &SOCKET_DOMAIN,
    &INTERFACE,
    &SOCKET,
    &PROTOCOL,
    &LISTENER_MAX_CONNECTIONS,
    &LISTENER_ALLOW_ANONYMOUS,
    &ACCEPT_PROTOCOL_VERSIONS,
    &TLS,
    &CERTFILE,
    &KEYFILE,
    &CAFILE,
    &REQUIRE_CERTIFICATE,
    &USE_IDENTITY_AS_USERNAME,
    &CRLFILE,
    &TLS_VERSION,
    &MODE,
    &WINDOW_MS,
    &SD_BUDGET_MB_PER_DAY,
    &CARD_ENDURANCE_TB,
    &MAX_PACKET_SIZE.key,
    &MAX_CONNECTIONS.key,
    &MAX_CONNECTIONS_PER_ADDRESS.key,
    &MAX_CONNECT_RATE.key,
    &MAX_CONNECT_RATE_PER_ADDRESS.key,
    &CONNECT_TIMEOUT.key,
    &MAX_KEEPALIVE.key,
    &RECEIVE_MAXIMUM.key,
    &MAX_INFLIGHT_MESSAGES.key,
    &MAX_TOPIC_ALIAS.key,
    &MAX_TOPIC_ALIAS_BROKER.key,
    &MAX_QUEUED_MESSAGES.key,
    &MAX_QUEUED_BYTES.key,
    &MAX_PENDING_BYTES.key,
    &MAX_MESSAGE_RATE.key,
    &MAX_SUBSCRIPTIONS.key,
    &MAX_TOPIC_LEVELS.key,
    &MAX_TOPIC_LENGTH.key,
    &MAX_RETAINED_MESSAGES.key,
    &MAX_RETAINED_BYTES.key,
    &MAX_SESSIONS.key,
    &MAX_SESSION_EXPIRY.key,
    &PERSISTENT_CLIENT_EXPIRATION.key,
    &MEMORY_LIMIT.key,
];

pub(crate) const VERSION: Key = Key {
    table: Table::Top,
    name: "version",
    form: Form::Integer { min: 1, max: 1 },
    default: "none, the line must be there",
    sentence: "The version of this file's format.",
    example: "1",
};

pub(crate) const ALLOW_ANONYMOUS: Key = Key {
    table: Table::Broker,
    name: "allow_anonymous",
    form: Form::Boolean,
    default: "false",
    sentence: "Whether clients may connect without user name and password: \
               true opens the broker to everybody on the network.",
    example: "true",
};

pub(crate) const USERNAME: Key = Key {
    table: Table::User,
    name: "username",
    form: Form::Text,
    default: "none, every user needs one",
    sentence: "The name to log in with: 1 to 128 bytes, none of + # /.",
    example: "\"sensors\"",
};

pub(crate) const PASSWORD: Key = Key {
    table: Table::User,
    name: "password",
    form: Form::Secret,
    default: "none, every user needs this or password_hash",
    sentence: "The password, 1 to 128 bytes; the first boot stores its hash on the device and \
               overwrites it here with 0, which means: taken.",
    example: "\"choose your own passphrase\"",
};

pub(crate) const PASSWORD_HASH: Key = Key {
    table: Table::User,
    name: "password_hash",
    form: Form::Text,
    default: "none",
    sentence: "Instead of password: a hash made by `broker passwd`, with --scram for auth = \"scram\", \
               or one taken from a Mosquitto password file.",
    example: "\"$argon2id$v=19$m=19456,t=2,p=1$DoLTyBBPCN2MeKyuq+g8Eg$\
              6bITaGfG6YD82b1Z5ibCTqHfBeLCDG13DliL4P2LwM0\"",
};

pub(crate) const AUTH: Key = Key {
    table: Table::User,
    name: "auth",
    form: Form::Word(&["password", "scram", "certificate"]),
    default: "\"password\"",
    sentence: "How this user logs in: \"password\" sends the password in CONNECT; \"scram\" proves it by SCRAM-SHA-256 \
               and never sends it, which needs a client of MQTT 5 with enhanced authentication; \"certificate\" has no \
               password and needs a listener with use_identity_as_username.",
    example: "\"scram\"",
};

pub(crate) const PORT: Key = Key {
    table: Table::Listener,
    name: "port",
    form: Form::Integer {
        min: 1,
        max: 65_535,
    },
    default: "1883",
    sentence: "The TCP port.",
    example: "1883",
};

pub(crate) const BIND_ADDRESS: Key = Key {
    table: Table::Listener,
    name: "bind_address",
    form: Form::Text,
    default: "\"::\", which is all addresses, IPv4 and IPv6",
    sentence: "The address of this machine to listen on, or a host name that resolves to it.",
    example: "\"0.0.0.0\"",
};

pub(crate) const PROTOCOL: Key = Key {
    table: Table::Listener,
    name: "protocol",
    form: Form::Word(&["mqtt", "websockets"]),
    default: "\"mqtt\"",
    sentence: "What is spoken there: \"mqtt\", or \"websockets\" for programs in a browser.",
    example: "\"websockets\"",
};

pub(crate) const SOCKET_DOMAIN: Key = Key {
    table: Table::Listener,
    name: "socket_domain",
    form: Form::Word(&["ipv4", "ipv6"]),
    default: "both",
    sentence: "The family of addresses to listen on, where bind_address leaves both.",
    example: "\"ipv4\"",
};

pub(crate) const INTERFACE: Key = Key {
    table: Table::Listener,
    name: "interface",
    form: Form::Text,
    default: "any",
    sentence: "The network interface to listen on; one that is not there yet is waited for.",
    example: "\"eth0\"",
};

pub(crate) const SOCKET: Key = Key {
    table: Table::Listener,
    name: "socket",
    form: Form::Text,
    default: "none",
    sentence: "The path of a Unix socket for programs of this machine, in place of port and address; \
               root and the group broker may use it.",
    example: "\"/run/broker/mqtt.sock\"",
};

pub(crate) const LISTENER_MAX_CONNECTIONS: Key = Key {
    table: Table::Listener,
    name: "max_connections",
    form: Form::Integer {
        min: 1,
        max: 1_000_000,
    },
    default: "no bound of its own",
    sentence: "Connections through this listener; one more is closed at once.",
    example: "50",
};

pub(crate) const LISTENER_ALLOW_ANONYMOUS: Key = Key {
    table: Table::Listener,
    name: "allow_anonymous",
    form: Form::Boolean,
    default: "what [broker] says",
    sentence: "Whether clients may connect here without user name and password, whatever [broker] says.",
    example: "true",
};

pub(crate) const ACCEPT_PROTOCOL_VERSIONS: Key = Key {
    table: Table::Listener,
    name: "accept_protocol_versions",
    form: Form::Integers { min: 3, max: 5 },
    default: "[3, 4, 5]",
    sentence: "The versions of MQTT that may be spoken here: 3 is MQTT 3.1, 4 is 3.1.1, 5 is 5.0.",
    example: "[4, 5]",
};
