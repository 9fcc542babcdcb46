// SPDX-License-Identifier: Apache-2.0 OR MIT
//! What leaves the core for one connection: a control packet or a delivery that shares its message.

use std::sync::Arc;

use bytes::{BufMut, Bytes, BytesMut};
use mqtt_proto::{Packet, PacketId, Property, PublishHead, QoS, Version};

use crate::chunks::Chunks;
use crate::{Message, Moment};

/// One MQTT packet to send.
#[derive(Clone, Debug)]
pub(crate) enum Frame {
    Packet(Packet),
    Deliver(Delivery),
}

/// A PUBLISH to a subscriber of which something is decided only when it leaves.
#[derive(Clone, Debug)]
pub(crate) struct Delivery {
    pub message: Arc<Message>,
    pub payload: Bytes,
    pub qos: QoS,
    pub dup: bool,
    pub retain: bool,
    pub packet_id: Option<PacketId>,
    /// Remaining expiry interval, subscription identifiers and topic alias of this delivery.
    pub extra: Vec<Property>,
    /// The client knows the topic by the alias; the name is left out.
    pub unnamed: bool,
}

impl Delivery {
    fn head(&self) -> PublishHead<'_> {
        PublishHead {
            dup: self.dup,
            qos: self.qos,
            retain: self.retain,
            topic: if self.unnamed {
                ""
            } else {
                self.message.topic.as_str()
            },
            packet_id: self.packet_id,
            properties: &self.message.properties,
            extra: &self.extra,
        }
    }

    /// Appends it as it is on the wire.
    pub fn encode(&self, version: Version, out: &mut Chunks) {
        self.head()
            .encode(version, self.payload.len(), out.buffer());
        out.push_payload(&self.payload);
    }

    /// Tells what is left of the expiry interval now; false when the message expired and was promised to nobody.
    pub fn age(&mut self, now: Moment) -> bool {
        let Some(left) = self.message.remaining(now) else {
            return true;
        };
        for property in &mut self.extra {
            if let Property::MessageExpiryInterval(seconds) = property {
                *seconds = left; // [MQTT-3.3.2-6]
            }
        }
        self.qos > QoS::AtMostOnce || !self.message.is_expired(now)
    }

    pub fn set_alias(&mut self, alias: u16, known: bool) {
        self.extra.push(Property::TopicAlias(alias));
        self.unnamed = known;
    }

    /// Takes back [`Delivery::set_alias`].
    pub fn unset_alias(&mut self) {
        self.extra.pop();
        self.unnamed = false;
    }

    /// Size of the whole packet in bytes.
    pub fn packet_len(&self, version: Version) -> usize {
        self.head().packet_len(version, self.payload.len())
    }
}

/// The PUBLISH made last, as it is on the wire: whoever gets the same bytes gets a copy of them.
#[derive(Default)]
pub(crate) struct Encoded {
    made_of: Option<MadeOf>,
    bytes: BytesMut,
    payload_len: usize,
    /// Where the packet identifier stands, at QoS 1 and 2.
    packet_id_at: usize,
}

/// All that the bytes follow from.
#[derive(Clone, Copy, PartialEq, Eq)]
struct MadeOf {
    message: u64,
    has_properties: bool,
    qos: QoS,
    retain: bool,
}

impl Encoded {
    /// Makes the PUBLISH of a message, unless it is the one that was made last.
    pub fn make(
        &mut self,
        message: &Message,
        payload: &Bytes,
        version: Version,
        (qos, retain): (QoS, bool),
    ) {
        let made_of = message.serial.map(|message| MadeOf {
            message,
            has_properties: version == Version::V5,
            qos,
            retain,
        });
        if made_of.is_some() && made_of == self.made_of {
            return;
        }
        self.made_of = made_of;
        let head = PublishHead {
            dup: false, // [MQTT-4.3.1-1], [MQTT-4.3.2-2], [MQTT-4.3.3-2]
            qos,
            retain,
            topic: &message.topic,
            packet_id: None,
            properties: &message.properties,
            extra: &[],
        };
        self.bytes.clear();
        self.packet_id_at = head.encode(version, payload.len(), &mut self.bytes);
        self.bytes.put_slice(payload);
        self.payload_len = payload.len();
    }

    /// Bytes of the whole packet.
    pub fn len(&self) -> usize {
        self.bytes.len()
    }

    pub fn payload_len(&self) -> usize {
        self.payload_len
    }

    /// Appends the packet with its identifier.
    pub fn copy_to(&self, packet_id: Option<PacketId>, out: &mut BytesMut) {
        let start = out.len();
        out.put_slice(&self.bytes);
        if let Some(packet_id) = packet_id {
            let at = start + self.packet_id_at;
            if let Some(place) = out.get_mut(at..at + 2) {
                place.copy_from_slice(&packet_id.get().to_be_bytes());
            }
        }
    }
}
