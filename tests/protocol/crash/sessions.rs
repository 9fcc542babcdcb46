// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Sessions over a power cut: their subscriptions, how long they last, and what a goodbye changed.

use std::time::Duration;

use mqtt_core::Event;
use mqtt_proto::{Connect, Disconnect, Packet, Property, Publish, QoS, Reason, Version};
use tests::packets::{connect, disconnect, properties, publish_at, subscribe, unsubscribe};
use tests::{VERSIONS, World};

/// CONNECT of a session that lasts so many seconds.
fn keep(client_id: &str, seconds: u32) -> Connect {
    Connect {
        clean_start: false,
        properties: properties([Property::SessionExpiryInterval(seconds)]),
        ..connect(Version::V5, client_id)
    }
}

fn expired(world: &World) -> usize {
    let events = world.events().into_iter();
    events
        .filter(|event| matches!(event, Event::SessionExpired { .. }))
        .count()
}

#[test]
fn an_acknowledged_subscription_is_there_and_an_ended_one_is_not() {
    for version in VERSIONS {
        let world = World::new();
        let client = world.persistent(version, "s");
        client.subscribe("kept/+", QoS::AtLeastOnce);
        client.subscribe("ended", QoS::AtLeastOnce);
        client.unsubscribe("ended");
        world.hold_commits();
        client.send(subscribe(1, "never/acknowledged", QoS::AtLeastOnce));
        client.send(unsubscribe(2, "kept/+"));
        client.expect_nothing();
        world.crash();
        assert_eq!(world.stats().subscriptions, 1);
        let publisher = world.client(version, "p");
        for topic in ["kept/x", "ended", "never/acknowledged"] {
            publisher.publish(QoS::AtLeastOnce, topic, topic);
        }
        let client = world.resumed(version, "s");
        assert_eq!(client.take_payloads(), ["kept/x"]); // [MQTT-3.8.4-1], [MQTT-4.1.0-1]
        client.unsubscribe("kept/+");
        client.leave();
        world.client(version, "s").leave();
        publisher.leave();
        world.assert_empty();
    }
}

#[test]
fn the_options_of_a_subscription_are_there() {
    let world = World::new();
    let client = world.persistent(Version::V5, "s");
    let mut wanted = subscribe(1, "x", QoS::AtMostOnce);
    wanted.filters[0].options.no_local = true;
    client.send(wanted.clone());
    client.receive();
    wanted.filters[0].options.qos = QoS::ExactlyOnce;
    client.send(wanted);
    client.receive();
    world.crash();
    let client = world.resumed(Version::V5, "s");
    client.publish(QoS::AtMostOnce, "x", "own");
    client.expect_nothing(); // [MQTT-3.8.3-3]
    world
        .client(Version::V5, "p")
        .publish(QoS::ExactlyOnce, "x", "other");
    client.take(QoS::ExactlyOnce, "x", "other"); // [MQTT-3.8.4-3]
}

#[test]
fn an_absent_sessions_time_goes_on() {
    let world = World::new();
    world.connect(keep("short", 100), false).lose();
    world.connect(keep("long", 1_000), false).lose();
    world.pass(Duration::from_secs(60));
    world.crash();
    world.pass(Duration::from_secs(39));
    assert_eq!(expired(&world), 0);
    world.pass(Duration::from_secs(1));
    assert_eq!(expired(&world), 1); // [MQTT-3.1.2-23]
    assert_eq!(world.stats().clients_expired, 1);
    world.crash();
    world.connect(keep("long", 1_000), true);
    world.connect(keep("short", 100), false);
}

#[test]
fn the_time_of_a_session_whose_client_was_connected_begins_with_the_restart() {
    let world = World::new();
    let client = world.connect(keep("s", 100), false);
    client.subscribe("x", QoS::AtLeastOnce);
    world.pass(Duration::from_secs(1_000));
    world.crash();
    world.pass(Duration::from_secs(60));
    world.crash(); // the time has begun
    world.pass(Duration::from_secs(39));
    assert_eq!(world.stats().clients_disconnected, 1);
    world.pass(Duration::from_secs(1));
    assert_eq!(expired(&world), 1);
    world.assert_empty();
}

#[test]
fn many_sessions_that_expired_meanwhile_end_in_slices() {
    const MANY: u64 = 1_000;
    let world = World::with(|limits| limits.sys_interval = Duration::ZERO);
    for n in 0..MANY {
        let client = world.connect(keep(&n.to_string(), 5), false);
        client.subscribe("x", QoS::AtLeastOnce);
        client.lose();
    }
    let publisher = world.client(Version::V5, "p");
    for payload in ["1", "2", "3"] {
        publisher.publish(QoS::AtLeastOnce, "x", payload);
    }
    world.restart_after(Duration::from_secs(10));
    assert_eq!(expired(&world), MANY as usize);
    assert_eq!(world.stats().clients_expired, MANY);
    world.assert_empty();
}

#[test]
fn a_session_without_expiry_ends_with_the_broker() {
    let world = World::new();
    world.connect(keep("s", 100), false).lose();
    let client = world.connect(keep("s", 0), true);
    client.subscribe("x", QoS::AtLeastOnce);
    world.crash();
    assert_eq!(expired(&world), 0);
    world.assert_empty();
    world.connect(keep("s", 0), false);
}

#[test]
fn the_expiry_of_a_goodbye_counts() {
    for (seconds, lasts) in [(10, false), (1_000, true)] {
        let world = World::new();
        let client = world.connect(keep("s", 100), false);
        client.send(Disconnect {
            properties: properties([Property::SessionExpiryInterval(seconds)]),
            ..disconnect(Reason::Success)
        });
        world.crash();
        world.pass(Duration::from_secs(100));
        world.connect(keep("s", 100), lasts);
    }
}

#[test]
fn a_message_expires_over_the_restart() {
    let world = World::new();
    let client = world.connect(keep("s", 1_000), false);
    client.subscribe("x", QoS::ExactlyOnce);
    client.lose();
    let publisher = world.client(Version::V5, "p");
    for (payload, seconds) in [("short", 10), ("long", 100)] {
        publisher.send(Publish {
            properties: properties([Property::MessageExpiryInterval(seconds)]),
            ..publish_at(QoS::AtLeastOnce, 1, "x", payload)
        });
        assert!(matches!(publisher.receive(), Packet::PubAck(_)));
    }
    world.pass(Duration::from_secs(5));
    world.restart_after(Duration::from_secs(6));
    assert_eq!(world.stats().queued_messages, 1);
    let client = world.connect(keep("s", 1_000), true);
    client.expect_publish(Publish {
        properties: properties([Property::MessageExpiryInterval(89)]),
        ..publish_at(QoS::AtLeastOnce, 1, "x", "long")
    }); // [MQTT-3.3.2-5] [MQTT-3.3.2-6]
    client.expect_nothing();
}

#[test]
fn lower_limits_take_nothing_away_and_count_for_what_is_new() {
    for version in VERSIONS {
        let world = World::new();
        let client = world.persistent(version, "s");
        client.subscribe("x/#", QoS::AtLeastOnce);
        client.subscribe("y", QoS::AtLeastOnce);
        client.lose();
        let publisher = world.client(version, "p");
        for payload in ["1", "2", "3"] {
            publisher.retain(QoS::AtLeastOnce, &format!("x/{payload}"), payload);
        }
        world.persistent(version, "other").lose();
        world.restart_with(|limits| {
            limits.max_sessions = 1;
            limits.max_queued_messages = 1;
            limits.max_retained_messages = 1;
            limits.max_subscriptions = 1;
            limits.memory_limit = 1;
        });
        let stats = world.stats();
        assert_eq!((stats.queued_messages, stats.retained_messages), (3, 3));
        assert_eq!((stats.subscriptions, stats.clients_disconnected), (2, 2));
        world.refused(connect(version, "new"), Reason::QuotaExceeded);
        let client = world.resumed(version, "s");
        assert_eq!(client.take_payloads(), ["1", "2", "3"]);
        client.send(subscribe(1, "z", QoS::AtLeastOnce));
        client.expect(tests::packets::suback(1, [Reason::QuotaExceeded]));
    }
}
