// SPDX-License-Identifier: Apache-2.0 OR MIT
//! CONNECT, CONNACK, PINGREQ and DISCONNECT.

use std::time::Duration;

use mqtt_core::DisconnectCause;
use mqtt_proto::{Connect, Disconnect, Packet, Property, QoS, Reason, Version};
use tests::packets::{
    connack, connect, disconnect, properties, publish, refusal, resume, suback, subscribe,
};
use tests::{IntoPacket, VERSIONS, World};

const ALL: [Version; 3] = [Version::V31, Version::V311, Version::V5];

#[test]
fn connect_is_answered_by_connack() {
    for version in ALL {
        let world = World::new();
        let client = world.open(version);
        client.expect_nothing();
        client.send(connect(version, "a"));
        client.expect(connack(false)); // [MQTT-3.2.0-1], [MQTT-3.2.2-1], [MQTT-3.2.2-2], [MQTT-3.1.4-5], in 3.1.1 [MQTT-3.1.4-4]
        client.expect_nothing();
        assert_eq!(world.stats().clients_connected, 1);
    }
}

#[test]
fn all_versions_talk_to_each_other() {
    let world = World::new();
    let clients = ALL.map(|version| world.client(version, &format!("{version:?}")));
    for client in &clients {
        client.subscribe("hall/#", QoS::AtMostOnce);
    }
    for client in &clients {
        client.publish(QoS::AtMostOnce, "hall/door", "open");
        for subscriber in &clients {
            subscriber.take(QoS::AtMostOnce, "hall/door", "open");
        }
    }
}

#[test]
fn a_first_packet_other_than_connect_closes_the_connection() {
    for version in VERSIONS {
        let world = World::new();
        for first in [
            Packet::PingReq,
            publish("a", "b").into_packet(),
            subscribe(1, "a", QoS::AtMostOnce).into_packet(),
        ] {
            let client = world.open(version);
            client.send(first);
            client.expect_closed(); // [MQTT-3.1.0-1]
        }
        assert_eq!(world.stats().clients_connected, 0);
    }
}

#[test]
fn a_second_connect_closes_the_connection() {
    for version in VERSIONS {
        let world = World::new();
        let client = world.client(version, "a");
        client.send(connect(version, "a"));
        client.expect_disconnect(Reason::ProtocolError); // [MQTT-3.1.0-2], [MQTT-3.2.0-2]
    }
}

#[test]
fn before_version_5_a_malformed_connect_is_answered_by_the_close_alone() {
    let reserved_flag = b"\x10\x0d\x00\x04MQTT\x04\x03\x00\x00\x00\x01a";
    let will_qos_3 = b"\x10\x13\x00\x04MQTT\x04\x1e\x00\x00\x00\x01a\x00\x01w\x00\x01w";
    for bytes in [&reserved_flag[..], will_qos_3] {
        let client = World::new().open(Version::V311);
        client.send_bytes(bytes);
        client.expect_closed(); // [MQTT-3.1.4-1]: no CONNACK
    }
}

#[test]
fn an_unknown_protocol_level_is_told_so() {
    let world = World::new();
    let cases: [(Version, &[u8]); 3] = [
        (
            Version::V311,
            b"\x10\x0d\x00\x04MQTT\x02\x02\x00\x00\x00\x01a",
        ),
        (
            Version::V311,
            b"\x10\x0f\x00\x06MQIsdp\x09\x02\x00\x00\x00\x01a",
        ),
        (
            Version::V5,
            b"\x10\x0e\x00\x04MQTT\x06\x02\x00\x00\x00\x00\x01a",
        ),
    ];
    for (answer, bytes) in cases {
        let client = world.open(answer);
        client.send_bytes(bytes);
        client.expect(refusal(Reason::UnsupportedProtocolVersion)); // [MQTT-3.1.2-2]
        client.expect_closed();
    }
}

#[test]
fn an_unknown_protocol_name_closes_the_connection() {
    let world = World::new();
    let client = world.open(Version::V311);
    client.send_bytes(b"\x10\x0d\x00\x04MQTX\x04\x02\x00\x00\x00\x01a");
    client.poll();
    client.expect_closed(); // [MQTT-3.1.2-1]
}

#[test]
fn a_bridge_of_another_broker_may_set_the_high_bit_of_the_level() {
    let world = World::new();
    let client = world.open(Version::V311);
    client.send_bytes(b"\x10\x0d\x00\x04MQTT\x84\x02\x00\x00\x00\x01a");
    client.expect(connack(false));
}

#[test]
fn an_empty_client_identifier_needs_a_clean_session() {
    let world = World::new();
    world.connect(connect(Version::V311, ""), false); // [MQTT-3.1.3-6]
    world.refused(resume(Version::V311, ""), Reason::ClientIdentifierNotValid); // [MQTT-3.1.3-8], [MQTT-3.1.3-7], [MQTT-3.1.3-9]
    world.refused(connect(Version::V31, ""), Reason::ClientIdentifierNotValid);
}

#[test]
fn identifiers_of_1_to_23_letters_and_digits_are_accepted() {
    let characters = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
    for version in VERSIONS {
        let world = World::new();
        for length in 1..=23 {
            for start in (0..=characters.len() - length).step_by(7) {
                world.client(version, &characters[start..start + length]); // [MQTT-3.1.3-5]
            }
        }
    }
}

#[test]
fn two_clients_without_identifier_do_not_disturb_each_other() {
    for version in VERSIONS {
        let world = World::new();
        let clients = [(); 3].map(|()| world.connect(connect(version, ""), false));
        assert!(clients.iter().all(|client| client.is_open()));
        assert_eq!(world.stats().clients_connected, 3);
    }
}

#[test]
fn an_assigned_client_identifier_is_told_and_leads_back_to_the_session() {
    let world = World::new();
    let client = world.open(Version::V5);
    client.send(resume(Version::V5, ""));
    let Packet::ConnAck(connack) = client.receive() else {
        panic!("no CONNACK")
    };
    let assigned = connack
        .properties
        .assigned_client_identifier()
        .expect("an identifier"); // [MQTT-3.2.2-16], [MQTT-3.1.3-7]
    client.subscribe("a", QoS::AtLeastOnce);
    client.lose();
    world.resumed(Version::V5, assigned);
}

#[test]
fn connack_tells_what_this_broker_can_and_cannot() {
    let world = World::with(|limits| {
        limits.receive_maximum = 7;
        limits.max_packet_size = 1000;
        limits.max_topic_alias = 3;
    });
    let client = world.open(Version::V5);
    client.send(connect(Version::V5, "a"));
    let Packet::ConnAck(connack) = client.receive() else {
        panic!("no CONNACK")
    };
    let told = connack.properties;
    assert_eq!(told.receive_maximum(), Some(7));
    assert_eq!(told.maximum_packet_size(), Some(1000));
    assert_eq!(told.topic_alias_maximum(), Some(3));
    assert_eq!(
        told.shared_subscription_available(),
        None,
        "available is told by absence"
    );
    assert_eq!(told.assigned_client_identifier(), None);
    assert_eq!(told.maximum_qos(), None, "2 is told by absence"); // [MQTT-3.2.2-9], [MQTT-3.2.2-11]
}

#[test]
fn response_information_is_never_told() {
    let world = World::new();
    for asked in [None, Some(false), Some(true)] {
        let client = world.open(Version::V5);
        client.send(Connect {
            properties: asked
                .map(Property::RequestResponseInformation)
                .into_iter()
                .collect(),
            ..connect(Version::V5, "a")
        });
        let Packet::ConnAck(connack) = client.receive() else {
            panic!("no CONNACK")
        };
        assert_eq!(connack.properties.response_information(), None); // [MQTT-3.1.2-28]
        client.leave();
    }
}

#[test]
fn a_ping_is_answered() {
    for version in VERSIONS {
        let client = World::new().client(version, "a");
        client.send(Packet::PingReq);
        client.expect(Packet::PingResp); // [MQTT-3.12.4-1]
    }
}

#[test]
fn many_packets_in_one_read_are_answered_in_order() {
    for version in VERSIONS {
        let world = World::new();
        let client = world.open(version);
        client.send_together([
            connect(version, "a").into_packet(),
            subscribe(1, "x", QoS::AtMostOnce).into_packet(),
            Packet::PingReq,
            publish("x", "1").into_packet(),
        ]);
        client.expect(connack(false));
        client.expect(suback(1, [Reason::Success]));
        client.expect(Packet::PingResp);
        client.take(QoS::AtMostOnce, "x", "1");
    }
}

#[test]
fn a_packet_may_arrive_byte_by_byte() {
    let world = World::new();
    let client = world.open(Version::V311);
    for byte in b"\x10\x0d\x00\x04MQTT\x04\x02\x00\x00\x00\x01a" {
        client.expect_nothing();
        client.send_bytes(&[*byte]);
    }
    client.expect(connack(false));
}

#[test]
fn disconnect_ends_the_connection() {
    for version in ALL {
        let world = World::new();
        let client = world.client(version, "a");
        client.leave(); // [MQTT-3.14.4-1], [MQTT-3.14.4-2]
        assert!(matches!(world.last_cause(), DisconnectCause::ByClient));
        world.assert_empty();
    }
}

#[test]
fn what_follows_a_disconnect_is_ignored() {
    for version in VERSIONS {
        let world = World::new();
        let listener = world.client(version, "b");
        listener.subscribe("x", QoS::AtMostOnce);
        let client = world.client(version, "a");
        client.send_together([
            disconnect(Reason::Success).into_packet(),
            publish("x", "late").into_packet(),
        ]);
        client.expect_closed();
        listener.expect_nothing(); // [MQTT-3.14.4-1], in 3.1.1 [MQTT-3.14.4-2]
    }
}

#[test]
fn disconnect_may_not_give_an_expiry_to_a_session_without() {
    let world = World::new();
    let client = world.client(Version::V5, "a");
    let expiry = properties([Property::SessionExpiryInterval(10)]);
    client.send(Disconnect {
        reason: Reason::Success,
        properties: expiry,
    });
    client.expect_disconnect(Reason::ProtocolError); // section 3.14.2.2.2
    world.assert_empty();
}

#[test]
fn a_connection_without_connect_is_closed_after_the_timeout() {
    for version in VERSIONS {
        let world = World::with(|limits| limits.connect_timeout = Duration::from_secs(5));
        let client = world.open(version);
        world.pass(Duration::from_millis(4_900));
        client.expect_nothing();
        world.pass(Duration::from_millis(1_100));
        // no DISCONNECT: [MQTT-3.14.0-1]
        client.expect_closed(); // [MQTT-3.1.4-1], non-normative: "within a reasonable amount of time"
        assert!(matches!(
            world.last_cause(),
            DisconnectCause::ConnectTimeout { .. }
        ));
    }
}

#[test]
fn a_connected_client_has_no_connect_timeout() {
    for version in VERSIONS {
        let world = World::new();
        let client = world.client(version, "a");
        world.pass(Duration::from_secs(3_600));
        client.expect_nothing();
    }
}

#[test]
fn shutdown_tells_everybody_and_refuses_new_connections() {
    for version in VERSIONS {
        let world = World::new();
        let client = world.client(version, "a");
        let silent = world.open(version);
        world.shutdown();
        client.expect_disconnect(Reason::ServerShuttingDown);
        assert!(!silent.is_open());
        let late = world.open(version);
        late.send(connect(version, "b"));
        assert!(!late.is_open());
        assert_eq!(world.stats().clients_connected, 0);
    }
}
