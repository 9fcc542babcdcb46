// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The fifteen kinds of packet, and the set type in which the property and reason tables say
//! where a row may stand.

/// The kind of a packet, as in the upper four bits of its first byte.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[allow(missing_docs, reason = "the names are those of the standard")]
pub enum PacketKind {
    Connect = 1,
    ConnAck,
    Publish,
    PubAck,
    PubRec,
    PubRel,
    PubComp,
    Subscribe,
    SubAck,
    Unsubscribe,
    UnsubAck,
    PingReq,
    PingResp,
    Disconnect,
    Auth,
}

impl PacketKind {
    /// The kind in the first byte of a packet; `None` for the reserved kind 0.
    pub(crate) const fn from_first_byte(first: u8) -> Option<Self> {
        Some(match first >> 4 {
            1 => Self::Connect,
            2 => Self::ConnAck,
            3 => Self::Publish,
            4 => Self::PubAck,
            5 => Self::PubRec,
            6 => Self::PubRel,
            7 => Self::PubComp,
            8 => Self::Subscribe,
            9 => Self::SubAck,
            10 => Self::Unsubscribe,
            11 => Self::UnsubAck,
            12 => Self::PingReq,
            13 => Self::PingResp,
            14 => Self::Disconnect,
            15 => Self::Auth,
            _ => return None,
        })
    }

    /// The low four bits every packet of this kind carries; PUBLISH uses them for itself. `[MQTT-2.1.3-1]`, in 3.1.1 `[MQTT-2.2.2-1]`
    pub(crate) const fn fixed_flags(self) -> u8 {
        match self {
            Self::PubRel | Self::Subscribe | Self::Unsubscribe => 0b0010,
            _ => 0,
        }
    }

    /// The first byte of a packet of this kind.
    pub(crate) const fn first_byte(self) -> u8 {
        ((self as u8) << 4) | self.fixed_flags()
    }

    /// The name in the standard, in capitals.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Connect => "CONNECT",
            Self::ConnAck => "CONNACK",
            Self::Publish => "PUBLISH",
            Self::PubAck => "PUBACK",
            Self::PubRec => "PUBREC",
            Self::PubRel => "PUBREL",
            Self::PubComp => "PUBCOMP",
            Self::Subscribe => "SUBSCRIBE",
            Self::SubAck => "SUBACK",
            Self::Unsubscribe => "UNSUBSCRIBE",
            Self::UnsubAck => "UNSUBACK",
            Self::PingReq => "PINGREQ",
            Self::PingResp => "PINGRESP",
            Self::Disconnect => "DISCONNECT",
            Self::Auth => "AUTH",
        }
    }
}

impl std::fmt::Display for PacketKind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

/// A set of places: packet kinds, and the will properties inside a CONNECT.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Places(u16);

impl Places {
    pub(crate) const NOWHERE: Self = Self(0);
    pub(crate) const EVERYWHERE: Self = Self(u16::MAX);
    pub(crate) const WILL: Self = Self(1);
    pub(crate) const CONNECT: Self = Self::of(PacketKind::Connect);
    pub(crate) const CONNACK: Self = Self::of(PacketKind::ConnAck);
    pub(crate) const PUBLISH: Self = Self::of(PacketKind::Publish);
    pub(crate) const PUBACK: Self = Self::of(PacketKind::PubAck);
    pub(crate) const PUBREC: Self = Self::of(PacketKind::PubRec);
    pub(crate) const PUBREL: Self = Self::of(PacketKind::PubRel);
    pub(crate) const PUBCOMP: Self = Self::of(PacketKind::PubComp);
    pub(crate) const SUBSCRIBE: Self = Self::of(PacketKind::Subscribe);
    pub(crate) const SUBACK: Self = Self::of(PacketKind::SubAck);
    pub(crate) const UNSUBSCRIBE: Self = Self::of(PacketKind::Unsubscribe);
    pub(crate) const UNSUBACK: Self = Self::of(PacketKind::UnsubAck);
    pub(crate) const DISCONNECT: Self = Self::of(PacketKind::Disconnect);
    pub(crate) const AUTH: Self = Self::of(PacketKind::Auth);

    /// The set of one packet kind.
    #[allow(
        clippy::arithmetic_side_effects,
        reason = "a kind is at most 15, so the shift stays inside 16 bits"
    )]
    pub(crate) const fn of(kind: PacketKind) -> Self {
        Self(1 << kind as u16)
    }

    /// This set and that one together.
    pub(crate) const fn or(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Whether the two sets share a place.
    pub(crate) const fn overlaps(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }
}
