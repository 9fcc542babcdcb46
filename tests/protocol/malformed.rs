// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Malformed packets in company: what came before them counts, and nobody else is harmed.

use mqtt_proto::{Packet, QoS, Reason, Version};
use tests::packets::connect;
use tests::{Random, VERSIONS, World};

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

#[test]
fn other_protocols_on_this_port_are_recognised() {
    for (name, bytes) in [
        ("TLS", &b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"[..]),
        ("HTTP", b"GET / HTTP/1.1\r\n"),
    ] {
        let world = World::new();
        let client = world.open(Version::V311);
        client.send_bytes(bytes);
        client.expect_closed();
        let cause = world.last_cause().to_string();
        assert!(cause.contains(name), "{cause}");
    }
}
