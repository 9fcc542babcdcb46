// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The budget of memory: what is refused above it, what goes on, and that everything held is given back.

use std::time::Duration;

use mqtt_core::{DisconnectCause, Event, ProtocolFault};
use mqtt_proto::{Packet, QoS, Reason, Version};
use tests::packets::{connect, publish_at, resume, subscribe, will};
use tests::{IntoPacket, VERSIONS, World};

fn held(world: &World) -> u64 {
    world.stats().memory_held
}

/// Takes away all room but for what is held now.
fn fill(world: &World) {
    let now = held(world) as usize;
    world.reconfigure(|limits| limits.memory_limit = now);
}

#[test]
fn above_the_budget_new_state_is_refused_and_old_state_goes_on() {
    for version in VERSIONS {
        let world = World::new();
        let client = world.client(version, "c");
        client.subscribe("x", QoS::AtLeastOnce);
        client.retain(QoS::AtLeastOnce, "r", "kept");
        world.persistent(version, "away").lose();
        fill(&world);

        let quota = |reason| {
            if version == Version::V5 {
                Reason::QuotaExceeded
            } else {
                reason
            }
        };
        world.refused(connect(version, "new"), quota(Reason::ServerUnavailable));
        assert!(matches!(
            world.last_cause(),
            DisconnectCause::Protocol(ProtocolFault::MemoryFull)
        ));
        client.send(subscribe(1, "y", QoS::AtMostOnce));
        let Packet::SubAck(answer) = client.receive() else {
            panic!("no SUBACK")
        };
        assert_eq!(answer.reasons, [quota(Reason::UnspecifiedError)]);
        let mut message = publish_at(QoS::AtLeastOnce, 2, "r2", "more");
        message.retain = true;
        client.send(message);
        let Packet::PubAck(answer) = client.receive() else {
            panic!("no PUBACK")
        };
        assert_eq!(answer.reason, quota(Reason::Success));
        assert_eq!(world.stats().retained_messages, 1);

        client.publish(QoS::AtLeastOnce, "x", "goes on");
        client.take(QoS::AtLeastOnce, "x", "goes on");
        client.subscribe("x", QoS::AtMostOnce); // replaces: needs no room
        client.retain(QoS::AtLeastOnce, "r", "less");
        client.retain(QoS::AtLeastOnce, "r", "");
        world.resumed(version, "away");
    }
}

#[test]
fn above_the_budget_what_would_wait_is_dropped_for_that_client_only() {
    for version in VERSIONS {
        let world = World::new();
        let away = world.persistent(version, "away");
        away.subscribe("x", QoS::AtLeastOnce);
        away.lose();
        let here = world.client(version, "here");
        here.subscribe("x", QoS::AtLeastOnce);
        fill(&world);
        here.publish(QoS::AtLeastOnce, "x", "1");
        here.take(QoS::AtLeastOnce, "x", "1");
        let named = |event: &Event| {
            matches!(event, Event::DroppingMessages { client, limit: "memory_limit", topic }
                if client.client_id == "away" && topic.as_str() == "x")
        };
        assert_eq!(
            world.events().iter().filter(|event| named(event)).count(),
            1
        );
        assert_eq!(world.stats().publish_dropped, 1);
        let back = world.resumed(version, "away");
        back.expect_nothing();
    }
}

#[test]
fn a_message_for_many_counts_once_and_its_payload_only_where_the_store_is_in_memory() {
    let kinds = [(true, 100_000..120_000), (false, 4_000..5_000)];
    for (version, (in_memory, expected)) in VERSIONS
        .into_iter()
        .flat_map(|v| kinds.clone().map(|kind| (v, kind)))
    {
        let world = World::new();
        if in_memory {
            world.count_stored_payloads();
        }
        for n in 0..20 {
            let client = world.persistent(version, &n.to_string());
            client.subscribe("x", QoS::AtLeastOnce);
            client.lose();
        }
        let publisher = world.client(version, "p");
        let before = held(&world);
        publisher.publish(QoS::AtLeastOnce, "x", &"y".repeat(100_000));
        let cost = held(&world) - before;
        assert!(expected.contains(&cost), "{cost} bytes for one message");
    }
}

#[test]
fn everything_that_clients_had_is_given_back() {
    for version in VERSIONS {
        let world = World::new();
        let mut packet = resume(version, "a");
        packet.will = Some(will("w", "gone"));
        let client = world.connect(packet, false);
        for filter in ["#", "a/+/c/#", "x"] {
            client.subscribe(filter, QoS::ExactlyOnce);
        }
        client.unsubscribe("x");
        client.stall();
        let publisher = world.client(version, "p");
        for n in 0..200 {
            for qos in [QoS::AtMostOnce, QoS::AtLeastOnce] {
                publisher.publish(qos, "x", &format!("{n:01000}"));
            }
        }
        publisher.retain(QoS::AtLeastOnce, "r", "kept");
        assert!(held(&world) > 200_000, "{}", held(&world));
        publisher.retain(QoS::AtLeastOnce, "r", "");
        publisher.leave();
        client.lose();
        let mut fresh = connect(version, "a");
        fresh.clean_start = true;
        let again = world.connect(fresh, false);
        again.leave();
        world.pass(Duration::from_secs(1));
        world.assert_empty();
        assert_eq!(held(&world), 0);
    }
}

#[test]
fn queued_bytes_of_a_client_that_is_away_are_bounded_though_the_store_has_them() {
    for version in VERSIONS {
        let world = World::with(|limits| limits.max_queued_bytes = 10_000);
        let away = world.persistent(version, "away");
        away.subscribe("x", QoS::AtLeastOnce);
        away.lose();
        let publisher = world.client(version, "p");
        for n in 0..20 {
            publisher.publish(QoS::AtLeastOnce, "x", &format!("{n:01000}"));
        }
        assert_eq!(world.stats().queued_messages, 9);
        assert_eq!(world.stats().publish_dropped, 11);
    }
}

#[test]
fn a_flood_of_wishes_stays_within_the_budget() {
    for version in VERSIONS {
        let world = World::with(|limits| limits.memory_limit = 2_000_000);
        for n in 0..100 {
            let client = world.open(version);
            client.send(resume(version, &n.to_string()));
            let filters = (1..=50).map(|id| {
                subscribe(id, &format!("{n}/{id}/a/b/c/d/e/f/g/h/#"), QoS::AtLeastOnce)
                    .into_packet()
            });
            client.send_together(filters);
            let mut message =
                publish_at(QoS::AtLeastOnce, 60, &format!("r/{n}"), "x".repeat(50_000));
            message.retain = true;
            client.send(message);
            client.lose();
        }
        assert!(held(&world) < 2_100_000, "{}", held(&world));
        assert!(held(&world) > 1_900_000, "{}", held(&world));
    }
}
