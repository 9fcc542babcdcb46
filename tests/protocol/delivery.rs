// SPDX-License-Identifier: Apache-2.0 OR MIT
//! From the broker to a subscriber: quality of service, handshakes, order and packet identifiers.

use mqtt_proto::{Ack, Packet, QoS, Reason, Version};
use tests::packets::{packet_id, puback, pubcomp, publish_at, pubrec, pubrel};
use tests::{QUALITIES, VERSIONS, World};

#[test]
fn a_message_is_delivered_at_the_lower_of_both_qualities() {
    for version in VERSIONS {
        let world = World::new();
        let publisher = world.client(version, "p");
        for granted in QUALITIES {
            let subscriber = world.client(version, "s");
            subscriber.subscribe("x", granted);
            for published in QUALITIES {
                publisher.publish(published, "x", "1");
                // Every quality is granted [MQTT-3.2.2-10], and DUP is 0 [MQTT-4.3.1-1], [MQTT-4.3.2-2].
                subscriber.take(granted.min(published), "x", "1"); // [MQTT-3.8.4-8], in 3.1.1 [MQTT-3.8.4-6]
                subscriber.expect_nothing();
            }
            subscriber.leave();
        }
        world.assert_queues_empty();
    }
}

#[test]
fn every_step_of_a_delivery_of_quality_2_waits_for_the_one_before() {
    for version in VERSIONS {
        let world = World::new();
        let subscriber = world.client(version, "s");
        subscriber.subscribe("x", QoS::ExactlyOnce);
        world
            .client(version, "p")
            .publish(QoS::ExactlyOnce, "x", "1");
        let id = subscriber.expect_publish(publish_at(QoS::ExactlyOnce, 1, "x", "1")); // [MQTT-4.3.3-2], [MQTT-4.3.3-3]
        subscriber.expect_nothing();
        subscriber.send(pubrec(id));
        subscriber.expect(pubrel(id)); // [MQTT-4.3.3-4], [MQTT-2.2.1-5], in 3.1.1 [MQTT-4.3.3-1], [MQTT-2.3.1-6]
        subscriber.expect_nothing();
        subscriber.send(pubrec(id));
        subscriber.expect(pubrel(id));
        subscriber.send(pubcomp(id));
        subscriber.expect_nothing();
    }
}

#[test]
fn releases_come_in_the_order_of_the_receipts() {
    for version in VERSIONS {
        let world = World::new();
        let client = world.client(version, "s");
        client.subscribe("x", QoS::ExactlyOnce);
        let publisher = world.client(version, "p");
        let ids = ["1", "2", "3"].map(|payload| {
            publisher.publish(QoS::ExactlyOnce, "x", payload);
            client.expect_publish(publish_at(QoS::ExactlyOnce, 1, "x", payload))
        });
        let receipts = [ids[2], ids[0], ids[1]];
        client.send_together(receipts.map(pubrec));
        for id in receipts {
            client.expect(pubrel(id)); // [MQTT-4.6.0-4]
        }
    }
}

#[test]
fn messages_of_one_topic_and_quality_keep_their_order() {
    for version in VERSIONS {
        let world = World::with(|limits| limits.max_inflight_messages = 5);
        let publisher = world.client(version, "p");
        for qos in QUALITIES {
            let subscriber = world.client(version, "s");
            subscriber.subscribe("x", qos);
            for n in 0..100 {
                publisher.publish(qos, "x", &n.to_string());
            }
            let expected: Vec<_> = (0..100).map(|n| n.to_string()).collect();
            assert_eq!(subscriber.take_payloads(), expected); // [MQTT-4.6.0-5], [MQTT-4.6.0-6]
            subscriber.leave();
        }
    }
}

#[test]
fn acknowledgements_in_another_order_lose_nothing() {
    for version in VERSIONS {
        let world = World::with(|limits| limits.max_inflight_messages = 4);
        let subscriber = world.client(version, "s");
        subscriber.subscribe("x", QoS::AtLeastOnce);
        let publisher = world.client(version, "p");
        for n in 0..8 {
            publisher.publish(QoS::AtLeastOnce, "x", &n.to_string());
        }
        let mut received = 0..8;
        for _ in 0..2 {
            let mut ids: Vec<_> = received
                .by_ref()
                .take(4)
                .map(|n| {
                    subscriber.expect_publish(publish_at(QoS::AtLeastOnce, 1, "x", n.to_string()))
                })
                .collect();
            subscriber.expect_nothing();
            ids.reverse();
            subscriber.send_together(ids.into_iter().map(puback));
        }
        subscriber.expect_nothing();
        world.assert_queues_empty();
    }
}

#[test]
fn a_packet_identifier_in_use_is_not_given_out_again() {
    for version in VERSIONS {
        let world = World::with(|limits| limits.max_inflight_messages = 2);
        let subscriber = world.client(version, "s");
        subscriber.subscribe("x", QoS::AtLeastOnce);
        let publisher = world.client(version, "p");
        publisher.publish(QoS::AtLeastOnce, "x", "kept");
        let kept = subscriber.expect_publish(publish_at(QoS::AtLeastOnce, 1, "x", "kept"));
        for _ in 0..66_000 {
            publisher.publish(QoS::AtLeastOnce, "x", "1");
            let id = subscriber.expect_publish(publish_at(QoS::AtLeastOnce, 1, "x", "1"));
            assert_ne!(id, kept); // [MQTT-2.2.1-4], in 3.1.1 [MQTT-2.3.1-4], [MQTT-4.3.2-1], [MQTT-4.3.3-1]
            subscriber.send(puback(id));
        }
    }
}

#[test]
fn acknowledgements_of_unknown_messages_do_no_harm() {
    for version in VERSIONS {
        let world = World::new();
        let client = world.client(version, "a");
        client.subscribe("x", QoS::ExactlyOnce);
        client.send(puback(77));
        client.send(pubcomp(78));
        client.send(pubrec(79));
        // [MQTT-3.6.2-1]
        client.expect(Packet::PubRel(Ack::new(
            packet_id(79),
            Reason::PacketIdentifierNotFound,
        )));
        client.expect_nothing();
        world
            .client(version, "p")
            .publish(QoS::ExactlyOnce, "x", "1");
        client.take(QoS::ExactlyOnce, "x", "1");
    }
}

#[test]
fn the_wrong_acknowledgement_does_not_complete_a_message() {
    for version in VERSIONS {
        let world = World::with(|limits| limits.max_inflight_messages = 1);
        let client = world.client(version, "a");
        client.subscribe("x", QoS::ExactlyOnce);
        let publisher = world.client(version, "p");
        publisher.publish(QoS::ExactlyOnce, "x", "1");
        publisher.publish(QoS::ExactlyOnce, "x", "2");
        let id = client.expect_publish(publish_at(QoS::ExactlyOnce, 1, "x", "1"));
        client.send(puback(id));
        client.send(pubcomp(id));
        if client.is_open() {
            client.expect_nothing();
            client.acknowledge(QoS::ExactlyOnce, id);
            client.take(QoS::ExactlyOnce, "x", "2");
        }
    }
}

#[test]
fn a_refused_delivery_of_quality_2_ends_there() {
    let world = World::with(|limits| limits.max_inflight_messages = 1);
    let client = world.client(Version::V5, "a");
    client.subscribe("x", QoS::ExactlyOnce);
    let publisher = world.client(Version::V5, "p");
    publisher.publish(QoS::ExactlyOnce, "x", "1");
    publisher.publish(QoS::ExactlyOnce, "x", "2");
    let id = client.expect_publish(publish_at(QoS::ExactlyOnce, 1, "x", "1"));
    let refusal = Packet::PubRec(Ack::new(packet_id(id), Reason::QuotaExceeded));
    client.send(refusal.clone());
    client.take(QoS::ExactlyOnce, "x", "2"); // no PUBREL before it: [MQTT-4.3.3-4]
    client.send(refusal);
    client.expect_nothing();
}

#[test]
fn a_refused_delivery_is_not_sent_again() {
    for qos in [QoS::AtLeastOnce, QoS::ExactlyOnce] {
        let world = World::new();
        let client = world.persistent(Version::V5, "a");
        client.subscribe("x", qos);
        world.client(Version::V5, "p").publish(qos, "x", "1");
        let id = client.expect_publish(publish_at(qos, 1, "x", "1"));
        let refusal = Ack::new(packet_id(id), Reason::ImplementationSpecificError);
        client.send(match qos {
            QoS::ExactlyOnce => Packet::PubRec(refusal),
            _ => Packet::PubAck(refusal),
        });
        client.expect_nothing();
        client.lose();
        world.resumed(Version::V5, "a").expect_nothing(); // [MQTT-4.4.0-2]
        world.assert_queues_empty();
    }
}

#[test]
fn a_fan_out_reaches_everybody_once() {
    for version in VERSIONS {
        let world = World::new();
        let subscribers: Vec<_> = (0..1_500)
            .map(|n| world.client(version, &n.to_string()))
            .collect();
        for (n, subscriber) in subscribers.iter().enumerate() {
            subscriber.subscribe("x", QUALITIES[n % 3]);
        }
        let publisher = world.client(version, "p");
        publisher.publish(QoS::ExactlyOnce, "x", "1");
        publisher.publish(QoS::ExactlyOnce, "x", "2");
        for (n, subscriber) in subscribers.iter().enumerate() {
            let messages = subscriber.take_all(); // [MQTT-4.5.0-1]
            assert_eq!(
                messages.iter().map(|m| &m.payload[..]).collect::<Vec<_>>(),
                [b"1", b"2"]
            );
            assert!(
                messages
                    .iter()
                    .all(|message| message.qos == QUALITIES[n % 3])
            );
        }
    }
}
