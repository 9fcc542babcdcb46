// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Durable changes, numbered in the order in which they happened.

use bytes::Bytes;
use bytestring::ByteString;
use mqtt_proto::{Filter, PacketId, QoS, SubscribeOptions, Topic};

use crate::SessionKey;

/// Number of a durable change; frames that depend on it leave when the store has it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CommitSeq(pub u64);

/// Where the store keeps a payload: the number of the record that brought it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Location(pub u64);

/// One durable change.
#[derive(Clone, Debug)]
pub enum Record {
    /// A payload that queue entries name by its location.
    Payload {
        location: Location,
        payload: Bytes,
    },
    /// No queue entry names this payload any more.
    Forget {
        location: Location,
    },
    SessionStarted {
        session: SessionKey,
        expiry_seconds: u32,
    },
    SessionEnded {
        session: SessionKey,
    },
    Subscribed {
        session: SessionKey,
        filter: Filter,
        options: SubscribeOptions,
    },
    Unsubscribed {
        session: SessionKey,
        filter: Filter,
    },
    Queued {
        session: SessionKey,
        location: Location,
        topic: Topic,
        qos: QoS,
    },
    /// It waits for a member of this shared subscription.
    Waiting {
        filter: Filter,
        location: Location,
        topic: Topic,
        qos: QoS,
    },
    /// It no longer waits there: a member has it queued, it expired, or the last member left.
    Taken {
        filter: Filter,
        location: Location,
    },
    /// It was put in flight under this packet identifier.
    Sent {
        session: SessionKey,
        location: Location,
        packet_id: PacketId,
    },
    /// The receiver has it (PUBREC); only PUBREL and PUBCOMP are left.
    Confirmed {
        session: SessionKey,
        location: Location,
    },
    /// Its exchange ended, or it expired.
    Delivered {
        session: SessionKey,
        location: Location,
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
    /// A retained message; an empty payload removes it.
    Retained {
        topic: ByteString,
        payload: Bytes,
        qos: QoS,
    },
}
