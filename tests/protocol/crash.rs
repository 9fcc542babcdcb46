// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The power fails: what was acknowledged is there when the broker is back, what was not is there whole or not at all.

mod groups;
mod payloads;
mod publisher;
mod sessions;
mod subscriber;
mod wills;

use std::time::Duration;

use mqtt_proto::{Connect, Packet, Property, Publish, QoS, Version, Will};
use tests::packets::{connack, connect, properties, publish_at, pubrec, resume, will};
use tests::{IntoPacket, QUALITIES, VERSIONS, World};

/// The message as it is sent again.
fn again(qos: QoS, id: u16, payload: &str) -> Publish {
    Publish {
        dup: true,
        ..publish_at(qos, id, "x", payload)
    }
}

#[test]
fn what_is_acknowledged_is_there_whenever_the_power_fails() {
    for version in VERSIONS {
        for qos in &QUALITIES[1..] {
            let lost = (0..10).filter(|&records| {
                let world = World::new();
                let subscriber = world.persistent(version, "s");
                subscriber.subscribe("x", QoS::ExactlyOnce);
                subscriber.lose();
                let publisher = world.persistent(version, "p");
                world.hold_commits();
                publisher.send(publish_at(*qos, 1, "x", "1"));
                world.commit(records);
                let acknowledged = publisher.poll().is_some(); // [MQTT-4.3.2-4], [MQTT-4.3.3-8], in 3.1.1 [MQTT-4.3.2-2]
                world.crash();
                let received = world.resumed(version, "s").take_payloads();
                let expected: &[&str] = if acknowledged { &["1"] } else { &[] };
                assert_eq!(received, expected, "with {records} records on disk");
                !acknowledged
            });
            let lost = lost.count();
            assert!(
                lost > 1 && lost < 10,
                "the records of {qos:?} end in between"
            );
        }
    }
}

#[test]
fn a_retained_message_is_there_as_it_was_replaced_or_removed() {
    for version in VERSIONS {
        let world = World::new();
        let publisher = world.client(version, "p");
        publisher.retain(QoS::AtLeastOnce, "x/replaced", "1");
        publisher.retain(QoS::ExactlyOnce, "x/replaced", "2");
        publisher.retain(QoS::AtMostOnce, "x/removed", "1");
        publisher.retain(QoS::AtLeastOnce, "x/removed", "");
        publisher.retain(QoS::AtMostOnce, "x/set", "1");
        world.hold_commits();
        publisher.send(Publish {
            retain: true,
            ..publish_at(QoS::AtLeastOnce, 1, "x/set", "never acknowledged")
        });
        publisher.expect_nothing();
        world.crash();
        assert_eq!(world.stats().retained_messages, 2);
        let client = world.client(version, "s");
        client.subscribe("x/#", QoS::ExactlyOnce);
        let retained = |message: &Publish| message.retain;
        let received = client.take_all();
        assert!(received.iter().all(retained)); // [MQTT-3.3.1-5]
        let mut texts: Vec<_> = received
            .iter()
            .map(|m| (m.topic.as_str(), &m.payload[..]))
            .collect();
        texts.sort_unstable();
        assert_eq!(texts, [("x/replaced", &b"2"[..]), ("x/set", b"1")]);
        client.expect_nothing();
    }
}

#[test]
fn what_a_message_says_of_itself_is_there() {
    let world = World::new();
    let subscriber = world.persistent(Version::V5, "s");
    let mut wanted = tests::packets::subscribe(1, "x", QoS::AtLeastOnce);
    wanted.properties.push(Property::SubscriptionIdentifier(7));
    wanted.filters[0].options.retain_as_published = true;
    subscriber.send(wanted);
    subscriber.receive();
    subscriber.lose();
    let publisher = world.client(Version::V5, "p");
    let said = [
        Property::ContentType("text/plain".into()),
        Property::ResponseTopic("y".into()),
        Property::UserProperty("k".into(), "v".into()),
        Property::UserProperty("k".into(), "w".into()),
    ];
    let message = Publish {
        retain: true,
        properties: properties(said.clone()),
        ..publish_at(QoS::AtLeastOnce, 1, "x", "1")
    };
    publisher.send(message.clone());
    world.crash();
    let back = world.resumed(Version::V5, "s");
    let marked = said
        .iter()
        .cloned()
        .chain([Property::SubscriptionIdentifier(7)]);
    let expected = Publish {
        properties: properties(marked),
        ..message.clone()
    };
    back.expect_publish(expected.clone()); // [MQTT-3.3.4-3] [MQTT-3.3.2-17]
    let second = world.client(Version::V5, "p");
    second.send(Publish {
        packet_id: None,
        qos: QoS::AtMostOnce,
        properties: properties([]),
        ..message.clone()
    });
    let plain = Publish {
        qos: QoS::AtMostOnce,
        properties: properties([Property::SubscriptionIdentifier(7)]),
        ..message
    };
    back.expect_publish(plain); // Retain As Published and the identifier are the subscription's
}

#[test]
fn a_retained_message_expires_over_the_restart() {
    let world = World::new();
    let publisher = world.client(Version::V5, "p");
    for (topic, seconds) in [("x/short", 10), ("x/long", 100)] {
        publisher.send(Publish {
            retain: true,
            properties: properties([Property::MessageExpiryInterval(seconds)]),
            ..publish_at(QoS::AtLeastOnce, 1, topic, "1")
        });
        assert!(matches!(publisher.receive(), Packet::PubAck(_)));
    }
    world.pass(Duration::from_secs(5));
    world.crash();
    world.pass(Duration::from_secs(6));
    world.crash();
    let client = world.client(Version::V5, "s");
    client.subscribe("x/#", QoS::AtMostOnce);
    client.expect_publish(Publish {
        retain: true,
        properties: properties([Property::MessageExpiryInterval(89)]),
        ..publish_at(QoS::AtMostOnce, 1, "x/long", "1")
    }); // [MQTT-3.3.2-5] [MQTT-3.3.2-6]
    client.expect_nothing();
    assert_eq!(world.stats().retained_messages, 1);
}

/// More absent persistent subscribers of `x` and `will` than the core serves in one entry.
const MANY: usize = 2_100;

fn world_with_crowd() -> World {
    let world = World::with(|limits| limits.sys_interval = Duration::ZERO);
    for n in 0..MANY {
        let client = world.persistent(Version::V311, &n.to_string());
        client.subscribe("x", QoS::ExactlyOnce);
        client.lose();
    }
    world
}

#[test]
fn a_fan_out_of_quality_2_that_the_power_cuts_has_reached_nobody() {
    let world = world_with_crowd();
    let publisher = world.persistent(Version::V311, "p");
    world.hold_work();
    publisher.send(publish_at(QoS::ExactlyOnce, 1, "x", "1"));
    publisher.expect_nothing();
    world.crash();
    assert_eq!(world.stats().queued_messages, 0);
    let publisher = world.resumed(Version::V311, "p");
    publisher.send(again(QoS::ExactlyOnce, 1, "1"));
    publisher.expect(pubrec(1)); // [MQTT-4.3.3-10], in 3.1.1 [MQTT-4.3.3-2]
    world.crash();
    assert_eq!(world.stats().queued_messages as usize, MANY);
    for n in [0, MANY - 1] {
        let back = world.resumed(Version::V311, &n.to_string());
        assert_eq!(back.take_payloads(), ["1"]);
    }
}

#[test]
fn a_will_whose_fan_out_the_power_cuts_reaches_everybody() {
    let world = world_with_crowd();
    let client = world.connect(
        Connect {
            will: Some(Will {
                qos: QoS::AtLeastOnce,
                ..will("x", "gone")
            }),
            ..resume(Version::V311, "w")
        },
        false,
    );
    world.hold_work();
    client.lose();
    world.crash();
    assert_eq!(world.stats().queued_messages as usize, MANY);
    world.crash();
    assert_eq!(world.stats().queued_messages as usize, MANY);
}

#[test]
fn a_takeover_and_a_clean_start_are_there() {
    for version in VERSIONS {
        let world = World::new();
        let first = world.persistent(version, "moved");
        first.subscribe("x", QoS::AtLeastOnce);
        world.resumed(version, "moved");
        let emptied = world.persistent(version, "emptied");
        emptied.subscribe("x", QoS::AtLeastOnce);
        world.connect(connect(version, "emptied"), false);
        world.crash();
        world.resumed(version, "moved");
        world.persistent(version, "emptied"); // [MQTT-3.1.2-4], in 3.1.1 [MQTT-3.1.2-6]
        assert_eq!(world.stats().subscriptions, 1);
    }
}

#[test]
fn a_session_begins_and_ends_with_its_record() {
    for version in VERSIONS {
        let world = World::new();
        world.hold_commits();
        let client = world.open(version);
        client.send(resume(version, "s"));
        client.expect_nothing();
        world.crash();
        let client = world.persistent(version, "s");
        client.subscribe("x", QoS::AtLeastOnce);
        world.hold_commits();
        let clean = world.open(version);
        clean.send(connect(version, "s").into_packet());
        clean.expect_nothing();
        world.crash();
        let back = world.open(version);
        back.send(resume(version, "s"));
        back.expect(connack(true)); // its end was never told
    }
}

#[test]
fn a_clean_stop_loses_nothing_either() {
    for version in VERSIONS {
        let world = World::new();
        let subscriber = world.persistent(version, "s");
        subscriber.subscribe("x", QoS::ExactlyOnce);
        let publisher = world.persistent(version, "p");
        publisher.publish(QoS::AtLeastOnce, "x", "1");
        publisher.retain(QoS::ExactlyOnce, "x", "2");
        world.restart();
        let stats = world.stats();
        assert_eq!(
            (stats.clients_disconnected, stats.clients_connected),
            (2, 0)
        );
        assert_eq!((stats.subscriptions, stats.retained_messages), (1, 1));
        assert_eq!(stats.clients_maximum, 2);
        assert_eq!(world.resumed(version, "s").take_payloads(), ["1", "2"]);
        world.resumed(version, "p").expect_nothing();
    }
}
