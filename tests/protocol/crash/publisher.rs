// SPDX-License-Identifier: Apache-2.0 OR MIT
//! A publisher's QoS 2 exchange that the power cuts at each of its stages: the message is published exactly once.

use mqtt_proto::{Ack, Packet, QoS, Reason, Version};
use tests::packets::{packet_id, pubcomp, publish_at, pubrec, pubrel};
use tests::{Client, VERSIONS, World};

use super::again;

/// An absent persistent subscriber of `x` and a persistent publisher.
fn world_with_publisher(version: Version) -> (World, Client) {
    let world = World::new();
    let subscriber = world.persistent(version, "s");
    subscriber.subscribe("x", QoS::ExactlyOnce);
    subscriber.lose();
    let publisher = world.persistent(version, "p");
    (world, publisher)
}

#[track_caller]
fn check_received_once(world: &World, version: Version) {
    assert_eq!(world.resumed(version, "s").take_payloads(), ["1"]); // [MQTT-4.3.3-10], in 3.1.1 [MQTT-4.3.3-2]
}

fn unknown(id: u16) -> Packet {
    Packet::PubComp(Ack::new(packet_id(id), Reason::PacketIdentifierNotFound))
}

#[test]
fn pubrec_was_lost() {
    for version in VERSIONS {
        let (world, publisher) = world_with_publisher(version);
        publisher.send(publish_at(QoS::ExactlyOnce, 1, "x", "1"));
        world.crash();
        let publisher = world.resumed(version, "p");
        publisher.send(again(QoS::ExactlyOnce, 1, "1"));
        publisher.expect(pubrec(1));
        publisher.send(pubrel(1));
        publisher.expect(pubcomp(1));
        check_received_once(&world, version);
    }
}

#[test]
fn publish_was_never_durable() {
    for version in VERSIONS {
        let (world, publisher) = world_with_publisher(version);
        world.hold_commits();
        publisher.send(publish_at(QoS::ExactlyOnce, 1, "x", "1"));
        publisher.expect_nothing();
        world.crash();
        let publisher = world.resumed(version, "p");
        publisher.send(again(QoS::ExactlyOnce, 1, "1"));
        publisher.expect(pubrec(1));
        check_received_once(&world, version);
    }
}

#[test]
fn pubrel_was_lost_or_never_durable() {
    for version in VERSIONS {
        for sent in [false, true] {
            let (world, publisher) = world_with_publisher(version);
            publisher.send(publish_at(QoS::ExactlyOnce, 1, "x", "1"));
            publisher.expect(pubrec(1));
            if sent {
                world.hold_commits();
                publisher.send(pubrel(1));
                publisher.expect_nothing();
            }
            world.crash();
            let publisher = world.resumed(version, "p");
            publisher.send(pubrel(1));
            publisher.expect(pubcomp(1));
            publisher.publish(QoS::ExactlyOnce, "y", "the identifier is free");
            check_received_once(&world, version);
        }
    }
}

#[test]
fn pubcomp_was_lost() {
    for version in VERSIONS {
        let (world, publisher) = world_with_publisher(version);
        publisher.send(publish_at(QoS::ExactlyOnce, 1, "x", "1"));
        publisher.expect(pubrec(1));
        publisher.send(pubrel(1));
        world.crash();
        let publisher = world.resumed(version, "p");
        publisher.send(pubrel(1));
        publisher.expect(unknown(1)); // [MQTT-4.3.3-11], in 3.1.1 [MQTT-4.3.3-2]
        publisher.send(publish_at(QoS::ExactlyOnce, 1, "x", "2"));
        publisher.expect(pubrec(1));
        let received = world.resumed(version, "s").take_payloads();
        assert_eq!(received, ["1", "2"]);
    }
}

#[test]
fn a_message_of_quality_1_is_sent_again_until_it_is_durable() {
    for version in VERSIONS {
        let (world, publisher) = world_with_publisher(version);
        world.hold_commits();
        publisher.send(publish_at(QoS::AtLeastOnce, 1, "x", "1"));
        world.crash();
        let publisher = world.resumed(version, "p");
        publisher.send(again(QoS::AtLeastOnce, 1, "1"));
        publisher.expect(tests::packets::puback(1));
        world.crash();
        check_received_once(&world, version);
    }
}

#[test]
fn the_order_of_messages_is_kept() {
    for version in VERSIONS {
        let (world, mut publisher) = world_with_publisher(version);
        let sent: Vec<String> = (0..300).map(|n| n.to_string()).collect();
        for part in sent.chunks(100) {
            for payload in part {
                publisher.publish(QoS::AtLeastOnce, "x", payload);
            }
            world.crash();
            publisher.expect_closed();
            publisher = world.resumed(version, "p");
        }
        assert_eq!(world.stats().queued_messages, 300);
        assert_eq!(world.resumed(version, "s").take_payloads(), sent); // [MQTT-4.6.0-6]
    }
}
