// SPDX-License-Identifier: Apache-2.0 OR MIT
//! As much of MQTT as a load generator needs: packets encoded once, and a reader that looks at lengths, identifiers and a stamp.
//!
//! It shares nothing with the broker's codec, so that neither hides the other's faults, and it costs a fraction of it.

#[cfg(test)]
mod tests;

use std::io;

use mqtt_proto::{QoS, Version};

/// What every message of the generator begins its payload with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stamp {
    pub publisher: u32,
    /// Counts the messages of this publisher from 0.
    pub sequence: u64,
    /// When the message was due, in nanoseconds since the run began.
    pub due: u64,
}

/// Bytes of a [`Stamp`], the shortest payload.
pub const STAMP: usize = 20;

/// A packet that came in.
#[derive(Debug, PartialEq, Eq)]
pub enum Packet {
    Message {
        qos: u8,
        /// 0 at QoS 0.
        id: u16,
        stamp: Stamp,
    },
    /// PUBACK, PUBREC, PUBREL or PUBCOMP; `kind` is its first byte.
    Answer { kind: u8, id: u16 },
    /// Whatever else, by its first byte.
    Other(u8),
}

/// A PUBLISH that differs from message to message in identifier and stamp only.
pub struct Template {
    bytes: Vec<u8>,
    /// Where the packet identifier is; none at QoS 0.
    id: Option<usize>,
    payload: usize,
}

impl Template {
    /// A message of `payload` bytes, at least [`STAMP`].
    pub fn new(version: Version, qos: QoS, topic: &str, payload: usize) -> Self {
        let mut body = string(topic);
        let id = (qos > QoS::AtMostOnce).then_some(body.len());
        if id.is_some() {
            body.extend([0, 0]);
        }
        if version == Version::V5 {
            body.push(0);
        }
        let stamp = body.len();
        body.resize(stamp + payload.max(STAMP), b'x');
        let bytes = packet(PUBLISH | (qos as u8) << 1, &body);
        let head = bytes.len() - body.len();
        Self {
            bytes,
            id: id.map(|at| at + head),
            payload: stamp + head,
        }
    }

    /// Bytes of one packet.
    pub fn size(&self) -> usize {
        self.bytes.len()
    }

    /// Whether the message begins an exchange, as it does above QoS 0.
    pub fn is_acknowledged(&self) -> bool {
        self.id.is_some()
    }

    /// Appends one message to `out`.
    pub fn write(&self, out: &mut Vec<u8>, id: u16, stamp: Stamp) {
        let begin = out.len();
        out.extend_from_slice(&self.bytes);
        let message = &mut out[begin..];
        if let Some(at) = self.id {
            message[at..at + 2].copy_from_slice(&id.to_be_bytes());
        }
        let head = &mut message[self.payload..self.payload + STAMP];
        head[..4].copy_from_slice(&stamp.publisher.to_be_bytes());
        head[4..12].copy_from_slice(&stamp.sequence.to_be_bytes());
        head[12..].copy_from_slice(&stamp.due.to_be_bytes());
    }
}

/// A CONNECT that begins a session anew, with a keep alive of ten minutes.
pub fn connect(version: Version, client: &str) -> Vec<u8> {
    let mut body = string("MQTT");
    body.extend(match version {
        Version::V5 => &[5, CLEAN, 2, 88, 0][..],
        _ => &[4, CLEAN, 2, 88],
    });
    body.extend(string(client));
    packet(CONNECT, &body)
}

/// A SUBSCRIBE for one filter, with packet identifier 1.
pub fn subscribe(version: Version, qos: QoS, filter: &str) -> Vec<u8> {
    let mut body = vec![0, 1];
    if version == Version::V5 {
        body.push(0);
    }
    body.extend(string(filter));
    body.push(qos as u8);
    packet(SUBSCRIBE, &body)
}

/// One step of a QoS 1 or 2 exchange.
pub fn answer(kind: u8, id: u16) -> [u8; 4] {
    let [high, low] = id.to_be_bytes();
    [kind, 2, high, low]
}

/// The Receive Maximum that a CONNACK states; none at MQTT 3, and none if it states nothing.
pub fn receive_maximum(connack: &[u8]) -> Option<u64> {
    let (head, _) = lengths(connack).ok()??;
    let length = usize::from(*connack.get(head + 2)?);
    // Longer properties than 127 bytes have a length of two bytes.
    let begin = head + 3 + usize::from(length > 0x7F);
    let mut rest = connack.get(begin..)?;
    while let Some((property, value)) = rest.split_first() {
        let size = match property {
            0x21 => {
                return value
                    .first_chunk()
                    .map(|&bytes| u16::from_be_bytes(bytes).into());
            }
            0x24 | 0x25 | 0x28..=0x2A => 1,
            0x13 | 0x22 => 2,
            0x11 | 0x27 => 4,
            0x26 => {
                let name = 2 + usize::from(u16::from_be_bytes(*value.first_chunk()?));
                name + 2 + usize::from(u16::from_be_bytes(*value.get(name..)?.first_chunk()?))
            }
            _ => 2 + usize::from(u16::from_be_bytes(*value.first_chunk()?)),
        };
        rest = value.get(size..)?;
    }
    None
}

/// Bytes of the first packet's fixed header and of the rest of it; none while the header is incomplete.
///
/// # Errors
///
/// A length of more than four bytes.
pub fn lengths(bytes: &[u8]) -> io::Result<Option<(usize, usize)>> {
    let mut length = 0;
    for (n, byte) in bytes.iter().skip(1).take(4).enumerate() {
        length |= usize::from(byte & 0x7F) << (7 * n);
        if byte & 0x80 == 0 {
            return Ok(Some((n + 2, length)));
        }
    }
    if bytes.len() < 5 {
        Ok(None)
    } else {
        Err(malformed("a length of more than four bytes"))
    }
}

/// The first packet in `bytes` and its size; none while it is incomplete.
///
/// # Errors
///
/// A packet that is shorter than what it must hold, an answer that refuses, and DISCONNECT.
pub fn first(bytes: &[u8], version: Version) -> io::Result<Option<(Packet, usize)>> {
    let Some((head, length)) = lengths(bytes)? else {
        return Ok(None);
    };
    let Some(body) = bytes.get(head..head + length) else {
        return Ok(None);
    };
    let packet = match bytes[0] {
        kind if kind & 0xF0 == PUBLISH => message(kind, body, version),
        kind @ (PUBACK | PUBREC | PUBREL | PUBCOMP) => match body {
            [_, _, reason, ..] if *reason >= 0x80 => {
                return Err(malformed(&format!("refused with 0x{reason:02x}")));
            }
            [high, low, ..] => Some(Packet::Answer {
                kind,
                id: u16::from_be_bytes([*high, *low]),
            }),
            _ => None,
        },
        DISCONNECT => {
            let reason = body.first().unwrap_or(&0);
            return Err(malformed(&format!("disconnected with 0x{reason:02x}")));
        }
        kind => Some(Packet::Other(kind)),
    };
    let packet = packet.ok_or_else(|| malformed("a packet is shorter than what it must hold"))?;
    Ok(Some((packet, head + length)))
}

/// A message in `bytes` whose payload is incomplete, as soon as its stamp has come, and its size, which is more than has come.
///
/// # Errors
///
/// A length of more than four bytes.
pub fn begun(bytes: &[u8], version: Version) -> io::Result<Option<(Packet, usize)>> {
    Ok(match lengths(bytes)? {
        Some((head, length)) if bytes[0] & 0xF0 == PUBLISH => {
            let packet = message(bytes[0], &bytes[head..], version);
            packet.map(|packet| (packet, head + length))
        }
        _ => None,
    })
}

fn message(kind: u8, body: &[u8], version: Version) -> Option<Packet> {
    let topic = u16::from_be_bytes(*body.first_chunk()?);
    let mut rest = body.get(2 + usize::from(topic)..)?;
    let qos = kind >> 1 & 3;
    let mut id = 0;
    if qos > 0 {
        id = u16::from_be_bytes(*rest.first_chunk()?);
        rest = &rest[2..];
    }
    if version == Version::V5 {
        // The generator asks for nothing that would make these longer than 127 bytes.
        rest = rest.get(1 + usize::from(*rest.first()?)..)?;
    }
    let stamp = Stamp {
        publisher: u32::from_be_bytes(*rest.first_chunk()?),
        sequence: u64::from_be_bytes(*rest.get(4..)?.first_chunk()?),
        due: u64::from_be_bytes(*rest.get(12..)?.first_chunk()?),
    };
    Some(Packet::Message { qos, id, stamp })
}

fn packet(kind: u8, body: &[u8]) -> Vec<u8> {
    let mut bytes = vec![kind];
    let mut length = body.len();
    while length > 0x7F {
        bytes.push((length & 0x7F) as u8 | 0x80);
        length >>= 7;
    }
    bytes.push(length as u8);
    bytes.extend_from_slice(body);
    bytes
}

fn string(text: &str) -> Vec<u8> {
    let mut bytes = (text.len() as u16).to_be_bytes().to_vec();
    bytes.extend_from_slice(text.as_bytes());
    bytes
}

pub fn malformed(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what.to_owned())
}

/// First bytes of packets.
pub const CONNECT: u8 = 0x10;
pub const CONNACK: u8 = 0x20;
pub const PUBLISH: u8 = 0x30;
pub const PUBACK: u8 = 0x40;
pub const PUBREC: u8 = 0x50;
pub const PUBREL: u8 = 0x62;
pub const PUBCOMP: u8 = 0x70;
pub const SUBSCRIBE: u8 = 0x82;
pub const SUBACK: u8 = 0x90;
pub const PINGREQ: u8 = 0xC0;
pub const PINGRESP: u8 = 0xD0;
pub const DISCONNECT: u8 = 0xE0;
/// The flag of CONNECT that asks for a session without a past.
const CLEAN: u8 = 2;
