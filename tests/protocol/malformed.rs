// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Malformed packets: each closes its own connection with a reason, and harms nobody else.

use mqtt_proto::{Packet, QoS, Reason, Version};
use tests::packets::connect;
use tests::{Random, VERSIONS, World};

/// What is wrong, the bytes, and the reason told; from a client that is connected.
const CASES: [(&str, &[u8], Reason); 25] = [
    (
        "reserved packet type 0",
        b"\x00\x00",
        Reason::MalformedPacket,
    ),
    (
        "remaining length of five bytes",
        b"\x30\xff\xff\xff\xff\x01",
        Reason::MalformedPacket,
    ), // [MQTT-1.5.5-1]
    ("PINGREQ with a flag", b"\xc1\x00", Reason::MalformedPacket),
    (
        "PINGREQ with a body",
        b"\xc0\x01\x00",
        Reason::MalformedPacket,
    ),
    (
        "PUBLISH of QoS 3",
        b"\x36\x05\x00\x01a\x00\x01",
        Reason::MalformedPacket,
    ), // [MQTT-3.3.1-4]
    (
        "PUBLISH of QoS 0 with DUP",
        b"\x38\x04\x00\x01a\x00",
        Reason::MalformedPacket,
    ), // [MQTT-3.3.1-2]
    (
        "PUBLISH without a topic length",
        b"\x30\x01\x00",
        Reason::MalformedPacket,
    ),
    (
        "PUBLISH shorter than its topic",
        b"\x30\x04\x00\x09ab",
        Reason::MalformedPacket,
    ),
    (
        "PUBLISH to a filter",
        b"\x30\x04\x00\x01#\x00",
        Reason::MalformedPacket,
    ), // [MQTT-3.3.2-2]
    (
        "PUBLISH with U+0000 in its topic",
        b"\x30\x05\x00\x02a\x00\x00",
        Reason::MalformedPacket,
    ), // [MQTT-1.5.4-2]
    (
        "PUBLISH with ill-formed UTF-8",
        b"\x30\x05\x00\x02a\xff\x00",
        Reason::MalformedPacket,
    ), // [MQTT-1.5.4-1]
    (
        "PUBLISH with a surrogate",
        b"\x30\x06\x00\x03\xed\xa0\x80\x00",
        Reason::MalformedPacket,
    ),
    (
        "PUBLISH of QoS 1 with identifier 0",
        b"\x32\x06\x00\x01a\x00\x00\x00",
        Reason::MalformedPacket,
    ), // [MQTT-2.2.1-3]
    (
        "PUBACK with identifier 0",
        b"\x40\x02\x00\x00",
        Reason::MalformedPacket,
    ),
    (
        "PUBACK of one byte",
        b"\x40\x01\x00",
        Reason::MalformedPacket,
    ),
    (
        "PUBACK with a flag",
        b"\x41\x02\x00\x01",
        Reason::MalformedPacket,
    ),
    (
        "PUBREL without its flag",
        b"\x60\x02\x00\x01",
        Reason::MalformedPacket,
    ), // [MQTT-3.6.1-1]
    (
        "SUBSCRIBE without its flag",
        b"\x80\x07\x00\x01\x00\x00\x01a\x00",
        Reason::MalformedPacket,
    ), // [MQTT-3.8.1-1]
    (
        "SUBSCRIBE with identifier 0",
        b"\x82\x07\x00\x00\x00\x00\x01a\x00",
        Reason::MalformedPacket,
    ),
    (
        "UNSUBSCRIBE without its flag",
        b"\xa0\x06\x00\x01\x00\x00\x01a",
        Reason::MalformedPacket,
    ), // [MQTT-3.10.1-1]
    (
        "CONNACK from a client",
        b"\x20\x03\x00\x00\x00",
        Reason::ProtocolError,
    ),
    (
        "SUBACK from a client",
        b"\x90\x04\x00\x01\x00\x00",
        Reason::ProtocolError,
    ),
    (
        "UNSUBACK from a client",
        b"\xb0\x04\x00\x01\x00\x00",
        Reason::ProtocolError,
    ),
    ("PINGRESP from a client", b"\xd0\x00", Reason::ProtocolError),
    (
        "DISCONNECT with a flag",
        b"\xe1\x00",
        Reason::MalformedPacket,
    ), // [MQTT-3.14.1-1]
];

/// Faults that look different in the two versions.
const CASES_V5: [(&str, &[u8], Reason); 12] = [
    (
        "PUBLISH with a wildcard in its response topic",
        b"\x30\x08\x00\x01a\x04\x08\x00\x01#",
        Reason::MalformedPacket,
    ), // [MQTT-3.3.2-14]
    (
        "SUBSCRIBE without a filter",
        b"\x82\x03\x00\x01\x00",
        Reason::ProtocolError,
    ), // [MQTT-3.8.3-2]
    (
        "SUBSCRIBE to #/a",
        b"\x82\x09\x00\x01\x00\x00\x03#/a\x00",
        Reason::MalformedPacket,
    ), // [MQTT-4.7.1-1]
    (
        "SUBSCRIBE to a+",
        b"\x82\x08\x00\x01\x00\x00\x02a+\x00",
        Reason::MalformedPacket,
    ), // [MQTT-4.7.1-2]
    (
        "SUBSCRIBE to nothing",
        b"\x82\x06\x00\x01\x00\x00\x00\x00",
        Reason::MalformedPacket,
    ), // [MQTT-4.7.3-1]
    (
        "SUBSCRIBE of QoS 3",
        b"\x82\x07\x00\x01\x00\x00\x01a\x03",
        Reason::MalformedPacket,
    ),
    (
        "SUBSCRIBE with reserved option bits",
        b"\x82\x07\x00\x01\x00\x00\x01a\x40",
        Reason::MalformedPacket,
    ), // [MQTT-3.8.3-5]
    (
        "UNSUBSCRIBE without a filter",
        b"\xa2\x03\x00\x01\x00",
        Reason::ProtocolError,
    ), // [MQTT-3.10.3-2]
    (
        "PUBLISH with an unknown property",
        b"\x30\x06\x00\x01a\x02\x05\x00",
        Reason::MalformedPacket,
    ),
    (
        "PUBLISH with a property of CONNECT",
        b"\x30\x09\x00\x01a\x05\x11\x00\x00\x00\x01",
        Reason::MalformedPacket,
    ),
    (
        "PUBLISH without topic and alias",
        b"\x30\x03\x00\x00\x00",
        Reason::ProtocolError,
    ),
    (
        "DISCONNECT with an unknown reason",
        b"\xe0\x01\x05",
        Reason::MalformedPacket,
    ),
];

const CASES_V311: [(&str, &[u8], Reason); 7] = [
    ("AUTH", b"\xf0\x00", Reason::MalformedPacket),
    (
        "SUBSCRIBE without a filter",
        b"\x82\x02\x00\x01",
        Reason::ProtocolError,
    ), // [MQTT-3.8.3-3]
    (
        "SUBSCRIBE to #/a",
        b"\x82\x08\x00\x01\x00\x03#/a\x00",
        Reason::MalformedPacket,
    ),
    (
        "SUBSCRIBE of QoS 3",
        b"\x82\x06\x00\x01\x00\x01a\x03",
        Reason::MalformedPacket,
    ), // [MQTT-3-8.3-4]
    (
        "SUBSCRIBE with options of version 5",
        b"\x82\x06\x00\x01\x00\x01a\x04",
        Reason::MalformedPacket,
    ),
    (
        "UNSUBSCRIBE without a filter",
        b"\xa2\x02\x00\x01",
        Reason::ProtocolError,
    ), // [MQTT-3.10.3-2]
    (
        "DISCONNECT with a body",
        b"\xe0\x01\x00",
        Reason::MalformedPacket,
    ),
];

#[test]
fn a_malformed_packet_closes_its_connection_with_a_reason_and_no_other() {
    for version in VERSIONS {
        let world = World::new();
        let witness = world.client(version, "witness");
        witness.subscribe("#", QoS::AtMostOnce);
        let own: &[_] = if version == Version::V5 {
            &CASES_V5
        } else {
            &CASES_V311
        };
        let mut wrong = Vec::new();
        for (what, bytes, reason) in CASES.iter().chain(own) {
            let client = world.client(version, "a");
            client.send_bytes(bytes);
            assert!(!client.is_open(), "{what}: the connection is still open");
            let told = world.last_cause().reason();
            if told != Some(*reason) {
                wrong.push(format!("{what}: {told:?} and not {reason:?}"));
                continue;
            }
            client.expect_disconnect(*reason);
        }
        assert!(wrong.is_empty(), "{wrong:#?}");
        witness.publish(QoS::AtMostOnce, "still", "here");
        witness.take(QoS::AtMostOnce, "still", "here");
        assert_eq!(world.stats().clients_connected, 1);
    }
}

#[test]
fn more_levels_than_allowed_are_refused_by_name() {
    let world = World::new();
    let deep = "a/".repeat(200);
    let publish = [&[0x30, 0x95, 0x03, 0x01, 0x90], deep.as_bytes(), b"\0ok"].concat();
    let client = world.client(Version::V5, "a");
    client.send_bytes(&publish);
    client.expect_disconnect(Reason::TopicNameInvalid);
    let client = world.client(Version::V311, "a");
    client.send_bytes(
        &[
            &[0x82, 0x95, 0x03, 0x00, 0x01, 0x01, 0x90],
            deep.as_bytes(),
            b"\0",
        ]
        .concat(),
    );
    client.expect_closed();
}

#[test]
fn packets_before_the_malformed_one_take_effect_and_those_behind_do_not() {
    for version in VERSIONS {
        let world = World::new();
        let witness = world.client(version, "witness");
        witness.subscribe("#", QoS::AtMostOnce);
        let client = world.client(version, "a");
        let [good, late] = match version {
            Version::V5 => [
                b"\x30\x05\x00\x01a\x001".to_vec(),
                b"\x30\x05\x00\x01a\x002".to_vec(),
            ],
            _ => [
                b"\x30\x04\x00\x01a1".to_vec(),
                b"\x30\x04\x00\x01a2".to_vec(),
            ],
        };
        client.send_bytes(&[good, b"\xc1\x00".to_vec(), late].concat());
        client.expect_disconnect(Reason::MalformedPacket);
        witness.take(QoS::AtMostOnce, "a", "1");
        witness.expect_nothing();
    }
}

#[test]
fn random_bytes_harm_nobody() {
    let mut random = Random::new(1);
    for version in VERSIONS {
        let world = World::new();
        let witness = world.client(version, "witness");
        for round in 0..500 {
            let client = if round % 2 == 0 {
                world.open(version)
            } else {
                world.client(version, "a")
            };
            let length = 1 + random.below(60);
            client.send_bytes(&random.bytes(length));
            client.lose();
        }
        witness.publish(QoS::AtLeastOnce, "still", "here");
        world.connect(connect(version, "b"), false);
        assert_eq!(world.stats().clients_connected, 2);
    }
}

#[test]
fn a_broken_connect_of_version_5_is_answered_with_its_reason() {
    let world = World::new();
    let client = world.open(Version::V5);
    client.send_bytes(b"\x10\x0e\x00\x04MQTT\x05\x03\x00\x00\x00\x00\x01a"); // [MQTT-3.1.2-3]
    let Packet::ConnAck(connack) = client.receive() else {
        panic!("no CONNACK");
    };
    assert_eq!(connack.reason, Reason::MalformedPacket);
    assert!(connack.properties.reason_string().is_some());
    client.expect_closed();
}
