// SPDX-License-Identifier: Apache-2.0 OR MIT
//! MQTT 3.1, 3.1.1 and 5.0 on the wire: bytes to packets and back, topic names and topic filters.
//!
//! One set of packet types serves all three versions; the version shows only while decoding and
//! encoding ([`Version`] lists every difference), and there is nothing beside the standards. `[MQTT-7.0.0-2]`
//! This crate does no I/O and reads no clock.

#![deny(
    missing_docs,
    clippy::indexing_slicing,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::arithmetic_side_effects
)]

mod error;
mod frame;
mod packet;
mod properties;
mod reason;
mod topic;
mod version;
mod wire;

pub use bytes::{Bytes, BytesMut};
pub use bytestring::ByteString;

pub use error::{DecodeError, Fault, Guess, ProtocolName};
pub use frame::{DecodeLimits, Decoder};
pub use packet::{
    Ack, Auth, ConnAck, Connect, Disconnect, Glimpse, Packet, PacketId, PacketKind, Password,
    Publish, PublishHead, QoS, RetainHandling, SubAck, Subscribe, SubscribeFilter,
    SubscribeOptions, UnsubAck, Unsubscribe, Will, encode, whole_len,
};
pub use properties::{Properties, Property};
pub use reason::Reason;
pub use topic::{Filter, FilterError, Topic, TopicError};
pub use version::Version;
