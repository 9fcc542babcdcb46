// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Shared subscriptions over a power cut: what waits for the members, and what each of them had.

use mqtt_proto::{QoS, Version};
use tests::packets::{connect, publish_at, pubrec, pubrel};
use tests::{QUALITIES, VERSIONS, World};

use super::again;

const SHARE: &str = "$share/g/x";

#[test]
fn what_waits_for_a_group_is_there_in_order() {
    for version in VERSIONS {
        let world = World::new();
        let member = world.persistent(version, "m");
        member.subscribe(SHARE, QoS::ExactlyOnce);
        member.lose();
        let publisher = world.client(version, "p");
        for n in 0..100 {
            publisher.publish(QUALITIES[1 + n % 2], "x", &n.to_string());
        }
        world.crash();
        assert_eq!(world.stats().shared_subscriptions, 1);
        assert_eq!(world.stats().queued_messages, 100);
        let received = world.resumed(version, "m").take_payloads();
        for odd in [0, 1] {
            let expected = (0..100).filter(|n| n % 2 == odd);
            let of_quality = received.iter().filter_map(|payload| payload.parse().ok());
            let of_quality = of_quality.filter(|n: &i32| n % 2 == odd);
            assert!(of_quality.eq(expected), "{received:?}");
        }
        world.assert_queues_empty();
    }
}

#[test]
fn a_member_that_stays_keeps_what_it_had_in_flight() {
    for version in VERSIONS {
        for qos in [QoS::AtLeastOnce, QoS::ExactlyOnce] {
            let world = World::new();
            let member = world.persistent(version, "m");
            member.subscribe(SHARE, QoS::ExactlyOnce);
            world.client(version, "p").publish(qos, "x", "1");
            let id = member.expect_publish(publish_at(qos, 1, "x", "1"));
            world.crash();
            let other = world.persistent(version, "n");
            other.subscribe(SHARE, QoS::ExactlyOnce);
            other.expect_nothing();
            let member = world.resumed(version, "m");
            assert_eq!(member.expect_publish(again(qos, 1, "1")), id);
            member.lose();
            world.client(version, "m").leave(); // the session ends
            match qos {
                QoS::ExactlyOnce => other.expect_nothing(), // [MQTT-4.8.2-5]
                _ => other.take(qos, "x", "1"),
            }
        }
    }
}

#[test]
fn what_a_member_had_that_ends_with_its_connection_goes_to_the_others() {
    for version in VERSIONS {
        let world = World::new();
        let stays = world.persistent(version, "stays");
        stays.subscribe(SHARE, QoS::ExactlyOnce);
        stays.lose();
        let goes = world.client(version, "goes");
        goes.subscribe(SHARE, QoS::ExactlyOnce);
        let publisher = world.client(version, "p");
        publisher.publish(QoS::AtLeastOnce, "x", "1");
        publisher.publish(QoS::ExactlyOnce, "x", "2");
        goes.expect_publish(publish_at(QoS::AtLeastOnce, 1, "x", "1"));
        let id = goes.expect_publish(publish_at(QoS::ExactlyOnce, 1, "x", "2"));
        goes.send(pubrec(id));
        goes.expect(pubrel(id));
        world.crash();
        let stays = world.resumed(version, "stays");
        assert_eq!(stays.take_payloads(), ["1"]); // QoS 2 had begun with the other: [MQTT-4.8.2-5]
        world.assert_queues_empty();
    }
}

#[test]
fn a_group_of_members_that_end_with_their_connections_ends_with_the_broker() {
    for version in VERSIONS {
        let world = World::new();
        let clean = world.client(version, "clean");
        clean.subscribe(SHARE, QoS::AtLeastOnce);
        let kept = world.persistent(version, "kept");
        kept.subscribe(SHARE, QoS::AtLeastOnce);
        clean.stall();
        kept.lose();
        let publisher = world.client(version, "p");
        for n in 0..200 {
            publisher.publish(QoS::AtLeastOnce, "x", &n.to_string());
        }
        world.connect(connect(version, "kept"), false).leave();
        world.crash();
        world.assert_empty();
    }
}

#[test]
fn a_move_from_the_group_to_a_member_is_there_or_not() {
    for version in VERSIONS {
        for records in 0..4 {
            let world = World::new();
            let member = world.persistent(version, "m");
            member.subscribe(SHARE, QoS::ExactlyOnce);
            member.lose();
            world
                .client(version, "p")
                .publish(QoS::ExactlyOnce, "x", "1");
            world.hold_commits();
            let member = world.open(version);
            member.send(tests::packets::resume(version, "m"));
            world.commit(records);
            world.crash();
            assert_eq!(world.resumed(version, "m").take_payloads(), ["1"]);
            world.assert_queues_empty();
        }
    }
}

#[test]
fn a_message_that_a_member_and_its_own_subscription_share_is_there_twice() {
    for version in VERSIONS {
        let world = World::new();
        let member = world.persistent(version, "m");
        member.subscribe(SHARE, QoS::AtLeastOnce);
        member.subscribe("x", QoS::AtLeastOnce);
        let publisher = world.client(version, "p");
        publisher.publish(QoS::AtLeastOnce, "x", "1");
        world.crash();
        assert_eq!(world.stored_payloads(), 1);
        let member = world.resumed(version, "m");
        assert_eq!(member.take_payloads(), ["1", "1"]);
        world.assert_queues_empty();
        member.lose();
        let publisher = world.client(Version::V5, "p");
        publisher.publish(QoS::AtLeastOnce, "x", "2");
        world.crash();
        assert_eq!(world.resumed(version, "m").take_payloads(), ["2", "2"]);
        world.assert_queues_empty();
    }
}

#[test]
fn a_member_at_quality_0_gets_what_waited_at_most_once() {
    for version in VERSIONS {
        let world = World::new();
        let member = world.persistent(version, "m");
        member.subscribe(SHARE, QoS::AtMostOnce);
        member.lose();
        let publisher = world.client(version, "p");
        publisher.publish(QoS::AtLeastOnce, "x", "1");
        world.crash();
        world.resumed(version, "m").take(QoS::AtMostOnce, "x", "1");
        world.crash();
        world.assert_queues_empty();
        let publisher = world.client(version, "p");
        publisher.publish(QoS::ExactlyOnce, "x", "2");
        world.crash(); // the payload is in the store only
        world.hold_fetches();
        world.resumed(version, "m").expect_nothing(); // it has the message and waits for the payload
        world.crash();
        world.release_fetches();
        world.resumed(version, "m").expect_nothing(); // it may have been sent
        world.assert_queues_empty();
    }
}
