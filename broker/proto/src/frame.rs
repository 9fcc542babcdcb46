// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Cutting the byte stream of one connection into packets.

use bytes::{Buf, BytesMut};

use crate::error::{DecodeError, Fault, Guess};
use crate::packet::{Connect, Packet, PacketKind, Publish};
use crate::version::Version;
use crate::wire::{self, Reader};

/// What a decoder accepts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DecodeLimits {
    /// The longest whole packet in bytes; before the CONNECT at most 80 KiB whatever this says.
    pub max_packet_size: u32,
}

/// Decodes the packets that arrive on one connection.
///
/// A server's decoder starts with the CONNECT, from which it learns the version. After an error
/// the stream has no known packet border any more: the connection must be closed.
#[derive(Debug)]
pub struct Decoder {
    role: Role,
    version: Option<Version>,
    limits: DecodeLimits,
    /// Bytes of the packet for which a buffer of its own was made; 0 for none.
    apart: usize,
}

/// Which side of the connection decodes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Role {
    Server,
    Client,
}

impl Decoder {
    /// A server's decoder, which expects a CONNECT of any version first.
    pub const fn new(limits: DecodeLimits) -> Self {
        Self {
            role: Role::Server,
            version: None,
            limits,
            apart: 0,
        }
    }

    /// A client's decoder for what the server sends, without a limit of its own.
    pub const fn client(version: Version) -> Self {
        let limits = DecodeLimits {
            max_packet_size: u32::MAX,
        };
        Self {
            role: Role::Client,
            version: Some(version),
            limits,
            apart: 0,
        }
    }

    /// The version of the connection: known from the CONNECT, even from one whose rest is broken.
    pub const fn version(&self) -> Option<Version> {
        self.version
    }

    /// Replaces the limits, from the next packet on.
    pub const fn set_limits(&mut self, limits: DecodeLimits) {
        self.limits = limits;
    }

    /// Takes one whole packet from the front of `buf`; `None` when more bytes are needed.
    ///
    /// Topic and payload of a PUBLISH of up to 4 KiB are slices of `buf`, and whoever keeps them longer than for
    /// this batch must copy them ([`Publish::detached`]). A longer packet is copied out of `buf`, so that it pins nothing else;
    /// one beyond 1 MiB, or alone in a buffer that was made for it, takes its part of `buf` with it.
    pub fn decode(&mut self, buf: &mut BytesMut) -> Result<Option<Packet>, DecodeError> {
        let Some(header) = self.header(buf)? else {
            return Ok(None);
        };
        if buf.len() < header.packet_len() {
            return Ok(None);
        }
        self.body(&header, buf).map(Some)
    }

    /// A buffer for a packet that is half received: with room for all of a long one, which needs no copy then if no other
    /// bytes come into it.
    pub fn set_aside(&mut self, half: &[u8]) -> BytesMut {
        let header = self.header(half).ok().flatten();
        let len = header.map_or(0, |header| header.packet_len());
        if self.version.is_none() || !(MAX_LENT..=MAX_APART).contains(&len) {
            return BytesMut::from(half);
        }
        let mut buffer = BytesMut::with_capacity(len);
        buffer.extend_from_slice(half);
        self.apart = len;
        buffer
    }

    /// How many bytes the long packet lacks that is received in a buffer of its own; 0 for none.
    pub const fn lacks(&self, buf: &[u8]) -> usize {
        self.apart.saturating_sub(buf.len())
    }

    /// Reads and checks the fixed header as soon as it is there, before the body arrives.
    fn header(&self, buf: &[u8]) -> Result<Option<Header>, DecodeError> {
        let Some((&first, rest)) = buf.split_first() else {
            return Ok(None);
        };
        let kind = self.admit(first, buf)?;
        let invalid = |fault| DecodeError::Invalid {
            packet: kind,
            fault,
        };
        let Some((body_len, len_len)) = wire::variable(rest).map_err(invalid)? else {
            return Ok(None);
        };
        let body_len = usize::try_from(body_len).unwrap_or(usize::MAX);
        let padded = len_len > wire::variable_len(body_len);
        if padded && self.version.is_some_and(Version::needs_shortest_lengths) {
            return Err(invalid(Fault::VariableInteger)); // [MQTT-1.5.5-1]
        }
        let header = Header {
            kind,
            flags: first & 0x0F,
            len: len_len.saturating_add(1),
            body_len,
        };
        let size = u32::try_from(header.packet_len()).unwrap_or(u32::MAX);
        let limit = self.limit();
        if size > limit {
            return Err(DecodeError::TooLarge { size, limit }); // [MQTT-3.2.2-15]
        }
        Ok(Some(header))
    }

    /// Decides by the first byte whether this packet may come now.
    fn admit(&self, first: u8, buf: &[u8]) -> Result<PacketKind, DecodeError> {
        let Some(version) = self.version else {
            // [MQTT-3.1.0-1]
            return if first == PacketKind::Connect.first_byte() {
                Ok(PacketKind::Connect)
            } else {
                Err(DecodeError::NotConnect {
                    first,
                    looks_like: Guess::from_start(buf),
                })
            };
        };
        let kind = match PacketKind::from_first_byte(first) {
            Some(PacketKind::Auth) if !version.has_properties() => None,
            kind => kind,
        };
        let packet = kind.ok_or(DecodeError::UnknownKind { first })?;
        let invalid = |fault| Err(DecodeError::Invalid { packet, fault });
        if packet == PacketKind::Connect && self.role == Role::Server {
            return invalid(Fault::SecondConnect); // [MQTT-3.1.0-2]
        }
        if !self.role.receives(packet, version) {
            return invalid(Fault::WrongDirection);
        }
        let fixed = packet != PacketKind::Publish && version.fixes_reserved_bits();
        if fixed && first & 0x0F != packet.fixed_flags() {
            return invalid(Fault::HeaderFlags); // [MQTT-2.1.3-1], [MQTT-3.6.1-1], [MQTT-3.8.1-1], [MQTT-3.10.1-1], [MQTT-3.14.1-1], [MQTT-3.15.1-1],
            // in 3.1.1 [MQTT-2.2.2-2]
        }
        Ok(packet)
    }

    /// Decodes a body that is all there, and takes the packet out of the buffer.
    fn body(&mut self, header: &Header, buf: &mut BytesMut) -> Result<Packet, DecodeError> {
        let packet_len = header.packet_len();
        let Some(version) = self.version else {
            let body = buf.get(header.len..packet_len).unwrap_or_default();
            let connect = Connect::decode(&mut self.version, &mut Reader::detached(body))?;
            buf.advance(packet_len);
            return Ok(Packet::Connect(Box::new(connect)));
        };
        let alone = std::mem::take(&mut self.apart) == packet_len && buf.len() == packet_len;
        let copied = packet_len <= MAX_COPIED && !alone;
        let decoded = if header.kind == PacketKind::Publish && packet_len <= MAX_LENT {
            let mut body = buf.split_to(packet_len).freeze();
            body.advance(header.len);
            Publish::lent(header.flags, body, version).map(Packet::Publish)
        } else if copied {
            let body = buf.get(header.len..packet_len).unwrap_or_default();
            let decoded = header.decode(&mut Reader::copying(body), version);
            buf.advance(packet_len);
            decoded
        } else {
            let body = buf.split_to(packet_len).freeze().slice(header.len..);
            header.decode(&mut Reader::sharing(&body), version)
        };
        let checked = decoded.and_then(|mut packet| {
            self.role.check(&mut packet)?;
            Ok(packet)
        });
        checked.map_err(|fault| DecodeError::Invalid {
            packet: header.kind,
            fault,
        })
    }

    /// The longest packet that may come now, in bytes.
    fn limit(&self) -> u32 {
        match self.version {
            Some(_) => self.limits.max_packet_size,
            None => self.limits.max_packet_size.min(MAX_CONNECT),
        }
    }
}

/// The fixed header of a packet.
struct Header {
    kind: PacketKind,
    flags: u8,
    len: usize,
    body_len: usize,
}

impl Header {
    const fn packet_len(&self) -> usize {
        self.len.saturating_add(self.body_len)
    }

    fn decode(&self, reader: &mut Reader<'_>, version: Version) -> Result<Packet, Fault> {
        Packet::decode(self.kind, self.flags, reader, version)
    }
}

impl Role {
    /// Whether the other side may send a packet of this kind.
    const fn receives(self, kind: PacketKind, version: Version) -> bool {
        match kind {
            PacketKind::Connect
            | PacketKind::Subscribe
            | PacketKind::Unsubscribe
            | PacketKind::PingReq => {
                matches!(self, Self::Server)
            }
            PacketKind::ConnAck
            | PacketKind::SubAck
            | PacketKind::UnsubAck
            | PacketKind::PingResp => {
                matches!(self, Self::Client)
            }
            PacketKind::Disconnect => matches!(self, Self::Server) || version.has_properties(),
            _ => true,
        }
    }

    /// Refuses what a server accepts in no message, and marks one whose content is not what it says.
    fn check(self, packet: &mut Packet) -> Result<(), Fault> {
        let (Self::Server, Packet::Publish(publish)) = (self, packet) else {
            return Ok(());
        };
        if publish.properties.is_empty() {
            return Ok(());
        }
        if publish.properties.subscription_identifier().is_some() {
            return Err(Fault::SubscriptionIdentifier); // [MQTT-3.3.4-6]
        }
        publish.check_format();
        Ok(())
    }
}

impl Guess {
    /// What the first bytes of a connection look like.
    fn from_start(bytes: &[u8]) -> Option<Self> {
        const METHODS: [&[u8]; 6] = [
            b"GET ",
            b"POST ",
            b"PUT ",
            b"HEAD ",
            b"OPTIONS ",
            b"CONNECT ",
        ];
        const TLS_HANDSHAKE: u8 = 0x16;
        if bytes.first() == Some(&TLS_HANDSHAKE) {
            Some(Self::Tls)
        } else if METHODS.iter().any(|method| bytes.starts_with(method)) {
            Some(Self::Http)
        } else {
            None
        }
    }
}

/// The longest PUBLISH whose topic and payload are slices of the read buffer, in bytes.
pub(crate) const MAX_LENT: usize = 4 * 1024;

/// The longest packet that is received in a buffer of its own, in bytes.
const MAX_APART: usize = 256 * 1024;

/// The longest packet that is copied out of the read buffer, in bytes; a part of that would keep all of it in memory.
const MAX_COPIED: usize = 1024 * 1024;

/// The longest packet accepted before a connection is known, in bytes.
const MAX_CONNECT: u32 = 80 * 1024;
