// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Frames as clients send them, whole and in pieces.

use super::*;

const MASK: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];

/// A client's frame: first byte as given, masked, length in the shortest form.
fn sent(first: u8, payload: &[u8]) -> Vec<u8> {
    let mut bytes = vec![first];
    match payload.len() {
        short @ 0..=125 => bytes.push(0x80 | u8::try_from(short).unwrap()),
        middle @ 126..=65_535 => {
            bytes.push(0x80 | 126);
            bytes.extend(u16::try_from(middle).unwrap().to_be_bytes());
        }
        long => {
            bytes.push(0x80 | 127);
            bytes.extend((long as u64).to_be_bytes());
        }
    }
    bytes.extend(MASK);
    bytes.extend(
        payload
            .iter()
            .zip(MASK.iter().cycle())
            .map(|(byte, key)| byte ^ key),
    );
    bytes
}

struct Heard {
    outcome: Result<Flow, Fault>,
    stream: Vec<u8>,
    replies: Vec<u8>,
}

/// Feeds the bytes in pieces of that size.
fn hear(bytes: &[u8], piece: usize) -> Heard {
    let mut inbound = Inbound::default();
    let (mut raw, mut stream, mut replies) = (BytesMut::new(), BytesMut::new(), Vec::new());
    let mut outcome = Ok(Flow::Open);
    for piece in bytes.chunks(piece) {
        raw.extend_from_slice(piece);
        outcome = inbound.unframe(&mut raw, &mut stream, &mut replies);
        if outcome != Ok(Flow::Open) {
            break;
        }
    }
    Heard {
        outcome,
        stream: stream.to_vec(),
        replies,
    }
}

#[test]
fn payload_of_every_length_arrives_however_it_is_cut() {
    let payload: Vec<u8> = (0..70_000_u32).map(|number| (number % 253) as u8).collect();
    for length in [0, 1, 3, 4, 125, 126, 127, 65_535, 65_536, 70_000] {
        let bytes = [sent(0x82, &payload[..length]), sent(0x82, b"next")].concat();
        for piece in [1, 2, 5, 1_000, bytes.len()] {
            let heard = hear(&bytes, piece);
            assert_eq!(heard.outcome, Ok(Flow::Open));
            assert!(
                heard.stream == [&payload[..length], b"next"].concat(), // [MQTT-6.0.0-2]
                "{length} bytes in pieces of {piece}"
            );
            assert!(heard.replies.is_empty());
        }
    }
}

#[test]
fn a_message_in_fragments_is_one_stream_with_pings_answered_in_between() {
    let bytes = [
        sent(0x02, b"ab"),
        sent(0x89, b"still there?"),
        sent(0x00, b"cd"),
        sent(0x80, b"ef"),
    ]
    .concat();
    for piece in [1, 7, bytes.len()] {
        let heard = hear(&bytes, piece);
        assert_eq!(heard.outcome, Ok(Flow::Open));
        assert_eq!(heard.stream, b"abcdef"); // [MQTT-6.0.0-2]
        assert_eq!(heard.replies, b"\x8a\x0cstill there?");
    }
}

#[test]
fn a_close_is_answered_with_its_code_and_ends_the_stream() {
    let bytes = [
        sent(0x82, b"last"),
        sent(0x88, b"\x03\xe8bye"),
        sent(0x82, b"too late"),
    ]
    .concat();
    let heard = hear(&bytes, bytes.len());
    assert_eq!(heard.outcome, Ok(Flow::Closed));
    assert_eq!(heard.stream, b"last");
    assert_eq!(heard.replies, b"\x88\x02\x03\xe8");
}

#[test]
fn a_broken_rule_is_named() {
    let unmasked = vec![0x82, 0x01, b'x'];
    let cases = [
        (sent(0x81, b"text"), Fault::Text), // [MQTT-6.0.0-1]
        (unmasked, Fault::Unmasked),
        (sent(0xc2, b"x"), Fault::ReservedBits),
        (sent(0x83, b"x"), Fault::UnknownOpcode),
        (sent(0x8b, b"x"), Fault::UnknownOpcode),
        (sent(0x80, b"x"), Fault::UnexpectedContinuation),
        (
            [sent(0x02, b"x"), sent(0x82, b"y")].concat(),
            Fault::UnfinishedMessage,
        ),
        (sent(0x89, &[0; 126]), Fault::LongControlFrame),
        (sent(0x09, b"x"), Fault::FragmentedControlFrame),
    ];
    for (bytes, fault) in cases {
        for piece in [1, bytes.len()] {
            assert_eq!(hear(&bytes, piece).outcome, Err(fault), "{bytes:x?}");
        }
    }
    assert_eq!(close_frame(Fault::Text.code()), [0x88, 2, 0x03, 0xeb]);
}

#[test]
fn a_binary_header_has_the_shortest_length() {
    assert_eq!(binary_header(5)[..], [0x82, 5]); // [MQTT-6.0.0-1]
    assert_eq!(binary_header(300)[..], [0x82, 126, 1, 44]);
    assert_eq!(
        binary_header(70_000)[..],
        [0x82, 127, 0, 0, 0, 0, 0, 1, 0x11, 0x70]
    );
}
