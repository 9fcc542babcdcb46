// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Shared subscriptions when members leave, stall or are away: nothing is lost, and nothing is sent that must not be.

use std::time::Duration;

use mqtt_core::Event;
use mqtt_proto::{Ack, Connect, Packet, Property, Publish, QoS, Reason, Version};
use tests::packets::{
    connect, packet_id, properties, puback, pubcomp, publish_at, pubrec, pubrel, resume,
};
use tests::{Client, IntoPacket, QUALITIES, VERSIONS, World};

const SHARE: &str = "$share/g/x";

fn member(world: &World, version: Version, name: &str, qos: QoS) -> Client {
    let member = world.client(version, name);
    member.subscribe(SHARE, qos);
    member
}

fn persistent(world: &World, version: Version, name: &str, qos: QoS) -> Client {
    let member = world.persistent(version, name);
    member.subscribe(SHARE, qos);
    member
}

/// Publishes the numbers as payloads.
fn publish_numbers(world: &World, qos: QoS, numbers: std::ops::Range<usize>) {
    let publisher = world.client(Version::V5, "publisher");
    for n in numbers {
        publisher.publish(qos, "x", &n.to_string());
    }
    publisher.leave();
}

fn numbers(range: std::ops::Range<usize>) -> Vec<String> {
    range.map(|n| n.to_string()).collect()
}

/// How a member leaves for good.
const WAYS_TO_LEAVE: [fn(&World, &Client); 3] = [
    |_, member| member.lose(),
    |_, member| member.leave(),
    |world, member| drop(world.connect(connect(member.version(), "leaver"), false)),
];

#[test]
fn what_a_leaver_did_not_acknowledge_goes_to_the_others_in_its_order() {
    for version in VERSIONS {
        for leave in WAYS_TO_LEAVE {
            let world = World::new();
            let leaver = member(&world, version, "leaver", QoS::AtLeastOnce);
            publish_numbers(&world, QoS::ExactlyOnce, 0..5);
            let ids: Vec<u16> = numbers(0..5)
                .iter()
                .map(|n| leaver.expect_publish(publish_at(QoS::AtLeastOnce, 1, "x", n)))
                .collect();
            leaver.send(puback(ids[1]));
            let heir = member(&world, version, "heir", QoS::ExactlyOnce);
            heir.expect_nothing();
            leave(&world, &leaver);
            let inherited = heir.take_all();
            let payloads: Vec<_> = inherited.iter().map(|m| m.payload.as_ref()).collect();
            assert_eq!(payloads, [b"0", b"2", b"3", b"4"]);
            // As they were published, and for the first time.
            assert!(
                inherited
                    .iter()
                    .all(|m| m.qos == QoS::ExactlyOnce && !m.dup)
            );
            world.assert_queues_empty();
        }
    }
}

#[test]
fn a_qos_2_message_on_its_way_is_never_sent_to_another_member() {
    for version in VERSIONS {
        for answered in [false, true] {
            let world = World::new();
            let leaver = member(&world, version, "leaver", QoS::ExactlyOnce);
            publish_numbers(&world, QoS::ExactlyOnce, 0..1);
            let id = leaver.expect_publish(publish_at(QoS::ExactlyOnce, 1, "x", "0"));
            if answered {
                leaver.send(pubrec(id));
                leaver.expect(pubrel(id));
            }
            let heir = member(&world, version, "heir", QoS::ExactlyOnce);
            leaver.lose();
            heir.expect_nothing(); // [MQTT-4.8.2-5]
            world.assert_queues_empty();
        }
    }
}

#[test]
fn a_qos_2_message_that_never_left_the_broker_goes_to_another_member() {
    for version in VERSIONS {
        let world = World::new();
        let leaver = member(&world, version, "leaver", QoS::ExactlyOnce);
        publish_numbers(&world, QoS::ExactlyOnce, 0..1);
        leaver.expect_publish(publish_at(QoS::ExactlyOnce, 1, "x", "0"));
        leaver.stall();
        publish_numbers(&world, QoS::ExactlyOnce, 1..4);
        let heir = member(&world, version, "heir", QoS::ExactlyOnce);
        leaver.lose();
        assert_eq!(heir.take_payloads(), ["1", "2", "3"]);
        world.assert_queues_empty();
    }
}

#[test]
fn a_persistent_member_completes_what_was_begun_when_it_is_back() {
    for version in VERSIONS {
        for qos in [QoS::AtLeastOnce, QoS::ExactlyOnce] {
            let world = World::new();
            let away = persistent(&world, version, "away", qos);
            publish_numbers(&world, qos, 0..1);
            let id = away.expect_publish(publish_at(qos, 1, "x", "0"));
            let other = member(&world, version, "other", qos);
            away.lose();
            publish_numbers(&world, qos, 1..3);
            assert_eq!(other.take_payloads(), ["1", "2"]);
            let back = world.resumed(version, "away");
            let again = Publish {
                dup: true,
                ..publish_at(qos, id, "x", "0")
            };
            assert_eq!(back.expect_publish(again), id); // [MQTT-4.8.2-4]
            back.acknowledge(qos, id);
            other.expect_nothing();
            world.assert_queues_empty();
        }
    }
}

#[test]
fn an_expired_session_leaves_qos_1_to_the_others_and_qos_2_to_nobody() {
    for qos in [QoS::AtLeastOnce, QoS::ExactlyOnce] {
        let world = World::new();
        let hour = properties([Property::SessionExpiryInterval(3_600)]);
        let away = world.connect(
            Connect {
                properties: hour,
                ..connect(Version::V5, "away")
            },
            false,
        );
        away.subscribe(SHARE, qos);
        publish_numbers(&world, qos, 0..2);
        let other = member(&world, Version::V311, "other", qos);
        away.lose();
        world.pass(Duration::from_secs(3_599));
        other.expect_nothing();
        world.pass(Duration::from_secs(2));
        let inherited = match qos {
            QoS::ExactlyOnce => vec![], // [MQTT-4.8.2-5]
            _ => vec!["0", "1"],
        };
        assert_eq!(other.take_payloads(), inherited);
        world.assert_queues_empty();
    }
}

#[test]
fn unsubscribing_completes_what_is_in_flight_and_takes_no_more() {
    for version in VERSIONS {
        for qos in [QoS::AtLeastOnce, QoS::ExactlyOnce] {
            let world = World::with(|limits| limits.max_inflight_messages = 2);
            let leaver = member(&world, version, "leaver", qos);
            publish_numbers(&world, qos, 0..5);
            let ids = ["0", "1"].map(|n| leaver.expect_publish(publish_at(qos, 1, "x", n)));
            let heir = member(&world, version, "heir", qos);
            assert_eq!(heir.take_payloads(), ["2", "3", "4"]);
            leaver.unsubscribe(SHARE);
            for id in ids {
                leaver.acknowledge(qos, id); // [MQTT-3.10.4-3]
            }
            publish_numbers(&world, qos, 5..7);
            leaver.expect_nothing();
            assert_eq!(heir.take_payloads(), ["5", "6"]);
            world.assert_queues_empty();
        }
    }
}

#[test]
fn a_message_in_flight_to_one_that_unsubscribed_is_not_lost_with_it() {
    for version in VERSIONS {
        let world = World::new();
        let leaver = member(&world, version, "leaver", QoS::AtLeastOnce);
        publish_numbers(&world, QoS::AtLeastOnce, 0..1);
        let heir = member(&world, version, "heir", QoS::AtLeastOnce);
        leaver.expect_publish(publish_at(QoS::AtLeastOnce, 1, "x", "0"));
        leaver.unsubscribe(SHARE);
        heir.expect_nothing();
        leaver.lose();
        heir.take(QoS::AtLeastOnce, "x", "0");
        world.assert_queues_empty();
    }
}

#[test]
fn a_message_refused_by_its_member_is_discarded() {
    for (qos, refused) in [
        (QoS::AtLeastOnce, Packet::PubAck as fn(Ack) -> Packet),
        (QoS::ExactlyOnce, Packet::PubRec as fn(Ack) -> Packet),
    ] {
        let world = World::new();
        let picky = member(&world, Version::V5, "picky", qos);
        publish_numbers(&world, qos, 0..1);
        let id = picky.expect_publish(publish_at(qos, 1, "x", "0"));
        let other = member(&world, Version::V5, "other", qos);
        picky.send(refused(Ack::new(packet_id(id), Reason::QuotaExceeded)));
        other.expect_nothing(); // [MQTT-4.8.2-6]
        picky.lose();
        other.expect_nothing();
        world.assert_queues_empty();
    }
}

#[test]
fn a_stalled_member_holds_up_no_more_than_its_window() {
    for version in VERSIONS {
        for qos in [QoS::AtLeastOnce, QoS::ExactlyOnce] {
            let world = World::with(|limits| limits.max_inflight_messages = 3);
            let stalled = member(&world, version, "stalled", qos);
            let working = member(&world, version, "working", qos);
            stalled.stall();
            let publisher = world.client(version, "p");
            let mut done = Vec::new();
            for n in 0..50 {
                publisher.publish(qos, "x", &n.to_string());
                done.extend(working.take_payloads());
            }
            assert_eq!(done.len(), 47);
            stalled.lose();
            assert_eq!(working.take_payloads(), ["0", "2", "4"]);
            world.assert_queues_empty();
        }
    }
}

#[test]
fn a_member_whose_socket_is_full_is_passed_over_at_qos_0() {
    for version in VERSIONS {
        let world = World::with(|limits| limits.max_pending_bytes = 10_000);
        let stalled = member(&world, version, "stalled", QoS::AtMostOnce);
        let working = member(&world, version, "working", QoS::AtMostOnce);
        stalled.stall();
        let publisher = world.client(version, "p");
        let payload = "x".repeat(5_000);
        for _ in 0..50 {
            publisher.publish(QoS::AtMostOnce, "x", &payload);
        }
        assert_eq!(working.take_all().len(), 48);
        working.stall();
        for _ in 0..5 {
            publisher.publish(QoS::AtMostOnce, "x", &payload);
        }
        assert_eq!(world.stats().publish_dropped, 3);
        stalled.unstall();
        working.unstall();
        assert_eq!(stalled.take_all().len() + working.take_all().len(), 4);
    }
}

#[test]
fn what_nobody_has_room_for_waits_and_the_first_with_room_takes_the_oldest() {
    for version in VERSIONS {
        for qos in [QoS::AtLeastOnce, QoS::ExactlyOnce] {
            let world = World::with(|limits| limits.max_inflight_messages = 1);
            let crowd = ["a", "b"].map(|name| member(&world, version, name, qos));
            publish_numbers(&world, qos, 0..6);
            assert_eq!(world.stats().queued_messages, 4);
            let first = crowd[1].expect_publish(publish_at(qos, 1, "x", "1"));
            crowd[1].acknowledge(qos, first);
            let second = crowd[1].expect_publish(publish_at(qos, 1, "x", "2"));
            crowd[1].expect_nothing();
            crowd[0].take(qos, "x", "0");
            crowd[0].take(qos, "x", "3");
            crowd[1].acknowledge(qos, second);
            crowd[0].take(qos, "x", "4");
            crowd[1].take(qos, "x", "5");
            world.assert_queues_empty();
            publish_numbers(&world, qos, 6..8);
            assert_eq!(crowd.map(|member| member.take_payloads().len()), [1, 1]);
        }
    }
}

#[test]
fn messages_wait_for_members_that_are_away_and_the_first_back_gets_them() {
    for version in VERSIONS {
        let world = World::new();
        for name in ["a", "b"] {
            persistent(&world, version, name, QoS::ExactlyOnce).lose();
        }
        let publisher = world.client(version, "p");
        for (n, qos) in [0, 1, 2, 1, 0]
            .map(|n| QUALITIES[n])
            .into_iter()
            .enumerate()
        {
            publisher.publish(qos, "x", &n.to_string());
        }
        assert_eq!(world.stats().queued_messages, 3);
        let mut back = world.resumed(version, "b").take_payloads();
        back.sort(); // one order at each quality
        assert_eq!(back, ["1", "2", "3"]);
        world.resumed(version, "a").expect_nothing();
        world.assert_queues_empty();
    }
}

#[test]
fn a_new_member_gets_what_waits() {
    for version in VERSIONS {
        for qos in QUALITIES {
            let world = World::new();
            persistent(&world, version, "away", QoS::ExactlyOnce).lose();
            publish_numbers(&world, QoS::ExactlyOnce, 0..500);
            let new = member(&world, version, "new", qos);
            assert_eq!(new.take_payloads(), numbers(0..500));
            world.assert_queues_empty();
        }
    }
}

#[test]
fn a_full_queue_drops_the_newest_and_says_so_once() {
    for version in VERSIONS {
        let world = World::with(|limits| limits.max_queued_messages = 3);
        persistent(&world, version, "away", QoS::AtLeastOnce).lose();
        publish_numbers(&world, QoS::AtLeastOnce, 0..10);
        let dropping = |event: &Event| matches!(event, Event::DroppingShared { filter, limit: "max_queued_messages", .. } if filter.as_str() == SHARE);
        assert_eq!(
            world
                .events()
                .iter()
                .filter(|event| dropping(event))
                .count(),
            1
        );
        assert_eq!(world.stats().publish_dropped, 7);
        let back = world.resumed(version, "away");
        assert_eq!(back.take_payloads(), ["0", "1", "2"]);
        let dropped = |event: &Event| matches!(event, Event::DroppedShared { count: 7, .. });
        assert!(world.events().iter().any(dropped));
        world.assert_queues_empty();
    }
}

#[test]
fn what_waits_ends_with_the_last_member() {
    for version in VERSIONS {
        let world = World::new();
        let last = persistent(&world, version, "last", QoS::ExactlyOnce);
        let other = persistent(&world, version, "other", QoS::ExactlyOnce);
        last.lose();
        other.unsubscribe(SHARE);
        publish_numbers(&world, QoS::ExactlyOnce, 0..3);
        assert_eq!(world.stats().queued_messages, 3);
        world.connect(connect(version, "last"), false).leave();
        assert_eq!(world.stats().shared_subscriptions, 0);
        world.assert_queues_empty();
        other.subscribe(SHARE, QoS::ExactlyOnce);
        other.expect_nothing();
    }
}

#[test]
fn a_publisher_is_answered_when_what_waits_is_durable() {
    for version in VERSIONS {
        let world = World::new();
        let away = persistent(&world, version, "away", QoS::AtLeastOnce);
        away.lose();
        let publisher = world.client(version, "p");
        world.hold_commits();
        publisher.send(publish_at(QoS::AtLeastOnce, 1, "x", "1"));
        publisher.expect_nothing();
        world.release_commits();
        publisher.expect(puback(1));
        // Live members promise nothing beyond their connection.
        let world = World::new();
        let _live = member(&world, version, "live", QoS::AtLeastOnce);
        let publisher = world.client(version, "p");
        world.hold_commits();
        publisher.send(publish_at(QoS::AtLeastOnce, 1, "x", "1"));
        publisher.expect(puback(1));
    }
}

#[test]
fn a_large_group_finds_the_one_member_with_room() {
    for version in VERSIONS {
        let world = World::with(|limits| limits.max_inflight_messages = 1);
        let crowd: Vec<Client> = (0..1_000)
            .map(|n| member(&world, version, &n.to_string(), QoS::AtLeastOnce))
            .collect();
        publish_numbers(&world, QoS::AtLeastOnce, 0..1_000);
        crowd.iter().take(999).for_each(Client::stall);
        let free = &crowd[999];
        assert_eq!(free.take_payloads(), ["999"]);
        // It is the last of a thousand to be looked at, three slices away.
        let publisher = world.client(version, "p");
        let publish = |n| publish_at(QoS::AtLeastOnce, n, "x", n.to_string()).into_packet();
        publisher.send_together((1_000..1_050).map(publish)); // in one entry: none overtakes another
        assert_eq!(free.take_payloads(), numbers(1_000..1_050));
        crowd.iter().take(999).for_each(Client::lose);
        let mut rest = free.take_payloads();
        rest.sort_by_key(|n| n.parse::<usize>().ok());
        assert_eq!(rest, numbers(0..999));
        world.assert_queues_empty();
    }
}

#[test]
fn the_window_a_client_asked_for_is_kept_when_it_takes_what_waits() {
    let world = World::new();
    persistent(&world, Version::V5, "away", QoS::ExactlyOnce).lose();
    publish_numbers(&world, QoS::ExactlyOnce, 0..10);
    let narrow = properties([
        Property::ReceiveMaximum(2),
        Property::SessionExpiryInterval(9),
    ]);
    let back = world.connect(
        Connect {
            properties: narrow,
            ..resume(Version::V5, "away")
        },
        true,
    );
    let ids = ["0", "1"].map(|n| back.expect_publish(publish_at(QoS::ExactlyOnce, 1, "x", n)));
    back.expect_nothing(); // [MQTT-3.3.4-9]
    back.acknowledge(QoS::ExactlyOnce, ids[0]);
    back.expect_publish(publish_at(QoS::ExactlyOnce, 1, "x", "2"));
    back.expect_nothing();
    back.send(pubrec(ids[1]));
    back.expect(pubrel(ids[1]));
    back.expect_nothing();
    back.send(pubcomp(ids[1]));
    back.expect_publish(publish_at(QoS::ExactlyOnce, 1, "x", "3"));
}
