// SPDX-License-Identifier: Apache-2.0 OR MIT
//! `broker.toml`: what is written, what it means, what is wrong with it.
//!
//! One schema for the daemon and the provisioner, so that the two cannot disagree about a file. The way of a
//! document: bytes → text (`encoding`) → as written (`document`) → checked (`resolve` → `settings`); every
//! deviation is a `Problem`. Keys, defaults and their sentences stand in one table (`reference`), from which the
//! shipped sample, the manual page and the hints derive. No I/O, no clock, no randomness.
#![cfg_attr(
    not(test),
    deny(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::indexing_slicing
    )
)]

mod access;
mod calendar;
mod document;
mod encoding;
mod fault;
mod generated;
mod hint;
mod hostname;
mod limits;
mod listener;
mod machine;
mod manual;
mod mosquitto;
mod password;
mod persistence;
mod position;
mod problem;
mod reading;
mod reference;
mod resolve;
mod sample;
mod scram;
mod secret;
mod settings;
mod span;
mod spelling;
mod syntax;
mod timezone;
mod tls;
mod update;

pub use access::{AccessSettings, AclEntry, AclFault, AclMode, AclRight, Group, UserAccess};
pub use calendar::civil_date;
pub use encoding::{Encoding, Note, plain_text};
pub use fault::{AddressFault, Fault, Found, MachineFault, TlsFault};
pub use generated::NotHashed;
pub use hint::Hint;
pub use hostname::Hostname;
pub use limits::{LimitSettings, limit_table};
pub use listener::{BindAddress, Listener, Protocol, SocketDomain};
pub use machine::{
    AuthorizedKey, Country, Ethernet, InvalidKey, MachineSettings, NtpServer, Ssid, StaticAddress,
    Wlan, WlanKey,
};
pub use manual::manual;
pub use mosquitto::{AclFile, LineFault, LineProblem, acl_file, password_file};
pub use password::{HashError, HashMemory, InvalidHash, PasswordHash};
pub use persistence::{Mode, Persistence};
pub use problem::Problem;
pub use reading::{Reading, read};
pub use reference::{
    CONNECT_TIMEOUT, MAX_CONNECT_RATE, MAX_CONNECT_RATE_PER_ADDRESS, MAX_CONNECTIONS,
    MAX_CONNECTIONS_PER_ADDRESS, MAX_INFLIGHT_MESSAGES, MAX_KEEPALIVE, MAX_MESSAGE_RATE,
    MAX_PACKET_SIZE, MAX_PENDING_BYTES, MAX_QUEUED_BYTES, MAX_QUEUED_MESSAGES, MAX_RETAINED_BYTES,
    MAX_RETAINED_MESSAGES, MAX_SESSION_EXPIRY, MAX_SESSIONS, MAX_SUBSCRIPTIONS, MAX_TOPIC_ALIAS,
    MAX_TOPIC_ALIAS_BROKER, MAX_TOPIC_LENGTH, MAX_TOPIC_LEVELS, MEMORY_LIMIT,
    PERSISTENT_CLIENT_EXPIRATION, RECEIVE_MAXIMUM,
};
pub use reference::{Form, KEYS, Key, LIMITS, Limit, SYS_INTERVAL, Table};
pub use sample::sample;
pub use scram::{SCHEME as SCRAM, ScramVerifier, prepared};
pub use secret::{Secret, SecretSpan, masked};
pub use settings::{BrokerSettings, Credential, LoginMethod, Settings, User};
pub use syntax::Syntax;
pub use timezone::TimeZone;
pub use tls::{Certificate, ClientCertificates, Tls, TlsVersion};
pub use update::{UPDATE_RESULT, Update, UpdateOutcome};
