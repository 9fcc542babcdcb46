// SPDX-License-Identifier: Apache-2.0 OR MIT
//! PUBACK, PUBREC, PUBREL and PUBCOMP: four packets of one shape.

use bytes::{BufMut, BytesMut};

use super::{PacketId, PacketKind, Places, put_header, sum};
use crate::error::Fault;
use crate::properties::Properties;
use crate::reason::Reason;
use crate::version::Version;
use crate::wire::Reader;

/// A step of the acknowledgement of a PUBLISH; the variant of the packet says which.
#[derive(Debug, Clone, PartialEq)]
pub struct Ack {
    /// The identifier of the PUBLISH.
    pub packet_id: PacketId,
    /// Success, or why not; versions 3.1 and 3.1.1 know success only.
    pub reason: Reason,
    /// The properties, in version 5.
    pub properties: Properties,
}

impl Ack {
    /// An acknowledgement without properties.
    pub const fn new(packet_id: PacketId, reason: Reason) -> Self {
        Self {
            packet_id,
            reason,
            properties: Properties::new(),
        }
    }

    pub(super) fn decode(
        kind: PacketKind,
        reader: &mut Reader<'_>,
        version: Version,
    ) -> Result<Self, Fault> {
        let packet_id = reader.packet_id()?;
        let mut ack = Self::new(packet_id, Reason::Success);
        if version.has_properties() && reader.remaining() > 0 {
            ack.reason = super::decode_reason(reader.u8()?, kind)?;
            if reader.remaining() > 0 {
                ack.properties = Properties::decode(reader, Places::of(kind))?;
            }
        }
        Ok(ack)
    }

    pub(super) fn encode(&self, kind: PacketKind, version: Version, out: &mut BytesMut) {
        let first = kind.first_byte();
        let short = self.properties.is_empty() || !version.has_properties();
        if short && (self.reason == Reason::Success || !version.has_properties()) {
            let [high, low] = self.packet_id.get().to_be_bytes();
            out.put_slice(&[first, 2, high, low]);
        } else if short {
            put_header(first, 3, out);
            out.put_u16(self.packet_id.get());
            out.put_u8(self.reason.code());
        } else {
            put_header(first, sum([3, self.properties.encoded_len()]), out);
            out.put_u16(self.packet_id.get());
            out.put_u8(self.reason.code());
            self.properties.encode(out);
        }
    }
}
