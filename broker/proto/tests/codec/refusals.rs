// SPDX-License-Identifier: Apache-2.0 OR MIT
//! What is refused before a packet is known: other protocols, other versions, too many bytes.

use bytes::BytesMut;
use mqtt_proto::{DecodeError, DecodeLimits, Decoder, Guess, ProtocolName, Reason, Version};

use crate::samples;
use crate::transcript::{LIMIT, connected, decode_all, fresh, hex};

#[test]
fn a_connection_that_does_not_begin_with_connect_is_told_what_it_looks_like() {
    for (bytes, looks_like) in [
        (
            &b"\x16\x03\x01\x02\x00\x01\x00\x01\xFC"[..],
            Some(Guess::Tls),
        ),
        (b"GET / HTTP/1.1\r\n", Some(Guess::Http)),
        (b"POST /mqtt HTTP/1.1\r\n", Some(Guess::Http)),
        (b"GETTING", None),
        (b"\xC0\x00", None),
        (b"\x11\x00", None),
        (b"\x00", None),
        (b"SSH-2.0-x\r\n", None),
    ] {
        let expected = DecodeError::NotConnect {
            first: bytes[0],
            looks_like,
        }; // [MQTT-3.1.0-1]
        let (_, error) = decode_all(&mut fresh(), bytes);
        assert_eq!(error, Some(expected));
        assert_eq!(expected.reason(), Reason::ProtocolError);
        assert_eq!(expected.nearest_version(), None);
    }
}

#[test]
fn an_unsupported_version_says_how_to_answer() {
    use ProtocolName::{MqIsdp, Mqtt, Other};
    for (start, name, level, nearest) in [
        ("00 04 'MQTT' 06", Mqtt, 6, Version::V5),
        ("00 04 'MQTT' 03", Mqtt, 3, Version::V311),
        ("00 04 'MQTT' 00", Mqtt, 0, Version::V311),
        ("00 06 'MQIsdp' 04", MqIsdp, 4, Version::V311),
        ("00 06 'MQIsdp' 05", MqIsdp, 5, Version::V311),
        ("00 04 'mqtt' 04", Other, 4, Version::V311),
        ("00 00 04", Other, 4, Version::V311),
    ] {
        let mut body = hex(start);
        body.extend(hex("02 00 00 00 00"));
        let bytes = [&[0x10, u8::try_from(body.len()).unwrap()], &body[..]].concat();
        let expected = DecodeError::UnsupportedVersion { name, level }; // [MQTT-3.1.2-2], [MQTT-3.1.2-1]
        let (_, error) = decode_all(&mut fresh(), &bytes);
        assert_eq!(error, Some(expected), "{start}");
        assert_eq!(expected.reason(), Reason::UnsupportedProtocolVersion);
        assert_eq!(expected.nearest_version(), Some(nearest), "{start}");
    }
}

#[test]
fn a_packet_over_the_limit_is_refused_by_its_header() {
    let mut decoder = connected(Version::V311);
    for (header, size) in [
        (&[0x30, 0xBE, 0x84, 0x3D][..], LIMIT + 2), // 999 998 bytes of body
        (&[0x30, 0xFF, 0xFF, 0xFF, 0x7F], 268_435_460),
    ] {
        let (_, error) = decode_all(&mut decoder, header);
        assert_eq!(error, Some(DecodeError::TooLarge { size, limit: LIMIT }));
        assert_eq!(error.unwrap().reason(), Reason::PacketTooLarge);
    }
}

#[test]
fn a_packet_of_just_the_limit_is_waited_for_and_taken() {
    let mut decoder = connected(Version::V311);
    let mut decode_at = |limit: u32| {
        decoder.set_limits(DecodeLimits {
            max_packet_size: limit,
        });
        decode_all(&mut decoder, &hex("30 05 00 01 'a' 'xy'"))
    };
    assert_eq!(decode_at(7).0.len(), 1);
    assert_eq!(
        decode_at(6).1,
        Some(DecodeError::TooLarge { size: 7, limit: 6 })
    );
}

#[test]
fn a_first_packet_is_at_most_80_kib_whatever_the_limit() {
    const MAX: u32 = 80 * 1024;
    for (limit, expected) in [(u32::MAX, MAX), (100, 100)] {
        let mut decoder = Decoder::new(DecodeLimits {
            max_packet_size: limit,
        });
        let (_, error) = decode_all(&mut decoder, &hex("10 FE FF 04"));
        assert_eq!(
            error,
            Some(DecodeError::TooLarge {
                size: 81_922,
                limit: expected
            })
        );
    }
    let mut decoder = Decoder::new(DecodeLimits {
        max_packet_size: u32::MAX,
    });
    assert_eq!(
        decode_all(&mut decoder, &hex("10 FC FF 04")),
        (vec![], None)
    );
}

#[test]
fn a_length_field_allocates_nothing() {
    let mut decoder = Decoder::client(Version::V5);
    let mut buf = BytesMut::with_capacity(64);
    buf.extend_from_slice(&[0x30, 0xFF, 0xFF, 0xFF, 0x7F, 0xFF, 0xFF]);
    assert_eq!(decoder.decode(&mut buf), Ok(None));
    assert_eq!(buf.capacity(), 64);
}

#[test]
fn every_refusal_is_a_sentence() {
    for (error, sentence) in [
        (
            DecodeError::NotConnect {
                first: 0x16,
                looks_like: Some(Guess::Tls),
            },
            "this looks like TLS on a plain MQTT port: switch TLS off in the client",
        ),
        (
            DecodeError::NotConnect {
                first: 0x47,
                looks_like: Some(Guess::Http),
            },
            "this looks like HTTP on a plain MQTT port: a browser needs a listener with protocol \"websockets\"",
        ),
        (
            DecodeError::NotConnect {
                first: 0xC0,
                looks_like: None,
            },
            "first packet is not a CONNECT (first byte 0xC0)",
        ),
        (
            DecodeError::UnsupportedVersion {
                name: ProtocolName::Mqtt,
                level: 6,
            },
            "CONNECT with unsupported protocol level 6",
        ),
        (
            DecodeError::UnsupportedVersion {
                name: ProtocolName::Other,
                level: 4,
            },
            "CONNECT with a protocol name other than MQTT or MQIsdp",
        ),
        (
            DecodeError::TooLarge { size: 9, limit: 8 },
            "packet of 9 bytes, the limit is 8",
        ),
        (
            DecodeError::UnknownKind { first: 0 },
            "unknown packet type (first byte 0x00)",
        ),
    ] {
        assert_eq!(error.to_string(), sentence);
    }
}

#[test]
fn a_refused_connect_leaves_the_version_unknown() {
    for version in samples::VERSIONS {
        let mut decoder = fresh();
        let bytes = [&[0x10, 0x01][..], &[version.level()]].concat();
        assert!(decode_all(&mut decoder, &bytes).1.is_some());
        assert_eq!(decoder.version(), None);
    }
}
