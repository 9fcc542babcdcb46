// SPDX-License-Identifier: Apache-2.0 OR MIT
//! A message for one receiver: as bytes of the wire at once, or as a delivery of which something is decided when it leaves.

use std::sync::Arc;

use bytes::Bytes;
use mqtt_proto::{PacketId, Property, QoS, Version};

use super::carrier::Terms;
use crate::chunks::MIN_SHARED;
use crate::connection::Connection;
use crate::frame::{Delivery, Encoded};
use crate::session::Queued;
use crate::{Body, Message, Moment};

/// Bytes for a socket above which what waits for it is counted: a client that reads at all has fewer.
pub(super) const SLOW: usize = 64 * 1024;
/// Payload bytes up to which a copy for a client that does not read takes no more than a share in the message.
const SMALL: usize = 256;

/// A message for one receiver, on these terms.
pub(super) struct Parcel<'a> {
    pub message: &'a Arc<Message>,
    pub payload: Option<&'a Bytes>,
    pub qos: QoS,
    pub retain: bool,
    pub identifiers: &'a [u32],
    /// It may have to wait for the store, at QoS 2.
    pub durable: bool,
}

/// How a message waits for a socket.
pub(super) enum Form {
    /// As the bytes that [`Encoded`] has now.
    Ready,
    Later(Delivery),
}

impl<'a> Parcel<'a> {
    pub fn new(message: &'a Arc<Message>, qos: QoS, terms: &'a Terms) -> Self {
        let payload = match &message.body {
            Body::Inline(payload) => Some(payload),
            Body::Stored { .. } => None,
        };
        Self {
            message,
            payload,
            qos,
            retain: terms.retain,
            identifiers: &terms.identifiers,
            durable: false,
        }
    }

    pub fn queued(entry: &'a Queued) -> Self {
        Self {
            message: &entry.message,
            payload: entry.payload(),
            qos: entry.qos,
            retain: entry.retain,
            identifiers: &entry.identifiers,
            durable: entry.stored.is_some(),
        }
    }

    /// Whether nothing is left to decide when it leaves, and nothing waits before it of which something is.
    pub fn is_ready_for(&self, c: &Connection) -> bool {
        let most = match c.outbox.pending_bytes() > SLOW {
            true => SMALL,
            false => MIN_SHARED,
        };
        let aliases = c.aliases.as_ref();
        let waits_for_the_store = self.durable && self.qos == QoS::ExactlyOnce;
        self.payload.is_some_and(|payload| payload.len() < most)
            && self.message.expires.is_none()
            && self.identifiers.is_empty()
            && !waits_for_the_store
            && !aliases.is_some_and(|aliases| aliases.concerns(&self.message.topic))
            && c.outbox.takes_ready(self.qos)
    }

    /// The PUBLISH for one client, without its identifier; none if it is larger than the client accepts. [MQTT-3.1.2-25]
    pub fn form(&self, c: &Connection, encoded: &mut Encoded, now: Moment) -> Option<Form> {
        c.live()?;
        let (version, payload) = (c.version?, self.payload?);
        if self.is_ready_for(c) {
            encoded.make(self.message, payload, version, (self.qos, self.retain));
            return fits(c, || encoded.len()).then_some(Form::Ready);
        }
        let delivery = self.delivery(version, payload.clone(), now);
        fits(c, || delivery.packet_len(version)).then_some(Form::Later(delivery))
    }

    /// The same PUBLISH again. [MQTT-3.1.2-25]
    pub fn again(&self, c: &Connection, packet_id: PacketId, now: Moment) -> Option<Delivery> {
        c.live()?;
        let (version, payload) = (c.version?, self.payload?);
        let delivery = Delivery {
            dup: true, // [MQTT-3.3.1-1]
            packet_id: Some(packet_id),
            ..self.delivery(version, payload.clone(), now)
        };
        fits(c, || delivery.packet_len(version)).then_some(delivery)
    }

    fn delivery(&self, version: Version, payload: Bytes, now: Moment) -> Delivery {
        let mut extra = Vec::new();
        if version == Version::V5 {
            let identifiers = self.identifiers.iter();
            extra.extend(identifiers.map(|&id| Property::SubscriptionIdentifier(id))); // [MQTT-3.3.4-3]
            let left = self.message.remaining(now);
            extra.extend(left.map(Property::MessageExpiryInterval));
        }
        Delivery {
            message: Arc::clone(self.message),
            payload,
            qos: self.qos,
            dup: false, // [MQTT-4.3.1-1], [MQTT-4.3.2-2], [MQTT-4.3.3-2]
            retain: self.retain,
            packet_id: None,
            extra,
            unnamed: false,
        }
    }
}

fn fits(c: &Connection, len: impl FnOnce() -> usize) -> bool {
    c.max_packet_size == usize::MAX || len() <= c.max_packet_size
}
