// SPDX-License-Identifier: Apache-2.0 OR MIT
//! CONNECT: the first packet of a client, with its will and its credentials.

use std::fmt;

use bytes::{BufMut, Bytes, BytesMut};
use bytestring::ByteString;

use super::{
    PacketKind, Places, QoS, decode_properties, properties_len, put_header, put_properties, sum,
};
use crate::error::{DecodeError, Fault, ProtocolName};
use crate::properties::Properties;
use crate::topic::Topic;
use crate::version::Version;
use crate::wire::{self, Reader};

/// A request to connect; its `Debug` says whether there is a password, but not which.
#[derive(Debug, Clone, PartialEq)]
pub struct Connect {
    /// The version the connection will speak.
    pub version: Version,
    /// The client identifier, empty when the server shall choose.
    pub client_id: ByteString,
    /// Whether an existing session is discarded.
    pub clean_start: bool,
    /// Seconds between packets at most; 0 is no limit.
    pub keep_alive: u16,
    /// The user name.
    pub username: Option<ByteString>,
    /// The password.
    pub password: Option<Password>,
    /// What to publish when the connection ends without a DISCONNECT.
    pub will: Option<Will>,
    /// The properties of the packet; those of the will are in the will.
    pub properties: Properties,
}

impl Connect {
    /// A request with nothing optional: a session that ends with the connection, without keep alive.
    pub fn new(version: Version, client_id: impl Into<ByteString>) -> Self {
        Self {
            version,
            client_id: client_id.into(),
            clean_start: true,
            keep_alive: 0,
            username: None,
            password: None,
            will: None,
            properties: Properties::new(),
        }
    }
}

/// A password as the client sent it; `Debug` does not show it.
#[derive(Clone, PartialEq, Eq)]
pub struct Password(Bytes);

impl Password {
    /// Wraps a password.
    pub const fn new(password: Bytes) -> Self {
        Self(password)
    }

    /// The secret itself.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password(..)")
    }
}

/// The message a client leaves for the case that it vanishes.
#[derive(Debug, Clone, PartialEq)]
pub struct Will {
    /// Where it is published.
    pub topic: Topic,
    /// What is published.
    pub payload: Bytes,
    /// At which QoS.
    pub qos: QoS,
    /// Whether it is retained.
    pub retain: bool,
    /// Its properties, among them the will delay.
    pub properties: Properties,
}

impl Connect {
    /// Decodes the body of a CONNECT of any version; `version` is set as soon as it is known, so
    /// that a fault in the rest can be answered.
    ///
    /// The reader should detach its fields, as the session keeps some and must not keep the
    /// password in memory with them.
    pub(crate) fn decode(
        version: &mut Option<Version>,
        reader: &mut Reader<'_>,
    ) -> Result<Self, DecodeError> {
        let version = *version.insert(decode_version(reader)?);
        Self::decode_after_version(version, reader).map_err(|fault| DecodeError::Invalid {
            packet: PacketKind::Connect,
            fault,
        })
    }

    fn decode_after_version(version: Version, reader: &mut Reader<'_>) -> Result<Self, Fault> {
        let flags = reader.u8()?;
        if version.fixes_reserved_bits() && flags & flag::RESERVED != 0 {
            return Err(Fault::ConnectFlag); // [MQTT-3.1.2-3]
        }
        if flags & flag::PASSWORD != 0
            && flags & flag::USERNAME == 0
            && !version.allows_lone_password()
        {
            return Err(Fault::LonePassword); // [MQTT-3.1.2-22]
        }
        let keep_alive = reader.u16()?;
        let properties = decode_properties(version, Places::CONNECT, reader)?;
        if properties.authentication_data().is_some()
            && properties.authentication_method().is_none()
        {
            return Err(Fault::LoneAuthenticationData);
        }
        let client_id = reader.string()?; // [MQTT-3.1.3-1], [MQTT-3.1.3-3], [MQTT-3.1.3-4]
        let will = Will::decode(version, flags, reader)?;
        // [MQTT-3.1.2-17], in 3.1.1 [MQTT-3.1.2-19]
        let username = if has_credential(flag::USERNAME, flags, version, reader) {
            Some(reader.string()?) // [MQTT-3.1.3-12], in 3.1.1 [MQTT-3.1.3-11]
        } else {
            None
        };
        // [MQTT-3.1.2-19], in 3.1.1 [MQTT-3.1.2-21]
        let password = if has_credential(flag::PASSWORD, flags, version, reader) {
            Some(Password(reader.binary()?))
        } else {
            None
        };
        // What no flag announced: [MQTT-3.1.2-16], [MQTT-3.1.2-18], in 3.1.1 [MQTT-3.1.2-18], [MQTT-3.1.2-20].
        reader.finish()?;
        let clean_start = flags & flag::CLEAN_START != 0;
        Ok(Self {
            version,
            client_id,
            clean_start,
            keep_alive,
            username,
            password,
            will,
            properties,
        })
    }

    pub(super) fn encode(&self, out: &mut BytesMut) {
        put_header(PacketKind::Connect.first_byte(), self.body_len(), out);
        wire::put_string(self.version.protocol_name(), out);
        out.put_u8(self.version.level());
        out.put_u8(self.flags());
        out.put_u16(self.keep_alive);
        put_properties(self.version, &self.properties, out);
        wire::put_string(&self.client_id, out);
        if let Some(will) = &self.will {
            will.encode(self.version, out);
        }
        if let Some(username) = &self.username {
            wire::put_string(username, out);
        }
        if let Some(password) = &self.password {
            wire::put_binary(&password.0, out);
        }
    }

    fn body_len(&self) -> usize {
        sum([
            wire::string_len(self.version.protocol_name()),
            4, // level, flags, keep alive
            properties_len(self.version, &self.properties),
            wire::string_len(&self.client_id),
            self.will
                .as_ref()
                .map_or(0, |will| will.encoded_len(self.version)),
            self.username
                .as_ref()
                .map_or(0, |username| wire::string_len(username)),
            self.password
                .as_ref()
                .map_or(0, |password| wire::binary_len(&password.0)),
        ])
    }

    fn flags(&self) -> u8 {
        let mut flags = 0;
        for (flag, set) in [
            (flag::CLEAN_START, self.clean_start),
            (flag::USERNAME, self.username.is_some()),
            (flag::PASSWORD, self.password.is_some()),
        ] {
            flags |= if set { flag } else { 0 };
        }
        flags | self.will.as_ref().map_or(0, Will::flags)
    }
}

impl Will {
    fn decode(version: Version, flags: u8, reader: &mut Reader<'_>) -> Result<Option<Self>, Fault> {
        if flags & flag::WILL == 0 {
            let stray = flags & (flag::WILL_QOS | flag::WILL_RETAIN) != 0;
            if stray && version.fixes_reserved_bits() {
                return Err(Fault::WillFlags); // [MQTT-3.1.2-11], [MQTT-3.1.2-13], in 3.1.1 [MQTT-3.1.2-13], [MQTT-3.1.2-15]
            }
            return Ok(None);
        }
        let qos = QoS::from_bits((flags & flag::WILL_QOS) >> flag::WILL_QOS_SHIFT)?; // [MQTT-3.1.2-12], in 3.1.1 [MQTT-3.1.2-14]
        let properties = decode_properties(version, Places::WILL, reader)?;
        let topic = Topic::new(reader.unchecked_string()?)?; // [MQTT-3.1.2-9], [MQTT-3.1.3-11], in 3.1.1 [MQTT-3.1.3-10]
        let payload = reader.binary()?;
        if properties.payload_format_indicator() == Some(true)
            && std::str::from_utf8(&payload).is_err()
        {
            return Err(Fault::WillFormat);
        }
        let retain = flags & flag::WILL_RETAIN != 0;
        Ok(Some(Self {
            topic,
            payload,
            qos,
            retain,
            properties,
        }))
    }

    fn encode(&self, version: Version, out: &mut BytesMut) {
        put_properties(version, &self.properties, out);
        wire::put_string(&self.topic, out);
        wire::put_binary(&self.payload, out);
    }

    fn encoded_len(&self, version: Version) -> usize {
        sum([
            properties_len(version, &self.properties),
            wire::string_len(&self.topic),
            wire::binary_len(&self.payload),
        ])
    }

    fn flags(&self) -> u8 {
        let retain = if self.retain { flag::WILL_RETAIN } else { 0 };
        flag::WILL | retain | ((self.qos as u8) << flag::WILL_QOS_SHIFT)
    }
}

/// Reads the protocol name and level. `[MQTT-3.1.2-1]` `[MQTT-3.1.2-2]`
fn decode_version(reader: &mut Reader<'_>) -> Result<Version, DecodeError> {
    let fields = |reader: &mut Reader<'_>| -> Result<(ProtocolName, u8), Fault> {
        let len = reader.u16()?;
        let name = match reader.take(usize::from(len))? {
            b"MQTT" => ProtocolName::Mqtt,
            b"MQIsdp" => ProtocolName::MqIsdp,
            _ => ProtocolName::Other,
        };
        Ok((name, reader.u8()? & !BRIDGE_BIT))
    };
    let (name, level) = fields(reader).map_err(|fault| DecodeError::Invalid {
        packet: PacketKind::Connect,
        fault,
    })?;
    match (name, level) {
        (ProtocolName::MqIsdp, 3) => Ok(Version::V31),
        (ProtocolName::Mqtt, 4) => Ok(Version::V311),
        (ProtocolName::Mqtt, 5) => Ok(Version::V5),
        _ => Err(DecodeError::UnsupportedVersion { name, level }),
    }
}

/// Whether the user name or password announced by a flag is to be read.
fn has_credential(flag: u8, flags: u8, version: Version, reader: &Reader<'_>) -> bool {
    flags & flag != 0 && !(version.allows_absent_credentials() && reader.remaining() == 0)
}

/// Some brokers set this bit of the level when they connect as a bridge.
const BRIDGE_BIT: u8 = 0x80;

/// The bits of the connect flags.
mod flag {
    pub(super) const RESERVED: u8 = 0x01;
    pub(super) const CLEAN_START: u8 = 0x02;
    pub(super) const WILL: u8 = 0x04;
    pub(super) const WILL_QOS: u8 = 0x18;
    pub(super) const WILL_QOS_SHIFT: u8 = 3;
    pub(super) const WILL_RETAIN: u8 = 0x20;
    pub(super) const PASSWORD: u8 = 0x40;
    pub(super) const USERNAME: u8 = 0x80;
}
