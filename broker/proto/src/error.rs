// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Why bytes are not a packet we accept, as a sentence for the log and the peer, and as a reason code.

use std::fmt;

use crate::packet::PacketKind;
use crate::reason::Reason;
use crate::topic::{FilterError, TopicError};
use crate::version::Version;

/// Why a connection cannot go on; its `Display` is the sentence sent as reason string and logged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DecodeError {
    /// The first byte of the connection does not begin a CONNECT.
    NotConnect {
        /// The byte that came instead.
        first: u8,
        /// The protocol it looks like.
        looks_like: Option<Guess>,
    },
    /// The CONNECT asks for a protocol we do not speak.
    UnsupportedVersion {
        /// The protocol name in it.
        name: ProtocolName,
        /// The protocol level in it, without the bridge bit.
        level: u8,
    },
    /// The packet is longer than allowed; only its header was read.
    TooLarge {
        /// Length of the whole packet in bytes.
        size: u32,
        /// The limit in bytes.
        limit: u32,
    },
    /// The first byte names no kind of packet of this version.
    UnknownKind {
        /// That byte.
        first: u8,
    },
    /// The packet breaks a rule of the standard or a limit of ours.
    Invalid {
        /// What the packet is.
        packet: PacketKind,
        /// The rule.
        fault: Fault,
    },
}

/// What a first packet that is no CONNECT looks like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Guess {
    /// The start of a TLS handshake.
    Tls,
    /// An HTTP request, perhaps for a WebSocket.
    Http,
}

/// The protocol name in a CONNECT.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProtocolName {
    /// `MQTT`, as in 3.1.1 and 5.0.
    Mqtt,
    /// `MQIsdp`, as in 3.1.
    MqIsdp,
    /// Any other name.
    Other,
}

/// The rule a packet breaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// The low four bits of the first byte are not those of this kind. `[MQTT-2.1.3-1]`
    HeaderFlags,
    /// A length or number of variable size is longer than four bytes, or longer than needed. `[MQTT-1.5.5-1]`
    VariableInteger,
    /// The packet ends inside a field.
    Truncated,
    /// Bytes follow the last field.
    TrailingBytes,
    /// A string is not UTF-8. `[MQTT-1.5.4-1]`
    Utf8,
    /// A string contains U+0000. `[MQTT-1.5.4-2]`
    NullCharacter,
    /// Both QoS bits are set. `[MQTT-3.3.1-4]`
    QoS3,
    /// The duplicate flag is set at QoS 0. `[MQTT-3.3.1-2]`
    DuplicateQoS0,
    /// The packet identifier is 0. `[MQTT-2.2.1-3]`
    PacketIdZero,
    /// The reserved connect flag is set. `[MQTT-3.1.2-3]`
    ConnectFlag,
    /// Will QoS or will retain without a will. `[MQTT-3.1.2-11]`
    WillFlags,
    /// The will's payload is said to be UTF-8 and is not.
    WillFormat,
    /// A password without a user name, before version 5. `[MQTT-3.1.2-22]`
    LonePassword,
    /// A reserved bit of the subscription options is set. `[MQTT-3.8.3-5]`
    SubscribeOptions,
    /// A reserved bit of the CONNACK flags is set. `[MQTT-3.2.2-1]`
    ConnAckFlags,
    /// The standard knows no property with this identifier.
    UnknownProperty(u32),
    /// The named property may not stand in this packet.
    MisplacedProperty(&'static str),
    /// A reason code this packet may not carry.
    ReasonCode(u8),
    /// The topic name is not valid.
    Topic(TopicError),
    /// The topic filter is not valid.
    Filter(FilterError),
    /// The named property stands twice.
    RepeatedProperty(&'static str),
    /// The named property has a value outside its range.
    PropertyValue(&'static str),
    /// Neither a topic name nor a topic alias.
    NoTopic,
    /// No topic filter. `[MQTT-3.8.3-2]` `[MQTT-3.10.3-2]`
    NoFilter,
    /// Retain handling 3.
    RetainHandling,
    /// No Local on a shared subscription. `[MQTT-3.8.3-4]`
    NoLocalShared,
    /// Authentication data without an authentication method.
    LoneAuthenticationData,
    /// A CONNECT after the first one. `[MQTT-3.1.0-2]`
    SecondConnect,
    /// A packet only the other side may send.
    WrongDirection,
    /// A subscription identifier in a PUBLISH from a client. `[MQTT-3.3.4-6]`
    SubscriptionIdentifier,
    /// More than 32 user properties.
    TooManyUserProperties,
    /// More than 64 KiB of properties.
    PropertiesTooLong,
    /// More than 4096 topic filters in one packet.
    TooManyFilters,
}

impl DecodeError {
    /// The reason code for the CONNACK or DISCONNECT that answers.
    pub const fn reason(&self) -> Reason {
        match self {
            Self::NotConnect { .. } => Reason::ProtocolError,
            Self::UnsupportedVersion { .. } => Reason::UnsupportedProtocolVersion,
            Self::TooLarge { .. } => Reason::PacketTooLarge,
            Self::UnknownKind { .. } => Reason::MalformedPacket,
            Self::Invalid { fault, .. } => fault.reason(),
        }
    }

    /// The version in which a CONNACK can be understood by a client whose version is unsupported.
    pub const fn nearest_version(&self) -> Option<Version> {
        match self {
            Self::UnsupportedVersion {
                name: ProtocolName::Mqtt,
                level,
            } if *level >= 5 => Some(Version::V5),
            Self::UnsupportedVersion { .. } => Some(Version::V311),
            _ => None,
        }
    }
}

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotConnect {
                looks_like: Some(Guess::Tls),
                ..
            } => f.write_str("this looks like TLS on a plain MQTT port: switch TLS off in the client"),
            Self::NotConnect {
                looks_like: Some(Guess::Http),
                ..
            } => f.write_str("this looks like HTTP on a plain MQTT port: a browser needs a listener with protocol \"websockets\""),
            Self::NotConnect {
                first,
                looks_like: None,
            } => {
                write!(
                    f,
                    "first packet is not a CONNECT (first byte 0x{first:02X})"
                )
            }
            Self::UnsupportedVersion {
                name: ProtocolName::Other,
                ..
            } => f.write_str("CONNECT with a protocol name other than MQTT or MQIsdp"),
            Self::UnsupportedVersion { level, .. } => {
                write!(f, "CONNECT with unsupported protocol level {level}")
            }
            Self::TooLarge { size, limit } => {
                write!(f, "packet of {size} bytes, the limit is {limit}")
            }
            Self::UnknownKind { first } => {
                write!(f, "unknown packet type (first byte 0x{first:02X})")
            }
            Self::Invalid { packet, fault } => write!(f, "{packet} {fault}"),
        }
    }
}

impl std::error::Error for DecodeError {}

impl Fault {
    /// The reason code the standard, or our limit, asks for.
    pub const fn reason(self) -> Reason {
        match self {
            Self::Topic(TopicError::TooManyLevels) => Reason::TopicNameInvalid,
            Self::Filter(FilterError::TooManyLevels) => Reason::TopicFilterInvalid,
            Self::RepeatedProperty(_)
            | Self::PropertyValue(_)
            | Self::NoTopic
            | Self::NoFilter
            | Self::RetainHandling
            | Self::NoLocalShared
            | Self::LoneAuthenticationData
            | Self::SecondConnect
            | Self::WrongDirection
            | Self::SubscriptionIdentifier => Reason::ProtocolError,
            Self::WillFormat => Reason::PayloadFormatInvalid,
            Self::TooManyUserProperties | Self::PropertiesTooLong | Self::TooManyFilters => {
                Reason::QuotaExceeded
            }
            _ => Reason::MalformedPacket,
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::UnknownProperty(id) => return write!(f, "with unknown property 0x{id:02X}"),
            Self::MisplacedProperty(name) => {
                return write!(f, "with property {name}, which does not belong there");
            }
            Self::RepeatedProperty(name) => return write!(f, "with property {name} twice"),
            Self::PropertyValue(name) => {
                return write!(f, "with a value of property {name} that is out of range");
            }
            Self::ReasonCode(code) => {
                return write!(
                    f,
                    "with reason code 0x{code:02X}, which does not belong there"
                );
            }
            Self::Topic(error) => return write!(f, "with {error}"),
            Self::Filter(error) => return write!(f, "with {error}"),
            Self::HeaderFlags => "with wrong header flags",
            Self::VariableInteger => "with a malformed variable byte integer",
            Self::Truncated => "that ends inside a field",
            Self::TrailingBytes => "with bytes after its last field",
            Self::Utf8 => "with a string that is not UTF-8",
            Self::NullCharacter => "with a null character in a string",
            Self::QoS3 => "with QoS 3",
            Self::DuplicateQoS0 => "with the duplicate flag at QoS 0",
            Self::PacketIdZero => "with packet identifier 0",
            Self::ConnectFlag => "with the reserved connect flag set",
            Self::WillFlags => "with will QoS or will retain but no will",
            Self::WillFormat => "with a will that is said to be UTF-8 and is not",
            Self::LonePassword => "with a password but no user name",
            Self::SubscribeOptions => "with reserved subscription options set",
            Self::ConnAckFlags => "with reserved acknowledge flags set",
            Self::NoTopic => "without a topic name or topic alias",
            Self::NoFilter => "without a topic filter",
            Self::RetainHandling => "with retain handling 3",
            Self::NoLocalShared => "with No Local on a shared subscription",
            Self::LoneAuthenticationData => "with authentication data but no authentication method",
            Self::SecondConnect => "after the first CONNECT",
            Self::WrongDirection => "from the side that may not send it",
            Self::SubscriptionIdentifier => "from a client with a subscription identifier",
            Self::TooManyUserProperties => "with more than 32 user properties",
            Self::PropertiesTooLong => {
                "with more than 64 KiB of properties, of CONNECT and AUTH 8 KiB"
            }
            Self::TooManyFilters => "with more than 4096 topic filters",
        })
    }
}

impl From<TopicError> for Fault {
    fn from(error: TopicError) -> Self {
        Self::Topic(error)
    }
}

impl From<FilterError> for Fault {
    fn from(error: FilterError) -> Self {
        Self::Filter(error)
    }
}
