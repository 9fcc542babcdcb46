// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Which topics a filter matches, and what happens where several filters of one client match.

use mqtt_proto::{
    Packet, Property, Publish, QoS, Reason, Subscribe, SubscribeFilter, SubscribeOptions, Version,
};
use tests::packets::{
    filter, options, properties, publish, publish_at, suback, subscribe, subscribe_with,
};
use tests::{Client, VERSIONS, World};

/// Filter, topics it matches, topics it does not match.
const CASES: [(&str, &[&str], &[&str]); 12] = [
    (
        "a/b",
        &["a/b"],
        &["a", "a/b/", "/a/b", "A/b", "a/b/c", "a/bb"],
    ),
    ("#", &["a", "a/b", "/", "/a", "a//b", "€/ü"], &[]),
    ("a/#", &["a", "a/", "a/b", "a/b/c"], &["b", "ab", "/a"]), // [MQTT-4.7.1-1], in 3.1.1 [MQTT-4.7.1-2]
    ("+", &["a", " "], &["/", "/a", "a/", "a/b"]), // [MQTT-4.7.1-2], in 3.1.1 [MQTT-4.7.1-3]
    ("+/+", &["/a", "a/b", "/", "a/"], &["a", "a/b/c"]),
    ("/+", &["/a", "/"], &["a", "a/b", "/a/b"]),
    ("a/+/c", &["a/b/c", "a//c"], &["a/c", "a/b/b/c", "a/b/c/d"]),
    ("+/b/#", &["a/b", "a/b/c", "/b"], &["a/c", "b"]),
    ("a/+/#", &["a/b", "a/b/c", "a/"], &["a"]),
    ("+/#", &["a", "a/b", "/"], &[]),
    ("a//b", &["a//b"], &["a/b"]), // [MQTT-4.7.3-1]: levels may be empty
    ("a b/ü", &["a b/ü"], &["a b/u", "ab/ü"]), // [MQTT-4.7.3-4]: no normalization
];

#[test]
fn a_filter_matches_what_the_standard_says() {
    for version in VERSIONS {
        let world = World::new();
        let publisher = world.client(version, "p");
        for (filter, matching, others) in CASES {
            let client = world.client(version, "s");
            client.subscribe(filter, QoS::AtMostOnce);
            for topic in matching {
                publisher.publish(QoS::AtMostOnce, topic, filter);
                client.take(QoS::AtMostOnce, topic, filter); // [MQTT-3.3.2-3], in 3.1.1 [MQTT-3.8.3-2]
            }
            for topic in others {
                publisher.publish(QoS::AtMostOnce, topic, filter);
                client.expect_nothing();
            }
            client.leave();
        }
        assert_eq!(world.stats().subscriptions, 0);
    }
}

#[test]
fn a_topic_that_comes_again_and_again_follows_every_change_of_filters() {
    for version in VERSIONS {
        let world = World::new();
        let [publisher, early, late] = ["p", "e", "l"].map(|name| world.client(version, name));
        let publish = || publisher.publish(QoS::AtMostOnce, "a/b", "again");
        early.subscribe("a/+", QoS::AtMostOnce);
        for _ in 0..3 {
            publish();
            early.take(QoS::AtMostOnce, "a/b", "again");
        }
        late.subscribe("+/b", QoS::AtMostOnce);
        for _ in 0..3 {
            publish();
            early.take(QoS::AtMostOnce, "a/b", "again");
            late.take(QoS::AtMostOnce, "a/b", "again");
        }
        early.unsubscribe("a/+");
        publish();
        early.expect_nothing();
        late.take(QoS::AtMostOnce, "a/b", "again");
    }
}

#[test]
fn all_filters_together_deliver_as_each_alone() {
    for version in VERSIONS {
        let world = World::new();
        let publisher = world.client(version, "p");
        let clients = CASES.map(|(filter, ..)| world.client(version, filter));
        for (client, (filter, ..)) in clients.iter().zip(CASES) {
            client.subscribe(filter, QoS::AtMostOnce);
        }
        let topics = CASES
            .iter()
            .flat_map(|(_, matching, others)| matching.iter().chain(*others));
        for topic in topics {
            publisher.publish(QoS::AtMostOnce, topic, "1");
            for (client, (name, ..)) in clients.iter().zip(CASES) {
                if filter(name).matches(topic) {
                    client.take(QoS::AtMostOnce, topic, "1");
                }
                client.expect_nothing();
            }
        }
    }
}

#[test]
fn overlapping_subscriptions_deliver_once_at_the_highest_quality() {
    for version in VERSIONS {
        let world = World::new();
        let client = world.client(version, "s");
        for (filter, qos) in [
            ("a/#", QoS::AtMostOnce),
            ("a/+", QoS::ExactlyOnce),
            ("a/b", QoS::AtLeastOnce),
        ] {
            client.subscribe(filter, qos);
        }
        let publisher = world.client(version, "p");
        publisher.publish(QoS::ExactlyOnce, "a/b", "1");
        client.take(QoS::ExactlyOnce, "a/b", "1"); // [MQTT-3.3.4-2], in 3.1.1 [MQTT-3.3.5-1]
        client.expect_nothing();
        client.unsubscribe("a/+");
        publisher.publish(QoS::ExactlyOnce, "a/b", "2");
        client.take(QoS::AtLeastOnce, "a/b", "2");
        client.expect_nothing();
    }
}

#[test]
fn subscription_identifiers_of_all_matching_subscriptions_are_told() {
    let world = World::new();
    let client = world.client(Version::V5, "s");
    for (id, name) in [(7, "a/#"), (268_435_455, "a/+"), (9, "b")] {
        identified(&client, id, name);
    }
    client.subscribe("+/b", QoS::AtMostOnce);
    world
        .client(Version::V5, "p")
        .publish(QoS::AtMostOnce, "a/b", "1");
    let Packet::Publish(publish) = client.receive() else {
        panic!("no PUBLISH")
    };
    let mut ids: Vec<_> = publish.properties.subscription_identifiers().collect();
    ids.sort_unstable();
    assert_eq!(ids, [7, 268_435_455]); // [MQTT-3.3.4-3], [MQTT-3.3.4-4], [MQTT-3.3.4-5]
    client.expect_nothing();
}

#[test]
fn a_new_subscription_identifier_replaces_the_one_before() {
    let world = World::new();
    let client = world.client(Version::V5, "s");
    let publisher = world.client(Version::V5, "p");
    let with = |ids: &[u32]| Publish {
        properties: properties(ids.iter().map(|id| Property::SubscriptionIdentifier(*id))),
        ..publish("a", "1")
    };
    identified(&client, 1, "a");
    publisher.publish(QoS::AtMostOnce, "a", "1");
    client.expect_publish(with(&[1]));
    identified(&client, 2, "a");
    publisher.publish(QoS::AtMostOnce, "a", "1");
    client.expect_publish(with(&[2]));
    client.subscribe("a", QoS::AtMostOnce);
    publisher.publish(QoS::AtMostOnce, "a", "1");
    client.expect_publish(with(&[]));
}

#[test]
fn a_retained_message_carries_the_identifier_of_the_new_subscription() {
    let world = World::new();
    let client = world.client(Version::V5, "s");
    client.retain(QoS::AtMostOnce, "a", "1");
    identified(&client, 5, "#");
    let identifier = properties([Property::SubscriptionIdentifier(5)]);
    client.expect_publish(Publish {
        retain: true,
        properties: identifier,
        ..publish("a", "1")
    });
}

#[test]
fn a_queued_message_keeps_its_subscription_identifier() {
    let world = World::new();
    let client = world.persistent(Version::V5, "s");
    let identifier = properties([Property::SubscriptionIdentifier(5)]);
    client.send(Subscribe {
        properties: identifier.clone(),
        ..subscribe(1, "a", QoS::AtLeastOnce)
    });
    client.expect(suback(1, [Reason::GrantedQoS1]));
    client.lose();
    world
        .client(Version::V5, "p")
        .publish(QoS::AtLeastOnce, "a", "1");
    let client = world.resumed(Version::V5, "s");
    client.expect_publish(Publish {
        properties: identifier,
        ..publish_at(QoS::AtLeastOnce, 1, "a", "1")
    });
}

#[test]
fn no_local_keeps_a_clients_own_messages_from_it() {
    let world = World::new();
    let client = world.client(Version::V5, "s");
    client.send(subscribe_with(
        1,
        "#",
        SubscribeOptions {
            no_local: true,
            ..options(QoS::AtMostOnce)
        },
    ));
    client.expect(suback(1, [Reason::Success]));
    client.publish(QoS::AtMostOnce, "a", "own");
    client.expect_nothing(); // [MQTT-3.8.3-3]
    world
        .client(Version::V5, "p")
        .publish(QoS::AtMostOnce, "a", "other");
    client.take(QoS::AtMostOnce, "a", "other");
    client.subscribe("a", QoS::AtMostOnce);
    client.publish(QoS::AtMostOnce, "a", "own");
    client.take(QoS::AtMostOnce, "a", "own");
}

#[test]
fn filters_of_one_subscribe_are_answered_in_order() {
    for version in VERSIONS {
        let world = World::new();
        let client = world.client(version, "s");
        let wanted = [
            ("a/+", QoS::ExactlyOnce),
            ("b", QoS::AtMostOnce),
            ("c/#", QoS::AtLeastOnce),
        ];
        let filters = wanted.map(|(name, qos)| SubscribeFilter {
            filter: filter(name),
            options: options(qos),
        });
        client.send(Subscribe {
            filters: filters.to_vec(),
            ..subscribe(5, "x", QoS::AtMostOnce)
        });
        client.expect(suback(
            5,
            [Reason::GrantedQoS2, Reason::Success, Reason::GrantedQoS1],
        )); // [MQTT-3.8.4-6], [MQTT-3.8.4-5], [MQTT-3.8.4-7], [MQTT-3.9.3-1], in 3.1.1 [MQTT-3.8.4-4]
        let publisher = world.client(version, "p");
        for (topic, qos) in [
            ("a/1", QoS::ExactlyOnce),
            ("b", QoS::AtMostOnce),
            ("c/d/e", QoS::AtLeastOnce),
        ] {
            publisher.publish(QoS::ExactlyOnce, topic, "1");
            client.take(qos, topic, "1");
        }
    }
}

#[track_caller]
fn identified(client: &Client, id: u32, filter: &str) {
    let identifier = properties([Property::SubscriptionIdentifier(id)]);
    client.send(Subscribe {
        properties: identifier,
        ..subscribe(1, filter, QoS::AtMostOnce)
    });
    client.expect(suback(1, [Reason::Success]));
}

#[test]
fn a_byte_order_mark_is_part_of_the_name() {
    for version in VERSIONS {
        let world = World::new();
        let client = world.client(version, "s");
        client.subscribe("\u{feff}a", QoS::AtMostOnce);
        let publisher = world.client(version, "p");
        publisher.publish(QoS::AtMostOnce, "a", "1");
        client.expect_nothing(); // [MQTT-1.5.4-3], in 3.1.1 [MQTT-1.5.3-3]
        publisher.publish(QoS::AtMostOnce, "\u{feff}a", "2");
        client.take(QoS::AtMostOnce, "\u{feff}a", "2");
    }
}
