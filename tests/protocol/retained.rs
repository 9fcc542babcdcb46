// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Retained messages: stored, replaced, deleted, and given to new subscriptions.

use std::time::Duration;

use mqtt_proto::{Property, Publish, QoS, RetainHandling, SubscribeOptions, Version};
use tests::packets::{granted, options, properties, publish, publish_at, suback, subscribe_with};
use tests::{Client, QUALITIES, VERSIONS, World};

fn retained(qos: QoS, topic: &str, payload: &str) -> Publish {
    Publish {
        retain: true,
        ..publish_at(qos, 1, topic, payload)
    }
}

#[track_caller]
fn subscribe_as(client: &Client, filter: &str, options: SubscribeOptions) {
    client.send(subscribe_with(1, filter, options));
    client.expect(suback(1, [granted(options.qos)]));
}

#[test]
fn a_retained_message_is_given_to_a_new_subscription_marked_as_retained() {
    for version in VERSIONS {
        let world = World::new();
        let publisher = world.client(version, "p");
        for published in QUALITIES {
            publisher.retain(published, "x", "1");
            for wanted in QUALITIES {
                let client = world.client(version, "s");
                client.subscribe("x", wanted);
                let qos = published.min(wanted);
                let id = client.expect_publish(retained(qos, "x", "1")); // [MQTT-3.3.1-6], [MQTT-3.3.1-8]
                client.acknowledge(qos, id);
                client.expect_nothing();
                client.leave();
            }
        }
        assert_eq!(world.stats().retained_messages, 1);
    }
}

#[test]
fn a_live_delivery_is_not_marked_as_retained() {
    for version in VERSIONS {
        let world = World::new();
        let client = world.client(version, "s");
        client.subscribe("x", QoS::AtMostOnce);
        world.client(version, "p").retain(QoS::AtMostOnce, "x", "1");
        client.take(QoS::AtMostOnce, "x", "1"); // [MQTT-3.3.1-9], [MQTT-3.3.1-12]
    }
}

#[test]
fn a_retained_message_outlives_its_publisher() {
    for version in VERSIONS {
        let world = World::new();
        let publisher = world.client(version, "p");
        publisher.retain(QoS::AtLeastOnce, "x", "1");
        publisher.leave();
        world.pass(Duration::from_secs(86_400));
        let client = world.client(version, "s");
        client.subscribe("x", QoS::AtMostOnce);
        client.expect_publish(retained(QoS::AtMostOnce, "x", "1")); // in 3.1.1 [MQTT-3.1.2.7]
    }
}

#[test]
fn the_newest_retained_message_replaces_the_one_before() {
    for version in VERSIONS {
        let world = World::new();
        let publisher = world.client(version, "p");
        publisher.retain(QoS::ExactlyOnce, "x", "1");
        publisher.retain(QoS::AtMostOnce, "x", "2"); // [MQTT-3.3.1-5], in 3.1.1 [MQTT-3.3.1-7]
        publisher.publish(QoS::AtLeastOnce, "x", "3"); // [MQTT-3.3.1-8], in 3.1.1 [MQTT-3.3.1-12]
        let client = world.client(version, "s");
        client.subscribe("x", QoS::ExactlyOnce);
        client.expect_publish(retained(QoS::AtMostOnce, "x", "2"));
        client.expect_nothing();
    }
}

#[test]
fn an_empty_retained_message_deletes_and_is_delivered() {
    for version in VERSIONS {
        let world = World::new();
        let publisher = world.client(version, "p");
        let watcher = world.client(version, "w");
        publisher.retain(QoS::AtLeastOnce, "x", "1");
        watcher.subscribe("y", QoS::AtMostOnce);
        publisher.retain(QoS::AtLeastOnce, "x", "");
        publisher.retain(QoS::AtLeastOnce, "y", "");
        watcher.take(QoS::AtMostOnce, "y", "");
        let client = world.client(version, "s");
        client.subscribe("#", QoS::AtMostOnce);
        client.expect_nothing(); // [MQTT-3.3.1-6], [MQTT-3.3.1-7], in 3.1.1 [MQTT-3.3.1-10], [MQTT-3.3.1-11]
        assert_eq!(world.stats().retained_messages, 0);
    }
}

#[test]
fn a_wildcard_subscription_gets_every_retained_message_it_matches() {
    for version in VERSIONS {
        let world = World::new();
        let publisher = world.client(version, "p");
        for topic in ["a", "a/b", "a/b/c", "a/c/c", "b/b", "/a", "a/"] {
            publisher.retain(QoS::AtMostOnce, topic, topic);
        }
        let cases: [(&str, &[&str]); 8] = [
            ("#", &["/a", "a", "a/", "a/b", "a/b/c", "a/c/c", "b/b"]),
            ("a/#", &["a", "a/", "a/b", "a/b/c", "a/c/c"]),
            ("a/+", &["a/", "a/b"]),
            ("+/b", &["a/b", "b/b"]),
            ("a/+/c", &["a/b/c", "a/c/c"]),
            ("+/+", &["/a", "a/", "a/b", "b/b"]),
            ("+", &["a"]),
            ("a/b/c/d", &[]),
        ];
        for (filter, expected) in cases {
            let client = world.client(version, "s");
            client.subscribe(filter, QoS::AtMostOnce);
            assert_eq!(topics_received(&client), expected, "{filter}");
            client.leave();
        }
    }
}

#[test]
fn many_retained_messages_arrive_once_each() {
    for version in VERSIONS {
        let world = World::new();
        let publisher = world.client(version, "p");
        for n in 0..5_000 {
            publisher.retain(QoS::AtLeastOnce, &format!("x/{n:04}"), "1");
        }
        let client = world.client(version, "s");
        client.subscribe("x/#", QoS::AtMostOnce);
        let topics = topics_received(&client);
        assert_eq!(topics.len(), 5_000);
        assert!(
            topics
                .iter()
                .enumerate()
                .all(|(n, topic)| *topic == format!("x/{n:04}"))
        );
        client.publish(QoS::AtMostOnce, "x/y", "live");
        client.take(QoS::AtMostOnce, "x/y", "live");
    }
}

#[test]
fn retained_messages_of_quality_1_wait_for_the_window() {
    for version in VERSIONS {
        let world = World::with(|limits| limits.max_inflight_messages = 3);
        let publisher = world.client(version, "p");
        for n in 0..10 {
            publisher.retain(QoS::AtLeastOnce, &format!("x/{n}"), "1");
        }
        let client = world.client(version, "s");
        client.subscribe("x/#", QoS::AtLeastOnce);
        let mut topics = Vec::new();
        while let Some(packet) = client.poll() {
            let mqtt_proto::Packet::Publish(publish) = packet else {
                panic!("unexpected {packet:?}")
            };
            topics.push(publish.topic.to_string());
            client.acknowledge(publish.qos, publish.packet_id.map_or(0, u16::from));
        }
        topics.sort();
        assert_eq!(
            topics,
            (0..10).map(|n| format!("x/{n}")).collect::<Vec<_>>()
        );
        world.assert_queues_empty();
    }
}

#[test]
fn subscribing_again_gives_the_retained_message_again() {
    for version in VERSIONS {
        let world = World::new();
        let client = world.client(version, "s");
        client.retain(QoS::AtMostOnce, "x", "1");
        for _ in 0..2 {
            client.subscribe("x", QoS::AtMostOnce);
            client.expect_publish(retained(QoS::AtMostOnce, "x", "1")); // [MQTT-3.8.4-4], in 3.1.1 [MQTT-3.8.4-3]
        }
    }
}

#[test]
fn a_resumed_session_does_not_get_retained_messages_again() {
    for version in VERSIONS {
        let world = World::new();
        let client = world.persistent(version, "s");
        client.retain(QoS::AtMostOnce, "x", "1");
        client.subscribe("x", QoS::AtMostOnce);
        client.expect_publish(retained(QoS::AtMostOnce, "x", "1"));
        client.lose();
        world.resumed(version, "s").expect_nothing();
    }
}

#[test]
fn retain_handling_decides_when_retained_messages_are_given() {
    let cases = [
        (RetainHandling::Send, true, true),
        (RetainHandling::SendIfNew, true, false),
        (RetainHandling::DoNotSend, false, false),
    ];
    for (retain_handling, at_first, again) in cases {
        let world = World::new();
        let client = world.client(Version::V5, "s");
        client.retain(QoS::AtMostOnce, "x", "1");
        for given in [at_first, again] {
            subscribe_as(
                &client,
                "x",
                SubscribeOptions {
                    retain_handling,
                    ..options(QoS::AtMostOnce)
                },
            );
            if given {
                client.expect_publish(retained(QoS::AtMostOnce, "x", "1")); // [MQTT-3.3.1-9], [MQTT-3.3.1-10], [MQTT-3.3.1-11]
            }
            client.expect_nothing();
        }
        client.publish(QoS::AtMostOnce, "x", "live");
        client.take(QoS::AtMostOnce, "x", "live");
    }
}

#[test]
fn retain_as_published_keeps_the_mark_of_live_messages() {
    for (retain_as_published, marked) in [(false, false), (true, true)] {
        let world = World::new();
        let client = world.client(Version::V5, "s");
        let publisher = world.client(Version::V5, "p");
        subscribe_as(
            &client,
            "x",
            SubscribeOptions {
                retain_as_published,
                ..options(QoS::AtMostOnce)
            },
        );
        publisher.retain(QoS::AtMostOnce, "x", "1");
        client.expect_publish(Publish {
            retain: marked,
            ..publish("x", "1")
        }); // [MQTT-3.3.1-12], [MQTT-3.3.1-13]
        publisher.publish(QoS::AtMostOnce, "x", "2");
        client.expect_publish(publish("x", "2"));
    }
}

#[test]
fn a_retained_message_keeps_its_properties() {
    let world = World::new();
    let sent = Publish {
        retain: true,
        properties: properties([
            Property::ContentType("text/plain".into()),
            Property::UserProperty("k".into(), "v1".into()),
            Property::UserProperty("k".into(), "v2".into()),
        ]),
        ..publish("x", "1")
    };
    world.client(Version::V5, "p").send(sent.clone());
    let client = world.client(Version::V5, "s");
    client.subscribe("x", QoS::AtMostOnce);
    client.expect_publish(sent); // [MQTT-3.3.2-17], [MQTT-3.3.2-18]
    let old = world.client(Version::V311, "o");
    old.subscribe("x", QoS::AtMostOnce);
    old.expect_publish(retained(QoS::AtMostOnce, "x", "1"));
}

#[test]
fn a_retained_message_expires() {
    let world = World::new();
    let publisher = world.client(Version::V5, "p");
    let expiry = properties([Property::MessageExpiryInterval(10)]);
    publisher.send(Publish {
        retain: true,
        properties: expiry,
        ..publish("x", "1")
    });
    world.pass(Duration::from_secs(4));
    let client = world.client(Version::V5, "s");
    client.subscribe("x", QoS::AtMostOnce);
    let rest = properties([Property::MessageExpiryInterval(6)]);
    client.expect_publish(Publish {
        retain: true,
        properties: rest,
        ..publish("x", "1")
    }); // [MQTT-3.3.2-6]
    world.pass(Duration::from_secs(7));
    client.subscribe("x", QoS::AtMostOnce);
    client.expect_nothing(); // [MQTT-3.3.2-5]
}

/// The topics of the messages that have arrived, sorted.
fn topics_received(client: &Client) -> Vec<String> {
    let mut topics = Vec::new();
    while let Some(packet) = client.poll() {
        let mqtt_proto::Packet::Publish(publish) = packet else {
            panic!("unexpected {packet:?}")
        };
        assert!(publish.retain);
        topics.push(publish.topic.to_string());
    }
    topics.sort();
    topics
}
