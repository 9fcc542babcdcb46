// SPDX-License-Identifier: Apache-2.0 OR MIT
//! One client identifier on two connections: the session moves to the newer, but never to another user.

use mqtt_core::DisconnectCause;
use mqtt_proto::{Publish, QoS, Reason, Version};
use tests::packets::{connect, login, publish_at, resume};
use tests::{QUALITIES, VERSIONS, World};

#[test]
fn a_second_connection_ends_the_first() {
    for version in VERSIONS {
        let world = World::new();
        let first = world.client(version, "a");
        let second = world.client(version, "a");
        first.expect_disconnect(Reason::SessionTakenOver); // [MQTT-3.1.4-3], in 3.1.1 [MQTT-3.1.4-2]
        let DisconnectCause::TakenOver { by } = world.last_cause() else {
            panic!("the first connection was not taken over")
        };
        assert_eq!(by.address, "192.0.2.1:40001".parse().ok(), "the newcomer");
        second.publish(QoS::AtLeastOnce, "x", "1");
        assert_eq!(world.stats().clients_connected, 1);
    }
}

#[test]
fn a_takeover_keeps_the_session_with_its_subscriptions() {
    for version in VERSIONS {
        let world = World::new();
        let first = world.persistent(version, "a");
        first.subscribe("x", QoS::AtLeastOnce);
        let second = world.resumed(version, "a");
        first.expect_disconnect(Reason::SessionTakenOver);
        second.publish(QoS::AtMostOnce, "x", "1");
        second.take(QoS::AtMostOnce, "x", "1");
    }
}

#[test]
fn a_takeover_with_a_clean_session_starts_anew() {
    for version in VERSIONS {
        let world = World::new();
        let first = world.persistent(version, "a");
        first.subscribe("x", QoS::AtLeastOnce);
        let second = world.client(version, "a");
        first.expect_disconnect(Reason::SessionTakenOver);
        second.publish(QoS::AtMostOnce, "x", "1");
        second.expect_nothing(); // [MQTT-3.1.4-4], in 3.1.1 [MQTT-3.1.4-3]
        assert_eq!(world.stats().subscriptions, 0);
    }
}

#[test]
fn a_message_in_flight_moves_to_the_new_connection() {
    for version in VERSIONS {
        let world = World::new();
        let publisher = world.client(version, "p");
        for qos in &QUALITIES[1..] {
            let first = world.connect(resume(version, &format!("{qos:?}")), false);
            first.subscribe("x", *qos);
            publisher.publish(*qos, "x", "1");
            let sent = publish_at(*qos, 1, "x", "1");
            let id = first.expect_publish(sent.clone());
            let second = world.connect(resume(version, &format!("{qos:?}")), true);
            assert_eq!(second.expect_publish(Publish { dup: true, ..sent }), id); // [MQTT-4.4.0-1]
            second.acknowledge(*qos, id);
            second.unsubscribe("x");
            second.expect_nothing();
        }
    }
}

#[test]
fn another_user_with_the_same_identifier_has_a_session_of_its_own() {
    for version in VERSIONS {
        let world = World::new();
        let anna = world.connect(login(resume(version, "a"), "anna", "secret"), false);
        let bert = world.connect(login(resume(version, "a"), "bert", "secret"), false);
        let nobody = world.connect(resume(version, "a"), false);
        anna.subscribe("x", QoS::AtMostOnce);
        bert.publish(QoS::AtMostOnce, "x", "1");
        anna.take(QoS::AtMostOnce, "x", "1");
        bert.expect_nothing();
        nobody.expect_nothing();
        assert_eq!(world.stats().clients_connected, 3); // against [MQTT-3.1.3-2]
    }
}

#[test]
fn the_end_of_the_old_connection_does_not_touch_the_session() {
    for version in VERSIONS {
        let world = World::new();
        let first = world.client(version, "a");
        first.stall();
        let second = world.client(version, "a");
        second.subscribe("x", QoS::AtMostOnce);
        first.lose();
        second.publish(QoS::AtMostOnce, "x", "1");
        second.take(QoS::AtMostOnce, "x", "1");
        assert_eq!(world.stats().clients_connected, 1);
    }
}

#[test]
fn an_old_connection_that_reads_nothing_does_not_hold_up_the_new_one() {
    for version in VERSIONS {
        let world = World::new();
        let first = world.persistent(version, "a");
        first.stall();
        let second = world.resumed(version, "a");
        second.publish(QoS::AtLeastOnce, "x", "1");
        second.expect_nothing();
    }
}

#[test]
fn sessions_may_change_the_version() {
    let world = World::new();
    let old = world.persistent(Version::V311, "a");
    old.subscribe("x", QoS::AtLeastOnce);
    let new = world.connect(resume(Version::V5, "a"), true);
    old.expect_disconnect(Reason::SessionTakenOver);
    world
        .client(Version::V5, "p")
        .publish(QoS::AtLeastOnce, "x", "1");
    let id = new.expect_publish(publish_at(QoS::AtLeastOnce, 1, "x", "1"));
    new.lose();
    let back = world.connect(resume(Version::V311, "a"), true);
    assert_eq!(
        back.expect_publish(Publish {
            dup: true,
            ..publish_at(QoS::AtLeastOnce, 1, "x", "1")
        }),
        id
    );
}

#[test]
fn a_client_that_reconnects_a_hundred_times_leaves_nothing_behind() {
    for version in VERSIONS {
        let world = World::new();
        let mut last = world.connect(connect(version, "a"), false);
        for _ in 0..100 {
            last = world.connect(connect(version, "a"), false);
        }
        last.leave();
        world.assert_empty();
    }
}
