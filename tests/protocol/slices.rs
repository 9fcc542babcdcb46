// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Work too large for one entry: it goes on in slices, and what happens in between harms nothing.

use std::time::Duration;

use mqtt_proto::{Packet, QoS, Reason, Version};
use tests::packets::{connect, puback, publish_at, suback, subscribe};
use tests::{Client, IntoPacket, VERSIONS, World};

/// More subscribers than the core serves in one entry, all of `x` at QoS 1.
const MANY: usize = 2_500;

fn crowd(world: &World, version: Version) -> Vec<Client> {
    let client = |n: usize| {
        let client = world.client(version, &n.to_string());
        client.subscribe("x", QoS::AtLeastOnce);
        client
    };
    (0..MANY).map(client).collect()
}

/// How many of the crowd have received exactly `payloads`; the others must have received nothing.
#[track_caller]
fn reached(crowd: &[Client], payloads: &[&str]) -> usize {
    let reached = crowd.iter().filter(|client| {
        let received = client.take_payloads();
        assert!(received.is_empty() || received == payloads, "{received:?}");
        !received.is_empty()
    });
    reached.count()
}

#[test]
fn messages_behind_a_large_fan_out_keep_their_order() {
    for version in VERSIONS {
        let world = World::new();
        let crowd = crowd(&world, version);
        let publisher = world.client(version, "publisher");
        let messages =
            (1..=3).map(|id| publish_at(QoS::AtLeastOnce, id, "x", id.to_string()).into_packet());
        publisher.send_together(messages.chain([Packet::PingReq]));
        for id in 1..=3 {
            publisher.expect(puback(id));
        }
        publisher.expect(Packet::PingResp);
        assert_eq!(reached(&crowd, &["1", "2", "3"]), MANY); // [MQTT-4.6.0-5], in 3.1.1 [MQTT-4.6.0-6]
        world.assert_queues_empty();
    }
}

#[test]
fn a_publisher_lost_during_its_fan_out_still_reaches_everybody_once() {
    let world = World::new();
    let crowd = crowd(&world, Version::V5);
    let publisher = world.client(Version::V5, "publisher");
    world.hold_work();
    publisher.send(publish_at(QoS::AtLeastOnce, 1, "x", "1"));
    publisher.expect_nothing();
    publisher.lose();
    world.release_work();
    assert_eq!(reached(&crowd, &["1"]), MANY);
    world.assert_queues_empty();
}

#[test]
fn a_subscriber_that_leaves_during_a_fan_out_takes_nothing_along() {
    let world = World::new();
    let crowd = crowd(&world, Version::V311);
    let publisher = world.client(Version::V311, "publisher");
    world.hold_work();
    publisher.send(publish_at(QoS::AtLeastOnce, 1, "x", "1"));
    publisher.expect_nothing();
    crowd[MANY - 1].lose();
    world.release_work();
    publisher.expect(puback(1));
    assert!(reached(&crowd, &["1"]) >= MANY - 1);
    world.assert_queues_empty();
}

#[test]
fn a_session_lost_during_a_fan_out_finds_the_message_when_it_is_back() {
    for version in VERSIONS {
        let world = World::new();
        let crowd = crowd(&world, version);
        let absent = world.persistent(version, "absent");
        absent.subscribe("x", QoS::ExactlyOnce);
        let publisher = world.client(version, "publisher");
        world.hold_work();
        publisher.send(publish_at(QoS::ExactlyOnce, 1, "x", "1"));
        absent.lose();
        world.release_work();
        let mut back = world.resumed(version, "absent").take_payloads();
        back.extend(absent.take_payloads());
        assert_eq!(back, ["1"]);
        assert_eq!(reached(&crowd, &["1"]), MANY);
    }
}

#[test]
fn a_client_identifier_taken_over_during_a_fan_out_gets_the_message_once() {
    let world = World::new();
    let _crowd = crowd(&world, Version::V5);
    let old = world.persistent(Version::V5, "moving");
    old.subscribe("x", QoS::ExactlyOnce);
    let publisher = world.client(Version::V5, "publisher");
    world.hold_work();
    publisher.send(publish_at(QoS::ExactlyOnce, 1, "x", "1"));
    let new = world.resumed(Version::V5, "moving");
    world.release_work();
    assert_eq!(new.take_payloads(), ["1"]);
    assert!(!old.is_open());
}

#[test]
fn a_subscription_may_end_while_its_retained_messages_are_sent() {
    for version in VERSIONS {
        let world = World::new();
        let publisher = world.client(version, "publisher");
        for n in 0..3_000 {
            publisher.retain(QoS::AtMostOnce, &format!("x/{n}"), "1");
        }
        let client = world.client(version, "s");
        world.hold_work();
        client.send(subscribe(1, "x/#", QoS::AtMostOnce));
        client.expect(suback(1, [Reason::Success]));
        client.lose();
        let other = world.client(version, "s");
        world.release_work();
        other.expect_nothing();
        other.subscribe("x/#", QoS::AtMostOnce);
        assert_eq!(other.take_all().len(), 3_000);
    }
}

#[test]
fn a_clean_start_during_a_fan_out_owes_nothing_to_the_old_session() {
    let world = World::new();
    let _crowd = crowd(&world, Version::V311);
    let old = world.persistent(Version::V311, "moving");
    old.subscribe("x", QoS::ExactlyOnce);
    let publisher = world.client(Version::V311, "publisher");
    world.hold_work();
    publisher.send(publish_at(QoS::ExactlyOnce, 1, "x", "1"));
    let new = world.connect(connect(Version::V311, "moving"), false);
    world.release_work();
    new.expect_nothing();
    assert_eq!(world.stored_payloads(), 0);
}

#[test]
fn a_message_compared_with_very_many_filters_makes_only_its_publisher_wait() {
    let deep = ["a"; 100].join("/");
    for version in VERSIONS {
        let world = World::new();
        let holder = world.client(version, "holder");
        for n in 0..100 {
            // Every filter matches and shares few levels with the others.
            let plus = |level: usize| n >> (level % 7) & 1 == 1;
            let levels = (0..100).map(|level| if plus(level) { "+" } else { "a" });
            holder.subscribe(&levels.collect::<Vec<_>>().join("/"), QoS::AtMostOnce);
        }
        let publisher = world.client(version, "publisher");
        publisher.send_together(
            [1, 2].map(|id| publish_at(QoS::AtLeastOnce, id, &deep, "x").into_packet()),
        );
        publisher.expect(puback(1));
        publisher.expect_nothing();
        let other = world.client(version, "other");
        other.publish(QoS::AtLeastOnce, "quick", "x");
        world.pass(Duration::from_secs(1));
        publisher.expect(puback(2));
        assert_eq!(holder.take_payloads(), ["x", "x"]);
    }
}
