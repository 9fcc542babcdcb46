// SPDX-License-Identifier: Apache-2.0 OR MIT
//! What outlives a connection, and for how long.

use std::time::Duration;

use mqtt_core::Event;
use mqtt_proto::{Connect, Disconnect, Packet, Property, QoS, Reason, Version};
use tests::packets::{connack, connect, properties, publish_at, resume};
use tests::{VERSIONS, World};

/// CONNECT that asks for a session of `seconds` in MQTT 5.
fn keep(client_id: &str, seconds: u32) -> Connect {
    let expiry = properties([Property::SessionExpiryInterval(seconds)]);
    Connect {
        properties: expiry,
        clean_start: false,
        ..connect(Version::V5, client_id)
    }
}

#[test]
fn a_clean_session_ends_with_its_connection() {
    for version in VERSIONS {
        let world = World::new();
        let client = world.client(version, "a");
        client.subscribe("x", QoS::ExactlyOnce);
        client.lose();
        world.assert_empty();
        world.persistent(version, "a"); // session present is 0, [MQTT-3.1.2-6], [MQTT-3.2.2-3]
    }
}

#[test]
fn a_session_lasts_at_least_as_long_as_its_connection() {
    for version in VERSIONS {
        let world = World::with(|limits| limits.max_session_expiry = 10);
        for connect in [connect(version, "clean"), resume(version, "kept")] {
            let client = world.connect(connect, false);
            client.subscribe("x", QoS::AtMostOnce);
            world.pass(Duration::from_secs(1_000));
            client.publish(QoS::AtMostOnce, "x", "1");
            client.take(QoS::AtMostOnce, "x", "1"); // [MQTT-4.1.0-1], [MQTT-4.1.0-2]
            client.unsubscribe("x");
        }
    }
}

#[test]
fn a_persistent_session_keeps_subscriptions_and_queues_messages_in_order() {
    for version in VERSIONS {
        let world = World::new();
        let publisher = world.client(version, "p");
        let client = world.persistent(version, "a");
        client.subscribe("x/#", QoS::ExactlyOnce);
        client.lose();
        let sent: Vec<_> = (0..20)
            .map(|n| {
                (
                    if n % 3 == 0 {
                        QoS::AtLeastOnce
                    } else {
                        QoS::ExactlyOnce
                    },
                    n,
                )
            })
            .collect();
        for (qos, n) in &sent {
            publisher.publish(*qos, &format!("x/{}", n % 4), &n.to_string());
        }
        let client = world.resumed(version, "a"); // [MQTT-3.1.2-5], [MQTT-3.2.2-3], in 3.1.1 [MQTT-3.1.2-4], [MQTT-3.2.2-2]
        let received = client.take_all();
        for wanted in [QoS::AtLeastOnce, QoS::ExactlyOnce] {
            let sent = sent
                .iter()
                .filter(|(qos, _)| *qos == wanted)
                .map(|(_, n)| n.to_string());
            let received = received.iter().filter(|message| message.qos == wanted);
            // The order of messages of one topic and quality: [MQTT-4.6.0-6].
            assert!(sent.eq(
                received.map(|message| String::from_utf8_lossy(&message.payload).into_owned())
            ));
        }
        client.expect_nothing();
        client.lose();
        world.resumed(version, "a").expect_nothing();
    }
}

#[test]
fn a_message_of_quality_0_is_not_kept_for_an_absent_client() {
    for version in VERSIONS {
        let world = World::new();
        let client = world.persistent(version, "a");
        client.subscribe("x", QoS::AtMostOnce);
        client.subscribe("y", QoS::ExactlyOnce);
        client.lose();
        let publisher = world.client(version, "p");
        publisher.publish(QoS::ExactlyOnce, "x", "1");
        publisher.publish(QoS::AtMostOnce, "y", "2");
        world.resumed(version, "a").expect_nothing();
    }
}

#[test]
fn a_clean_start_discards_the_session_and_its_queue() {
    for version in VERSIONS {
        let world = World::new();
        let client = world.persistent(version, "a");
        client.subscribe("x", QoS::AtLeastOnce);
        client.lose();
        world
            .client(version, "p")
            .publish(QoS::AtLeastOnce, "x", "1");
        assert_eq!(world.stats().queued_messages, 1);
        let clean = world.client(version, "a"); // [MQTT-3.1.2-4], [MQTT-3.1.4-4], in 3.1.1 [MQTT-3.1.2-6], [MQTT-3.1.4-3]
        clean.expect_nothing(); // and session present was 0: [MQTT-3.2.2-2], in 3.1.1 [MQTT-3.2.2-1]
        clean.leave();
        world.persistent(version, "a").expect_nothing();
        assert_eq!(
            (world.stats().queued_messages, world.stored_payloads()),
            (0, 0)
        );
    }
}

#[test]
fn a_queue_survives_several_reconnects_without_loss_or_change_of_order() {
    for version in VERSIONS {
        let world = World::with(|limits| limits.max_inflight_messages = 2);
        let client = world.persistent(version, "a");
        client.subscribe("x", QoS::AtLeastOnce);
        client.lose();
        let publisher = world.client(version, "p");
        for n in 0..6 {
            publisher.publish(QoS::AtLeastOnce, "x", &n.to_string());
        }
        for n in 0..6 {
            let client = world.resumed(version, "a");
            let Packet::Publish(first) = client.receive() else {
                panic!("no PUBLISH")
            };
            assert_eq!(first.payload, n.to_string());
            assert_eq!(first.dup, n > 0, "all but the first were sent before");
            client.acknowledge(QoS::AtLeastOnce, first.packet_id.map_or(0, u16::from));
            client.lose();
        }
        world.resumed(version, "a").expect_nothing();
    }
}

#[test]
fn a_session_without_expiry_interval_ends_with_its_connection() {
    let world = World::new();
    let client = world.connect(
        Connect {
            clean_start: false,
            ..connect(Version::V5, "a")
        },
        false,
    );
    client.subscribe("x", QoS::AtLeastOnce);
    client.lose();
    world.assert_empty();
}

#[test]
fn a_session_ends_when_its_expiry_interval_has_passed() {
    let world = World::new();
    let client = world.connect(keep("a", 60), false);
    client.subscribe("x", QoS::AtLeastOnce);
    world.pass(Duration::from_secs(120));
    client.lose();
    world
        .client(Version::V5, "p")
        .publish(QoS::AtLeastOnce, "x", "1");
    world.pass(Duration::from_secs(59));
    assert_eq!(world.stats().clients_disconnected, 1); // [MQTT-3.1.2-23]
    world.events();
    world.pass(Duration::from_secs(2));
    let events = world.events();
    assert!(
        matches!(events.as_slice(), [Event::SessionExpired { session }] if session.client_id == "a"),
        "{events:?}"
    );
    let stats = world.stats();
    assert_eq!(
        (
            stats.clients_expired,
            stats.clients_disconnected,
            stats.queued_messages
        ),
        (1, 0, 0)
    );
    world.connect(keep("a", 60), false);
}

#[test]
fn a_reconnect_stops_the_expiry() {
    let world = World::new();
    world.connect(keep("a", 60), false).lose();
    world.pass(Duration::from_secs(40));
    let client = world.connect(keep("a", 60), true);
    world.pass(Duration::from_secs(600));
    client.lose();
    world.pass(Duration::from_secs(40));
    world.connect(keep("a", 60), true);
}

#[test]
fn the_newest_connect_decides_the_expiry_interval() {
    let world = World::new();
    world.connect(keep("a", 1000), false).lose();
    world.connect(keep("a", 10), true).lose();
    world.pass(Duration::from_secs(12));
    world.connect(keep("a", 10), false);
}

#[test]
fn disconnect_may_change_the_expiry_interval() {
    for (seconds, still_there_after_a_minute) in [(0, false), (10, false), (1000, true)] {
        let world = World::new();
        let client = world.connect(keep("a", 30), false);
        let expiry = properties([Property::SessionExpiryInterval(seconds)]);
        client.send(Disconnect {
            reason: Reason::Success,
            properties: expiry,
        });
        client.expect_closed();
        world.pass(Duration::from_secs(60));
        world.connect(keep("a", 30), still_there_after_a_minute);
    }
}

#[test]
fn a_longer_expiry_than_allowed_is_cut_and_told() {
    let world = World::with(|limits| limits.max_session_expiry = 100);
    let client = world.open(Version::V5);
    client.send(keep("a", 101));
    let Packet::ConnAck(told) = client.receive() else {
        panic!("no CONNACK")
    };
    assert_eq!(told.properties.session_expiry_interval(), Some(100)); // section 3.2.2.3.2
    client.lose();
    world.pass(Duration::from_secs(102));
    world.connect(keep("a", 1), false);
}

#[test]
fn sessions_of_version_3_end_at_the_longest_expiry_too() {
    let world = World::with(|limits| limits.max_session_expiry = 100);
    world.persistent(Version::V311, "a").lose();
    world.pass(Duration::from_secs(102));
    world.persistent(Version::V311, "a");
    assert_eq!(world.stats().clients_expired, 1);
}

#[test]
fn an_expiry_interval_of_all_ones_never_ends_where_the_broker_sets_no_end() {
    for version in VERSIONS {
        let world = World::with(|limits| {
            limits.sys_interval = Duration::ZERO;
            limits.persistent_client_expiration = u32::MAX;
        });
        world.persistent(version, "a").lose();
        world.pass(Duration::from_secs(200 * 365 * 86_400));
        world.resumed(version, "a");
    }
}

#[test]
fn many_sessions_that_expire_together_all_end() {
    let world = World::new();
    for n in 0..2_000 {
        world.connect(keep(&n.to_string(), 60), false).lose();
    }
    world.pass(Duration::from_secs(61));
    assert_eq!(world.stats().clients_expired, 2_000);
    world.assert_empty();
}

#[test]
fn one_session_more_than_allowed_is_refused_and_leaves_room_later() {
    for version in VERSIONS {
        let world = World::with(|limits| limits.max_sessions = 2);
        world.persistent(version, "a").lose();
        let second = world.client(version, "b");
        world.refused(connect(version, "c"), Reason::QuotaExceeded); // [MQTT-3.1.4-2], in 3.1.1 [MQTT-4.8.0-2]
        let first = world.open(version);
        first.send(resume(version, "a"));
        first.expect(connack(true));
        second.leave();
        world.client(version, "c");
    }
}

#[test]
fn a_queued_message_reaches_every_absent_session() {
    for version in VERSIONS {
        let world = World::new();
        let names: Vec<_> = (0..50).map(|n| format!("client {n}")).collect();
        for name in &names {
            let client = world.persistent(version, name);
            client.subscribe("x", QoS::AtLeastOnce);
            client.lose();
        }
        world
            .client(version, "p")
            .publish(QoS::AtLeastOnce, "x", "1");
        for name in &names {
            let client = world.resumed(version, name);
            let id = client.expect_publish(publish_at(QoS::AtLeastOnce, 1, "x", "1")); // [MQTT-4.5.0-1], in 3.1.1 [MQTT-3.1.2-5]
            client.acknowledge(QoS::AtLeastOnce, id);
        }
        assert_eq!(
            (world.stats().queued_messages, world.stored_payloads()),
            (0, 0)
        );
    }
}
