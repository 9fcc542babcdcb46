// SPDX-License-Identifier: Apache-2.0 OR MIT
//! SUBSCRIBE and SUBACK.

use bytes::{BufMut, BytesMut};

use super::{PacketId, PacketKind, Places, QoS, put_header, sum};
use crate::error::Fault;
use crate::properties::Properties;
use crate::reason::Reason;
use crate::topic::Filter;
use crate::version::Version;
use crate::wire::{self, Reader};

/// A request for messages.
#[derive(Debug, Clone, PartialEq)]
pub struct Subscribe {
    /// The identifier the SUBACK repeats.
    pub packet_id: PacketId,
    /// The properties, in version 5.
    pub properties: Properties,
    /// What is wanted; 1 to 4096 when decoded.
    pub filters: Vec<SubscribeFilter>,
}

/// One filter of a SUBSCRIBE.
#[derive(Debug, Clone, PartialEq)]
pub struct SubscribeFilter {
    /// Which topics.
    pub filter: Filter,
    /// How they are delivered.
    pub options: SubscribeOptions,
}

/// How the messages of a subscription are delivered; versions 3.1 and 3.1.1 have the QoS only.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct SubscribeOptions {
    /// The greatest QoS of a delivery.
    pub qos: QoS,
    /// Whether the client's own messages are left out.
    pub no_local: bool,
    /// Whether the retain flag is delivered as it was published.
    pub retain_as_published: bool,
    /// What happens to retained messages when the subscription is made.
    pub retain_handling: RetainHandling,
}

/// What happens to retained messages when a subscription is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum RetainHandling {
    /// They are sent.
    #[default]
    Send = 0,
    /// They are sent if the subscription did not exist.
    SendIfNew = 1,
    /// They are not sent.
    DoNotSend = 2,
}

/// The answer to a SUBSCRIBE.
#[derive(Debug, Clone, PartialEq)]
pub struct SubAck {
    /// The identifier of the SUBSCRIBE.
    pub packet_id: PacketId,
    /// The properties, in version 5.
    pub properties: Properties,
    /// The granted QoS or an error for each filter, in order.
    pub reasons: Vec<Reason>,
}

impl Subscribe {
    pub(super) fn decode(reader: &mut Reader<'_>, version: Version) -> Result<Self, Fault> {
        let packet_id = reader.packet_id()?;
        let properties = super::decode_properties(version, Places::SUBSCRIBE, reader)?;
        let mut filters = Vec::new();
        while reader.remaining() > 0 {
            if filters.len() == super::MAX_FILTERS {
                return Err(Fault::TooManyFilters);
            }
            let filter = Filter::new(reader.unchecked_string()?)?; // [MQTT-3.8.3-1]
            let options = SubscribeOptions::decode(reader.u8()?, version)?;
            if options.no_local && filter.share().is_some() {
                return Err(Fault::NoLocalShared); // [MQTT-3.8.3-4]
            }
            filters.push(SubscribeFilter { filter, options });
        }
        if filters.is_empty() {
            return Err(Fault::NoFilter); // [MQTT-3.8.3-2], in 3.1.1 [MQTT-3.8.3-3]
        }
        Ok(Self {
            packet_id,
            properties,
            filters,
        })
    }

    pub(super) fn encode(&self, version: Version, out: &mut BytesMut) {
        let filters_len = self
            .filters
            .iter()
            .map(|wanted| sum([wire::string_len(&wanted.filter), 1]))
            .sum();
        let properties_len = super::properties_len(version, &self.properties);
        put_header(
            PacketKind::Subscribe.first_byte(),
            sum([2, properties_len, filters_len]),
            out,
        );
        out.put_u16(self.packet_id.get());
        super::put_properties(version, &self.properties, out);
        for wanted in &self.filters {
            wire::put_string(&wanted.filter, out);
            out.put_u8(wanted.options.encode(version));
        }
    }
}

impl SubscribeOptions {
    fn decode(byte: u8, version: Version) -> Result<Self, Fault> {
        let qos = QoS::from_bits(byte & option::QOS)?; // [MQTT-3-8.3-4] in 3.1.1
        if !version.has_properties() {
            let reserved = byte & !option::QOS != 0;
            return if reserved && version.fixes_reserved_bits() {
                Err(Fault::SubscribeOptions)
            } else {
                Ok(Self {
                    qos,
                    ..Self::default()
                })
            };
        }
        if byte & option::RESERVED != 0 {
            return Err(Fault::SubscribeOptions); // [MQTT-3.8.3-5]
        }
        let retain_handling = match byte >> option::RETAIN_HANDLING_SHIFT {
            0 => RetainHandling::Send,
            1 => RetainHandling::SendIfNew,
            2 => RetainHandling::DoNotSend,
            _ => return Err(Fault::RetainHandling),
        };
        Ok(Self {
            qos,
            no_local: byte & option::NO_LOCAL != 0,
            retain_as_published: byte & option::RETAIN_AS_PUBLISHED != 0,
            retain_handling,
        })
    }

    fn encode(self, version: Version) -> u8 {
        let qos = self.qos as u8;
        if !version.has_properties() {
            return qos;
        }
        let no_local = if self.no_local { option::NO_LOCAL } else { 0 };
        let as_published = if self.retain_as_published {
            option::RETAIN_AS_PUBLISHED
        } else {
            0
        };
        qos | no_local
            | as_published
            | ((self.retain_handling as u8) << option::RETAIN_HANDLING_SHIFT)
    }
}

impl SubAck {
    pub(super) fn decode(reader: &mut Reader<'_>, version: Version) -> Result<Self, Fault> {
        let packet_id = reader.packet_id()?;
        let properties = super::decode_properties(version, Places::SUBACK, reader)?;
        let reasons = super::decode_reasons(PacketKind::SubAck, reader)?;
        let foreign = |reason: &&Reason| reason.is_error() && **reason != Reason::UnspecifiedError;
        if let Some(reason) = reasons
            .iter()
            .find(foreign)
            .filter(|_| !version.has_properties())
        {
            return Err(Fault::ReasonCode(reason.code())); // [MQTT-3.9.3-2] in 3.1.1
        }
        Ok(Self {
            packet_id,
            properties,
            reasons,
        })
    }

    pub(super) fn encode(&self, version: Version, out: &mut BytesMut) {
        let properties_len = super::properties_len(version, &self.properties);
        put_header(
            PacketKind::SubAck.first_byte(),
            sum([2, properties_len, self.reasons.len()]),
            out,
        );
        out.put_u16(self.packet_id.get());
        super::put_properties(version, &self.properties, out);
        for reason in &self.reasons {
            // 3.1.1 knows one failure, and 3.1 reads its low bits as QoS 0. [MQTT-3.9.3-2]
            let failed = reason.is_error() && !version.has_properties();
            out.put_u8(if failed {
                Reason::UnspecifiedError.code()
            } else {
                reason.code()
            });
        }
    }
}

/// The bits of the subscription options.
mod option {
    pub(super) const QOS: u8 = 0x03;
    pub(super) const NO_LOCAL: u8 = 0x04;
    pub(super) const RETAIN_AS_PUBLISHED: u8 = 0x08;
    pub(super) const RETAIN_HANDLING_SHIFT: u8 = 4;
    pub(super) const RESERVED: u8 = 0xC0;
}
