// SPDX-License-Identifier: Apache-2.0 OR MIT
//! AUTH: a step of enhanced authentication, in version 5 only.

use bytes::{BufMut, BytesMut};

use super::{PacketKind, Places, put_header, sum};
use crate::error::Fault;
use crate::properties::Properties;
use crate::reason::Reason;
use crate::version::Version;
use crate::wire::Reader;

/// A step of enhanced authentication.
#[derive(Debug, Clone, PartialEq)]
pub struct Auth {
    /// Success, continue or re-authenticate.
    pub reason: Reason,
    /// The method and its data.
    pub properties: Properties,
}

impl Auth {
    pub(super) fn decode(reader: &mut Reader<'_>) -> Result<Self, Fault> {
        if reader.remaining() == 0 {
            return Ok(Self {
                reason: Reason::Success,
                properties: Properties::new(),
            });
        }
        let reason = super::decode_reason(reader.u8()?, PacketKind::Auth)?;
        let properties = Properties::decode(reader, Places::AUTH)?;
        Ok(Self { reason, properties })
    }

    pub(super) fn encode(&self, version: Version, out: &mut BytesMut) {
        if !version.has_properties() {
            return;
        }
        let first = PacketKind::Auth.first_byte();
        if self.reason == Reason::Success && self.properties.is_empty() {
            return put_header(first, 0, out);
        }
        put_header(first, sum([1, self.properties.encoded_len()]), out);
        out.put_u8(self.reason.code());
        self.properties.encode(out);
    }
}
