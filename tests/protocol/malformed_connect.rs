// SPDX-License-Identifier: Apache-2.0 OR MIT
//! First packets that are no CONNECT, though some look like one.

use mqtt_core::DisconnectCause;
use mqtt_proto::{Reason, Version};
use tests::World;
use tests::packets::refusal;

/// CONNECT packets that are none, with what is wrong.
const CONNECTS: [(&str, &[u8]); 9] = [
    (
        "reserved flag",
        b"\x10\x0d\x00\x04MQTT\x04\x03\x00\x00\x00\x01a",
    ), // [MQTT-3.1.2-3]
    (
        "fixed header flags",
        b"\x11\x0d\x00\x04MQTT\x04\x02\x00\x00\x00\x01a",
    ),
    (
        "will QoS without will",
        b"\x10\x0d\x00\x04MQTT\x04\x0a\x00\x00\x00\x01a",
    ), // [MQTT-3.1.2-11]
    (
        "will retain without will",
        b"\x10\x0d\x00\x04MQTT\x04\x22\x00\x00\x00\x01a",
    ), // [MQTT-3.1.2-13]
    (
        "will QoS 3",
        b"\x10\x13\x00\x04MQTT\x04\x1e\x00\x00\x00\x01a\x00\x01w\x00\x01w",
    ), // [MQTT-3.1.2-12]
    (
        "will topic with wildcard",
        b"\x10\x13\x00\x04MQTT\x04\x06\x00\x00\x00\x01a\x00\x01#\x00\x01w",
    ),
    (
        "password without user name",
        b"\x10\x10\x00\x04MQTT\x04\x42\x00\x00\x00\x01a\x00\x01p",
    ), // [MQTT-3.1.2-22]
    (
        "truncated client identifier",
        b"\x10\x0d\x00\x04MQTT\x04\x02\x00\x00\x00\x05a",
    ),
    (
        "bytes after the end",
        b"\x10\x0e\x00\x04MQTT\x04\x02\x00\x00\x00\x01a\x00",
    ),
];

#[test]
fn a_malformed_connect_closes_the_connection() {
    for (what, bytes) in CONNECTS {
        let world = World::new();
        let client = world.open(Version::V311);
        client.send_bytes(bytes);
        client.poll();
        assert!(!client.is_open(), "{what}: the connection is still open");
        assert!(
            matches!(world.last_cause(), DisconnectCause::Undecodable(_)),
            "{what}"
        );
        assert_eq!(world.stats().clients_connected, 0, "{what}");
    }
}

#[test]
fn a_malformed_connect_of_version_5_is_told_why() {
    let cases: [(&str, &[u8], Reason); 3] = [
        ("reserved flag", b"\x10\x0e\x00\x04MQTT\x05\x03\x00\x00\x00\x00\x01a", Reason::MalformedPacket),
        (
            "receive maximum of 0",
            b"\x10\x11\x00\x04MQTT\x05\x02\x00\x00\x03\x21\x00\x00\x00\x01a",
            Reason::ProtocolError, // [MQTT-3.1.2-27]: the value must not be 0
        ),
        (
            "session expiry twice",
            b"\x10\x18\x00\x04MQTT\x05\x02\x00\x00\x0a\x11\x00\x00\x00\x01\x11\x00\x00\x00\x01\x00\x01a",
            Reason::ProtocolError,
        ),
    ];
    for (what, bytes, reason) in cases {
        let client = World::new().open(Version::V5);
        client.send_bytes(bytes);
        assert!(!client.is_open(), "{what}");
        client.expect(refusal(reason));
    }
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
