// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The packets, one vocabulary for all versions, and the dispatch to the codec of each.

mod ack;
mod auth;
mod connack;
mod connect;
mod disconnect;
mod kind;
mod publish;
mod subscribe;
mod unsubscribe;

use std::num::NonZeroU16;

use bytes::BytesMut;

pub use ack::Ack;
pub use auth::Auth;
pub use connack::ConnAck;
pub use connect::{Connect, Password, Will};
pub use disconnect::Disconnect;
pub use kind::PacketKind;
pub(crate) use kind::Places;
pub use publish::{Glimpse, Publish, PublishHead, whole_len};
pub use subscribe::{RetainHandling, SubAck, Subscribe, SubscribeFilter, SubscribeOptions};
pub use unsubscribe::{UnsubAck, Unsubscribe};

use crate::error::Fault;
use crate::properties::Properties;
use crate::reason::Reason;
use crate::version::Version;
use crate::wire::{self, Reader};

/// The identifier of a packet in flight, never 0.
pub type PacketId = NonZeroU16;

/// The quality of service of a delivery.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub enum QoS {
    /// QoS 0.
    #[default]
    AtMostOnce = 0,
    /// QoS 1.
    AtLeastOnce = 1,
    /// QoS 2.
    ExactlyOnce = 2,
}

impl QoS {
    /// The QoS in the low two bits; both set is no QoS. `[MQTT-3.3.1-4]`
    pub(crate) const fn from_bits(bits: u8) -> Result<Self, Fault> {
        match bits & 0b11 {
            0 => Ok(Self::AtMostOnce),
            1 => Ok(Self::AtLeastOnce),
            2 => Ok(Self::ExactlyOnce),
            _ => Err(Fault::QoS3),
        }
    }
}

/// A packet of any version.
#[derive(Debug, Clone, PartialEq)]
#[allow(missing_docs, reason = "the names are those of the standard")]
pub enum Packet {
    Connect(Box<Connect>),
    ConnAck(ConnAck),
    Publish(Publish),
    PubAck(Ack),
    PubRec(Ack),
    PubRel(Ack),
    PubComp(Ack),
    Subscribe(Subscribe),
    SubAck(SubAck),
    Unsubscribe(Unsubscribe),
    UnsubAck(UnsubAck),
    PingReq,
    PingResp,
    Disconnect(Disconnect),
    Auth(Auth),
}

impl Packet {
    /// The kind of this packet.
    pub const fn kind(&self) -> PacketKind {
        match self {
            Self::Connect(_) => PacketKind::Connect,
            Self::ConnAck(_) => PacketKind::ConnAck,
            Self::Publish(_) => PacketKind::Publish,
            Self::PubAck(_) => PacketKind::PubAck,
            Self::PubRec(_) => PacketKind::PubRec,
            Self::PubRel(_) => PacketKind::PubRel,
            Self::PubComp(_) => PacketKind::PubComp,
            Self::Subscribe(_) => PacketKind::Subscribe,
            Self::SubAck(_) => PacketKind::SubAck,
            Self::Unsubscribe(_) => PacketKind::Unsubscribe,
            Self::UnsubAck(_) => PacketKind::UnsubAck,
            Self::PingReq => PacketKind::PingReq,
            Self::PingResp => PacketKind::PingResp,
            Self::Disconnect(_) => PacketKind::Disconnect,
            Self::Auth(_) => PacketKind::Auth,
        }
    }

    /// The name in the standard, such as `PUBLISH`.
    pub const fn name(&self) -> &'static str {
        self.kind().name()
    }

    /// Decodes the body of any packet but a CONNECT, whose header flags were checked unless it is
    /// a PUBLISH.
    pub(crate) fn decode(
        kind: PacketKind,
        flags: u8,
        reader: &mut Reader<'_>,
        version: Version,
    ) -> Result<Self, Fault> {
        let packet = match kind {
            PacketKind::Connect => return Err(Fault::SecondConnect),
            PacketKind::ConnAck => Self::ConnAck(ConnAck::decode(reader, version)?),
            PacketKind::Publish => Self::Publish(Publish::decode(flags, reader, version)?),
            PacketKind::PubAck => Self::PubAck(Ack::decode(kind, reader, version)?),
            PacketKind::PubRec => Self::PubRec(Ack::decode(kind, reader, version)?),
            PacketKind::PubRel => Self::PubRel(Ack::decode(kind, reader, version)?),
            PacketKind::PubComp => Self::PubComp(Ack::decode(kind, reader, version)?),
            PacketKind::Subscribe => Self::Subscribe(Subscribe::decode(reader, version)?),
            PacketKind::SubAck => Self::SubAck(SubAck::decode(reader, version)?),
            PacketKind::Unsubscribe => Self::Unsubscribe(Unsubscribe::decode(reader, version)?),
            PacketKind::UnsubAck => Self::UnsubAck(UnsubAck::decode(reader, version)?),
            PacketKind::PingReq => Self::PingReq,
            PacketKind::PingResp => Self::PingResp,
            PacketKind::Disconnect => Self::Disconnect(Disconnect::decode(reader, version)?),
            PacketKind::Auth => Self::Auth(Auth::decode(reader)?),
        };
        reader.finish()?;
        Ok(packet)
    }
}

/// Appends a packet as `version` writes it; a version without it, such as AUTH in 3.1.1, adds nothing.
///
/// Strings and binary fields beyond 65535 bytes are cut off; the caller keeps the whole packet
/// below 256 MiB.
pub fn encode(packet: &Packet, version: Version, out: &mut BytesMut) {
    match packet {
        Packet::Connect(connect) => connect.encode(out),
        Packet::ConnAck(connack) => connack.encode(version, out),
        Packet::Publish(publish) => publish.encode(version, out),
        Packet::PubAck(ack) | Packet::PubRec(ack) | Packet::PubRel(ack) | Packet::PubComp(ack) => {
            ack.encode(packet.kind(), version, out);
        }
        Packet::Subscribe(subscribe) => subscribe.encode(version, out),
        Packet::SubAck(suback) => suback.encode(version, out),
        Packet::Unsubscribe(unsubscribe) => unsubscribe.encode(version, out),
        Packet::UnsubAck(unsuback) => unsuback.encode(version, out),
        Packet::PingReq => put_header(PacketKind::PingReq.first_byte(), 0, out),
        Packet::PingResp => put_header(PacketKind::PingResp.first_byte(), 0, out),
        Packet::Disconnect(disconnect) => disconnect.encode(version, out),
        Packet::Auth(auth) => auth.encode(version, out),
    }
}

/// Makes room for a whole packet once and writes its fixed header.
fn put_header(first: u8, body_len: usize, out: &mut BytesMut) {
    out.reserve(packet_len(body_len));
    wire::put_start(first, body_len, out);
}

/// The length of a whole packet with a body of this length, in bytes.
const fn packet_len(body_len: usize) -> usize {
    body_len
        .saturating_add(wire::variable_len(body_len))
        .saturating_add(1)
}

/// Reads the properties of a packet or will; before version 5 there are none.
fn decode_properties(
    version: Version,
    place: Places,
    reader: &mut Reader<'_>,
) -> Result<Properties, Fault> {
    if version.has_properties() {
        Properties::decode(reader, place)
    } else {
        Ok(Properties::new())
    }
}

/// The number of bytes [`put_properties`] writes.
fn properties_len(version: Version, properties: &Properties) -> usize {
    if version.has_properties() {
        properties.encoded_len()
    } else {
        0
    }
}

/// Writes the properties of a packet or will; before version 5 nothing. `[MQTT-2.2.2-1]`
fn put_properties(version: Version, properties: &Properties, out: &mut BytesMut) {
    if version.has_properties() {
        properties.encode(out);
    }
}

/// The reason with this code, if a packet of this kind may carry it.
fn decode_reason(code: u8, kind: PacketKind) -> Result<Reason, Fault> {
    Reason::from_code(code)
        .filter(|reason| reason.allowed_in(kind))
        .ok_or(Fault::ReasonCode(code))
}

/// The reasons that fill the rest of a SUBACK or UNSUBACK.
fn decode_reasons(kind: PacketKind, reader: &mut Reader<'_>) -> Result<Vec<Reason>, Fault> {
    let mut reasons = Vec::new();
    while reader.remaining() > 0 {
        reasons.push(decode_reason(reader.u8()?, kind)?);
    }
    if reasons.is_empty() {
        Err(Fault::Truncated)
    } else {
        Ok(reasons)
    }
}

/// Adds lengths in bytes.
fn sum<const N: usize>(lens: [usize; N]) -> usize {
    lens.iter().fold(0, |sum, len| sum.saturating_add(*len))
}

/// The most topic filters of one packet.
const MAX_FILTERS: usize = 4096;
