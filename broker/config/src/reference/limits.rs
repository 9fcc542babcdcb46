// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The rows of the table of limits: the keys of `[limits]`, each with its unit, its default and what happens at it.

mod arrivals;

use super::{Form, Key, Table};
pub use arrivals::{MAX_CONNECT_RATE, MAX_CONNECT_RATE_PER_ADDRESS};

/// One limit.
#[derive(Debug, PartialEq, Eq)]
pub struct Limit {
    pub key: Key,
    pub unit: &'static str,
    /// In that unit.
    pub default: u64,
}

/// Every limit, in the order of the sample.
pub const LIMITS: [&Limit; 25] = [
    &SYS_INTERVAL,
    &MAX_PACKET_SIZE,
    &MAX_CONNECTIONS,
    &MAX_CONNECTIONS_PER_ADDRESS,
    &MAX_CONNECT_RATE,
    &MAX_CONNECT_RATE_PER_ADDRESS,
    &CONNECT_TIMEOUT,
    &MAX_KEEPALIVE,
    &RECEIVE_MAXIMUM,
    &MAX_INFLIGHT_MESSAGES,
    &MAX_TOPIC_ALIAS,
    &MAX_TOPIC_ALIAS_BROKER,
    &MAX_QUEUED_MESSAGES,
    &MAX_QUEUED_BYTES,
    &MAX_PENDING_BYTES,
    &MAX_MESSAGE_RATE,
    &MAX_SUBSCRIPTIONS,
    &MAX_TOPIC_LEVELS,
    &MAX_TOPIC_LENGTH,
    &MAX_RETAINED_MESSAGES,
    &MAX_RETAINED_BYTES,
    &MAX_SESSIONS,
    &MAX_SESSION_EXPIRY,
    &PERSISTENT_CLIENT_EXPIRATION,
    &MEMORY_LIMIT,
];

pub const SYS_INTERVAL: Limit = Limit {
    key: Key {
        table: Table::Broker,
        name: "sys_interval",
        form: Form::Integer {
            min: 0,
            max: 65_535,
        },
        default: "10",
        sentence: "Seconds between two publications of the $SYS topics that have changed; \
                   0 for none.",
        example: "60",
    },
    unit: "seconds",
    default: 10,
};

pub const MAX_PACKET_SIZE: Limit = Limit {
    key: Key {
        table: Table::Limits,
        name: "max_packet_size",
        form: Form::Integer {
            min: 1_024,
            max: 268_435_460,
        },
        default: "16777216, which is 16 MiB",
        sentence: "Bytes of one packet from a client, told to MQTT 5 clients; a larger one ends \
                   the connection (0x95).",
        example: "2000000",
    },
    unit: "bytes",
    default: 16 * MIB,
};

pub const MAX_CONNECTIONS: Limit = Limit {
    key: Key {
        table: Table::Limits,
        name: "max_connections",
        form: Form::Integer {
            min: 1,
            max: 1_000_000,
        },
        default: "10000",
        sentence: "Connections at one time; one more is closed at once.",
        example: "200",
    },
    unit: "connections",
    default: 10_000,
};

pub const MAX_CONNECTIONS_PER_ADDRESS: Limit = Limit {
    key: Key {
        table: Table::Limits,
        name: "max_connections_per_address",
        form: Form::Integer {
            min: 1,
            max: 1_000_000,
        },
        default: "256",
        sentence: "Connections from one address at one time, of IPv6 from one /64 network; one more is closed at once. Programs on this machine are not counted.",
        example: "50",
    },
    unit: "connections",
    default: 256,
};

pub const CONNECT_TIMEOUT: Limit = Limit {
    key: Key {
        table: Table::Limits,
        name: "connect_timeout",
        form: Form::Integer { min: 1, max: 300 },
        default: "5",
        sentence: "Seconds from the connection to CONNECT; then it is closed.",
        example: "20",
    },
    unit: "seconds",
    default: 5,
};

pub const RECEIVE_MAXIMUM: Limit = Limit {
    key: Key {
        table: Table::Limits,
        name: "receive_maximum",
        form: Form::Integer {
            min: 1,
            max: 65_535,
        },
        default: "100",
        sentence: "QoS 1 and 2 messages an MQTT 5 client may have in flight to the broker; \
                   one more ends the connection (0x93).",
        example: "20",
    },
    unit: "messages",
    default: 100,
};

pub const MAX_KEEPALIVE: Limit = Limit {
    key: Key {
        table: Table::Limits,
        name: "max_keepalive",
        form: Form::Integer {
            min: 0,
            max: 65_535,
        },
        default: "0, which is no ceiling",
        sentence: "Longest keep alive in seconds: MQTT 5 clients are told to use it instead of a longer one \
                   or none; an MQTT 3 client, which cannot be told, keeps its own, and the log says so.",
        example: "3600",
    },
    unit: "seconds",
    default: 0,
};

pub const MAX_INFLIGHT_MESSAGES: Limit = Limit {
    key: Key {
        table: Table::Limits,
        name: "max_inflight_messages",
        form: Form::Integer {
            min: 1,
            max: 65_535,
        },
        default: "100",
        sentence: "QoS 1 and 2 messages in flight to a client that does not ask for fewer; \
                   more wait in its queue. It holds for connections that begin after a change.",
        example: "20",
    },
    unit: "messages",
    default: 100,
};

pub const MAX_TOPIC_ALIAS: Limit = Limit {
    key: Key {
        table: Table::Limits,
        name: "max_topic_alias",
        form: Form::Integer {
            min: 0,
            max: 65_535,
        },
        default: "10",
        sentence: "Topic aliases an MQTT 5 client may use, told to it; a greater one ends the connection (0x94).",
        example: "100",
    },
    unit: "aliases",
    default: 10,
};

pub const MAX_TOPIC_ALIAS_BROKER: Limit = Limit {
    key: Key {
        table: Table::Limits,
        name: "max_topic_alias_broker",
        form: Form::Integer {
            min: 0,
            max: 65_535,
        },
        default: "10",
        sentence: "Topic aliases the broker gives a client that takes them; further topics are sent in full.",
        example: "100",
    },
    unit: "aliases",
    default: 10,
};

pub const MAX_QUEUED_MESSAGES: Limit = Limit {
    key: Key {
        table: Table::Limits,
        name: "max_queued_messages",
        form: Form::Integer {
            min: 1,
            max: 1_000_000,
        },
        default: "1000",
        sentence: "Messages that wait for one session or shared subscription; the newest is dropped, \
                   counted and logged. QoS 0 for a connected client does not wait there.",
        example: "10000",
    },
    unit: "messages",
    default: 1_000,
};

pub const MAX_QUEUED_BYTES: Limit = Limit {
    key: Key {
        table: Table::Limits,
        name: "max_queued_bytes",
        form: Form::Integer {
            min: 1_024,
            max: TIB,
        },
        default: "16777216, which is 16 MiB",
        sentence: "Bytes of messages, topics and properties included, that wait for one session or \
                   shared subscription; the newest is dropped, counted and logged.",
        example: "1000000",
    },
    unit: "bytes",
    default: 16 * MIB,
};

pub const MAX_PENDING_BYTES: Limit = Limit {
    key: Key {
        table: Table::Limits,
        name: "max_pending_bytes",
        form: Form::Integer {
            min: 1_024,
            max: TIB,
        },
        default: "8388608, which is 8 MiB",
        sentence: "Bytes of QoS 0 messages that wait for a connected client to read; the newest \
                   is dropped, counted and logged.",
        example: "1000000",
    },
    unit: "bytes",
    default: 8 * MIB,
};

pub const MAX_MESSAGE_RATE: Limit = Limit {
    key: Key {
        table: Table::Limits,
        name: "max_message_rate",
        form: Form::Integer {
            min: 0,
            max: 1_000_000,
        },
        default: "0, which is no limit",
        sentence: "Messages a second from one client, a second's worth at once; above it the client is read no \
                   faster, so that nothing is lost, and the log and `broker status` say so.",
        example: "1000",
    },
    unit: "messages",
    default: 0,
};

pub const MAX_SUBSCRIPTIONS: Limit = Limit {
    key: Key {
        table: Table::Limits,
        name: "max_subscriptions",
        form: Form::Integer {
            min: 1,
            max: 1_000_000,
        },
        default: "10000",
        sentence: "Subscriptions of one session; one more is refused (0x97).",
        example: "100",
    },
    unit: "subscriptions",
    default: 10_000,
};

pub const MAX_TOPIC_LEVELS: Limit = Limit {
    key: Key {
        table: Table::Limits,
        name: "max_topic_levels",
        form: Form::Integer { min: 1, max: 128 },
        default: "128",
        sentence: "Levels of a topic; a message to a deeper one is refused (0x90), a subscription too (0x8F).",
        example: "16",
    },
    unit: "levels",
    default: 128,
};

pub const MAX_TOPIC_LENGTH: Limit = Limit {
    key: Key {
        table: Table::Limits,
        name: "max_topic_length",
        form: Form::Integer {
            min: 1,
            max: 65_535,
        },
        default: "1024",
        sentence: "Bytes of a topic; a message to a longer one is refused (0x90), a subscription too (0x8F).",
        example: "256",
    },
    unit: "bytes",
    default: 1_024,
};

pub const MAX_RETAINED_MESSAGES: Limit = Limit {
    key: Key {
        table: Table::Limits,
        name: "max_retained_messages",
        form: Form::Integer {
            min: 1,
            max: 10_000_000,
        },
        default: "100000",
        sentence: "Retained messages; one more is refused (0x97).",
        example: "5000",
    },
    unit: "messages",
    default: 100_000,
};

pub const MAX_RETAINED_BYTES: Limit = Limit {
    key: Key {
        table: Table::Limits,
        name: "max_retained_bytes",
        form: Form::Integer {
            min: 1_024,
            max: TIB,
        },
        default: "134217728, which is 128 MiB",
        sentence: "Bytes of retained messages, topics and properties included; a message that \
                   needs more is refused (0x97).",
        example: "10000000",
    },
    unit: "bytes",
    default: 128 * MIB,
};

pub const MAX_SESSIONS: Limit = Limit {
    key: Key {
        table: Table::Limits,
        name: "max_sessions",
        form: Form::Integer {
            min: 1,
            max: 1_000_000,
        },
        default: "20000",
        sentence: "Sessions, with or without a connection; a CONNECT that needs one more is \
                   refused (0x97).",
        example: "500",
    },
    unit: "sessions",
    default: 20_000,
};

pub const MAX_SESSION_EXPIRY: Limit = Limit {
    key: Key {
        table: Table::Limits,
        name: "max_session_expiry",
        form: Form::Span,
        default: "\"never\"",
        sentence: "Longest time a session is kept without a connection; longer wishes are cut \
                   to it, and MQTT 5 clients are told.",
        example: "\"90d\"",
    },
    unit: "seconds",
    default: super::NEVER,
};

pub const PERSISTENT_CLIENT_EXPIRATION: Limit = Limit {
    key: Key {
        table: Table::Limits,
        name: "persistent_client_expiration",
        form: Form::Span,
        default: "\"30d\"",
        sentence: "How long the session of a client that stays away is kept if it asked for no end, as every MQTT 3 client with clean_session = false does; MQTT 5 clients are told.",
        example: "\"14d\"",
    },
    unit: "seconds",
    default: 30 * 24 * 60 * 60,
};

pub const MEMORY_LIMIT: Limit = Limit {
    key: Key {
        table: Table::Limits,
        name: "memory_limit",
        form: Form::Integer { min: 0, max: TIB },
        default: "0, which is 60 % of what the machine gives the broker",
        sentence: "Bytes of all sessions, subscriptions, retained and waiting messages together. Above it new sessions, \
                   subscriptions and retained messages are refused (0x97), and a message that would have to wait for a \
                   client is dropped for that client, counted and logged; what is there goes on.",
        example: "200000000",
    },
    unit: "bytes",
    default: 0,
};

const MIB: u64 = 1024 * 1024;
const TIB: i64 = 1024 * 1024 * 1024 * 1024;
