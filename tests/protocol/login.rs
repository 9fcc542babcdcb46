// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Logins: who gets in, what a refused client is told, and what happens while the answer is awaited.

use std::time::Duration;

use mqtt_core::{DisconnectCause, Event, LoginFailure};
use mqtt_proto::{Connect, Packet, QoS, Reason, Version};
use tests::packets::{connack, connect, login, publish, suback, subscribe, will};
use tests::{IntoPacket, VERSIONS, World};

#[test]
fn a_user_with_the_right_password_gets_in() {
    for version in VERSIONS {
        let world = World::new();
        world.refuse_anonymous();
        world.connect(login(connect(version, "a"), "anna", "secret"), false);
    }
}

#[test]
fn every_failed_login_looks_alike_to_the_peer_and_names_its_cause_in_the_log() {
    for version in VERSIONS {
        let world = World::new();
        world.refuse_anonymous();
        let user_only = Connect {
            username: Some("anna".into()),
            ..connect(version, "a")
        };
        let cases = [
            (connect(version, "a"), LoginFailure::AnonymousNotAllowed),
            (
                login(connect(version, "a"), "anna", "wrong"),
                LoginFailure::WrongPassword,
            ),
            (user_only, LoginFailure::NoPassword),
        ];
        for (connect, failure) in cases {
            // The connection ends: [MQTT-3.2.2-7], [MQTT-4.13.2-1], in 3.1.1 [MQTT-3.2.2-5].
            world.refused(connect, Reason::NotAuthorized); // [MQTT-3.1.4-2], v3.1.1 return code 5
            let events = world.events();
            let Some(Event::Rejected { client, cause, .. }) = events.last() else {
                panic!("not rejected: {events:?}")
            };
            assert!(matches!(cause, DisconnectCause::Login(cause) if *cause == failure));
            let client_id = client.as_ref().map(|session| session.client_id.as_ref());
            assert_eq!(client_id, Some("a"), "{failure:?}");
        }
        assert_eq!(world.stats().clients_connected, 0);
    }
}

#[test]
fn packets_behind_a_connect_wait_for_the_login() {
    for version in VERSIONS {
        let world = World::new();
        world.hold_logins();
        let client = world.open(version);
        client.send_together([
            login(connect(version, "a"), "anna", "secret").into_packet(),
            subscribe(1, "x", QoS::AtMostOnce).into_packet(),
        ]);
        client.send(publish("x", "1"));
        client.expect_nothing();
        world.release_logins();
        client.expect(connack(false));
        client.expect(suback(1, [Reason::Success]));
        client.take(QoS::AtMostOnce, "x", "1");
        client.expect_nothing();
    }
}

#[test]
fn packets_behind_a_refused_connect_have_no_effect() {
    for version in VERSIONS {
        let world = World::new();
        let listener = world.client(version, "listener");
        listener.subscribe("x", QoS::AtMostOnce);
        let client = world.open(version);
        client.send_together([
            login(connect(version, "a"), "anna", "wrong").into_packet(),
            publish("x", "1").into_packet(), // [MQTT-3.1.4-6], in 3.1.1 [MQTT-3.1.4-5]
        ]);
        client.receive();
        client.expect_closed();
        listener.expect_nothing();
    }
}

#[test]
fn a_refused_client_leaves_no_will_and_does_not_take_a_session_over() {
    for version in VERSIONS {
        let world = World::new();
        let listener = world.client(version, "listener");
        listener.subscribe("#", QoS::AtMostOnce);
        let anna = world.connect(login(connect(version, "a"), "anna", "secret"), false);
        let intruder = Connect {
            will: Some(will("gone", "a")),
            ..login(connect(version, "a"), "anna", "wrong")
        };
        // session present is 0: [MQTT-3.2.2-6], in 3.1.1 [MQTT-3.2.2-4]
        world.refused(intruder, Reason::NotAuthorized);
        anna.expect_nothing();
        listener.expect_nothing();
    }
}

#[test]
fn a_connection_lost_while_its_login_is_judged_leaves_nothing_behind() {
    for version in VERSIONS {
        let world = World::new();
        world.hold_logins();
        let client = world.open(version);
        client.send(Connect {
            will: Some(will("gone", "a")),
            ..login(connect(version, "a"), "anna", "secret")
        });
        client.lose();
        world.release_logins();
        world.assert_empty();
        let events = world.events();
        assert!(
            !events
                .iter()
                .any(|event| matches!(event, Event::Connected { .. })),
            "{events:?}"
        );
    }
}

#[test]
fn a_login_that_takes_long_does_not_hold_up_others() {
    for version in VERSIONS {
        let world = World::new();
        let other = world.client(version, "other");
        world.hold_logins();
        let client = world.open(version);
        client.send(login(connect(version, "a"), "anna", "secret"));
        other.send(Packet::PingReq);
        other.expect(Packet::PingResp);
        world.pass(Duration::from_secs(2));
        world.release_logins();
        client.expect(connack(false));
    }
}

#[test]
fn a_login_that_is_withdrawn_ends_its_connections_and_no_other() {
    for version in VERSIONS {
        let world = World::new();
        let other = world.connect(login(connect(version, "other"), "berta", "secret"), false);
        other.subscribe("#", QoS::AtMostOnce);
        let anna = world.connect(
            Connect {
                will: Some(will("gone", "a")),
                ..login(connect(version, "a"), "anna", "secret")
            },
            false,
        );
        world.withdraw(&["anna"]);
        match version {
            Version::V5 => anna.expect_disconnect(Reason::NotAuthorized),
            _ => anna.expect_closed(),
        }
        other.expect_nothing(); // no will, against [MQTT-3.1.2-8]
        other.send(Packet::PingReq);
        other.expect(Packet::PingResp);
    }
}
