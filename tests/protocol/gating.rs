// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Commit, then tell: what promises something leaves when it is durable, what promises nothing never waits.

use std::time::Duration;

use mqtt_proto::{Connect, Packet, QoS, Reason, Version};
use tests::packets::{
    connack, connect, puback, pubcomp, publish, publish_at, pubrec, pubrel, resume, suback,
    subscribe, unsuback, unsubscribe,
};
use tests::{Client, IntoPacket, VERSIONS, World};

/// An absent client with a persistent session that wants `x/#`, and a publisher.
fn world_with_absent_client(version: Version) -> (World, Client) {
    let world = World::new();
    let client = world.persistent(version, "absent");
    client.subscribe("x/#", QoS::ExactlyOnce);
    client.lose();
    let publisher = world.client(version, "p");
    (world, publisher)
}

#[test]
fn a_message_for_an_absent_session_is_acknowledged_when_it_is_durable() {
    for version in VERSIONS {
        for (qos, acknowledgement) in [(QoS::AtLeastOnce, puback(1)), (QoS::ExactlyOnce, pubrec(1))]
        {
            let (world, publisher) = world_with_absent_client(version);
            world.hold_commits();
            publisher.send(publish_at(qos, 1, "x/1", "1"));
            publisher.expect_nothing();
            world.pass(Duration::from_secs(60));
            publisher.expect_nothing();
            world.release_commits();
            publisher.expect(acknowledgement); // [MQTT-4.3.2-4], [MQTT-4.3.3-8], in 3.1.1 [MQTT-4.3.2-2]
        }
    }
}

#[test]
fn each_acknowledgement_waits_for_its_own_message_only() {
    for version in VERSIONS {
        let (world, publisher) = world_with_absent_client(version);
        world.hold_commits();
        publisher.send(publish_at(QoS::AtLeastOnce, 1, "x/1", "1"));
        let other = world.client(version, "q");
        other.send(publish_at(QoS::AtLeastOnce, 1, "x/2", "2"));
        let durable = |_: &u32| {
            world.commit(1);
            publisher
                .poll()
                .is_some_and(|packet| matches!(packet, Packet::PubAck(_)))
        };
        (0..100)
            .find(durable)
            .expect("the first message becomes durable");
        other.expect_nothing();
        world.release_commits();
        other.expect(puback(1));
    }
}

#[test]
fn a_message_for_live_clean_sessions_never_waits() {
    for version in VERSIONS {
        let world = World::new();
        let subscriber = world.client(version, "s");
        subscriber.subscribe("x/#", QoS::AtLeastOnce);
        let publisher = world.client(version, "p");
        world.hold_commits();
        publisher.publish(QoS::AtLeastOnce, "x/1", "1");
        subscriber.take(QoS::AtLeastOnce, "x/1", "1");
        publisher.publish(QoS::AtMostOnce, "x/1", "2");
        subscriber.take(QoS::AtMostOnce, "x/1", "2");
        publisher.publish(QoS::AtLeastOnce, "nobody/listens", "3");
    }
}

#[test]
fn quality_0_does_not_wait_for_the_store() {
    for version in VERSIONS {
        let (world, publisher) = world_with_absent_client(version);
        let subscriber = world.client(version, "s");
        subscriber.subscribe("#", QoS::AtMostOnce);
        world.hold_commits();
        publisher.send(publish_at(QoS::AtLeastOnce, 1, "x/1", "1"));
        publisher.send(publish("x/2", "2"));
        subscriber.take(QoS::AtMostOnce, "x/1", "1");
        subscriber.take(QoS::AtMostOnce, "x/2", "2");
        publisher.expect_nothing();
        world.release_commits();
        publisher.expect(puback(1));
    }
}

#[test]
fn a_retained_message_is_acknowledged_when_it_is_durable() {
    for version in VERSIONS {
        for payload in ["1", ""] {
            let world = World::new();
            let publisher = world.client(version, "p");
            publisher.retain(QoS::AtLeastOnce, "x", "0");
            world.hold_commits();
            let mut message = publish_at(QoS::AtLeastOnce, 1, "x", payload);
            message.retain = true;
            publisher.send(message);
            publisher.expect_nothing();
            world.release_commits();
            assert!(matches!(publisher.receive(), Packet::PubAck(_)));
        }
    }
}

#[test]
fn acknowledgements_stay_in_the_order_of_arrival() {
    for version in VERSIONS {
        let (world, publisher) = world_with_absent_client(version);
        let subscriber = world.client(version, "s");
        subscriber.subscribe("#", QoS::AtMostOnce);
        world.hold_commits();
        publisher.send(publish_at(QoS::AtLeastOnce, 1, "x/1", "gated"));
        publisher.send(publish_at(QoS::AtLeastOnce, 2, "live", "not gated"));
        publisher.expect_nothing();
        world.release_commits();
        publisher.expect(puback(1));
        publisher.expect(puback(2));
    }
}

#[test]
fn a_persistent_sessions_subscriptions_are_confirmed_when_they_are_durable() {
    for version in VERSIONS {
        let world = World::new();
        let client = world.persistent(version, "a");
        world.hold_commits();
        client.send(subscribe(1, "x", QoS::AtMostOnce));
        client.expect_nothing();
        world.release_commits();
        client.expect(suback(1, [Reason::Success]));
        world.hold_commits();
        client.send(unsubscribe(2, "x"));
        client.expect_nothing();
        world.release_commits();
        client.expect(unsuback(2, Reason::Success));
    }
}

#[test]
fn a_clean_sessions_subscriptions_do_not_wait() {
    for version in VERSIONS {
        let world = World::new();
        world.hold_commits();
        let client = world.client(version, "a");
        client.subscribe("x", QoS::ExactlyOnce);
        client.unsubscribe("x");
    }
}

#[test]
fn a_connack_that_creates_or_discards_a_persistent_session_waits() {
    for version in VERSIONS {
        let world = World::new();
        world.hold_commits();
        let client = world.open(version);
        client.send(resume(version, "a"));
        client.expect_nothing();
        world.release_commits();
        client.expect(connack(false));
        client.lose();
        world.hold_commits();
        let clean = world.open(version);
        clean.send(connect(version, "a"));
        clean.expect_nothing();
        world.release_commits();
        clean.expect(connack(false));
    }
}

#[test]
fn a_client_whose_connack_waits_can_be_taken_over() {
    for version in VERSIONS {
        let world = World::new();
        world.hold_commits();
        let first = world.open(version);
        first.send(resume(version, "a"));
        let second = world.open(version);
        second.send(resume(version, "a"));
        world.release_commits();
        assert!(!first.is_open());
        second.expect(connack(true));
        assert_eq!(world.stats().clients_connected, 1);
    }
}

#[test]
fn no_message_leaves_before_a_waiting_connack() {
    for version in VERSIONS {
        let (world, publisher) = world_with_absent_client(version);
        publisher.publish(QoS::AtLeastOnce, "x/1", "waits");
        world.hold_commits();
        let client = world.open(version);
        client.send(resume(version, "absent"));
        publisher.publish(QoS::AtMostOnce, "x/2", "live");
        client.expect_nothing(); // [MQTT-3.2.0-1]
        world.release_commits();
        client.expect(connack(true));
        client.take(QoS::AtLeastOnce, "x/1", "waits");
        client.take(QoS::AtMostOnce, "x/2", "live");
    }
}

#[test]
fn packets_behind_a_waiting_connack_are_answered_after_it() {
    for version in VERSIONS {
        let world = World::new();
        world.hold_commits();
        let client = world.open(version);
        client.send_together([resume(version, "a").into_packet(), Packet::PingReq]);
        client.send(subscribe(1, "x", QoS::AtMostOnce));
        client.expect_nothing();
        world.release_commits();
        client.expect(connack(false));
        client.expect(Packet::PingResp);
        client.expect(suback(1, [Reason::Success]));
    }
}

#[test]
fn a_delivery_of_quality_2_to_a_persistent_session_leaves_when_it_is_durable() {
    for version in VERSIONS {
        let world = World::new();
        let subscriber = world.persistent(version, "s");
        subscriber.subscribe("x", QoS::ExactlyOnce);
        let publisher = world.client(version, "p");
        world.hold_commits();
        publisher.send(publish_at(QoS::ExactlyOnce, 1, "x", "1"));
        subscriber.expect_nothing();
        world.release_commits();
        publisher.expect(pubrec(1));
        subscriber.take(QoS::ExactlyOnce, "x", "1");
    }
}

#[test]
fn the_steps_of_quality_2_with_persistent_sessions_wait_too() {
    for version in VERSIONS {
        let world = World::new();
        let subscriber = world.persistent(version, "s");
        subscriber.subscribe("x", QoS::ExactlyOnce);
        let publisher = world.persistent(version, "p");
        publisher.send(publish_at(QoS::ExactlyOnce, 1, "x", "1"));
        publisher.expect(pubrec(1));
        let id = subscriber.expect_publish(publish_at(QoS::ExactlyOnce, 1, "x", "1"));
        world.hold_commits();
        publisher.send(pubrel(1));
        publisher.expect_nothing();
        subscriber.send(pubrec(id));
        subscriber.expect_nothing();
        world.release_commits();
        publisher.expect(pubcomp(1));
        subscriber.expect(pubrel(id));
    }
}

#[test]
fn a_refusal_does_not_wait() {
    for version in VERSIONS {
        let (world, publisher) = world_with_absent_client(version);
        world.hold_commits();
        publisher.send_bytes(&[0xc1, 0]);
        publisher.expect_disconnect(Reason::MalformedPacket);
    }
}

#[test]
fn a_takeover_does_not_wait_for_what_the_old_connection_was_promised() {
    for version in VERSIONS {
        let (world, publisher) = world_with_absent_client(version);
        world.hold_commits();
        publisher.send(publish_at(QoS::AtLeastOnce, 1, "x/1", "1"));
        let second = world.connect(
            Connect {
                clean_start: true,
                ..connect(version, "p")
            },
            false,
        );
        second.expect_nothing();
        world.release_commits();
        publisher.expect(puback(1));
        publisher.expect_disconnect(Reason::SessionTakenOver);
    }
}

#[test]
fn a_queued_message_waits_for_its_payload_and_keeps_its_place() {
    for version in VERSIONS {
        let (world, publisher) = world_with_absent_client(version);
        publisher.publish(QoS::AtLeastOnce, "x/1", "1");
        publisher.publish(QoS::ExactlyOnce, "x/2", "2");
        world.hold_fetches();
        let client = world.resumed(version, "absent");
        publisher.publish(QoS::AtLeastOnce, "x/3", "3");
        world.release_fetches();
        let mut payloads = client.take_payloads();
        assert!(
            payloads
                .iter()
                .filter(|payload| *payload != "2")
                .eq(["1", "3"]),
            "{payloads:?}"
        );
        payloads.sort();
        assert_eq!(payloads, ["1", "2", "3"]);
        world.assert_queues_empty();
    }
}

#[test]
fn a_connection_lost_while_a_payload_is_read_loses_nothing() {
    for version in VERSIONS {
        let (world, publisher) = world_with_absent_client(version);
        publisher.publish(QoS::AtLeastOnce, "x/1", "1");
        world.hold_fetches();
        world.resumed(version, "absent").lose();
        world.release_fetches();
        world
            .resumed(version, "absent")
            .take(QoS::AtLeastOnce, "x/1", "1");
        world.assert_queues_empty();
    }
}
