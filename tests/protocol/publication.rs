// SPDX-License-Identifier: Apache-2.0 OR MIT
//! From a publisher to the broker: the acknowledgements of each quality of service, and their repetition.

use mqtt_proto::{Ack, Packet, Property, Publish, QoS, Reason, Version};
use tests::packets::{packet_id, properties, puback, pubcomp, publish, publish_at, pubrec, pubrel};
use tests::{Client, IntoPacket, QUALITIES, VERSIONS, World};

/// A subscriber of everything, so that no acknowledgement says "no matching subscribers".
fn listener(world: &World, version: Version) -> Client {
    let listener = world.client(version, "listener");
    listener.subscribe("#", QoS::AtMostOnce);
    listener
}

#[test]
fn each_quality_of_service_has_its_acknowledgement() {
    for version in VERSIONS {
        let world = World::new();
        let listener = listener(&world, version);
        let client = world.client(version, "a");
        client.send(publish("x", "0"));
        client.expect_nothing();
        client.send(publish_at(QoS::AtLeastOnce, 7, "x", "1"));
        client.expect(puback(7)); // [MQTT-4.3.2-4], [MQTT-3.3.4-1], [MQTT-2.2.1-5], in 3.1.1 [MQTT-2.3.1-6]
        client.send(publish_at(QoS::ExactlyOnce, 8, "x", "2"));
        client.expect(pubrec(8)); // [MQTT-4.3.3-8]
        client.send(pubrel(8));
        client.expect(pubcomp(8)); // [MQTT-4.3.3-11]
        client.expect_nothing();
        for payload in ["0", "1", "2"] {
            listener.take(QoS::AtMostOnce, "x", payload);
        }
        listener.expect_nothing();
    }
}

#[test]
fn acknowledgements_come_in_the_order_of_the_messages() {
    for version in VERSIONS {
        let world = World::new();
        let _listener = listener(&world, version);
        let client = world.client(version, "a");
        client.send_together([
            publish_at(QoS::AtLeastOnce, 1, "x", "").into_packet(),
            publish_at(QoS::ExactlyOnce, 2, "x", "").into_packet(),
            publish_at(QoS::AtLeastOnce, 3, "x", "").into_packet(),
            publish_at(QoS::ExactlyOnce, 4, "x", "").into_packet(),
        ]);
        for expected in [puback(1), pubrec(2), puback(3), pubrec(4)] {
            client.expect(expected); // [MQTT-4.6.0-2], [MQTT-4.6.0-3]
        }
        client.send_together([pubrel(2), pubrel(4)]);
        client.expect(pubcomp(2));
        client.expect(pubcomp(4));
    }
}

#[test]
fn a_message_of_quality_2_sent_again_is_delivered_once() {
    for version in VERSIONS {
        let world = World::new();
        let listener = listener(&world, version);
        let client = world.client(version, "a");
        let message = publish_at(QoS::ExactlyOnce, 1, "x", "1");
        client.send(message.clone());
        client.expect(pubrec(1));
        client.send(Publish {
            dup: true,
            ..message
        });
        client.expect(pubrec(1));
        listener.take(QoS::AtMostOnce, "x", "1");
        listener.expect_nothing(); // [MQTT-4.3.3-10], in 3.1.1 [MQTT-4.3.3-2]
        client.send(pubrel(1));
        client.expect(pubcomp(1));
        client.send(publish_at(QoS::ExactlyOnce, 1, "x", "2"));
        client.expect(pubrec(1));
        listener.take(QoS::AtMostOnce, "x", "2"); // [MQTT-4.3.3-12]
    }
}

#[test]
fn after_puback_an_identifier_means_a_new_message() {
    for version in VERSIONS {
        let world = World::new();
        let listener = listener(&world, version);
        let client = world.client(version, "a");
        for (dup, payload) in [(false, "1"), (true, "2"), (false, "3")] {
            client.send(Publish {
                dup,
                ..publish_at(QoS::AtLeastOnce, 1, "x", payload)
            });
            client.expect(puback(1));
            listener.take(QoS::AtMostOnce, "x", payload); // [MQTT-4.3.2-5], in 3.1.1 [MQTT-4.3.2-2]
        }
    }
}

#[test]
fn after_a_refusal_an_identifier_means_a_new_message() {
    let world = World::new();
    let listener = listener(&world, Version::V5);
    let client = world.client(Version::V5, "a");
    client.send(publish_at(QoS::ExactlyOnce, 1, "$SYS/x", "1"));
    client.expect(Packet::PubRec(Ack::new(
        packet_id(1),
        Reason::NotAuthorized,
    )));
    client.send(publish_at(QoS::ExactlyOnce, 1, "x", "2"));
    client.expect(pubrec(1));
    listener.take(QoS::AtMostOnce, "x", "2"); // [MQTT-4.3.3-9]
}

#[test]
fn the_mark_of_a_repetition_is_not_passed_on() {
    for version in VERSIONS {
        let world = World::new();
        let subscriber = world.client(version, "s");
        subscriber.subscribe("x", QoS::ExactlyOnce);
        let client = world.client(version, "a");
        for qos in [QoS::AtLeastOnce, QoS::ExactlyOnce] {
            let message = publish_at(qos, 1, "x", "1");
            client.send(Publish {
                dup: true,
                ..message.clone()
            });
            subscriber.expect_publish(message); // [MQTT-3.3.1-3]
        }
    }
}

#[test]
fn a_forbidden_message_of_version_3_is_acknowledged_and_goes_nowhere() {
    let world = World::new();
    let listener = listener(&world, Version::V311);
    listener.subscribe("$SYS/x", QoS::AtMostOnce);
    let client = world.client(Version::V311, "a");
    for qos in QUALITIES {
        client.publish(qos, "$SYS/x", "1"); // [MQTT-3.3.5-2]
    }
    client.expect_nothing();
    listener.expect_nothing();
}

#[test]
fn all_that_a_message_carries_reaches_its_receiver_unaltered() {
    let world = World::new();
    let carried = [
        Property::PayloadFormatIndicator(true),     // [MQTT-3.3.2-4]
        Property::ContentType("text/plain".into()), // [MQTT-3.3.2-20]
        Property::ResponseTopic("answer/here".into()), // [MQTT-3.3.2-15]
        Property::CorrelationData("\0\u{1}ff".into()), // [MQTT-3.3.2-16]
        Property::UserProperty("b".into(), "1".into()), // [MQTT-3.3.2-17], [MQTT-3.3.2-18]
        Property::UserProperty("a".into(), "2".into()),
        Property::UserProperty("b".into(), "".into()),
        Property::UserProperty("b".into(), "1".into()),
    ];
    let subscribers = ["live", "absent"].map(|name| {
        let subscriber = world.persistent(Version::V5, name);
        subscriber.subscribe("x", QoS::ExactlyOnce);
        subscriber
    });
    let [live, absent] = subscribers;
    absent.lose();
    let client = world.client(Version::V5, "a");
    for qos in QUALITIES {
        let message = Publish {
            properties: properties(carried.clone()),
            ..publish_at(qos, 1, "x", "text")
        };
        client.send(message.clone());
        live.expect_publish(message);
    }
    let received = world.resumed(Version::V5, "absent").take_all();
    assert_eq!(received.len(), 2);
    for message in received {
        assert_eq!(message.properties, properties(carried.clone()));
    }
}

#[test]
fn a_message_of_quality_2_survives_a_reconnect_in_the_middle() {
    for version in VERSIONS {
        let world = World::new();
        let listener = listener(&world, version);
        let client = world.persistent(version, "a");
        let message = publish_at(QoS::ExactlyOnce, 1, "x", "1");
        client.send(message.clone());
        client.lose(); // PUBREC may have been lost
        let client = world.resumed(version, "a");
        client.send(Publish {
            dup: true,
            ..message
        });
        client.expect(pubrec(1));
        client.send(pubrel(1));
        client.lose(); // PUBCOMP may have been lost
        let client = world.resumed(version, "a");
        client.send(pubrel(1));
        assert!(matches!(client.receive(), Packet::PubComp(ack) if ack.packet_id == packet_id(1)));
        listener.take(QoS::AtMostOnce, "x", "1");
        listener.expect_nothing();
        client.send(publish_at(QoS::ExactlyOnce, 1, "x", "2"));
        client.expect(pubrec(1));
        listener.take(QoS::AtMostOnce, "x", "2");
    }
}

#[test]
fn a_clean_session_forgets_what_was_half_received() {
    for version in VERSIONS {
        let world = World::new();
        let listener = listener(&world, version);
        for _ in 0..2 {
            let client = world.client(version, "a");
            client.send(publish_at(QoS::ExactlyOnce, 1, "x", "1"));
            client.expect(pubrec(1));
            client.lose();
            listener.take(QoS::AtMostOnce, "x", "1");
        }
    }
}

#[test]
fn a_release_of_an_unknown_message_is_completed() {
    for version in VERSIONS {
        let client = World::new().client(version, "a");
        client.send(pubrel(9));
        // [MQTT-3.7.2-1]
        client.expect(Packet::PubComp(Ack::new(
            packet_id(9),
            Reason::PacketIdentifierNotFound,
        )));
        client.expect_nothing();
    }
}

#[test]
fn two_clients_may_use_one_packet_identifier() {
    for version in VERSIONS {
        let world = World::new();
        let listener = listener(&world, version);
        let clients = ["a", "b"].map(|name| world.client(version, name));
        for client in &clients {
            client.send(publish_at(QoS::ExactlyOnce, 5, "x", "1"));
            client.expect(pubrec(5)); // [MQTT-2.3.1-2]
        }
        for client in &clients {
            listener.take(QoS::AtMostOnce, "x", "1");
            client.send(pubrel(5));
            client.expect(pubcomp(5));
        }
    }
}

#[test]
fn a_message_nobody_wants_is_acknowledged_all_the_same() {
    for version in VERSIONS {
        let client = World::new().client(version, "a");
        for qos in QUALITIES {
            client.publish(qos, "nobody/wants/this", "1");
        }
        client.expect_nothing();
    }
}

#[test]
fn payloads_of_every_size_arrive_whole() {
    for version in VERSIONS {
        let world = World::new();
        let subscriber = world.client(version, "s");
        subscriber.subscribe("x", QoS::ExactlyOnce);
        let publisher = world.client(version, "p");
        for size in [
            0, 1, 127, 128, 8_191, 8_192, 8_193, 65_535, 65_536, 1_000_000,
        ] {
            let payload = "x".repeat(size);
            for qos in QUALITIES {
                publisher.publish(qos, "x", &payload);
                subscriber.take(qos, "x", &payload);
            }
        }
    }
}
