// SPDX-License-Identifier: Apache-2.0 OR MIT
//! What leaves the core for one connection: a control packet or a delivery that shares its message.

use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use mqtt_proto::{Packet, PacketId, Property, PublishHead, QoS, Version};

use crate::{Message, Moment};

/// One MQTT packet to send.
#[derive(Clone, Debug)]
pub enum Frame {
    Packet(Packet),
    Deliver(Delivery),
}

/// A PUBLISH to a subscriber.
#[derive(Clone, Debug)]
pub struct Delivery {
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

    /// Appends everything but the payload, which follows it on the wire.
    pub fn encode_head(&self, version: Version, out: &mut BytesMut) {
        self.head().encode(version, self.payload.len(), out);
    }

    /// Tells what is left of the expiry interval now; false when the message expired and was promised to nobody.
    pub(crate) fn age(&mut self, now: Moment) -> bool {
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

    pub(crate) fn set_alias(&mut self, alias: u16, known: bool) {
        self.extra.push(Property::TopicAlias(alias));
        self.unnamed = known;
    }

    /// Takes back [`Delivery::set_alias`].
    pub(crate) fn unset_alias(&mut self) {
        self.extra.pop();
        self.unnamed = false;
    }

    /// Size of the whole packet in bytes.
    pub fn packet_len(&self, version: Version) -> usize {
        self.head().packet_len(version, self.payload.len())
    }
}
