// SPDX-License-Identifier: Apache-2.0 OR MIT
//! PUBLISH: a message, whole as a packet, or as a head in front of a payload that many share.

use bytes::{Buf, BufMut, Bytes, BytesMut};

use super::{PacketId, PacketKind, Places, QoS, packet_len, sum};
use crate::error::Fault;
use crate::frame::MAX_LENT;
use crate::properties::{self, Properties, Property};
use crate::topic::Topic;
use crate::version::Version;
use crate::wire::{self, Reader};

/// A message on its way.
#[derive(Debug, Clone, PartialEq)]
pub struct Publish {
    /// Whether this is a repetition.
    pub dup: bool,
    /// The QoS of this delivery.
    pub qos: QoS,
    /// Whether it shall be, or was, retained.
    pub retain: bool,
    /// The topic name, empty only in version 5 with a topic alias.
    pub topic: Topic,
    /// The identifier, present at QoS 1 and 2.
    pub packet_id: Option<PacketId>,
    /// The properties, in version 5.
    pub properties: Properties,
    /// The content.
    pub payload: Bytes,
    /// Whether the content is said to be UTF-8 and is not; only a server's decoder looks.
    pub format_invalid: bool,
}

impl Publish {
    pub(super) fn decode(
        flags: u8,
        reader: &mut Reader<'_>,
        version: Version,
    ) -> Result<Self, Fault> {
        let mut publish = Self::decode_head(flags, reader, version)?;
        publish.payload = reader.rest()?;
        Ok(publish)
    }

    /// Decodes a body whose memory topic and payload share, while all properties are copied.
    pub(crate) fn lent(flags: u8, mut body: Bytes, version: Version) -> Result<Self, Fault> {
        let mut reader = Reader::sharing(&body);
        let mut publish = Self::decode_head(flags, &mut reader, version)?;
        let head = reader.position();
        body.advance(head);
        publish.payload = body;
        Ok(publish)
    }

    /// Decodes all but the payload, of which only the topic name may be a slice of the body.
    fn decode_head(flags: u8, reader: &mut Reader<'_>, version: Version) -> Result<Self, Fault> {
        let qos = QoS::from_bits(flags >> flag::QOS_SHIFT)?; // [MQTT-3.3.1-4]
        let dup = flags & flag::DUP != 0;
        if dup && qos == QoS::AtMostOnce {
            return Err(Fault::DuplicateQoS0); // [MQTT-3.3.1-2]
        }
        let name = reader.unchecked_string()?; // [MQTT-3.3.2-1]
        let packet_id = match qos {
            QoS::AtMostOnce => None, // [MQTT-2.2.1-2], in 3.1.1 [MQTT-2.3.1-5]
            _ => Some(reader.packet_id()?),
        };
        let properties = reader
            .detached_fields(|reader| super::decode_properties(version, Places::PUBLISH, reader))?;
        let topic = if !name.is_empty() || !version.has_properties() {
            Topic::new(name)?
        } else if properties.topic_alias().is_some() {
            Topic::empty()
        } else {
            return Err(Fault::NoTopic);
        };
        let retain = flags & flag::RETAIN != 0;
        Ok(Self {
            dup,
            qos,
            retain,
            topic,
            packet_id,
            properties,
            payload: Bytes::new(),
            format_invalid: false,
        })
    }

    /// Topic and payload in memory of their own, where they may be slices of a read buffer: for whoever keeps them.
    pub fn detached(topic: &Topic, payload: &Bytes) -> (Topic, Bytes) {
        let len = topic.len().saturating_add(payload.len());
        if len > MAX_LENT {
            return (topic.clone(), payload.clone());
        }
        (topic.detached(), Bytes::copy_from_slice(payload))
    }

    /// Compares the content with its format indicator, if it has one that says UTF-8.
    pub(crate) fn check_format(&mut self) {
        let text = self.properties.payload_format_indicator() == Some(true);
        self.format_invalid = text && std::str::from_utf8(&self.payload).is_err();
    }

    pub(super) fn encode(&self, version: Version, out: &mut BytesMut) {
        let head = PublishHead {
            dup: self.dup,
            qos: self.qos,
            retain: self.retain,
            topic: &self.topic,
            packet_id: self.packet_id,
            properties: &self.properties,
            extra: &[],
        };
        out.reserve(head.packet_len(version, self.payload.len()));
        head.encode(version, self.payload.len(), out);
        out.put_slice(&self.payload);
    }
}

/// Everything of a PUBLISH but its payload, borrowed from a message that many deliveries share.
#[derive(Debug, Clone, Copy)]
pub struct PublishHead<'a> {
    /// Whether this is a repetition.
    pub dup: bool,
    /// The QoS of this delivery.
    pub qos: QoS,
    /// Whether the message is delivered as a retained one.
    pub retain: bool,
    /// The topic name, empty only in version 5 with a topic alias.
    pub topic: &'a str,
    /// The identifier; it is written if and only if the QoS is 1 or 2.
    pub packet_id: Option<PacketId>,
    /// The properties of the message.
    pub properties: &'a Properties,
    /// The properties of this delivery, such as subscription identifiers or a topic alias.
    pub extra: &'a [Property],
}

impl PublishHead<'_> {
    /// Appends the fixed and the variable header; `payload_len` bytes of payload must follow.
    ///
    /// Reserves room for the head only. At QoS 1 and 2 a missing identifier is written as 0, which
    /// no peer accepts. Returns where in the packet the identifier stands.
    pub fn encode(&self, version: Version, payload_len: usize, out: &mut BytesMut) -> usize {
        let start = out.len();
        let list_len = match version.has_properties() {
            true => self.list_len(),
            false => 0,
        };
        let head_len = self.variable_header_len(version, list_len);
        out.reserve(packet_len(head_len));
        wire::put_start(self.first_byte(), head_len.saturating_add(payload_len), out);
        wire::put_string(self.topic, out);
        let packet_id_at = out.len().saturating_sub(start);
        if self.qos > QoS::AtMostOnce {
            out.put_u16(self.packet_id.map_or(0, PacketId::get));
        }
        if version.has_properties() {
            wire::put_variable(list_len, out);
            properties::encode_list(self.properties.as_slice(), out);
            properties::encode_list(self.extra, out);
        }
        packet_id_at
    }

    /// The length of the whole packet in bytes, to compare with what the client accepts.
    pub fn packet_len(&self, version: Version, payload_len: usize) -> usize {
        packet_len(
            self.variable_header_len(version, self.list_len())
                .saturating_add(payload_len),
        )
    }

    fn first_byte(&self) -> u8 {
        let dup = if self.dup { flag::DUP } else { 0 };
        let retain = if self.retain { flag::RETAIN } else { 0 };
        PacketKind::Publish.first_byte() | dup | retain | ((self.qos as u8) << flag::QOS_SHIFT)
    }

    fn list_len(&self) -> usize {
        properties::list_len(self.properties.as_slice())
            .saturating_add(properties::list_len(self.extra))
    }

    fn variable_header_len(&self, version: Version, list_len: usize) -> usize {
        sum([
            wire::string_len(self.topic),
            if self.qos > QoS::AtMostOnce { 2 } else { 0 },
            if version.has_properties() {
                properties::block_len(list_len)
            } else {
                0
            },
        ])
    }
}

/// A PUBLISH of ours, looked at where it lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Glimpse<'a> {
    /// Bytes of the whole packet.
    pub len: usize,
    /// The topic name, empty only beside a topic alias.
    pub topic: &'a str,
    /// The identifier, present at QoS 1 and 2.
    pub packet_id: Option<PacketId>,
    /// Bytes of the content.
    pub payload_len: usize,
}

impl<'a> Glimpse<'a> {
    /// The packet at the start of `bytes`; `None` where there is no whole PUBLISH.
    pub fn of(bytes: &'a [u8], version: Version) -> Option<Self> {
        let len = whole_len(bytes)?;
        let (first, rest) = bytes.get(..len)?.split_first()?;
        let (_, len_len) = wire::variable(rest).ok()??;
        let mut reader = Reader::detached(rest.get(len_len..)?);
        let name = reader.u16().ok()?;
        let topic = std::str::from_utf8(reader.take(name.into()).ok()?).ok()?;
        let packet_id = match first >> flag::QOS_SHIFT & 0b11 {
            0 => None,
            _ => Some(reader.packet_id().ok()?),
        };
        if version.has_properties() {
            let list = reader.variable().ok()?;
            reader.take(usize::try_from(list).ok()?).ok()?;
        }
        Some(Self {
            len,
            topic,
            packet_id,
            payload_len: reader.remaining(),
        })
    }
}

/// The length of the packet at the start of `bytes`, by its fixed header, in bytes.
pub fn whole_len(bytes: &[u8]) -> Option<usize> {
    let (body_len, len_len) = wire::variable(bytes.get(1..)?).ok()??;
    let body_len = usize::try_from(body_len).ok()?;
    Some(body_len.saturating_add(len_len).saturating_add(1))
}

/// The low four bits of the first byte.
mod flag {
    pub(super) const RETAIN: u8 = 0x01;
    pub(super) const QOS_SHIFT: u8 = 1;
    pub(super) const DUP: u8 = 0x08;
}
