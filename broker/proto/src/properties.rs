// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The properties of version 5: one table of identifier, name, value, form on the wire and places,
//! from which the enum, the getters and the codec derive.
//!
//! The user property is the one pair and the one that may stand many times everywhere; it is
//! written out beside the table.

mod form;

use std::fmt;

use bytes::{Bytes, BytesMut};
use bytestring::ByteString;

use crate::error::Fault;
use crate::packet::Places;
use crate::topic::Topic;
use crate::wire::{self, Reader};
use form::{Binary, Flag, Form, FourByte, OneByte, Text, TwoByte, Variable};

macro_rules! property_table {
    ($( $id:literal $variant:ident($value:ty as $form:ident) $getter:ident -> $borrowed:ty,
        [$($place:ident)*], $doc:literal; )*) => {
        /// One property of a version 5 packet; its `Debug` hides authentication data.
        #[derive(Clone, PartialEq, Eq)]
        pub enum Property {
            $( #[doc = $doc] $variant($value), )*
            /// A name and a value the standard gives no meaning.
            UserProperty(ByteString, ByteString),
        }

        impl Property {
            /// The name in the standard.
            pub const fn name(&self) -> &'static str {
                match self {
                    $( Self::$variant(_) => stringify!($variant), )*
                    Self::UserProperty(..) => "UserProperty",
                }
            }

            /// The identifier on the wire.
            const fn id(&self) -> u8 {
                match self {
                    $( Self::$variant(_) => $id, )*
                    Self::UserProperty(..) => USER_PROPERTY,
                }
            }

            /// Where this property may stand, a user property's being everywhere.
            const fn places(&self) -> Places {
                match self {
                    $( Self::$variant(_) => Places::NOWHERE$( .or(Places::$place) )*, )*
                    Self::UserProperty(..) => Places::EVERYWHERE,
                }
            }

            fn decode_value(id: u32, reader: &mut Reader<'_>) -> Result<Self, Fault> {
                match id {
                    $( $id => $form::read(stringify!($variant), reader).map(Self::$variant), )*
                    USER_PROPERTY_ID => Ok(Self::UserProperty(reader.string()?, reader.string()?)),
                    _ => Err(Fault::UnknownProperty(id)),
                }
            }

            fn value_len(&self) -> usize {
                match self {
                    $( Self::$variant(value) => $form::len(value), )*
                    Self::UserProperty(name, value) => {
                        wire::string_len(name).saturating_add(wire::string_len(value))
                    }
                }
            }

            fn encode_value(&self, out: &mut BytesMut) {
                match self {
                    $( Self::$variant(value) => $form::write(value, out), )*
                    Self::UserProperty(name, value) => {
                        wire::put_string(name, out);
                        wire::put_string(value, out);
                    }
                }
            }
        }

        impl fmt::Debug for Property {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                if matches!(self, Self::AuthenticationData(_)) {
                    return f.write_str("AuthenticationData(..)");
                }
                match self {
                    $( Self::$variant(value) => f.debug_tuple(self.name()).field(value).finish(), )*
                    Self::UserProperty(name, value) => {
                        f.debug_tuple(self.name()).field(name).field(value).finish()
                    }
                }
            }
        }

        impl Properties {
            $(
                #[doc = concat!($doc, " `None` when absent.")]
                pub fn $getter(&self) -> Option<$borrowed> {
                    self.iter().find_map(|property| match property {
                        Property::$variant(value) => Some($form::borrow(value)),
                        _ => None,
                    })
                }
            )*
        }
    };
}

/// The properties of one packet or will, in the order they came; empty ones own no memory.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Properties(Vec<Property>);

impl Properties {
    /// No properties.
    pub const fn new() -> Self {
        Self(Vec::new())
    }

    /// Adds one at the end.
    pub fn push(&mut self, property: Property) {
        self.0.push(property);
    }

    /// All of them, in order.
    pub fn iter(&self) -> std::slice::Iter<'_, Property> {
        self.0.iter()
    }

    /// All of them, in order, as a slice.
    pub fn as_slice(&self) -> &[Property] {
        &self.0
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Keeps only those for which `keep` says true.
    pub fn retain(&mut self, keep: impl FnMut(&Property) -> bool) {
        self.0.retain(keep);
    }

    /// The user properties, in order.
    pub fn user_properties(&self) -> impl Iterator<Item = (&ByteString, &ByteString)> {
        self.iter().filter_map(|property| match property {
            Property::UserProperty(name, value) => Some((name, value)),
            _ => None,
        })
    }

    /// The subscription identifiers, of which a PUBLISH to a client may have several.
    pub fn subscription_identifiers(&self) -> impl Iterator<Item = u32> {
        self.iter().filter_map(|property| match property {
            Property::SubscriptionIdentifier(id) => Some(*id),
            _ => None,
        })
    }

    /// Reads the properties of a packet or will, which may stand in `place`.
    pub(crate) fn decode(reader: &mut Reader<'_>, place: Places) -> Result<Self, Fault> {
        let len = usize::try_from(reader.variable()?).unwrap_or(usize::MAX);
        let most = if place.overlaps(EARLY) {
            MAX_EARLY_LEN
        } else {
            MAX_PROPERTIES_LEN
        };
        if len > most && len <= reader.remaining() {
            return Err(Fault::PropertiesTooLong);
        }
        reader.within(len, |reader| {
            let mut properties = Self::new();
            let mut seen = Seen::default();
            while reader.remaining() > 0 {
                let property = Property::decode_value(reader.variable()?, reader)?;
                seen.admit(&property, place)?;
                properties.push(property);
            }
            Ok(properties)
        })
    }

    /// The number of bytes they take in a packet, with their length before them.
    pub fn encoded_len(&self) -> usize {
        block_len(list_len(&self.0))
    }

    /// Writes the length and the properties.
    pub(crate) fn encode(&self, out: &mut BytesMut) {
        wire::put_variable(list_len(&self.0), out);
        encode_list(&self.0, out);
    }
}

impl fmt::Debug for Properties {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(&self.0).finish()
    }
}

impl FromIterator<Property> for Properties {
    fn from_iter<I: IntoIterator<Item = Property>>(properties: I) -> Self {
        Self(properties.into_iter().collect())
    }
}

impl<'a> IntoIterator for &'a Properties {
    type Item = &'a Property;
    type IntoIter = std::slice::Iter<'a, Property>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

/// The number of bytes the listed properties take, without the length before them.
pub(crate) fn list_len(properties: &[Property]) -> usize {
    properties
        .iter()
        .map(|property| property.value_len().saturating_add(1))
        .sum()
}

/// The number of bytes a property block takes whose properties take `list_len`.
pub(crate) const fn block_len(list_len: usize) -> usize {
    wire::variable_len(list_len).saturating_add(list_len)
}

/// Writes the listed properties, without the length before them.
pub(crate) fn encode_list(properties: &[Property], out: &mut BytesMut) {
    for property in properties {
        bytes::BufMut::put_u8(out, property.id());
        property.encode_value(out);
    }
}

/// What one property block has held so far.
#[derive(Default)]
struct Seen {
    ids: u64,
    user_properties: usize,
}

impl Seen {
    /// Refuses a property that may not stand here, stands a second time, or has a value out of range.
    fn admit(&mut self, property: &Property, place: Places) -> Result<(), Fault> {
        if !property.places().overlaps(place) {
            return Err(Fault::MisplacedProperty(property.name()));
        }
        let id = 1_u64.wrapping_shl(u32::from(property.id()));
        let repeated = self.ids & id != 0;
        self.ids |= id;
        match property {
            Property::UserProperty(..) => {
                self.user_properties = self.user_properties.saturating_add(1);
                if self.user_properties > MAX_USER_PROPERTIES {
                    return Err(Fault::TooManyUserProperties);
                }
            }
            Property::SubscriptionIdentifier(_) if place == Places::PUBLISH => {}
            _ if repeated => return Err(Fault::RepeatedProperty(property.name())),
            _ => {}
        }
        match property {
            Property::SubscriptionIdentifier(0)
            | Property::ReceiveMaximum(0)
            | Property::MaximumPacketSize(0)
            | Property::MaximumQoS(2..) => Err(Fault::PropertyValue(property.name())),
            Property::ResponseTopic(name) => Ok(Topic::new(name.clone()).map(|_| ())?), // [MQTT-3.3.2-14], [MQTT-3.3.2-13]
            _ => Ok(()),
        }
    }
}

/// The identifier of the user property.
const USER_PROPERTY: u8 = 0x26;

/// The same, as read from the wire.
const USER_PROPERTY_ID: u32 = USER_PROPERTY as u32;

/// The most user properties of one packet or will.
const MAX_USER_PROPERTIES: usize = 32;

/// The most bytes of properties of one packet or will.
const MAX_PROPERTIES_LEN: usize = 65_536;

/// What may come from somebody who has not logged in.
const EARLY: Places = Places::CONNECT.or(Places::WILL).or(Places::AUTH);

/// The most bytes of properties there.
const MAX_EARLY_LEN: usize = 8_192;

property_table! {
    0x01 PayloadFormatIndicator(bool as Flag) payload_format_indicator -> bool,
        [PUBLISH WILL], "Whether the payload is UTF-8 text.";
    0x02 MessageExpiryInterval(u32 as FourByte) message_expiry_interval -> u32,
        [PUBLISH WILL], "Lifetime of the message in seconds.";
    0x03 ContentType(ByteString as Text) content_type -> &ByteString,
        [PUBLISH WILL], "What the payload is, as the applications agree.";
    0x08 ResponseTopic(ByteString as Text) response_topic -> &ByteString,
        [PUBLISH WILL], "The topic name for a response.";
    0x09 CorrelationData(Bytes as Binary) correlation_data -> &Bytes,
        [PUBLISH WILL], "What tells the requester which request a response answers.";
    0x0B SubscriptionIdentifier(u32 as Variable) subscription_identifier -> u32,
        [PUBLISH SUBSCRIBE], "The number a client gave to a subscription, 1 to 268 435 455.";
    0x11 SessionExpiryInterval(u32 as FourByte) session_expiry_interval -> u32,
        [CONNECT CONNACK DISCONNECT], "Seconds the session outlives its connection; 4 294 967 295 is for ever.";
    0x12 AssignedClientIdentifier(ByteString as Text) assigned_client_identifier -> &ByteString,
        [CONNACK], "The client identifier the server chose.";
    0x13 ServerKeepAlive(u16 as TwoByte) server_keep_alive -> u16,
        [CONNACK], "The keep alive in seconds that replaces the one the client asked for.";
    0x15 AuthenticationMethod(ByteString as Text) authentication_method -> &ByteString,
        [CONNECT CONNACK AUTH], "The name of the method of enhanced authentication.";
    0x16 AuthenticationData(Bytes as Binary) authentication_data -> &Bytes,
        [CONNECT CONNACK AUTH], "Data of the authentication method; secret.";
    0x17 RequestProblemInformation(bool as Flag) request_problem_information -> bool,
        [CONNECT], "Whether reason strings and user properties may come with any packet; true when absent.";
    0x18 WillDelayInterval(u32 as FourByte) will_delay_interval -> u32,
        [WILL], "Seconds between the end of the connection and the will.";
    0x19 RequestResponseInformation(bool as Flag) request_response_information -> bool,
        [CONNECT], "Whether the client wants response information in the CONNACK.";
    0x1A ResponseInformation(ByteString as Text) response_information -> &ByteString,
        [CONNACK], "What a client may build response topics from.";
    0x1C ServerReference(ByteString as Text) server_reference -> &ByteString,
        [CONNACK DISCONNECT], "Another server to use.";
    0x1F ReasonString(ByteString as Text) reason_string -> &ByteString,
        [CONNACK PUBACK PUBREC PUBREL PUBCOMP SUBACK UNSUBACK DISCONNECT AUTH],
        "The reason as a sentence for people.";
    0x21 ReceiveMaximum(u16 as TwoByte) receive_maximum -> u16,
        [CONNECT CONNACK], "How many PUBLISH packets at QoS 1 and 2 may be unacknowledged; 65535 when absent.";
    0x22 TopicAliasMaximum(u16 as TwoByte) topic_alias_maximum -> u16,
        [CONNECT CONNACK], "The greatest topic alias the sender accepts; 0 when absent.";
    0x23 TopicAlias(u16 as TwoByte) topic_alias -> u16,
        [PUBLISH], "A number that stands for the topic name; 0 is not valid, but decodes.";
    0x24 MaximumQoS(u8 as OneByte) maximum_qos -> u8,
        [CONNACK], "The greatest QoS the server supports, 0 or 1; 2 when absent.";
    0x25 RetainAvailable(bool as Flag) retain_available -> bool,
        [CONNACK], "Whether the server keeps retained messages; true when absent.";
    0x27 MaximumPacketSize(u32 as FourByte) maximum_packet_size -> u32,
        [CONNECT CONNACK], "The longest packet in bytes the sender accepts.";
    0x28 WildcardSubscriptionAvailable(bool as Flag) wildcard_subscription_available -> bool,
        [CONNACK], "Whether the server supports wildcards; true when absent.";
    0x29 SubscriptionIdentifierAvailable(bool as Flag) subscription_identifier_available -> bool,
        [CONNACK], "Whether the server supports subscription identifiers; true when absent.";
    0x2A SharedSubscriptionAvailable(bool as Flag) shared_subscription_available -> bool,
        [CONNACK], "Whether the server supports shared subscriptions; true when absent.";
}
