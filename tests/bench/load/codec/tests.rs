// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The generator's codec against the broker's, both ways.

use ::tests::packets::{connack, properties, publish_at};
use ::tests::{IntoPacket, QUALITIES, VERSIONS};
use bytes::BytesMut;
use mqtt_proto::{ConnAck, DecodeLimits, Decoder, Property, encode};

use super::*;

const STAMPED: Stamp = Stamp {
    publisher: 7,
    sequence: 1 << 40,
    due: 12_345_678_901,
};

#[test]
fn another_codec_reads_what_this_one_writes() {
    for version in VERSIONS {
        let hello = decoded(version, &[]);
        assert!(matches!(hello, mqtt_proto::Packet::Connect(_)), "{hello:?}");
        for qos in QUALITIES {
            let filter = decoded(version, &subscribe(version, qos, "a/b"));
            assert!(
                matches!(filter, mqtt_proto::Packet::Subscribe(_)),
                "{filter:?}"
            );
            let mut bytes = Vec::new();
            let template = Template::new(version, qos, "a/b", 300);
            template.write(&mut bytes, 513, STAMPED);
            assert_eq!(template.size(), bytes.len());
            let payload = payload(300);
            let expected = publish_at(qos, 513, "a/b", payload);
            assert_eq!(expected.into_packet(), decoded(version, &bytes));
        }
    }
}

#[test]
fn this_codec_reads_what_another_one_writes_wherever_it_is_cut() {
    for (version, qos) in VERSIONS.into_iter().flat_map(|v| QUALITIES.map(|q| (v, q))) {
        let mut bytes = BytesMut::new();
        let message = publish_at(qos, 513, "a/b", payload(200));
        encode(&message.into_packet(), version, &mut bytes);
        for cut in 0..bytes.len() {
            let early = first(&bytes[..cut], version).expect("it is well formed");
            assert_eq!(None, early, "{cut}");
        }
        let id = if qos == QoS::AtMostOnce { 0 } else { 513 };
        let (qos, stamp) = (qos as u8, STAMPED);
        let expected = (Packet::Message { qos, id, stamp }, bytes.len());
        bytes.extend_from_slice(&answer(PUBACK, 1));
        let found = first(&bytes, version).expect("it is well formed");
        assert_eq!(Some(expected), found);
    }
}

#[test]
fn answers_are_read_and_refusals_are_errors() {
    let read = |bytes: &[u8]| first(bytes, Version::V5);
    let expected = Packet::Answer {
        kind: PUBREL,
        id: 258,
    };
    let found = read(&answer(PUBREL, 258)).expect("it is well formed");
    assert_eq!(Some((expected, 4)), found);
    let found = read(&[PUBACK, 3, 0, 9, 0x10]).expect("nobody subscribed, which is no error");
    assert_eq!(
        Some((
            Packet::Answer {
                kind: PUBACK,
                id: 9
            },
            5
        )),
        found
    );
    assert!(read(&[PUBACK, 3, 0, 9, 0x97]).is_err());
    assert!(read(&[PUBACK, 1, 0]).is_err());
    let goodbye = read(&[DISCONNECT, 1, 0x93]).expect_err("the broker is gone");
    assert_eq!("disconnected with 0x93", goodbye.to_string());
    assert!(read(&[PUBLISH, 0x80, 0x80, 0x80, 0x80, 1]).is_err());
}

#[test]
fn the_receive_maximum_is_found_among_other_properties() {
    let others = [
        Property::ReasonString("no".into()),
        Property::TopicAliasMaximum(9),
    ];
    for maximum in [None, Some(20)] {
        let maximum_property = maximum.map(|n| Property::ReceiveMaximum(n as u16));
        let answer = ConnAck {
            properties: properties(others.clone().into_iter().chain(maximum_property)),
            ..connack(false)
        };
        let mut bytes = BytesMut::new();
        encode(&answer.into_packet(), Version::V5, &mut bytes);
        assert_eq!(maximum, receive_maximum(&bytes));
    }
    assert_eq!(None, receive_maximum(&[CONNACK, 2, 0, 0]));
}

fn payload(size: usize) -> Vec<u8> {
    let mut payload = 7_u32.to_be_bytes().to_vec();
    payload.extend(STAMPED.sequence.to_be_bytes());
    payload.extend(STAMPED.due.to_be_bytes());
    payload.resize(size, b'x');
    payload
}

/// What a server reads after a CONNECT of that version.
fn decoded(version: Version, bytes: &[u8]) -> mqtt_proto::Packet {
    let mut decoder = Decoder::new(DecodeLimits {
        max_packet_size: 1_000,
    });
    let mut bytes = BytesMut::from([&connect(version, "x"), bytes].concat().as_slice());
    let mut last = None;
    while let Some(packet) = decoder.decode(&mut bytes).expect("it is well formed") {
        last = Some(packet);
    }
    assert!(bytes.is_empty(), "a packet is incomplete");
    last.expect("it is complete")
}
