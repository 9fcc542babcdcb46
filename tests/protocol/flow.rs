// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Flow control: how much may be in flight in each direction, and how large a packet may be.

use mqtt_core::{DisconnectCause, Event, ProtocolFault};
use mqtt_proto::{
    Ack, Connect, Packet, Property, QoS, Reason, Subscribe, SubscribeFilter, Version,
};
use tests::packets::{
    connack, connect, filter, options, packet_id, puback, pubcomp, publish, publish_at, pubrec,
    pubrel, refusal, resume, suback, subscribe, will,
};
use tests::{IntoPacket, VERSIONS, World};

fn with(connect: Connect, property: Property) -> Connect {
    let mut connect = connect;
    connect.properties.push(property);
    connect
}

#[test]
fn no_more_is_in_flight_than_the_client_can_take() {
    for qos in [QoS::AtLeastOnce, QoS::ExactlyOnce] {
        let world = World::new();
        let client = world.connect(
            with(connect(Version::V5, "s"), Property::ReceiveMaximum(2)),
            false,
        );
        client.subscribe("x", QoS::ExactlyOnce);
        let publisher = world.client(Version::V5, "p");
        for n in 0..6 {
            publisher.publish(qos, "x", &n.to_string());
        }
        for n in [0, 2, 4] {
            let next = |n: i32| client.expect_publish(publish_at(qos, 1, "x", n.to_string()));
            let ids = [next(n), next(n + 1)];
            client.expect_nothing(); // [MQTT-3.3.4-9], [MQTT-4.9.0-2]
            for id in ids {
                match qos {
                    QoS::ExactlyOnce => client.send(pubrec(id)),
                    _ => client.send(puback(id)),
                }
            }
            if qos == QoS::ExactlyOnce {
                for id in ids {
                    client.expect(pubrel(id));
                }
                client.expect_nothing(); // a window opens with PUBCOMP only: [MQTT-4.9.0-1]
                client.send_together(ids.map(pubcomp));
            }
        }
        client.expect_nothing();
    }
}

#[test]
fn quality_0_passes_a_full_window() {
    for version in VERSIONS {
        let world = World::with(|limits| limits.max_inflight_messages = 1);
        let client = world.client(version, "s");
        client.subscribe("x", QoS::AtLeastOnce);
        let publisher = world.client(version, "p");
        publisher.publish(QoS::AtLeastOnce, "x", "1");
        publisher.publish(QoS::AtMostOnce, "x", "2");
        client.expect_publish(publish_at(QoS::AtLeastOnce, 1, "x", "1"));
        client.take(QoS::AtMostOnce, "x", "2");
    }
}

#[test]
fn a_full_window_holds_up_nothing_else() {
    for version in VERSIONS {
        let world = World::with(|limits| limits.max_inflight_messages = 1);
        let client = world.client(version, "s");
        client.subscribe("x", QoS::AtLeastOnce);
        for payload in ["1", "2"] {
            world
                .client(version, "p")
                .publish(QoS::AtLeastOnce, "x", payload);
        }
        client.expect_publish(publish_at(QoS::AtLeastOnce, 1, "x", "1"));
        client.send(Packet::PingReq);
        client.expect(Packet::PingResp); // [MQTT-3.3.4-10], [MQTT-4.9.0-3]
        client.subscribe("y", QoS::AtMostOnce);
        client.publish(QoS::ExactlyOnce, "z", "3");
        client.unsubscribe("y");
        client.expect_nothing();
    }
}

#[test]
fn the_brokers_own_window_bounds_clients_that_name_none() {
    for version in VERSIONS {
        let world = World::with(|limits| limits.max_inflight_messages = 3);
        let client = world.client(version, "s");
        client.subscribe("x", QoS::AtLeastOnce);
        let publisher = world.client(version, "p");
        for n in 0..10 {
            publisher.publish(QoS::AtLeastOnce, "x", &n.to_string());
        }
        for n in 0..3 {
            client.expect_publish(publish_at(QoS::AtLeastOnce, 1, "x", n.to_string()));
        }
        client.expect_nothing(); // until the client acknowledges: [MQTT-4.5.0-2]
    }
}

#[test]
fn a_smaller_window_after_a_reconnect_is_kept() {
    let world = World::new();
    let client = world.persistent(Version::V5, "s");
    client.subscribe("x", QoS::AtLeastOnce);
    let publisher = world.client(Version::V5, "p");
    for n in 0..4 {
        publisher.publish(QoS::AtLeastOnce, "x", &n.to_string());
    }
    client.lose();
    let client = world.connect(
        with(resume(Version::V5, "s"), Property::ReceiveMaximum(1)),
        true,
    );
    for n in 0..4 {
        let Packet::Publish(message) = client.receive() else {
            panic!("no PUBLISH")
        };
        assert_eq!(message.payload, n.to_string());
        client.expect_nothing();
        client.acknowledge(message.qos, message.packet_id.map_or(0, u16::from));
    }
    client.expect_nothing();
}

#[test]
fn a_client_that_exceeds_the_receive_maximum_is_told_and_closed() {
    let world = World::with(|limits| limits.receive_maximum = 2);
    let client = world.client(Version::V5, "a");
    for id in 1..=2 {
        client.send(publish_at(QoS::ExactlyOnce, id, "x", "1"));
        client.receive();
    }
    client.send(publish_at(QoS::ExactlyOnce, 3, "x", "1"));
    client.expect_disconnect(Reason::ReceiveMaximumExceeded); // [MQTT-3.3.4-7]
    assert!(matches!(
        world.last_cause(),
        DisconnectCause::Protocol(ProtocolFault::ReceiveMaximumExceeded)
    ));
}

#[test]
fn the_receive_maximum_told_holds_although_the_limit_changes() {
    let world = World::with(|limits| limits.receive_maximum = 2);
    let client = world.client(Version::V5, "a");
    world.reconfigure(|limits| limits.receive_maximum = 1);
    for id in 1..=2 {
        client.send(publish_at(QoS::ExactlyOnce, id, "x", "1"));
        client.receive();
    }
    client.expect_nothing();
    client.send(publish_at(QoS::ExactlyOnce, 3, "x", "1"));
    client.expect_disconnect(Reason::ReceiveMaximumExceeded); // [MQTT-3.3.4-7]
}

#[test]
fn a_release_of_an_unknown_message_makes_no_room() {
    let world = World::with(|limits| limits.receive_maximum = 1);
    let client = world.client(Version::V5, "a");
    client.send(publish_at(QoS::ExactlyOnce, 1, "x", "1"));
    client.receive();
    client.send(pubrel(2));
    client.receive();
    client.send(publish_at(QoS::ExactlyOnce, 3, "x", "1"));
    client.expect_disconnect(Reason::ReceiveMaximumExceeded);
}

#[test]
fn a_message_sent_again_and_a_completed_one_need_no_room() {
    let world = World::with(|limits| limits.receive_maximum = 2);
    let client = world.client(Version::V5, "a");
    for round in 0..5_u16 {
        for id in [2 * round + 1, 2 * round + 2] {
            for _ in 0..2 {
                client.send(publish_at(QoS::ExactlyOnce, id, "x", "1"));
                assert!(matches!(client.receive(), Packet::PubRec(_))); // [MQTT-3.3.4-8]
            }
        }
        for id in [2 * round + 1, 2 * round + 2] {
            client.send(pubrel(id));
            client.expect(pubcomp(id));
        }
    }
}

#[test]
fn a_refused_message_frees_its_place() {
    let world = World::with(|limits| limits.receive_maximum = 1);
    let client = world.client(Version::V5, "a");
    for id in 1..5 {
        client.send(publish_at(QoS::ExactlyOnce, id, "$SYS/x", "1"));
        client.expect(Packet::PubRec(Ack::new(
            packet_id(id),
            Reason::NotAuthorized,
        )));
    }
    client.expect_nothing();
}

#[test]
fn a_packet_that_the_client_cannot_take_is_left_out() {
    let world = World::new();
    let client = world.connect(
        with(connect(Version::V5, "s"), Property::MaximumPacketSize(100)),
        false,
    );
    client.subscribe("x", QoS::ExactlyOnce);
    let publisher = world.client(Version::V5, "p");
    let largest = 100 - 2 - (2 + 1) - 1; // fixed header, topic, properties
    for qos in [QoS::AtMostOnce, QoS::AtLeastOnce, QoS::ExactlyOnce] {
        let largest = if qos == QoS::AtMostOnce {
            largest
        } else {
            largest - 2
        };
        publisher.publish(qos, "x", &"x".repeat(largest + 1));
        client.expect_nothing(); // [MQTT-3.1.2-24], [MQTT-3.1.2-25]
        publisher.publish(qos, "x", &"x".repeat(largest));
        client.take(qos, "x", &"x".repeat(largest));
    }
    world.assert_queues_empty();
    assert_eq!(world.stats().publish_dropped, 3);
    let told = world.events().into_iter().filter(|event| {
        matches!(event, Event::DroppingMessages { limit, .. } if limit.contains("Maximum Packet"))
    });
    assert_eq!(told.count(), 1, "told once a connection");
}

#[test]
fn a_packet_larger_than_allowed_closes_the_connection() {
    for version in VERSIONS {
        let world = World::with(|limits| limits.max_packet_size = 1_000);
        let listener = world.client(version, "listener");
        listener.subscribe("x", QoS::AtMostOnce);
        let client = world.client(version, "a");
        let overhead = if version == Version::V5 { 7 } else { 6 };
        client.publish(QoS::AtMostOnce, "x", &"1".repeat(1_000 - overhead));
        listener.take(QoS::AtMostOnce, "x", &"1".repeat(1_000 - overhead));
        client.send(publish("x", "1".repeat(1_001 - overhead)));
        client.expect_disconnect(Reason::PacketTooLarge); // [MQTT-3.2.2-15]
        listener.expect_nothing();
    }
}

#[test]
fn a_too_large_packet_is_refused_as_soon_as_its_header_is_known() {
    for version in VERSIONS {
        let world = World::with(|limits| limits.max_packet_size = 1_000);
        let client = world.client(version, "a");
        client.send_bytes(&[0x30, 0xff, 0xff, 0xff, 0x7f]);
        client.expect_disconnect(Reason::PacketTooLarge);
    }
}

#[test]
fn a_connection_lost_with_a_full_window_keeps_the_rest() {
    for version in VERSIONS {
        let world = World::with(|limits| limits.max_inflight_messages = 2);
        let client = world.persistent(version, "s");
        client.subscribe("x", QoS::AtLeastOnce);
        let publisher = world.client(version, "p");
        let messages: Vec<_> = (1..=10)
            .map(|id| publish_at(QoS::AtLeastOnce, id, "x", id.to_string()).into_packet())
            .collect();
        publisher.send_together(messages);
        client.lose();
        let client = world.open(version);
        client.send(resume(version, "s"));
        client.expect(connack(true));
        let mut payloads = Vec::new();
        while let Some(Packet::Publish(message)) = client.poll() {
            payloads.push(String::from_utf8_lossy(&message.payload).into_owned());
            client.acknowledge(message.qos, message.packet_id.map_or(0, u16::from));
        }
        assert_eq!(
            payloads,
            (1..=10).map(|n| n.to_string()).collect::<Vec<_>>()
        );
    }
}

#[test]
fn a_smaller_packet_size_after_a_reconnect_leaves_large_messages_out() {
    let world = World::new();
    let client = world.persistent(Version::V5, "s");
    client.subscribe("x", QoS::AtLeastOnce);
    let publisher = world.client(Version::V5, "p");
    publisher.publish(QoS::AtLeastOnce, "x", &"in flight".repeat(100));
    client.receive();
    client.lose();
    publisher.publish(QoS::AtLeastOnce, "x", &"queued".repeat(100));
    publisher.publish(QoS::AtLeastOnce, "x", "small");
    let client = world.connect(
        with(resume(Version::V5, "s"), Property::MaximumPacketSize(100)),
        true,
    );
    assert_eq!(client.take_payloads(), ["small"]);
    world.assert_queues_empty();
}

#[test]
fn a_will_may_be_as_large_as_its_length_field_allows() {
    for version in VERSIONS {
        let world = World::new();
        let watcher = world.client(version, "w");
        watcher.subscribe("gone", QoS::AtMostOnce);
        let payload = "x".repeat(65_535);
        let will = will("gone", &payload);
        world
            .connect(
                Connect {
                    will: Some(will),
                    ..connect(version, "a")
                },
                false,
            )
            .lose();
        watcher.take(QoS::AtMostOnce, "gone", &payload);
    }
}

#[test]
fn a_client_that_cannot_take_a_connack_is_refused() {
    for size in [1, 4, 5, 15] {
        let world = World::new();
        let client = world.open(Version::V5);
        let small = Property::MaximumPacketSize(size);
        client.send(with(connect(Version::V5, "a"), small));
        if size >= 5 {
            client.expect(refusal(Reason::PacketTooLarge)); // [MQTT-3.1.2-24]
        }
        client.expect_closed();
        world.assert_empty();
    }
}

#[test]
fn an_answer_that_the_client_cannot_take_ends_its_connection() {
    let world = World::new();
    let small = Property::MaximumPacketSize(50);
    let client = world.connect(with(connect(Version::V5, "a"), small), false);
    let wanted = |n: u32| SubscribeFilter {
        filter: filter(&n.to_string()),
        options: options(QoS::AtMostOnce),
    };
    let many = |count| Subscribe {
        filters: (0..count).map(wanted).collect(),
        ..subscribe(1, "x", QoS::AtMostOnce)
    };
    client.send(many(45));
    client.expect(suback(1, [Reason::Success; 45]));
    client.send(many(46));
    client.expect_disconnect(Reason::PacketTooLarge); // [MQTT-3.1.2-24]
}
