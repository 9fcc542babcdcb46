// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Durable changes, numbered in the order in which they happened, and what a store brings back of them.

use std::sync::Arc;

use mqtt_proto::{Filter, PacketId, QoS, SubscribeOptions, Topic, Will};

use crate::{Message, Moment, SessionKey};

/// Number of a durable change; frames that depend on it leave when the store has it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CommitSeq(pub u64);

/// Where the store keeps a message: the number of the record that brought it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Location(pub u64);

/// Names a message's place in a queue, also when it moves from a group to a session and back; younger ones are larger.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EntryId(pub u64);

/// One durable change; a later record about the same thing replaces an earlier one.
#[derive(Clone, Debug)]
pub enum Record {
    /// A session that outlives its connection, with a client.
    Session {
        session: SessionKey,
        /// `u32::MAX` is for ever; 0 ends it with its connection, and with the broker.
        expiry_seconds: u32,
        will: Option<Box<Will>>,
    },
    /// Its client has gone.
    Absent {
        session: SessionKey,
        /// When the session ends; none is never.
        expires: Option<Moment>,
        /// When its will is published; none when it has none any more.
        will_due: Option<Moment>,
    },
    /// It is gone with all that belongs to it: subscriptions, what was received, entries of its queue.
    SessionEnded {
        session: SessionKey,
    },
    Subscribed {
        session: SessionKey,
        filter: Filter,
        options: SubscribeOptions,
        identifier: Option<u32>,
    },
    Unsubscribed {
        session: SessionKey,
        filter: Filter,
    },
    /// A message that queue entries name by its location.
    Message {
        location: Location,
        message: Arc<Message>,
    },
    /// No queue entry names this message any more.
    Forget {
        location: Location,
    },
    /// A message's place in a queue, and how far it is.
    Entry(Box<Entry>),
    /// It was delivered, expired or was dropped.
    Done {
        id: EntryId,
        /// The session whose queue had it; none for a group's.
        session: Option<SessionKey>,
    },
    /// The first half of a QoS 2 exchange with a publisher.
    Received {
        session: SessionKey,
        packet_id: PacketId,
    },
    /// The second half of it.
    Released {
        session: SessionKey,
        packet_id: PacketId,
    },
    /// The retained message of its topic.
    Retained(Arc<Message>),
    /// The topic has none any more.
    Unretained(Topic),
}

/// A message's place in a queue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    pub id: EntryId,
    pub owner: Owner,
    pub location: Location,
    pub qos: QoS,
    pub retain: bool,
    /// Subscription identifiers.
    pub identifiers: Vec<u32>,
    /// The shared subscription through which a session got it.
    pub group: Option<Filter>,
    pub progress: Progress,
}

/// Whose queue it is.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Owner {
    Session(SessionKey),
    /// A shared subscription's own queue.
    Group(Filter),
}

/// How far the exchange with the receiver is; what a group's own entry says of it concerns a member that ends with its connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    Waiting,
    /// In flight; `serial` orders what a session has in flight.
    Sent {
        packet_id: PacketId,
        serial: u64,
    },
    /// The receiver has it (PUBREC); only PUBREL and PUBCOMP are left, `received` orders the PUBRELs.
    Confirmed {
        packet_id: PacketId,
        serial: u64,
        received: u64,
    },
}
