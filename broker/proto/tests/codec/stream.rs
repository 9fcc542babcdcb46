// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The byte stream: packets in any chunks, hostile bytes, and what a kept message keeps in memory.

use bytes::BytesMut;
use mqtt_proto::{Decoder, Packet, QoS, Version, encode};

use crate::samples::{self, VERSIONS, publish};
use crate::transcript::{bytes_of, connected, decode_all, fresh};

#[test]
fn chunks_of_any_size_decode_to_the_same_packets() {
    for version in VERSIONS {
        for (decoder, packets) in streams(version) {
            let mut bytes = BytesMut::new();
            packets
                .iter()
                .for_each(|packet| encode(packet, version, &mut bytes));
            for size in [1, 2, 3, 7, 1024, 65_536, bytes.len()] {
                assert_eq!(
                    decode_chunks(decoder(version), &bytes, size),
                    packets,
                    "{version} by {size}"
                );
            }
        }
    }
}

#[test]
fn a_packet_is_decoded_only_when_it_is_whole() {
    for version in VERSIONS {
        for packet in samples::from_server(version) {
            let bytes = bytes_of(&packet, version);
            let mut decoder = Decoder::client(version);
            for cut in (0..bytes.len()).filter(|cut| *cut < 50 || cut + 10 > bytes.len()) {
                let mut part = BytesMut::from(&bytes[..cut]);
                assert_eq!(
                    decoder.decode(&mut part),
                    Ok(None),
                    "{} cut at {cut}",
                    packet.name()
                );
                assert_eq!(part.len(), cut);
            }
        }
    }
}

#[test]
fn a_short_message_shares_no_memory_with_the_read_buffer_and_a_long_one_does() {
    for (len, shared) in [(1_048_000, false), (1_049_000, true)] {
        let payload = vec![b'x'; len];
        let mut message = publish(QoS::AtMostOnce, b"");
        message.payload = payload.into();
        let mut buf = bytes_of(&Packet::Publish(message), Version::V311);
        let range = buf.as_ptr_range();
        let Ok(Some(Packet::Publish(decoded))) = Decoder::client(Version::V311).decode(&mut buf)
        else {
            panic!("not a PUBLISH");
        };
        assert_eq!(range.contains(&decoded.payload.as_ptr()), shared);
        assert_eq!(range.contains(&decoded.topic.as_ptr()), shared);
    }
}

#[test]
fn a_kept_client_id_does_not_keep_the_password_in_memory() {
    let connects = samples::from_client(Version::V5).into_iter();
    let full = connects
        .filter(|packet| matches!(packet, Packet::Connect(connect) if connect.will.is_some()));
    for packet in full {
        let mut buf = bytes_of(&packet, Version::V5);
        let Ok(Some(Packet::Connect(connect))) = fresh().decode(&mut buf) else {
            panic!("not a CONNECT")
        };
        // A sole owner of exactly its own bytes becomes a buffer of its own length without a copy.
        let client_id = connect.client_id.into_bytes();
        let start = client_id.as_ptr();
        let own = client_id.try_into_mut().unwrap();
        assert_eq!((own.as_ptr(), own.capacity()), (start, own.len()));
    }
}

#[test]
fn hostile_bytes_never_panic_and_never_stall() {
    let mut random = XorShift(0x2545_F491_4F6C_DD1D);
    for version in VERSIONS {
        for round in 0..3_000 {
            let samples = samples::from_client(version);
            let packet = &samples[random.below(samples.len())];
            let mut bytes = match round % 3 {
                0 => (0..random.below(64))
                    .map(|_| random.byte())
                    .collect::<Vec<u8>>(),
                _ => bytes_of(packet, version).into_iter().take(300).collect(),
            };
            for _ in 0..random.below(4) {
                let at = random.below(bytes.len().max(1));
                if let Some(byte) = bytes.get_mut(at) {
                    *byte = random.byte();
                }
            }
            let server = if random.below(4) == 0 {
                fresh()
            } else {
                connected(version)
            };
            for mut decoder in [server, Decoder::client(version)] {
                let (packets, _) = decode_all(&mut decoder, &bytes);
                assert!(
                    packets.len() <= bytes.len() / 2,
                    "a packet has at least two bytes"
                );
                for packet in &packets {
                    assert_same_again(packet, decoder.version().unwrap(), &bytes);
                }
            }
        }
    }
}

/// What was decoded once is valid, so encoding it and decoding that changes nothing.
fn assert_same_again(packet: &Packet, version: Version, from: &[u8]) {
    for mut decoder in [connected(version), fresh(), Decoder::client(version)] {
        if let Ok(Some(again)) = decoder.decode(&mut bytes_of(packet, version)) {
            assert_eq!(&again, packet);
            return;
        }
    }
    panic!("{packet:?} decoded from {from:02X?}, but not from its own bytes");
}

type Stream = (fn(Version) -> Decoder, Vec<Packet>);

fn streams(version: Version) -> [Stream; 2] {
    let from_client = samples::from_client(version);
    let (mut connects, rest): (Vec<_>, Vec<_>) = from_client
        .into_iter()
        .partition(|packet| matches!(packet, Packet::Connect(_)));
    connects.truncate(1);
    connects.extend(rest);
    [
        (|_| fresh(), connects),
        (Decoder::client, samples::from_server(version)),
    ]
}

fn decode_chunks(mut decoder: Decoder, bytes: &[u8], size: usize) -> Vec<Packet> {
    let mut buf = BytesMut::new();
    let mut packets = Vec::new();
    for chunk in bytes.chunks(size) {
        buf.extend_from_slice(chunk);
        while let Some(packet) = decoder.decode(&mut buf).unwrap() {
            packets.push(packet);
        }
    }
    assert!(buf.is_empty());
    packets
}

struct XorShift(u64);

impl XorShift {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn byte(&mut self) -> u8 {
        self.next().to_le_bytes()[3]
    }

    fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.next() >> 16).unwrap() % end
    }
}
