// SPDX-License-Identifier: Apache-2.0 OR MIT
//! A subscriber's exchange that the power cuts at each of its stages: nothing is lost, QoS 2 comes exactly once, and what is
//! sent again keeps identifier and order.

use mqtt_proto::{Packet, QoS, Version};
use tests::packets::{puback, pubcomp, publish_at, pubrec, pubrel};
use tests::{Client, VERSIONS, World};

use super::again;

/// A connected persistent subscriber of `x` at QoS 2 and a publisher of one message, which the subscriber has received.
fn world_with_delivery(version: Version, qos: QoS) -> (World, Client, u16) {
    let world = World::new();
    let subscriber = world.persistent(version, "s");
    subscriber.subscribe("x", QoS::ExactlyOnce);
    world.client(version, "p").publish(qos, "x", "1");
    let id = subscriber.expect_publish(publish_at(qos, 1, "x", "1"));
    (world, subscriber, id)
}

#[track_caller]
fn check_nothing_left(world: &World, version: Version) {
    world.crash();
    world.resumed(version, "s").expect_nothing();
    world.assert_queues_empty();
}

#[test]
fn an_unacknowledged_message_comes_again_under_its_identifier() {
    for version in VERSIONS {
        for qos in [QoS::AtLeastOnce, QoS::ExactlyOnce] {
            let (world, _, id) = world_with_delivery(version, qos);
            for _ in 0..3 {
                world.crash();
                let subscriber = world.resumed(version, "s");
                assert_eq!(subscriber.expect_publish(again(qos, 1, "1")), id); // [MQTT-4.4.0-1], [MQTT-3.3.1-1]
                subscriber.expect_nothing();
            }
            world.crash();
            let subscriber = world.resumed(version, "s");
            assert_eq!(subscriber.expect_publish(again(qos, 1, "1")), id);
            subscriber.acknowledge(qos, id);
            check_nothing_left(&world, version);
        }
    }
}

#[test]
fn puback_was_lost_or_never_durable() {
    for version in VERSIONS {
        let (world, subscriber, id) = world_with_delivery(version, QoS::AtLeastOnce);
        world.hold_commits();
        subscriber.send(puback(id));
        world.crash();
        let subscriber = world.resumed(version, "s");
        assert_eq!(
            subscriber.expect_publish(again(QoS::AtLeastOnce, 1, "1")),
            id
        );
        subscriber.send(puback(id));
        check_nothing_left(&world, version);
    }
}

#[test]
fn pubrec_was_lost_or_never_durable() {
    for version in VERSIONS {
        for sent in [false, true] {
            let (world, subscriber, id) = world_with_delivery(version, QoS::ExactlyOnce);
            if sent {
                world.hold_commits();
                subscriber.send(pubrec(id));
                subscriber.expect_nothing();
            }
            world.crash();
            let subscriber = world.resumed(version, "s");
            assert_eq!(
                subscriber.expect_publish(again(QoS::ExactlyOnce, 1, "1")),
                id
            ); // the client knows the identifier
            subscriber.acknowledge(QoS::ExactlyOnce, id);
            check_nothing_left(&world, version);
        }
    }
}

#[test]
fn pubrel_or_pubcomp_was_lost() {
    for version in VERSIONS {
        for read in [false, true] {
            let (world, subscriber, id) = world_with_delivery(version, QoS::ExactlyOnce);
            subscriber.send(pubrec(id));
            if read {
                subscriber.expect(pubrel(id));
                world.hold_commits();
                subscriber.send(pubcomp(id));
            }
            world.crash();
            let subscriber = world.resumed(version, "s");
            subscriber.expect(pubrel(id)); // never the message: [MQTT-4.3.3-6], in 3.1.1 [MQTT-4.3.3-1]
            subscriber.expect_nothing();
            subscriber.send(pubcomp(id));
            check_nothing_left(&world, version);
        }
    }
}

#[test]
fn a_message_of_quality_2_leaves_when_its_identifier_is_durable() {
    for version in VERSIONS {
        let world = World::new();
        let subscriber = world.persistent(version, "s");
        subscriber.subscribe("x", QoS::ExactlyOnce);
        let publisher = world.client(version, "p");
        world.hold_commits();
        publisher.send(publish_at(QoS::ExactlyOnce, 1, "x", "1"));
        subscriber.expect_nothing();
        world.crash();
        let subscriber = world.resumed(version, "s");
        subscriber.expect_nothing(); // nobody was told of it
        world.assert_queues_empty();
    }
}

#[test]
fn identifiers_and_orders_go_on_where_they_were() {
    for version in VERSIONS {
        let world = World::new();
        let subscriber = world.persistent(version, "s");
        subscriber.subscribe("x", QoS::ExactlyOnce);
        let publisher = world.client(version, "p");
        let qualities = [
            QoS::ExactlyOnce,
            QoS::ExactlyOnce,
            QoS::AtLeastOnce,
            QoS::ExactlyOnce,
        ];
        let ids: Vec<u16> = qualities
            .iter()
            .map(|&qos| {
                publisher.publish(qos, "x", "1");
                subscriber.expect_publish(publish_at(qos, 1, "x", "1"))
            })
            .collect();
        for id in [ids[1], ids[0]] {
            subscriber.send(pubrec(id));
            subscriber.expect(pubrel(id));
        }
        world.crash();
        let subscriber = world.resumed(version, "s");
        subscriber.expect(pubrel(ids[1])); // [MQTT-4.6.0-4]
        subscriber.expect(pubrel(ids[0]));
        assert_eq!(
            subscriber.expect_publish(again(QoS::AtLeastOnce, 1, "1")),
            ids[2]
        ); // [MQTT-4.6.0-1]
        assert_eq!(
            subscriber.expect_publish(again(QoS::ExactlyOnce, 1, "1")),
            ids[3]
        );
        subscriber.send(pubrec(ids[3]));
        subscriber.expect(pubrel(ids[3]));
        world.crash();
        let subscriber = world.resumed(version, "s");
        for id in [ids[1], ids[0], ids[3]] {
            subscriber.expect(pubrel(id));
            subscriber.send(pubcomp(id));
        }
        assert_eq!(
            subscriber.expect_publish(again(QoS::AtLeastOnce, 1, "1")),
            ids[2]
        );
        let publisher = world.client(version, "p");
        for _ in 0..3 {
            publisher.publish(QoS::AtLeastOnce, "x", "new");
            let id = subscriber.expect_publish(publish_at(QoS::AtLeastOnce, 1, "x", "new"));
            assert!(!ids.contains(&id), "an identifier in use"); // [MQTT-2.2.1-4], in 3.1.1 [MQTT-2.3.1-4]
            subscriber.send(puback(id));
        }
        subscriber.send(puback(ids[2]));
        subscriber.expect_nothing();
        world.assert_queues_empty();
    }
}

#[test]
fn all_that_is_in_flight_comes_again_before_what_waits() {
    for version in VERSIONS {
        let world = World::with(|limits| limits.max_inflight_messages = 50);
        let subscriber = world.persistent(version, "s");
        subscriber.subscribe("x", QoS::AtLeastOnce);
        let publisher = world.client(version, "p");
        let sent: Vec<String> = (0..300).map(|n| n.to_string()).collect();
        for payload in &sent {
            publisher.publish(QoS::AtLeastOnce, "x", payload);
        }
        world.crash();
        let subscriber = world.resumed(version, "s");
        let mut received = Vec::new();
        while let Some(packet) = subscriber.poll() {
            let Packet::Publish(publish) = packet else {
                panic!("expected a message, received {packet:?}");
            };
            assert_eq!(publish.dup, received.len() < 50);
            subscriber.send(puback(publish.packet_id.map_or(0, u16::from)));
            received.push(String::from_utf8_lossy(&publish.payload).into_owned());
        }
        assert_eq!(received, sent);
        world.assert_queues_empty();
    }
}
