// SPDX-License-Identifier: Apache-2.0 OR MIT
//! DISCONNECT: the last packet of a connection.

use bytes::{BufMut, BytesMut};

use super::{PacketKind, Places, put_header, sum};
use crate::error::Fault;
use crate::properties::Properties;
use crate::reason::Reason;
use crate::version::Version;
use crate::wire::Reader;

/// The announcement that the connection ends.
#[derive(Debug, Clone, PartialEq)]
pub struct Disconnect {
    /// Why; always success before version 5.
    pub reason: Reason,
    /// The properties, in version 5.
    pub properties: Properties,
}

impl Disconnect {
    /// A DISCONNECT without properties.
    pub const fn new(reason: Reason) -> Self {
        Self {
            reason,
            properties: Properties::new(),
        }
    }

    pub(super) fn decode(reader: &mut Reader<'_>, version: Version) -> Result<Self, Fault> {
        let mut disconnect = Self::new(Reason::Success);
        if version.has_properties() && reader.remaining() > 0 {
            disconnect.reason = super::decode_reason(reader.u8()?, PacketKind::Disconnect)?;
            if reader.remaining() > 0 {
                disconnect.properties = Properties::decode(reader, Places::DISCONNECT)?;
            }
        }
        Ok(disconnect)
    }

    /// Before version 5 only a client disconnects, and only without an error.
    pub(super) fn encode(&self, version: Version, out: &mut BytesMut) {
        let first = PacketKind::Disconnect.first_byte();
        if !version.has_properties() {
            if !self.reason.is_error() {
                put_header(first, 0, out);
            }
        } else if !self.properties.is_empty() {
            put_header(first, sum([1, self.properties.encoded_len()]), out);
            out.put_u8(self.reason.code());
            self.properties.encode(out);
        } else if self.reason != Reason::Success {
            put_header(first, 1, out);
            out.put_u8(self.reason.code());
        } else {
            put_header(first, 0, out);
        }
    }
}
