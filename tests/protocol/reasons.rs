// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Every refusal has a reason: MQTT 5 clients are told in a sentence, the log is told in all versions.

use std::time::Duration;

use bytes::BytesMut;
use mqtt_core::Event;
use mqtt_proto::{
    Ack, Connect, Packet, Properties, Property, Publish, QoS, Reason, Version, encode,
};
use tests::packets::{
    connect, login, packet_id, properties, publish_at, pubrec, pubrel, resume, subscribe,
    unsubscribe,
};
use tests::{Client, IntoPacket, VERSIONS, World};

/// What goes wrong, and how a connected client gets there.
type Fault = (&'static str, fn(&World, &Client));

const FAULTS: [Fault; 6] = [
    ("malformed packet", |_, client| {
        client.send_bytes(&[0xc1, 0])
    }),
    ("packet of a server", |_, client| {
        client.send(Packet::PingResp)
    }),
    ("second CONNECT", |_, client| {
        client.send(connect(client.version(), "a"))
    }),
    ("missed keep alive", |world, _| {
        world.pass(Duration::from_secs(20))
    }),
    ("takeover", |world, client| {
        drop(world.connect(keep_alive(client.version()), false))
    }),
    ("shutdown", |world, _| world.shutdown()),
];

fn keep_alive(version: Version) -> Connect {
    Connect {
        keep_alive: 10,
        ..connect(version, "a")
    }
}

#[test]
fn a_disconnect_by_the_broker_says_why() {
    for (what, go_wrong) in FAULTS {
        let world = World::new();
        let client = world.connect(keep_alive(Version::V5), false);
        go_wrong(&world, &client);
        let Packet::Disconnect(told) = client.receive() else {
            panic!("{what}: no DISCONNECT")
        };
        assert!(told.reason.is_error(), "{what}: {told:?}");
        assert_eq!(told.properties.session_expiry_interval(), None); // [MQTT-3.14.2-2]
        client.expect_closed(); // [MQTT-3.14.4-1], [MQTT-3.14.4-2]
        assert_sentence(&told.properties, what);
    }
}

#[test]
fn a_refused_connect_says_why_and_names_no_secret() {
    let world = World::with(|limits| limits.max_sessions = 1);
    let _only = world.client(Version::V5, "only");
    let connects = [
        ("login", login(connect(Version::V5, "a"), "anna", "hunter2")),
        ("sessions", resume(Version::V5, "b")),
        (
            "method",
            Connect {
                properties: properties([Property::AuthenticationMethod("KERBEROS".into())]),
                ..connect(Version::V5, "c")
            },
        ),
    ];
    for (what, connect) in connects {
        let client = world.open(Version::V5);
        client.send(connect);
        let Packet::ConnAck(told) = client.receive() else {
            panic!("{what}: no CONNACK")
        };
        assert!(told.reason.is_error(), "{what}");
        let sentence = assert_sentence(&told.properties, what);
        assert!(
            !sentence.contains("hunter2") && !sentence.contains("anna"),
            "{sentence}"
        );
    }
    let events = format!("{:?}", world.events());
    assert!(!events.contains("hunter2"), "{events}");
}

#[test]
fn every_end_is_told_to_the_log_once_and_in_words() {
    for version in VERSIONS {
        for (what, go_wrong) in FAULTS {
            let world = World::new();
            let client = world.connect(keep_alive(version), false);
            go_wrong(&world, &client);
            assert!(!client.is_open(), "{what}");
            let ends: Vec<_> = world
                .events()
                .into_iter()
                .filter_map(|event| match event {
                    Event::Disconnected { client, cause } => {
                        Some((client.session.client_id, cause.to_string()))
                    }
                    _ => None,
                })
                .collect();
            assert!(
                matches!(ends.as_slice(), [(id, cause)] if id == "a" && !cause.is_empty()),
                "{what}: {ends:?}"
            );
        }
    }
}

#[test]
fn a_client_that_wants_no_explanations_gets_none_but_at_the_end() {
    let world = World::new();
    let quiet = properties([Property::RequestProblemInformation(false)]);
    let client = world.connect(
        Connect {
            properties: quiet,
            ..connect(Version::V5, "a")
        },
        false,
    );
    for packet in [
        publish_at(QoS::AtLeastOnce, 1, "$SYS/x", "1").into_packet(),
        publish_at(QoS::ExactlyOnce, 2, "$SYS/x", "1").into_packet(),
        subscribe(3, "$share/g/$x", QoS::AtMostOnce).into_packet(),
        unsubscribe(4, "none").into_packet(),
    ] {
        client.send(packet);
        let properties = match client.receive() {
            Packet::PubAck(ack) | Packet::PubRec(ack) => ack.properties,
            Packet::SubAck(suback) => suback.properties,
            Packet::UnsubAck(unsuback) => unsuback.properties,
            other => panic!("unexpected {other:?}"),
        };
        assert!(properties.is_empty(), "{properties:?}"); // [MQTT-3.1.2-29]
    }
    client.send_bytes(&[0xc1, 0]);
    client.expect_disconnect(Reason::MalformedPacket);
}

#[test]
fn an_explanation_never_makes_a_packet_larger_than_the_client_takes() {
    let world = World::new();
    let small = properties([Property::MaximumPacketSize(24)]);
    let client = world.connect(
        Connect {
            properties: small,
            ..connect(Version::V5, "a")
        },
        false,
    );
    client.send(subscribe(1, "$share/g/$x", QoS::AtMostOnce));
    client.send(subscribe(2, "$SYS", QoS::AtMostOnce));
    client.send(publish_at(QoS::AtLeastOnce, 3, "$SYS/x", "1"));
    client.send(publish_at(QoS::ExactlyOnce, 4, "$SYS/x", "1"));
    client.send(unsubscribe(5, "none"));
    client.send(pubrec(6));
    client.send(pubrel(7));
    client.send_bytes(&[0xc1, 0]);
    let mut packets = Vec::new();
    while let Some(packet) = client.poll() {
        let mut bytes = BytesMut::new();
        encode(&packet, Version::V5, &mut bytes);
        assert!(bytes.len() <= 24, "{} bytes: {packet:?}", bytes.len()); // [MQTT-3.1.2-24]
        packets.push(packet.name());
    }
    // [MQTT-3.9.2-1], [MQTT-3.4.2-2], [MQTT-3.5.2-2], [MQTT-3.11.2-1], [MQTT-3.6.2-2], [MQTT-3.7.2-2], [MQTT-3.14.2-3]
    let answers = "SUBACK SUBACK PUBACK PUBREC UNSUBACK PUBREL PUBCOMP DISCONNECT";
    assert_eq!(packets.join(" "), answers);

    let small = properties([Property::MaximumPacketSize(24)]);
    let refused = world.open(Version::V5);
    refused.send(login(
        Connect {
            properties: small,
            ..connect(Version::V5, "b")
        },
        "anna",
        "wrong",
    ));
    let Packet::ConnAck(told) = refused.receive() else {
        panic!("no CONNACK")
    };
    assert_eq!(
        (told.reason, told.properties.is_empty()),
        (Reason::NotAuthorized, true)
    ); // [MQTT-3.2.2-19]
}

#[test]
fn every_refused_packet_is_answered_with_a_sentence() {
    let world = World::with(|limits| {
        limits.max_retained_messages = 0;
        limits.max_subscriptions = 1;
    });
    let client = world.client(Version::V5, "a");
    client.subscribe("x", QoS::AtMostOnce);
    let retained = Publish {
        retain: true,
        ..publish_at(QoS::ExactlyOnce, 1, "y", "1")
    };
    for packet in [
        publish_at(QoS::AtLeastOnce, 1, "$SYS/x", "1").into_packet(),
        publish_at(QoS::ExactlyOnce, 1, "$SYS/x", "1").into_packet(),
        retained.into_packet(),
        subscribe(1, "y", QoS::AtMostOnce).into_packet(),
        subscribe(1, "$canary/x", QoS::AtMostOnce).into_packet(),
        unsubscribe(1, "none").into_packet(),
        pubrel(1),
        pubrec(1),
    ] {
        let what = format!("{packet:?}");
        client.send(packet);
        let told = match client.receive() {
            Packet::PubAck(ack)
            | Packet::PubRec(ack)
            | Packet::PubRel(ack)
            | Packet::PubComp(ack) => ack.properties,
            Packet::SubAck(suback) => suback.properties,
            Packet::UnsubAck(unsuback) => unsuback.properties,
            other => panic!("{what}: unexpected {other:?}"),
        };
        assert_sentence(&told, &what);
    }
}

#[test]
fn a_message_nobody_wants_is_acknowledged_in_five_bytes() {
    let world = World::new();
    let client = world.client(Version::V5, "a");
    client.send(publish_at(QoS::AtLeastOnce, 1, "x", "1"));
    let answer = client.receive();
    let ack = Ack::new(packet_id(1), Reason::NoMatchingSubscribers);
    assert_eq!(answer, Packet::PubAck(ack)); // without a reason string
}

/// The reason string, which must be a sentence and not the name of a code.
#[track_caller]
fn assert_sentence<'a>(properties: &'a Properties, what: &str) -> &'a str {
    let sentence = properties
        .reason_string()
        .unwrap_or_else(|| panic!("{what}: no reason string"));
    assert!(sentence.split(' ').count() >= 3, "{what}: {sentence}");
    sentence
}
