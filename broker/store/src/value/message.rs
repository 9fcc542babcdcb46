// SPDX-License-Identifier: Apache-2.0 OR MIT
//! A message in the store: retained, or waiting in queues.

use bytes::Bytes;
use bytestring::ByteString;
use mqtt_core::{Body, Message, Moment};
use mqtt_proto::{Properties, QoS, Topic};

use super::{flags, read_flags};
use crate::cursor::{Cursor, put_optional};
use crate::format::{checksum, u32_at};
use crate::key::Key;
use crate::op::Ops;
use crate::properties::{properties, put_properties};

/// Writes a message without its topic, which is a retained message's key.
pub(super) fn put_message(message: &Message, out: &mut Vec<u8>) {
    out.push(flags(message.qos, message.retain));
    put_optional(message.expires.map(Moment::as_millis), out);
    put_properties(&message.properties, out);
    if let Body::Inline(payload) = &message.body {
        out.extend_from_slice(payload);
    }
}

/// A message whose payload is still where it was read.
pub(crate) struct StoredMessage<'a> {
    topic: Topic,
    qos: QoS,
    retain: bool,
    expires: Option<Moment>,
    properties: Properties,
    pub payload: &'a [u8],
}

impl<'a> StoredMessage<'a> {
    /// What a retained message's operation puts.
    pub fn retained(topic: &str, value: &'a [u8]) -> Option<Self> {
        let mut cursor = Cursor::new(value);
        let topic = Topic::new(ByteString::from(topic)).ok()?;
        let (qos, retain) = read_flags(cursor.u8()?)?;
        let expires = cursor.optional()?.map(Moment::from_millis);
        let properties = properties(&mut cursor)?;
        Some(Self {
            topic,
            qos,
            retain,
            expires,
            properties,
            payload: cursor.rest(),
        })
    }

    /// What a queued message's operation puts: the topic, the same, and a checksum of the operation.
    pub fn queued(value: &'a [u8]) -> Option<Self> {
        let mut cursor = Cursor::new(value.split_last_chunk::<4>()?.0);
        let topic = cursor.text()?;
        Self::retained(topic, cursor.rest())
    }

    pub fn into_message(self, body: Body) -> Message {
        let kind = (self.qos, self.retain);
        Message::new(self.topic, kind, self.properties, body, self.expires)
    }
}

/// The payload in the bytes of one operation; none unless they are, intact, those of this message.
pub(crate) fn payload_of(bytes: Vec<u8>, location: u64) -> Option<Bytes> {
    let op = Ops::new(&bytes).next()?.ok()?;
    if op.key != Key::Message(location) || op.bytes.len() != bytes.len() {
        return None;
    }
    let prefix = prefix_len(&bytes);
    let summed = bytes.get(prefix..bytes.len().checked_sub(4)?)?;
    if u32_at(&bytes, bytes.len() - 4)? != checksum(0, summed) {
        return None;
    }
    let len = StoredMessage::queued(op.value?)?.payload.len();
    let end = bytes.len() - 4;
    Some(Bytes::from(bytes).slice(end - len..end))
}

/// Bytes of the operation's own length.
fn prefix_len(bytes: &[u8]) -> usize {
    let more = bytes.iter().take_while(|byte| **byte & 0x80 != 0);
    more.count() + 1
}
