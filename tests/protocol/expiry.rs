// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Message expiry: what waits too long is not delivered, and the rest of the interval is told.

use std::time::Duration;

use mqtt_proto::{Packet, Property, Publish, QoS, Version};
use tests::packets::{packet_id, properties, pubcomp, publish_at, pubrec, pubrel, topic};
use tests::{Client, QUALITIES, VERSIONS, World};

/// A message of QoS 1 that expires after `seconds`.
fn expiring(seconds: u32, payload: &str) -> Publish {
    let expiry = properties([Property::MessageExpiryInterval(seconds)]);
    Publish {
        properties: expiry,
        ..publish_at(QoS::AtLeastOnce, 1, "x", payload)
    }
}

fn absent_subscriber(world: &World, qos: QoS) {
    let client = world.persistent(Version::V5, "s");
    client.subscribe("x", qos);
    client.lose();
}

#[track_caller]
fn send(publisher: &Client, message: Publish) {
    publisher.send(message);
    publisher.receive();
}

#[test]
fn a_queued_message_is_delivered_with_the_rest_of_its_interval() {
    for waited in [0, 1, 9] {
        let world = World::new();
        absent_subscriber(&world, QoS::AtLeastOnce);
        send(&world.client(Version::V5, "p"), expiring(10, "1"));
        world.pass(Duration::from_secs(waited));
        let client = world.resumed(Version::V5, "s");
        client.expect_publish(expiring(10 - waited as u32, "1")); // [MQTT-3.3.2-6]
    }
}

#[test]
fn an_expired_message_is_not_delivered_and_those_behind_it_are() {
    let world = World::new();
    absent_subscriber(&world, QoS::AtLeastOnce);
    let publisher = world.client(Version::V5, "p");
    send(&publisher, expiring(10, "short"));
    send(&publisher, expiring(100, "long"));
    publisher.publish(QoS::AtLeastOnce, "x", "for ever");
    world.pass(Duration::from_secs(11));
    let client = world.resumed(Version::V5, "s");
    let id = client.expect_publish(expiring(89, "long")); // [MQTT-3.3.2-5]
    client.acknowledge(QoS::AtLeastOnce, id);
    client.take(QoS::AtLeastOnce, "x", "for ever");
    client.expect_nothing();
    world.assert_queues_empty();
}

#[test]
fn a_queue_of_expired_messages_delivers_nothing() {
    let world = World::new();
    absent_subscriber(&world, QoS::AtLeastOnce);
    let publisher = world.client(Version::V5, "p");
    for _ in 0..200 {
        send(&publisher, expiring(10, "1"));
    }
    world.pass(Duration::from_secs(11));
    let client = world.resumed(Version::V5, "s");
    client.expect_nothing();
    world.assert_queues_empty();
    publisher.publish(QoS::AtLeastOnce, "x", "new");
    client.take(QoS::AtLeastOnce, "x", "new");
}

#[test]
fn a_message_in_flight_is_completed_although_it_expires_meanwhile() {
    let world = World::new();
    let client = world.persistent(Version::V5, "s");
    client.subscribe("x", QoS::AtLeastOnce);
    send(&world.client(Version::V5, "p"), expiring(10, "1"));
    let id = client.expect_publish(expiring(10, "1"));
    world.pass(Duration::from_secs(20));
    client.acknowledge(QoS::AtLeastOnce, id);
    client.expect_nothing();
    world.assert_queues_empty();
}

#[test]
fn a_message_that_was_sent_is_sent_again_although_it_expired() {
    for qos in [QoS::AtLeastOnce, QoS::ExactlyOnce] {
        let world = World::new();
        let client = world.persistent(Version::V5, "s");
        client.subscribe("x", qos);
        let message = Publish {
            qos,
            ..expiring(10, "1")
        };
        send(&world.client(Version::V5, "p"), message);
        let Packet::Publish(first) = client.receive() else {
            panic!("no PUBLISH")
        };
        client.lose();
        world.pass(Duration::from_secs(20));
        let client = world.resumed(Version::V5, "s");
        let Packet::Publish(again) = client.receive() else {
            panic!("no PUBLISH")
        };
        assert_eq!((again.packet_id, again.dup), (first.packet_id, true)); // [MQTT-4.3.3-7]
        client.acknowledge(qos, again.packet_id.map_or(0, u16::from));
        client.expect_nothing();
        world.assert_queues_empty();
    }
}

#[test]
fn a_publisher_completes_an_exchange_whose_message_has_expired() {
    let world = World::new();
    absent_subscriber(&world, QoS::ExactlyOnce);
    let publisher = world.client(Version::V5, "p");
    publisher.send(Publish {
        qos: QoS::ExactlyOnce,
        ..expiring(1, "1")
    });
    publisher.expect(pubrec(1));
    world.pass(Duration::from_secs(10));
    publisher.send(pubrel(1));
    publisher.expect(pubcomp(1)); // [MQTT-4.3.3-13]
    world.resumed(Version::V5, "s").expect_nothing();
}

#[test]
fn a_subscriber_of_version_3_sees_no_interval_but_gets_no_expired_message() {
    let world = World::new();
    for name in ["s", "t"] {
        let client = world.persistent(Version::V311, name);
        client.subscribe("x", QoS::AtLeastOnce);
        client.lose();
    }
    send(&world.client(Version::V5, "p"), expiring(10, "1"));
    world.pass(Duration::from_secs(5));
    world
        .resumed(Version::V311, "s")
        .take(QoS::AtLeastOnce, "x", "1");
    world.pass(Duration::from_secs(6));
    world.resumed(Version::V311, "t").expect_nothing();
}

#[test]
fn a_live_message_tells_its_whole_interval() {
    let world = World::new();
    for qos in QUALITIES {
        let client = world.client(Version::V5, "s");
        client.subscribe("x", qos);
        let sent = expiring(10, "1");
        send(&world.client(Version::V5, "p"), sent.clone());
        client.expect_publish(Publish {
            qos: qos.min(QoS::AtLeastOnce),
            packet_id: None,
            ..sent
        });
    }
}

#[test]
fn a_message_sent_again_tells_what_is_left_by_then() {
    let world = World::new();
    let client = world.persistent(Version::V5, "s");
    client.subscribe("x", QoS::AtLeastOnce);
    send(&world.client(Version::V5, "p"), expiring(100, "1"));
    let id = client.expect_publish(expiring(100, "1"));
    world.pass(Duration::from_secs(30));
    client.lose();
    let client = world.resumed(Version::V5, "s");
    assert_eq!(
        client.expect_publish(Publish {
            dup: true,
            ..expiring(70, "1")
        }),
        id
    );
}

/// A message of QoS 0 to a client that takes nothing meanwhile.
fn held_up(version: Version, qos: QoS, waited: u64) -> (World, Client) {
    let world = World::new();
    let client = world.client(version, "s");
    client.subscribe("x", qos);
    client.stall();
    let publisher = world.client(Version::V5, "p");
    publisher.send(Publish {
        qos,
        packet_id: (qos > QoS::AtMostOnce).then(|| packet_id(1)),
        ..expiring(10, "held up")
    });
    world.pass(Duration::from_secs(waited));
    client.unstall();
    (world, client)
}

#[test]
fn a_message_held_up_by_a_full_socket_tells_what_is_left_when_it_leaves() {
    for qos in QUALITIES {
        let (_world, client) = held_up(Version::V5, qos, 7);
        client.expect_publish(Publish {
            qos,
            ..expiring(3, "held up") // [MQTT-3.3.2-6]
        });
    }
}

#[test]
fn a_message_of_quality_0_that_expires_before_a_full_socket_takes_it_is_dropped() {
    for version in VERSIONS {
        let (world, client) = held_up(version, QoS::AtMostOnce, 10);
        client.expect_nothing(); // [MQTT-3.3.2-5]
        assert_eq!(world.stats().publish_dropped, 1);
        let (_world, client) = held_up(version, QoS::AtLeastOnce, 10);
        client.receive(); // it had its packet identifier already
    }
}

#[test]
fn an_interval_of_zero_reaches_nobody() {
    let world = World::new();
    let client = world.client(Version::V5, "s");
    client.subscribe("x", QoS::AtLeastOnce);
    send(&world.client(Version::V5, "p"), expiring(0, "1"));
    client.expect_nothing();
    world.assert_queues_empty();
}

#[test]
fn an_expired_retained_message_makes_room_although_nobody_asks_for_it() {
    let world = World::with(|limits| limits.max_retained_messages = 2);
    let publisher = world.client(Version::V5, "p");
    let retained = |seconds: u32, name: &str| Publish {
        retain: true,
        topic: topic(name),
        ..expiring(seconds, "1")
    };
    send(&publisher, retained(10, "short"));
    send(&publisher, retained(10, "longer"));
    send(&publisher, retained(100, "longer"));
    world.pass(Duration::from_secs(10));
    publisher.retain(QoS::AtLeastOnce, "new", "1");
    assert_eq!(world.stats().retained_messages, 2);
    let client = world.client(Version::V5, "s");
    client.subscribe("#", QoS::AtMostOnce);
    let payloads = client.take_all();
    let mut names: Vec<_> = payloads.iter().map(|m| m.topic.as_str()).collect();
    names.sort_unstable();
    assert_eq!(names, ["longer", "new"]);
}
