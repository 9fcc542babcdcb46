// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Any bytes through the decoder: the same packets however they are cut, and each survives its own encoding.
#![no_main]

use libfuzzer_sys::fuzz_target;
use mqtt_proto::{BytesMut, DecodeError, DecodeLimits, Decoder, Packet, Version, encode};
use tests::IntoPacket;
use tests::packets::connect;

// The first byte chooses the decoder, the second the size of the chunks.
fuzz_target!(|data: &[u8]| {
    let [role, chunk, stream @ ..] = data else {
        return;
    };
    let whole = decode(decoder(*role), stream, stream.len());
    let chunks = decode(decoder(*role), stream, usize::from(*chunk));
    assert_eq!(whole, chunks, "by {chunk}");
    let (packets, _, version) = whole;
    for packet in &packets {
        let version = version.expect("a packet was decoded");
        survives(packet, *role, version);
    }
});

fn decoder(role: u8) -> Decoder {
    match role % 6 {
        0 => fresh(),
        1 => connected(Version::V31),
        2 => connected(Version::V311),
        3 => connected(Version::V5),
        4 => Decoder::client(Version::V311),
        _ => Decoder::client(Version::V5),
    }
}

fn fresh() -> Decoder {
    Decoder::new(DecodeLimits {
        max_packet_size: 1_000_000,
    })
}

/// A server's decoder after a CONNECT.
fn connected(version: Version) -> Decoder {
    let mut decoder = fresh();
    let mut bytes = bytes_of(&connect(version, "a").into_packet(), version);
    assert!(matches!(decoder.decode(&mut bytes), Ok(Some(_))));
    decoder
}

type Outcome = (Vec<Packet>, Option<DecodeError>, Option<Version>);

/// Everything in the stream up to its end or the first error.
fn decode(mut decoder: Decoder, stream: &[u8], chunk: usize) -> Outcome {
    let mut buf = BytesMut::new();
    let mut packets = Vec::new();
    for chunk in stream.chunks(chunk.max(1)) {
        buf.extend_from_slice(chunk);
        loop {
            let before = buf.len();
            match decoder.decode(&mut buf) {
                Ok(Some(packet)) => packets.push(packet),
                Ok(None) => break,
                Err(error) => return (packets, Some(without_guess(error)), decoder.version()),
            }
            assert!(buf.len() + 2 <= before, "a packet has at least two bytes");
        }
    }
    (packets, None, decoder.version())
}

/// What other protocol the first bytes look like depends on how many there are.
fn without_guess(error: DecodeError) -> DecodeError {
    match error {
        DecodeError::NotConnect { first, .. } => DecodeError::NotConnect {
            first,
            looks_like: None,
        },
        error => error,
    }
}

/// What was decoded once decodes from its own bytes to the same, and is written the same again.
fn survives(packet: &Packet, role: u8, version: Version) {
    let bytes = bytes_of(packet, version);
    let mut decoder = match (role % 6, packet) {
        (4 | 5, _) => Decoder::client(version),
        (_, Packet::Connect(_)) => fresh(),
        _ => connected(version),
    };
    let mut buf = bytes.clone();
    let again = decoder.decode(&mut buf);
    assert_eq!(again.as_ref().map(Option::as_ref), Ok(Some(packet)));
    assert!(buf.is_empty());
    assert_eq!(bytes_of(packet, version), bytes);
}

fn bytes_of(packet: &Packet, version: Version) -> BytesMut {
    let mut bytes = BytesMut::new();
    encode(packet, version, &mut bytes);
    bytes
}
