// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Everything that happens to a client; log lines, journal fields and counters derive from it.

use std::fmt;

use bytestring::ByteString;
use mqtt_proto::{Filter, QoS, Reason, Topic, Version};

use crate::{DisconnectCause, Peer, StorageState, Unstored};

/// The identity of a session: a client of another user never takes it over.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SessionKey {
    /// Empty for an anonymous client.
    pub user: ByteString,
    pub client_id: ByteString,
}

/// Who an event is about.
#[derive(Clone, Debug)]
pub struct Client {
    pub session: SessionKey,
    pub peer: Peer,
}

/// Something that happened to a client.
#[derive(Clone, Debug)]
pub enum Event {
    /// A connection was accepted.
    Opened {
        peer: Peer,
    },
    /// A connection was refused before it could send CONNECT, because there are as many as may be.
    TooManyConnections {
        peer: Peer,
        limit: ConnectionLimit,
    },
    Connected {
        client: Client,
        version: Version,
        clean_start: bool,
        keep_alive: u16,
        session_present: bool,
    },
    /// A client before version 5 asked for a longer keep alive than `max_keepalive`, or for none, and keeps it.
    KeepAliveAboveLimit {
        client: Client,
        keep_alive: u16,
        maximum: u16,
    },
    /// A connected client proved again who it is, by the method its CONNECT named.
    Reauthenticated {
        client: Client,
        method: ByteString,
    },
    /// The end of a connection whose CONNECT was never accepted; `client` is known once CONNECT was read.
    Rejected {
        peer: Peer,
        client: Option<SessionKey>,
        cause: DisconnectCause,
    },
    Disconnected {
        client: Client,
        cause: DisconnectCause,
    },
    /// A session without connection was removed because its expiry interval passed.
    SessionExpired {
        session: SessionKey,
    },
    /// The first message since the last time its queue was empty was dropped for this client.
    DroppingMessages {
        client: SessionKey,
        limit: &'static str,
        topic: Topic,
    },
    /// A client publishes more than `rate` messages a second and is read no faster; told once a connection.
    TooFast {
        client: Client,
        rate: u32,
    },
    /// The queue is empty again, or gone; `count` messages were dropped since [`Event::DroppingMessages`].
    DroppedMessages {
        client: SessionKey,
        count: u64,
    },
    /// The same for the queue of a shared subscription.
    DroppingShared {
        filter: Filter,
        limit: &'static str,
        topic: Topic,
    },
    DroppedShared {
        filter: Filter,
        count: u64,
    },
    /// A PUBLISH that was not routed: no right to the topic, or no room to retain it; told once a connection for each
    /// of its first 16 topics.
    PublishDenied {
        client: Client,
        topic: Topic,
        reason: Reason,
    },
    SubscribeDenied {
        client: Client,
        filter: Filter,
        reason: Reason,
    },
    /// A message was not delivered because this client may not read its topic; told once until its rights change, all are
    /// counted.
    DeliveryDenied {
        client: SessionKey,
        topic: Topic,
    },
    /// A will was not published because its client may not publish to its topic.
    WillDenied {
        client: SessionKey,
        topic: Topic,
    },
    /// The store stopped taking what is new, or takes it again.
    Storage(StorageState),
    /// The first thing that a client was refused since then, because it would have to be kept; once a connection.
    Unstored {
        client: Client,
        what: Unstored,
        state: StorageState,
    },
    /// For the same reason a will was delivered at QoS 0 only, and not retained.
    WillUnstored {
        session: SessionKey,
        topic: Topic,
        state: StorageState,
    },
    Subscribed {
        client: Client,
        filter: Filter,
        qos: QoS,
    },
    Unsubscribed {
        client: Client,
        filter: Filter,
    },
}

/// The bound that leaves no room for a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConnectionLimit {
    /// Of all listeners together.
    All(usize),
    /// Of the listener it came through.
    Listener(usize),
    /// Of the address it came from.
    Address(usize),
    /// Of new ones in a second.
    Rate(u32),
    /// Of new ones in a second from the address it came from.
    AddressRate(u32),
}

impl fmt::Display for ConnectionLimit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::All(limit) => write!(f, "the broker has its {limit} connections"),
            Self::Address(limit) => {
                write!(
                    f,
                    "this address has its max_connections_per_address of {limit}"
                )
            }
            Self::Rate(limit) => {
                write!(f, "there were max_connect_rate of {limit} in a second")
            }
            Self::AddressRate(limit) => {
                write!(
                    f,
                    "this address had its max_connect_rate_per_address of {limit} in a second"
                )
            }
            Self::Listener(limit) => {
                write!(f, "this listener has its max_connections of {limit}")
            }
        }
    }
}
