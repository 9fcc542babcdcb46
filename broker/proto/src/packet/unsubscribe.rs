// SPDX-License-Identifier: Apache-2.0 OR MIT
//! UNSUBSCRIBE and UNSUBACK.

use bytes::{BufMut, BytesMut};

use super::{PacketId, PacketKind, Places, put_header, sum};
use crate::error::Fault;
use crate::properties::Properties;
use crate::reason::Reason;
use crate::topic::Filter;
use crate::version::Version;
use crate::wire::{self, Reader};

/// A request to end subscriptions.
#[derive(Debug, Clone, PartialEq)]
pub struct Unsubscribe {
    /// The identifier the UNSUBACK repeats.
    pub packet_id: PacketId,
    /// The properties, in version 5.
    pub properties: Properties,
    /// The filters as they were subscribed; 1 to 4096 when decoded.
    pub filters: Vec<Filter>,
}

/// The answer to an UNSUBSCRIBE.
#[derive(Debug, Clone, PartialEq)]
pub struct UnsubAck {
    /// The identifier of the UNSUBSCRIBE.
    pub packet_id: PacketId,
    /// The properties, in version 5.
    pub properties: Properties,
    /// The outcome for each filter, in order; only version 5 sends them.
    pub reasons: Vec<Reason>,
}

impl Unsubscribe {
    pub(super) fn decode(reader: &mut Reader<'_>, version: Version) -> Result<Self, Fault> {
        let packet_id = reader.packet_id()?;
        let properties = super::decode_properties(version, Places::UNSUBSCRIBE, reader)?;
        let mut filters = Vec::new();
        while reader.remaining() > 0 {
            if filters.len() == super::MAX_FILTERS {
                return Err(Fault::TooManyFilters);
            }
            filters.push(Filter::new(reader.unchecked_string()?)?); // [MQTT-3.10.3-1]
        }
        if filters.is_empty() {
            return Err(Fault::NoFilter); // [MQTT-3.10.3-2]
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
            .map(|filter| wire::string_len(filter))
            .sum();
        let properties_len = super::properties_len(version, &self.properties);
        put_header(
            PacketKind::Unsubscribe.first_byte(),
            sum([2, properties_len, filters_len]),
            out,
        );
        out.put_u16(self.packet_id.get());
        super::put_properties(version, &self.properties, out);
        for filter in &self.filters {
            wire::put_string(filter, out);
        }
    }
}

impl UnsubAck {
    pub(super) fn decode(reader: &mut Reader<'_>, version: Version) -> Result<Self, Fault> {
        let packet_id = reader.packet_id()?;
        let properties = super::decode_properties(version, Places::UNSUBACK, reader)?;
        let reasons = if version.has_properties() {
            super::decode_reasons(PacketKind::UnsubAck, reader)?
        } else {
            Vec::new()
        };
        Ok(Self {
            packet_id,
            properties,
            reasons,
        })
    }

    pub(super) fn encode(&self, version: Version, out: &mut BytesMut) {
        let reasons: &[Reason] = if version.has_properties() {
            &self.reasons
        } else {
            &[]
        };
        let properties_len = super::properties_len(version, &self.properties);
        put_header(
            PacketKind::UnsubAck.first_byte(),
            sum([2, properties_len, reasons.len()]),
            out,
        );
        out.put_u16(self.packet_id.get());
        super::put_properties(version, &self.properties, out);
        for reason in reasons {
            out.put_u8(reason.code());
        }
    }
}
