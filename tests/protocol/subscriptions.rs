// SPDX-License-Identifier: Apache-2.0 OR MIT
//! SUBSCRIBE and UNSUBSCRIBE themselves: begin, replacement, end and limits.

use mqtt_core::Event;
use mqtt_proto::{Packet, QoS, Reason, Subscribe, SubscribeFilter, Unsubscribe, Version};
use tests::packets::{filter, options, publish_at, suback, subscribe, unsuback, unsubscribe};
use tests::{VERSIONS, World};

#[test]
fn a_subscription_begins_with_suback_and_ends_with_unsuback() {
    for version in VERSIONS {
        let world = World::new();
        let publisher = world.client(version, "p");
        let client = world.client(version, "s");
        publisher.publish(QoS::AtMostOnce, "x", "early");
        client.send(subscribe(10, "x", QoS::AtMostOnce));
        client.expect(suback(10, [Reason::Success])); // [MQTT-3.8.4-1], [MQTT-3.8.4-2], [MQTT-2.2.1-6], in 3.1.1 [MQTT-2.3.1-7]
        publisher.publish(QoS::AtMostOnce, "x", "1");
        client.take(QoS::AtMostOnce, "x", "1");
        client.send(unsubscribe(11, "x"));
        client.expect(unsuback(11, Reason::Success)); // [MQTT-3.10.4-4], [MQTT-3.10.4-5]
        publisher.publish(QoS::AtMostOnce, "x", "late");
        client.expect_nothing(); // [MQTT-3.10.4-2]
        assert_eq!(world.stats().subscriptions, 0);
    }
}

#[test]
fn subscribing_again_replaces_the_quality_of_service() {
    for version in VERSIONS {
        let world = World::new();
        let publisher = world.client(version, "p");
        let client = world.client(version, "s");
        for qos in [QoS::AtMostOnce, QoS::ExactlyOnce, QoS::AtLeastOnce] {
            client.subscribe("x/+", qos);
            publisher.publish(QoS::ExactlyOnce, "x/y", "1");
            client.take(qos, "x/y", "1"); // [MQTT-3.8.4-3]
            client.expect_nothing();
        }
        assert_eq!(world.stats().subscriptions, 1);
    }
}

#[test]
fn subscribing_again_loses_no_message() {
    for version in VERSIONS {
        let world = World::with(|limits| limits.max_inflight_messages = 2);
        let publisher = world.client(version, "p");
        let client = world.client(version, "s");
        client.subscribe("x", QoS::AtLeastOnce);
        for n in 0..9 {
            publisher.publish(QoS::AtLeastOnce, "x", &n.to_string());
        }
        client.stall();
        client.send(subscribe(1, "x", QoS::ExactlyOnce));
        publisher.publish(QoS::AtLeastOnce, "x", "9");
        client.unstall();
        let mut payloads = Vec::new();
        while let Some(packet) = client.poll() {
            if let Packet::Publish(message) = packet {
                client.acknowledge(message.qos, message.packet_id.map_or(0, u16::from));
                payloads.push(String::from_utf8_lossy(&message.payload).into_owned());
            }
        }
        let all: Vec<_> = (0..10).map(|n| n.to_string()).collect();
        assert_eq!(payloads, all); // [MQTT-3.8.4-4]
    }
}

#[test]
fn unsubscribing_compares_filters_character_by_character() {
    for version in VERSIONS {
        let world = World::new();
        let client = world.client(version, "s");
        client.subscribe("a/+", QoS::AtMostOnce);
        for other in ["a/b", "a/#", "#", "a/", "A/+"] {
            client.send(unsubscribe(1, other)); // [MQTT-3.10.4-1]
            client.expect(unsuback(1, Reason::NoSubscriptionExisted)); // [MQTT-3.10.4-5]
        }
        world
            .client(version, "p")
            .publish(QoS::AtMostOnce, "a/b", "1");
        client.take(QoS::AtMostOnce, "a/b", "1");
    }
}

#[test]
fn several_filters_are_unsubscribed_together() {
    for version in VERSIONS {
        let world = World::new();
        let client = world.client(version, "s");
        client.subscribe("a", QoS::AtMostOnce);
        client.subscribe("b", QoS::AtMostOnce);
        client.send(Unsubscribe {
            filters: ["a", "none", "b"].map(filter).to_vec(),
            ..unsubscribe(1, "x")
        });
        let mut answer = unsuback(1, Reason::Success);
        answer.reasons = vec![
            Reason::Success,
            Reason::NoSubscriptionExisted,
            Reason::Success,
        ];
        client.expect(answer); // [MQTT-3.10.4-6], [MQTT-3.11.3-1], [MQTT-3.11.3-2]
        assert_eq!(world.stats().subscriptions, 0);
    }
}

#[test]
fn deliveries_begun_before_an_unsubscribe_are_completed() {
    for version in VERSIONS {
        let world = World::new();
        let client = world.client(version, "s");
        client.subscribe("x", QoS::ExactlyOnce);
        world
            .client(version, "p")
            .publish(QoS::ExactlyOnce, "x", "1");
        let id = client.expect_publish(publish_at(QoS::ExactlyOnce, 1, "x", "1"));
        client.unsubscribe("x");
        client.acknowledge(QoS::ExactlyOnce, id); // [MQTT-3.10.4-3]
        world.assert_queues_empty();
    }
}

#[test]
fn one_subscription_more_than_allowed_is_refused() {
    for version in VERSIONS {
        let world = World::with(|limits| limits.max_subscriptions = 2);
        let client = world.client(version, "s");
        client.subscribe("a", QoS::AtMostOnce);
        client.subscribe("b", QoS::AtMostOnce);
        client.send(subscribe(1, "c", QoS::AtMostOnce));
        client.expect(suback(1, [Reason::QuotaExceeded])); // [MQTT-3.8.4-7], in 3.1.1 [MQTT-3.8.4-5]
        let denied = |event: &Event| matches!(event, Event::SubscribeDenied { filter, .. } if filter.as_str() == "c");
        assert!(world.events().iter().any(denied));
        client.subscribe("a", QoS::AtLeastOnce); // replaces: needs no room
        client.unsubscribe("b");
        client.subscribe("c", QoS::AtMostOnce);
        world
            .client(version, "p")
            .publish(QoS::AtMostOnce, "c", "1");
        client.take(QoS::AtMostOnce, "c", "1");
    }
}

#[test]
fn subscriptions_and_their_end_are_events() {
    let world = World::new();
    let client = world.client(Version::V5, "s");
    client.subscribe("a/#", QoS::AtLeastOnce);
    client.unsubscribe("a/#");
    let told = world.events();
    let subscribed = |event: &Event| matches!(event, Event::Subscribed { filter, qos: QoS::AtLeastOnce, .. } if filter.as_str() == "a/#");
    let unsubscribed = |event: &Event| matches!(event, Event::Unsubscribed { filter, .. } if filter.as_str() == "a/#");
    assert_eq!(told.iter().filter(|event| subscribed(event)).count(), 1);
    assert_eq!(told.iter().filter(|event| unsubscribed(event)).count(), 1);
}

#[test]
fn one_filter_twice_in_a_packet_is_one_subscription_and_the_last_counts() {
    for version in VERSIONS {
        let world = World::new();
        let client = world.client(version, "s");
        let filters = [QoS::ExactlyOnce, QoS::AtMostOnce].map(|qos| SubscribeFilter {
            filter: filter("x"),
            options: options(qos),
        });
        client.send(Subscribe {
            filters: filters.to_vec(),
            ..subscribe(1, "y", QoS::AtMostOnce)
        });
        client.expect(suback(1, [Reason::GrantedQoS2, Reason::Success])); // [MQTT-3.8.4-5], in 3.1.1 [MQTT-3.8.4-4]
        assert_eq!(world.stats().subscriptions, 1);
        world
            .client(version, "p")
            .publish(QoS::ExactlyOnce, "x", "1");
        client.take(QoS::AtMostOnce, "x", "1");
        client.expect_nothing();
    }
}
