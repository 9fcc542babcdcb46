// SPDX-License-Identifier: Apache-2.0 OR MIT
//! A client that publishes faster than it may is read no faster, and nothing of it is lost.

use std::time::Duration;

use mqtt_core::Event;
use mqtt_proto::{Packet, QoS, Reason, Version};
use tests::packets::{connect, disconnect, publish, publish_at};
use tests::{IntoPacket, VERSIONS, World};

fn limited(rate: u32) -> World {
    World::with(|limits| limits.max_message_rate = rate)
}

fn told(world: &World) -> usize {
    let too_fast = |event: &Event| matches!(event, Event::TooFast { .. });
    world.events().into_iter().filter(too_fast).count()
}

#[test]
fn what_comes_too_fast_arrives_later_complete_and_in_order() {
    for version in VERSIONS {
        let world = limited(10);
        let reader = world.client(version, "r");
        reader.subscribe("x", QoS::AtMostOnce);
        let fast = world.client(version, "f");
        fast.send_together((0..35).map(|n| publish("x", n.to_string()).into_packet()));
        assert_eq!(reader.take_payloads().len(), 10, "a second's worth at once");
        world.pass(Duration::from_secs(1));
        assert_eq!(
            reader.take_payloads().first().map(String::as_str),
            Some("10")
        );
        world.pass(Duration::from_secs(2));
        let last = reader.take_payloads();
        assert_eq!(
            last.last().map(String::as_str),
            Some("34"),
            "nothing is lost"
        );
        assert_eq!(world.stats().publish_dropped, 0);
        assert!(world.stats().publish_paused > 0);
        assert_eq!(told(&world), 1, "told once a connection");
    }
}

#[test]
fn every_quality_of_service_is_held_back_and_answered() {
    for version in VERSIONS {
        let world = limited(2);
        let fast = world.client(version, "f");
        let packets = (1..=6).map(|id| publish_at(QoS::AtLeastOnce, id, "x", "y").into_packet());
        fast.send_together(packets);
        let answers = || std::iter::from_fn(|| fast.poll()).count();
        assert_eq!(answers(), 2);
        world.pass(Duration::from_secs(1));
        assert_eq!(answers(), 2);
        world.pass(Duration::from_secs(1));
        assert_eq!(answers(), 2);
    }
}

#[test]
fn a_slow_client_and_other_packets_are_not_held_back() {
    for version in VERSIONS {
        let world = limited(1);
        let client = world.client(version, "c");
        for _ in 0..10 {
            client.publish(QoS::AtLeastOnce, "x", "y");
            client.send_together((0..20).map(|_| Packet::PingReq));
            for _ in 0..20 {
                client.expect(Packet::PingResp);
            }
            world.pass(Duration::from_secs(1));
        }
        assert_eq!(told(&world), 0);
    }
}

#[test]
fn a_client_that_is_held_back_is_not_blamed_for_its_silence() {
    for version in VERSIONS {
        let world = limited(1);
        let mut packet = connect(version, "f");
        packet.keep_alive = 2;
        let fast = world.connect(packet, false);
        fast.send_together((0..30).map(|n| publish("x", n.to_string()).into_packet()));
        world.pass(Duration::from_secs(20));
        assert!(fast.is_open(), "it has sent more than was taken from it");
        world.pass(Duration::from_secs(30));
        assert!(!fast.is_open(), "now it is silent");
    }
}

#[test]
fn a_good_bye_behind_too_many_messages_comes_after_them() {
    let world = limited(5);
    let reader = world.client(Version::V5, "r");
    reader.subscribe("x", QoS::AtMostOnce);
    let fast = world.client(Version::V5, "f");
    let messages = (0..20).map(|n| publish("x", n.to_string()).into_packet());
    fast.send_together(messages.chain([disconnect(Reason::Success).into_packet()]));
    world.pass(Duration::from_secs(5));
    assert_eq!(reader.take_payloads().len(), 20);
    fast.expect_closed();
}

#[test]
fn a_limit_that_is_taken_away_holds_no_longer() {
    let world = limited(1);
    let reader = world.client(Version::V311, "r");
    reader.subscribe("x", QoS::AtMostOnce);
    let fast = world.client(Version::V311, "f");
    fast.send_together((0..50).map(|n| publish("x", n.to_string()).into_packet()));
    world.reconfigure(|limits| limits.max_message_rate = 0);
    world.pass(Duration::from_secs(1));
    assert_eq!(reader.take_payloads().len(), 50);
}
