// SPDX-License-Identifier: Apache-2.0 OR MIT
//! What happens at the bounds: queues, sockets that take nothing, retained messages, connections.

mod connections;
mod memory;
mod rate;
mod sessions;
mod stalled;
mod topics;

use mqtt_core::{DisconnectCause, Event, ProtocolFault};
use mqtt_proto::{Ack, Packet, Property, Publish, QoS, Reason, Version};
use tests::packets::{packet_id, properties, publish_at, topic};
use tests::{VERSIONS, World};

/// Counts of dropped messages, told when the queue they found no room in came to its end.
fn drops_counted(world: &World) -> Vec<u64> {
    let count = |event| match event {
        Event::DroppedMessages { count, .. } => Some(count),
        _ => None,
    };
    world.events().into_iter().filter_map(count).collect()
}

fn drops_told(world: &World) -> usize {
    world
        .events()
        .iter()
        .filter(|event| matches!(event, Event::DroppingMessages { .. }))
        .count()
}

#[test]
fn a_full_queue_drops_the_newest_message_and_says_so_once() {
    for version in VERSIONS {
        let world = World::with(|limits| limits.max_queued_messages = 3);
        let client = world.persistent(version, "s");
        client.subscribe("x", QoS::AtLeastOnce);
        client.lose();
        let publisher = world.client(version, "p");
        for n in 0..6 {
            publisher.publish(QoS::AtLeastOnce, "x", &n.to_string());
        }
        assert_eq!(drops_told(&world), 1);
        assert_eq!(world.stats().publish_dropped, 3); // against [MQTT-4.5.0-1], in 3.1.1 [MQTT-4.8.0-2]
        let client = world.resumed(version, "s");
        for n in 0..3 {
            client.take(QoS::AtLeastOnce, "x", &n.to_string());
        }
        client.expect_nothing();
        assert_eq!(drops_counted(&world), [3]);
        client.lose();
        for n in 0..4 {
            publisher.publish(QoS::AtLeastOnce, "x", &n.to_string());
        }
        assert_eq!(
            drops_told(&world),
            1,
            "told again after the queue was empty"
        );
        world.client(version, "s");
        assert_eq!(drops_counted(&world), [1], "told with the session's end");
        world.assert_queues_empty();
    }
}

#[test]
fn queued_bytes_are_bounded_too() {
    for version in VERSIONS {
        let world = World::with(|limits| limits.max_queued_bytes = 10_000);
        let client = world.client(version, "s");
        client.subscribe("x", QoS::AtLeastOnce);
        client.stall();
        let publisher = world.client(version, "p");
        for _ in 0..500 {
            publisher.publish(QoS::AtLeastOnce, "x", &"x".repeat(999));
        }
        assert!(drops_told(&world) >= 1);
        client.unstall();
        let mut received = 0;
        while let Some(packet) = client.poll() {
            let Packet::Publish(message) = packet else {
                panic!("unexpected {packet:?}")
            };
            received += 1;
            client.acknowledge(message.qos, message.packet_id.map_or(0, u16::from));
        }
        assert!(
            (10..=110).contains(&received),
            "{received} of 500 within the bound and the window"
        );
        publisher.publish(QoS::AtLeastOnce, "x", "again");
        client.take(QoS::AtLeastOnce, "x", "again");
        world.assert_queues_empty();
    }
}

#[test]
fn a_full_queue_of_one_client_does_not_hold_up_another() {
    for version in VERSIONS {
        let world = World::with(|limits| limits.max_queued_messages = 1);
        let slow = world.client(version, "slow");
        slow.subscribe("x", QoS::AtLeastOnce);
        slow.stall();
        let quick = world.client(version, "quick");
        quick.subscribe("x", QoS::AtLeastOnce);
        let publisher = world.client(version, "p");
        for n in 0..1_000 {
            publisher.publish(QoS::AtLeastOnce, "x", &n.to_string());
            quick.take(QoS::AtLeastOnce, "x", &n.to_string());
        }
    }
}

#[test]
fn a_socket_that_takes_nothing_loses_messages_of_quality_0_only() {
    for version in VERSIONS {
        let world = World::with(|limits| limits.max_pending_bytes = 10_000);
        let client = world.client(version, "s");
        client.subscribe("x", QoS::AtLeastOnce);
        client.stall();
        let publisher = world.client(version, "p");
        for n in 0..100 {
            publisher.publish(QoS::AtMostOnce, "x", &format!("{n:01000}"));
        }
        publisher.publish(QoS::AtLeastOnce, "x", "kept");
        assert_eq!(drops_told(&world), 1);
        client.unstall();
        assert_eq!(drops_counted(&world), [world.stats().publish_dropped]);
        let mut received = Vec::new();
        while let Some(packet) = client.poll() {
            let Packet::Publish(message) = packet else {
                panic!("unexpected {packet:?}")
            };
            received.push(message);
        }
        let kept = received.pop().expect("the last message is there");
        assert_eq!(kept.payload, "kept");
        assert!(
            (5..=11).contains(&received.len()),
            "{} of 100 in 10,000 bytes",
            received.len()
        );
        for (n, message) in received.iter().enumerate() {
            assert_eq!(
                message.payload,
                format!("{n:01000}"),
                "the oldest are kept, in order"
            );
        }
        assert_eq!(world.stats().publish_dropped, 100 - received.len() as u64);
        publisher.publish(QoS::AtMostOnce, "x", "again");
        client.take(QoS::AtMostOnce, "x", "again");
    }
}

#[test]
fn one_retained_message_more_than_allowed_is_refused_and_still_delivered_or_named() {
    let world = World::with(|limits| limits.max_retained_messages = 2);
    let publisher = world.client(Version::V5, "p");
    publisher.retain(QoS::AtLeastOnce, "a", "1");
    publisher.retain(QoS::AtLeastOnce, "b", "1");
    publisher.send(Publish {
        retain: true,
        ..publish_at(QoS::AtLeastOnce, 1, "c", "1")
    });
    // against [MQTT-3.3.1-5]
    publisher.expect(Packet::PubAck(Ack::new(
        packet_id(1),
        Reason::QuotaExceeded,
    )));
    publisher.retain(QoS::AtLeastOnce, "a", "2"); // replaces: needs no room
    publisher.retain(QoS::AtLeastOnce, "b", "");
    publisher.retain(QoS::AtLeastOnce, "c", "1");
    assert_eq!(world.stats().retained_messages, 2);
}

#[test]
fn retained_bytes_are_bounded_too() {
    let world = World::with(|limits| limits.max_retained_bytes = 1_000);
    let publisher = world.client(Version::V5, "p");
    publisher.retain(QoS::AtLeastOnce, "a", &"x".repeat(900));
    publisher.send(Publish {
        retain: true,
        ..publish_at(QoS::AtLeastOnce, 1, "b", "x".repeat(200))
    });
    publisher.expect(Packet::PubAck(Ack::new(
        packet_id(1),
        Reason::QuotaExceeded,
    )));
    publisher.retain(QoS::AtLeastOnce, "a", "x");
    publisher.retain(QoS::AtLeastOnce, "b", &"x".repeat(900));
}

#[test]
fn properties_count_as_bytes_wherever_bytes_are_bounded() {
    let bomb = |qos, retain| Publish {
        retain,
        properties: properties((0..32).map(|_| {
            let text = "x".repeat(1_000);
            Property::UserProperty(text.clone().into(), text.into())
        })),
        ..publish_at(qos, 1, "x", "1")
    };
    let world = World::with(|limits| {
        limits.max_pending_bytes = 200_000;
        limits.max_queued_bytes = 200_000;
        limits.max_retained_bytes = 200_000;
    });
    let subscriber = world.client(Version::V5, "s");
    subscriber.subscribe("#", QoS::AtLeastOnce);
    subscriber.stall();
    let publisher = world.client(Version::V5, "p");
    for qos in [QoS::AtMostOnce, QoS::AtLeastOnce] {
        let before = world.stats().publish_dropped;
        for _ in 0..20 {
            publisher.send(bomb(qos, false));
        }
        assert!(world.stats().publish_dropped > before + 10, "{qos:?}");
    }
    while publisher.poll().is_some() {}
    for n in 0..4 {
        publisher.send(Publish {
            topic: topic(&n.to_string()),
            ..bomb(QoS::AtLeastOnce, true)
        });
        let Packet::PubAck(ack) = publisher.receive() else {
            panic!("no PUBACK")
        };
        assert_eq!(ack.reason == Reason::QuotaExceeded, n == 3, "{ack:?}");
    }
}

#[test]
fn one_connection_more_than_allowed_is_closed_at_once() {
    for version in VERSIONS {
        let world = World::with(|limits| limits.max_connections = 2);
        let first = world.client(version, "a");
        let second = world.client(version, "b");
        let third = world.open(version);
        third.expect_closed();
        assert!(
            world
                .events()
                .iter()
                .any(|event| matches!(event, Event::TooManyConnections { .. }))
        );
        first.expect_nothing();
        second.lose();
        world.client(version, "c");
    }
}

#[test]
fn a_client_that_asks_without_reading_the_answers_is_closed() {
    for version in VERSIONS {
        let world = World::new();
        let client = world.client(version, "a");
        client.stall();
        for _ in 0..30 {
            client.send_together((0..1_000).map(|_| Packet::PingReq));
        }
        let cause = world.last_cause();
        assert!(
            matches!(
                cause,
                DisconnectCause::Protocol(ProtocolFault::AnswersNotRead)
            ),
            "{cause}"
        );
        world
            .client(version, "b")
            .publish(QoS::AtLeastOnce, "x", "others are served");
    }
}

#[test]
fn new_limits_hold_from_now_on() {
    let world = World::new();
    let client = world.client(Version::V311, "s");
    client.subscribe("a", QoS::AtMostOnce);
    world.reconfigure(|limits| {
        limits.max_connections = 2;
        limits.max_queued_messages = 1;
    });
    world.client(Version::V311, "t");
    world.open(Version::V311).expect_closed();
    client.publish(QoS::AtMostOnce, "a", "still here");
    client.take(QoS::AtMostOnce, "a", "still here");
}
