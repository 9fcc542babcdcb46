// SPDX-License-Identifier: Apache-2.0 OR MIT
//! CONNACK: the answer to a CONNECT.

use bytes::{BufMut, BytesMut};

use super::{PacketKind, Places, put_header, sum};
use crate::error::Fault;
use crate::properties::Properties;
use crate::reason::Reason;
use crate::version::Version;
use crate::wire::Reader;

/// The answer to a request to connect.
#[derive(Debug, Clone, PartialEq)]
pub struct ConnAck {
    /// Whether the server kept a session for the client.
    pub session_present: bool,
    /// Success, or why the connection is refused.
    pub reason: Reason,
    /// What the server grants, in version 5.
    pub properties: Properties,
}

impl ConnAck {
    pub(super) fn decode(reader: &mut Reader<'_>, version: Version) -> Result<Self, Fault> {
        let flags = reader.u8()?;
        if version.fixes_reserved_bits() && flags & !SESSION_PRESENT != 0 {
            return Err(Fault::ConnAckFlags); // [MQTT-3.2.2-1]
        }
        let session_present = version.tells_session_present() && flags & SESSION_PRESENT != 0;
        let code = reader.u8()?;
        let reason = if version.has_properties() {
            super::decode_reason(code, PacketKind::ConnAck)?
        } else {
            Reason::from_connack_v3(code).ok_or(Fault::ReasonCode(code))?
        };
        let properties = super::decode_properties(version, Places::CONNACK, reader)?;
        Ok(Self {
            session_present,
            reason,
            properties,
        })
    }

    pub(super) fn encode(&self, version: Version, out: &mut BytesMut) {
        let present = self.session_present && version.tells_session_present();
        let code = if version.has_properties() {
            self.reason.code()
        } else {
            self.reason.connack_v3()
        };
        let properties_len = super::properties_len(version, &self.properties);
        put_header(
            PacketKind::ConnAck.first_byte(),
            sum([2, properties_len]),
            out,
        );
        out.put_u8(u8::from(present));
        out.put_u8(code);
        super::put_properties(version, &self.properties, out);
    }
}

/// The only flag.
const SESSION_PRESENT: u8 = 0x01;
