// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Payloads that only the store has after a restart: read when they are due, in order, and missed by nobody else when lost.

use mqtt_proto::{QoS, Reason};
use tests::packets::{puback, publish_at, suback, subscribe};
use tests::{Client, VERSIONS, World};

use super::again;

#[test]
fn a_queue_whose_payloads_are_in_the_store_is_read_piece_by_piece() {
    for version in VERSIONS {
        let world = World::new();
        let client = world.persistent(version, "s");
        client.subscribe("x", QoS::AtLeastOnce);
        client.lose();
        let payload = "p".repeat(10_000);
        let publisher = world.client(version, "p");
        for n in 0..500 {
            publisher.publish(QoS::AtLeastOnce, "x", &format!("{n} {payload}"));
        }
        let before = world.stats();
        world.crash();
        let after = world.stats();
        assert_eq!(after.queued_bytes, before.queued_bytes);
        assert!(after.memory_held <= before.memory_held);
        let client = world.resumed(version, "s");
        let received = client.take_payloads();
        let numbers = received.iter().map(|payload| payload.split(' ').next());
        assert!(
            numbers.eq((0..500)
                .map(|n| n.to_string())
                .collect::<Vec<_>>()
                .iter()
                .map(|n| Some(n.as_str())))
        );
        world.assert_queues_empty();
    }
}

#[test]
fn what_is_in_flight_waits_for_its_payload_and_stays_in_front() {
    for version in VERSIONS {
        let world = World::with(|limits| limits.max_inflight_messages = 2);
        let client = world.persistent(version, "s");
        client.subscribe("x", QoS::AtLeastOnce);
        let publisher = world.client(version, "p");
        for n in 0..3 {
            publisher.publish(QoS::AtLeastOnce, "x", &n.to_string());
        }
        world.crash();
        world.hold_fetches();
        let client = world.resumed(version, "s");
        let publisher = world.client(version, "p");
        publisher.publish(QoS::AtLeastOnce, "x", "3");
        client.expect_nothing();
        client.lose(); // the answer comes for a connection that is gone
        world.release_fetches();
        let client = world.resumed(version, "s");
        for n in 0..2 {
            let id = client.expect_publish(again(QoS::AtLeastOnce, 1, &n.to_string()));
            client.send(puback(id));
        }
        for n in 2..4 {
            client.take(QoS::AtLeastOnce, "x", &n.to_string());
        }
        world.assert_queues_empty();
    }
}

#[test]
fn what_is_sent_again_waits_for_no_reply_so_that_nothing_new_comes_before_it() {
    for version in VERSIONS {
        let world = World::new();
        let client = world.persistent(version, "s");
        client.subscribe("x", QoS::AtLeastOnce);
        world
            .client(version, "p")
            .publish(QoS::AtLeastOnce, "x", "1");
        world.crash();
        world.hold_fetches();
        let client = world.resumed(version, "s");
        let publisher = world.client(version, "p");
        world.hold_commits();
        client.send(subscribe(2, "y", QoS::AtLeastOnce));
        world.release_fetches();
        publisher.send(publish_at(QoS::AtLeastOnce, 1, "x", "2"));
        client.expect_publish(again(QoS::AtLeastOnce, 1, "1")); // [MQTT-4.6.0-1]
        client.expect_publish(publish_at(QoS::AtLeastOnce, 2, "x", "2"));
        client.expect_nothing();
        world.release_commits();
        client.expect(suback(2, [Reason::GrantedQoS1]));
    }
}

#[test]
fn a_message_whose_payload_is_lost_is_left_out() {
    for version in VERSIONS {
        let world = World::new();
        let client = world.persistent(version, "s");
        client.subscribe("x", QoS::ExactlyOnce);
        let publisher = world.client(version, "p");
        publisher.publish(QoS::AtLeastOnce, "x", "in flight");
        publisher.publish(QoS::ExactlyOnce, "x", "in flight");
        client.lose();
        publisher.publish(QoS::AtLeastOnce, "x", "waits");
        world.crash();
        world.spoil_payloads();
        let publisher = world.client(version, "p");
        publisher.publish(QoS::AtLeastOnce, "x", "new");
        let client = world.resumed(version, "s");
        client.take(QoS::AtLeastOnce, "x", "new");
        client.expect_nothing();
        assert_eq!(world.stats().publish_dropped, 3);
        world.assert_queues_empty();
    }
}

#[test]
fn an_acknowledgement_needs_no_payload() {
    for version in VERSIONS {
        let world = World::new();
        let client = world.persistent(version, "s");
        client.subscribe("x", QoS::AtLeastOnce);
        let publisher = world.client(version, "p");
        publisher.publish(QoS::AtLeastOnce, "x", "1");
        let id = client.expect_publish(publish_at(QoS::AtLeastOnce, 1, "x", "1"));
        world.crash();
        world.hold_fetches();
        let client = world.resumed(version, "s");
        client.send(puback(id));
        world.release_fetches();
        client.expect_nothing();
        world.assert_queues_empty();
    }
}

#[test]
fn memory_is_counted_as_before() {
    for version in VERSIONS {
        let world = World::new();
        let clients = ["a", "b"].map(|name| {
            let client = world.persistent(version, name);
            client.subscribe("x/#", QoS::ExactlyOnce);
            client
        });
        clients.iter().for_each(Client::lose);
        let publisher = world.client(version, "p");
        for n in 0..10 {
            publisher.publish(QoS::AtLeastOnce, "x/1", &"p".repeat(n * 100));
            publisher.retain(QoS::ExactlyOnce, &format!("y/{n}"), "retained");
        }
        publisher.leave();
        let before = world.stats();
        world.crash();
        let after = world.stats();
        assert_eq!(after.memory_held, before.memory_held);
        assert_eq!(after.queued_bytes, before.queued_bytes);
        assert_eq!(after.queued_messages, before.queued_messages);
        assert_eq!(after.retained_bytes, before.retained_bytes);
        for n in 0..10 {
            let publisher = world.client(version, "p");
            publisher.retain(QoS::AtMostOnce, &format!("y/{n}"), "");
            publisher.leave();
        }
        for name in ["a", "b"] {
            world.client(version, name).leave();
        }
        world.assert_empty();
    }
}
