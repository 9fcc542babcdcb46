// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Re-authentication: a client proves itself again on its living connection, which goes on meanwhile.

use std::time::Duration;

use mqtt_core::{DisconnectCause, Event};
use mqtt_proto::{Auth, Connect, Packet, QoS, Reason, Version};
use tests::packets::{connack, will};
use tests::{METHOD, World};

use crate::auth::{answer, auth, begin, logged_in, with_data};

#[test]
fn a_client_proves_itself_again_while_messages_go_on() {
    let world = World::new();
    let client = logged_in(&world);
    client.subscribe("x", QoS::AtMostOnce);
    world.events();
    for _ in 0..20 {
        client.send(auth(Reason::ReAuthenticate, "anna")); // [MQTT-4.12.1-1]
        client.publish(QoS::AtMostOnce, "x", "between");
        client.expect(answer("password?"));
        client.take(QoS::AtMostOnce, "x", "between");
        client.send(answer("secret"));
        client.expect(auth(Reason::Success, "welcome"));
    }
    let events = world.events();
    let again = events.iter().filter(|event| {
        matches!(event, Event::Reauthenticated { client, method } if client.session.user == "anna" && method == METHOD)
    });
    assert_eq!(again.count(), 20);
    world.pass(Duration::from_secs(60));
    client.publish(QoS::AtLeastOnce, "x", "after");
    client.take(QoS::AtMostOnce, "x", "after");
}

#[test]
fn messages_flow_while_the_authenticator_takes_its_time() {
    let world = World::new();
    let client = logged_in(&world);
    client.subscribe("x", QoS::AtMostOnce);
    world.hold_logins();
    client.send(auth(Reason::ReAuthenticate, "anna"));
    client.publish(QoS::AtMostOnce, "x", "1");
    client.take(QoS::AtMostOnce, "x", "1");
    client.expect_nothing();
    world.release_logins();
    client.expect(answer("password?"));
}

#[test]
fn a_failed_re_authentication_ends_the_connection_with_a_reason() {
    let other = Auth {
        properties: with_data("SCRAM-SHA-1", "anna"),
        ..auth(Reason::ReAuthenticate, "")
    };
    let begun = || auth(Reason::ReAuthenticate, "anna");
    let cases = [
        (Some(begun()), answer("wrong"), Reason::NotAuthorized), // [MQTT-4.12.1-2]
        (Some(begun()), begun(), Reason::ProtocolError),
        (
            None,
            auth(Reason::ReAuthenticate, "berta"),
            Reason::NotAuthorized,
        ),
        (None, other, Reason::BadAuthenticationMethod), // [MQTT-4.12.1-1]
        (None, answer("secret"), Reason::ProtocolError),
        (None, auth(Reason::Success, ""), Reason::ProtocolError),
    ];
    for (first, wrong, reason) in cases {
        let world = World::new();
        let listener = world.client(Version::V5, "listener");
        listener.subscribe("gone", QoS::AtMostOnce);
        let client = world.open(Version::V5);
        client.send(Connect {
            will: Some(will("gone", "a")),
            ..begin("a", METHOD, "anna")
        });
        client.expect(answer("password?"));
        client.send(answer("secret"));
        client.expect(connack(false));
        if let Some(first) = first {
            client.send(first);
            client.expect(answer("password?"));
        }
        client.send(wrong);
        client.expect_disconnect(reason);
        listener.take(QoS::AtMostOnce, "gone", "a");
    }
}

#[test]
fn a_re_authentication_that_is_not_finished_in_time_ends_the_connection() {
    for keep_alive in [0, 2, 60] {
        let world = World::new();
        let client = world.open(Version::V5);
        client.send(Connect {
            keep_alive,
            ..begin("a", METHOD, "anna")
        });
        client.expect(answer("password?"));
        client.send(answer("secret"));
        client.expect(connack(false));
        world.pass(Duration::from_secs(2));
        client.send(auth(Reason::ReAuthenticate, "anna"));
        client.expect(answer("password?"));
        for _ in 0..4 {
            world.pass(Duration::from_secs(1));
            client.send(Packet::PingReq);
            client.expect(Packet::PingResp);
        }
        world.pass(Duration::from_secs(1));
        client.expect_disconnect(Reason::NotAuthorized);
        let cause = world.last_cause();
        assert!(
            matches!(cause, DisconnectCause::AuthenticationTimeout { .. }),
            "{cause}"
        );
    }
}

#[test]
fn a_finished_authentication_leaves_the_keep_alive_in_force() {
    let world = World::new();
    let client = world.open(Version::V5);
    client.send(Connect {
        keep_alive: 10,
        ..begin("a", METHOD, "anna")
    });
    client.expect(answer("password?"));
    client.send(answer("secret"));
    client.expect(connack(false));
    world.pass(Duration::from_secs(14));
    client.send(auth(Reason::ReAuthenticate, "anna"));
    client.expect(answer("password?"));
    client.send(answer("secret"));
    client.expect(auth(Reason::Success, "welcome"));
    world.pass(Duration::from_millis(14_900));
    client.expect_nothing();
    world.pass(Duration::from_millis(200));
    client.expect_disconnect(Reason::KeepAliveTimeout);
}
