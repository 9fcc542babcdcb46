// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Decoding in tests: connections in a known state, bytes written as hexadecimal text.

use bytes::BytesMut;
use mqtt_proto::{DecodeError, DecodeLimits, Decoder, Packet, Version, encode};

use crate::samples;

/// The limit of the decoders here, in bytes.
pub const LIMIT: u32 = 1_000_000;

/// A server's decoder before the CONNECT.
pub fn fresh() -> Decoder {
    Decoder::new(DecodeLimits {
        max_packet_size: LIMIT,
    })
}

/// A server's decoder after a CONNECT of this version.
pub fn connected(version: Version) -> Decoder {
    let mut decoder = fresh();
    let connect = Packet::Connect(Box::new(samples::plain_connect(version)));
    let decoded = decoder.decode(&mut bytes_of(&connect, version));
    assert_eq!(decoded, Ok(Some(connect)));
    decoder
}

/// The bytes of a packet.
pub fn bytes_of(packet: &Packet, version: Version) -> BytesMut {
    let mut out = BytesMut::new();
    encode(packet, version, &mut out);
    out
}

/// All packets in the bytes, up to the end or the first error.
pub fn decode_all(decoder: &mut Decoder, bytes: &[u8]) -> (Vec<Packet>, Option<DecodeError>) {
    let mut buf = BytesMut::from(bytes);
    let mut packets = Vec::new();
    loop {
        match decoder.decode(&mut buf) {
            Ok(Some(packet)) => packets.push(packet),
            Ok(None) => return (packets, None),
            Err(error) => return (packets, Some(error)),
        }
    }
}

/// Bytes from text in which each word is a byte in hexadecimal digits or a quoted string.
pub fn hex(text: &str) -> Vec<u8> {
    text.split_whitespace()
        .flat_map(|word| match word.strip_prefix('\'') {
            Some(string) => string.trim_end_matches('\'').as_bytes().to_vec(),
            None => vec![u8::from_str_radix(word, 16).unwrap()],
        })
        .collect()
}
