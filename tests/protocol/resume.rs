// SPDX-License-Identifier: Apache-2.0 OR MIT
//! A subscriber comes back in the middle of a handshake: what is sent again, in which order and how marked.

use std::time::Duration;

use mqtt_proto::{Packet, Publish, QoS, Version};
use tests::packets::{puback, pubcomp, publish_at, pubrec, pubrel};
use tests::{Client, QUALITIES, VERSIONS, World};

/// An absent persistent subscriber of `x` at QoS 2 and a publisher.
fn world_with_subscriber(version: Version) -> (World, Client, Client) {
    let world = World::new();
    let subscriber = world.persistent(version, "s");
    subscriber.subscribe("x", QoS::ExactlyOnce);
    let publisher = world.client(version, "p");
    (world, subscriber, publisher)
}

fn again(qos: QoS, payload: &str) -> Publish {
    Publish {
        dup: true,
        ..publish_at(qos, 1, "x", payload)
    }
}

#[test]
fn an_unacknowledged_message_is_sent_again_under_its_identifier() {
    for version in VERSIONS {
        for qos in &QUALITIES[1..] {
            let (world, subscriber, publisher) = world_with_subscriber(version);
            publisher.publish(*qos, "x", "1");
            let id = subscriber.expect_publish(publish_at(*qos, 1, "x", "1"));
            for _ in 0..3 {
                subscriber.lose();
                let subscriber = world.resumed(version, "s");
                assert_eq!(subscriber.expect_publish(again(*qos, "1")), id); // [MQTT-4.4.0-1], [MQTT-3.3.1-1]
                subscriber.expect_nothing();
                subscriber.lose();
            }
            let subscriber = world.resumed(version, "s");
            assert_eq!(subscriber.expect_publish(again(*qos, "1")), id); // [MQTT-4.3.2-3], [MQTT-4.3.3-3], in 3.1.1 [MQTT-4.3.2-1], [MQTT-2.3.1-3], [MQTT-2.3.1-4]
            subscriber.acknowledge(*qos, id);
            subscriber.lose();
            world.resumed(version, "s").expect_nothing();
            world.assert_queues_empty();
        }
    }
}

#[test]
fn nothing_is_sent_again_while_the_connection_lasts() {
    for version in VERSIONS {
        let (world, subscriber, publisher) = world_with_subscriber(version);
        publisher.publish(QoS::AtLeastOnce, "x", "1");
        publisher.publish(QoS::ExactlyOnce, "x", "2");
        subscriber.expect_publish(publish_at(QoS::AtLeastOnce, 1, "x", "1"));
        let id = subscriber.expect_publish(publish_at(QoS::ExactlyOnce, 1, "x", "2"));
        world.pass(Duration::from_secs(86_400));
        subscriber.expect_nothing(); // [MQTT-4.4.0-1]
        subscriber.send(pubrec(id));
        subscriber.expect(pubrel(id));
        world.pass(Duration::from_secs(86_400));
        subscriber.expect_nothing();
    }
}

#[test]
fn messages_are_sent_again_in_the_order_of_their_first_sending() {
    for version in VERSIONS {
        let (world, subscriber, publisher) = world_with_subscriber(version);
        let qualities = [
            QoS::ExactlyOnce,
            QoS::AtLeastOnce,
            QoS::ExactlyOnce,
            QoS::AtLeastOnce,
        ];
        let mut ids = Vec::new();
        for (n, qos) in qualities.iter().enumerate() {
            publisher.publish(*qos, "x", &n.to_string());
            ids.push(subscriber.expect_publish(publish_at(*qos, 1, "x", n.to_string())));
        }
        subscriber.lose();
        let subscriber = world.resumed(version, "s");
        for (n, qos) in qualities.iter().enumerate() {
            assert_eq!(
                subscriber.expect_publish(again(*qos, &n.to_string())),
                ids[n]
            ); // [MQTT-4.6.0-1]
        }
        publisher.publish(QoS::AtLeastOnce, "x", "new");
        subscriber.take(QoS::AtLeastOnce, "x", "new");
    }
}

#[test]
fn after_pubrec_only_pubrel_is_sent_again() {
    for version in VERSIONS {
        let (world, subscriber, publisher) = world_with_subscriber(version);
        publisher.publish(QoS::ExactlyOnce, "x", "1");
        let id = subscriber.expect_publish(publish_at(QoS::ExactlyOnce, 1, "x", "1"));
        subscriber.send(pubrec(id));
        subscriber.lose(); // PUBREL may have been lost
        let subscriber = world.resumed(version, "s");
        subscriber.expect(pubrel(id)); // [MQTT-4.3.3-5], [MQTT-4.3.3-6], in 3.1.1 [MQTT-4.3.3-1]
        subscriber.expect_nothing();
        subscriber.lose(); // PUBCOMP was lost
        let subscriber = world.resumed(version, "s");
        subscriber.expect(pubrel(id));
        subscriber.send(pubcomp(id));
        subscriber.lose();
        world.resumed(version, "s").expect_nothing();
        world.assert_queues_empty();
    }
}

#[test]
fn releases_and_messages_are_sent_again_together() {
    for version in VERSIONS {
        let (world, subscriber, publisher) = world_with_subscriber(version);
        for payload in ["1", "2", "3"] {
            publisher.publish(QoS::ExactlyOnce, "x", payload);
        }
        let [first, second, third] = ["1", "2", "3"].map(|payload| {
            subscriber.expect_publish(publish_at(QoS::ExactlyOnce, 1, "x", payload))
        });
        subscriber.send(pubrec(second));
        subscriber.expect(pubrel(second));
        subscriber.lose();
        let subscriber = world.resumed(version, "s");
        let (mut releases, mut messages) = (Vec::new(), Vec::new());
        while let Some(packet) = subscriber.poll() {
            match packet {
                Packet::PubRel(ack) => releases.push(u16::from(ack.packet_id)),
                Packet::Publish(publish) => messages.push(publish.packet_id.map_or(0, u16::from)),
                other => panic!("unexpected {other:?}"),
            }
        }
        assert_eq!((releases, messages), (vec![second], vec![first, third]));
    }
}

#[test]
fn what_waits_behind_the_window_is_sent_once_and_in_order() {
    for version in VERSIONS {
        let world = World::with(|limits| limits.max_inflight_messages = 2);
        let subscriber = world.persistent(version, "s");
        subscriber.subscribe("x", QoS::AtLeastOnce);
        let publisher = world.client(version, "p");
        for n in 0..5 {
            publisher.publish(QoS::AtLeastOnce, "x", &n.to_string());
        }
        for n in 0..2 {
            subscriber.expect_publish(publish_at(QoS::AtLeastOnce, 1, "x", n.to_string()));
        }
        subscriber.expect_nothing();
        subscriber.lose();
        let subscriber = world.resumed(version, "s");
        for n in 0..2 {
            let id = subscriber.expect_publish(again(QoS::AtLeastOnce, &n.to_string()));
            subscriber.send(puback(id));
        }
        for n in 2..5 {
            subscriber.take(QoS::AtLeastOnce, "x", &n.to_string());
        }
        subscriber.expect_nothing();
        world.assert_queues_empty();
    }
}

#[test]
fn an_acknowledgement_of_the_last_connection_counts_on_this_one() {
    for version in VERSIONS {
        let (world, subscriber, publisher) = world_with_subscriber(version);
        publisher.publish(QoS::AtLeastOnce, "x", "1");
        let id = subscriber.expect_publish(publish_at(QoS::AtLeastOnce, 1, "x", "1"));
        subscriber.lose();
        let subscriber = world.resumed(version, "s");
        subscriber.send(puback(id));
        assert_eq!(subscriber.expect_publish(again(QoS::AtLeastOnce, "1")), id);
        subscriber.lose();
        world.resumed(version, "s").expect_nothing();
    }
}

#[test]
fn releases_are_sent_again_in_the_order_of_the_pubrecs() {
    for version in VERSIONS {
        let (world, client, publisher) = world_with_subscriber(version);
        let ids: Vec<u16> = ["1", "2", "3"]
            .map(|payload| {
                publisher.publish(QoS::ExactlyOnce, "x", payload);
                client.expect_publish(publish_at(QoS::ExactlyOnce, 1, "x", payload))
            })
            .to_vec();
        let order = [ids[2], ids[0], ids[1]];
        for id in order {
            client.send(pubrec(id));
            client.expect(pubrel(id));
        }
        client.lose();
        let client = world.resumed(version, "s");
        for id in order {
            client.expect(pubrel(id)); // [MQTT-4.6.0-4]
        }
    }
}
