// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Enhanced authentication, which MQTT 5 alone has: a login step by step, and every way out of it.

use std::time::Duration;

use mqtt_core::{DisconnectCause, Event, LoginFailure};
use mqtt_proto::{Auth, Connect, Packet, Property, QoS, Reason, Version};
use tests::packets::{
    connack, connect, disconnect, login, properties, publish, refusal, subscribe, will,
};
use tests::{Client, IntoPacket, METHOD, World};

/// CONNECT that names a method.
pub(crate) fn begin(client_id: &str, method: &str, data: &'static str) -> Connect {
    Connect {
        properties: with_data(method, data),
        ..connect(Version::V5, client_id)
    }
}

pub(crate) fn with_data(method: &str, data: &'static str) -> mqtt_proto::Properties {
    let mut all = properties([Property::AuthenticationMethod(method.into())]);
    if !data.is_empty() {
        all.push(Property::AuthenticationData(data.into()));
    }
    all
}

pub(crate) fn auth(reason: Reason, data: &'static str) -> Auth {
    Auth {
        reason,
        properties: with_data(METHOD, data),
    }
}

pub(crate) fn answer(data: &'static str) -> Auth {
    auth(Reason::ContinueAuthentication, data) // [MQTT-4.12.0-3]
}

/// A connection of `anna` that was asked for the password.
fn challenged(world: &World) -> Client {
    let client = world.open(Version::V5);
    client.send(begin("a", METHOD, "anna"));
    client.expect(answer("password?")); // [MQTT-4.12.0-2]
    client
}

/// A client that is logged in as `anna` by the method.
pub(crate) fn logged_in(world: &World) -> Client {
    let client = challenged(world);
    client.send(answer("secret"));
    client.expect(connack(false));
    client
}

/// The broker ends the login with CONNACK; the cause in the log is returned.
#[track_caller]
fn refused(world: &World, client: &Client, reason: Reason) -> DisconnectCause {
    client.expect(refusal(reason)); // [MQTT-4.12.0-4]
    client.expect_closed();
    world.last_cause()
}

#[test]
fn a_client_logs_in_step_by_step_as_the_user_it_proves() {
    let world = World::new();
    let client = world.open(Version::V5);
    client.send(begin("a", METHOD, ""));
    client.expect(answer("name?"));
    client.send(answer("anna"));
    client.expect(answer("password?"));
    client.send(answer("again"));
    client.expect(answer("password?"));
    client.send(answer("secret"));
    let Packet::ConnAck(connack) = client.receive() else {
        panic!("no CONNACK");
    };
    assert_eq!(connack.reason, Reason::Success);
    let told = &connack.properties;
    assert_eq!(
        told.authentication_method().map(|method| &**method),
        Some(METHOD)
    ); // [MQTT-4.12.0-5]
    assert_eq!(
        told.authentication_data().map(|data| &data[..]),
        Some(&b"welcome"[..])
    );
    let users: Vec<String> = world
        .events()
        .into_iter()
        .filter_map(|event| match event {
            Event::Connected { client, .. } => Some(client.session.user.to_string()),
            _ => None,
        })
        .collect();
    assert_eq!(users, ["anna"]);
    client.subscribe("x", QoS::AtMostOnce);
}

#[test]
fn the_session_belongs_to_the_user_whatever_the_way_of_the_login() {
    let world = World::new();
    let with_password = world.connect(login(connect(Version::V5, "a"), "anna", "secret"), false);
    let stranger = world.connect(login(connect(Version::V5, "a"), "berta", "secret"), false);
    let by_method = logged_in(&world);
    with_password.expect_disconnect(Reason::SessionTakenOver);
    stranger.expect_nothing();
    world.withdraw(&["anna"]);
    by_method.expect_disconnect(Reason::NotAuthorized);
}

#[test]
fn a_client_without_a_method_hears_nothing_of_authentication() {
    let world = World::new();
    let client = world.open(Version::V5);
    client.send(login(connect(Version::V5, "a"), "anna", "secret"));
    let Packet::ConnAck(connack) = client.receive() else {
        panic!("no CONNACK");
    };
    assert_eq!(connack.properties.authentication_method(), None); // [MQTT-4.12.0-6]
    for reason in [
        Reason::ReAuthenticate,
        Reason::ContinueAuthentication,
        Reason::Success,
    ] {
        let client = world.client(Version::V5, "b");
        client.send(auth(reason, "")); // [MQTT-4.12.0-7]
        client.expect_disconnect(Reason::ProtocolError);
    }
}

#[test]
fn a_failed_login_says_why_and_names_the_user_in_the_log() {
    let world = World::new();
    let client = challenged(&world);
    client.send(answer("wrong"));
    client.expect(refusal(Reason::NotAuthorized)); // [MQTT-4.12.0-4]
    client.expect_closed();
    let events = world.events();
    let told = events.iter().any(|event| {
        matches!(event, Event::Rejected {
            client: Some(session),
            cause: DisconnectCause::Login(LoginFailure::WrongPassword),
            ..
        } if session.user == "anna")
    });
    assert!(told, "{events:?}");
}

#[test]
fn an_unknown_method_is_refused() {
    let world = World::new();
    let client = world.open(Version::V5);
    client.send(begin("a", "GS2-KRB5", "x"));
    let cause = refused(&world, &client, Reason::BadAuthenticationMethod); // [MQTT-4.12.0-1]
    assert!(matches!(
        cause,
        DisconnectCause::Login(LoginFailure::UnknownMethod)
    ));
}

#[test]
fn the_user_name_of_connect_must_be_the_one_that_is_proven() {
    for (username, accepted) in [("anna", true), ("berta", false), ("", false)] {
        let world = World::new();
        let client = world.open(Version::V5);
        client.send(Connect {
            username: Some(username.into()),
            ..begin("a", METHOD, "anna")
        });
        if accepted {
            client.expect(answer("password?"));
        } else {
            let cause = refused(&world, &client, Reason::NotAuthorized);
            assert!(matches!(
                cause,
                DisconnectCause::Login(LoginFailure::OtherUser)
            ));
        }
    }
}

#[test]
fn a_password_beside_a_method_counts_for_nothing() {
    let world = World::new();
    let client = world.open(Version::V5);
    client.send(login(begin("a", METHOD, "anna"), "anna", "secret"));
    client.expect(answer("password?"));
    client.send(answer("wrong"));
    refused(&world, &client, Reason::NotAuthorized);
}

#[test]
fn before_connack_only_auth_and_disconnect_may_come() {
    let intruders = [
        publish("x", "1").into_packet(),
        subscribe(1, "x", QoS::AtMostOnce).into_packet(),
        Packet::PingReq,
    ];
    for packet in intruders {
        let world = World::new();
        let client = challenged(&world);
        client.send(packet.clone()); // [MQTT-3.1.2-30]
        let cause = refused(&world, &client, Reason::ProtocolError);
        assert!(
            cause.to_string().contains("AUTH and DISCONNECT only"),
            "{cause}"
        );
        world.hold_logins();
        let client = world.open(Version::V5);
        client.send_together([begin("a", METHOD, "anna").into_packet(), packet]);
        refused(&world, &client, Reason::ProtocolError);
        world.release_logins();
        world.assert_empty();
    }
}

#[test]
fn a_client_may_leave_in_the_middle_of_its_login() {
    let world = World::new();
    let client = world.open(Version::V5);
    client.send(Connect {
        will: Some(will("gone", "a")),
        ..begin("a", METHOD, "anna")
    });
    client.expect(answer("password?"));
    client.send(disconnect(Reason::Success));
    client.expect_closed();
    assert!(matches!(world.last_cause(), DisconnectCause::ByClient));
    world.assert_empty();
}

#[test]
fn an_auth_that_does_not_fit_ends_the_login() {
    let other = Auth {
        properties: with_data("SCRAM-SHA-1", "secret"),
        ..answer("")
    };
    let nameless = Auth {
        properties: properties([Property::AuthenticationData("secret".into())]),
        ..answer("")
    };
    let cases = [
        (
            auth(Reason::ReAuthenticate, "secret"),
            Reason::ProtocolError,
        ),
        (auth(Reason::Success, "secret"), Reason::ProtocolError), // [MQTT-3.15.2-1]
        (other, Reason::BadAuthenticationMethod),                 // [MQTT-4.12.0-5]
        (nameless, Reason::ProtocolError),
    ];
    for (packet, reason) in cases {
        let world = World::new();
        let client = challenged(&world);
        client.send(packet);
        refused(&world, &client, reason);
    }
}

#[test]
fn an_auth_before_the_broker_has_asked_is_out_of_turn() {
    let world = World::new();
    world.hold_logins();
    let client = world.open(Version::V5);
    client.send_together([
        begin("a", METHOD, "anna").into_packet(),
        answer("secret").into_packet(),
    ]);
    refused(&world, &client, Reason::ProtocolError);
    world.release_logins();
    client.expect_closed();
    world.assert_empty();
}

#[test]
fn an_auth_as_the_first_packet_is_an_error() {
    let world = World::new();
    let client = world.open(Version::V5);
    client.send(answer("anna"));
    client.expect_closed(); // [MQTT-3.1.0-1]
}

#[test]
fn a_login_that_is_not_finished_in_time_ends() {
    let world = World::new();
    let client = world.open(Version::V5);
    world.pass(Duration::from_secs(3));
    client.send(begin("a", METHOD, "anna"));
    client.expect(answer("password?"));
    world.pass(Duration::from_millis(1_900));
    client.send(answer("again"));
    client.expect(answer("password?"));
    world.pass(Duration::from_millis(200));
    let cause = refused(&world, &client, Reason::NotAuthorized);
    assert!(matches!(
        cause,
        DisconnectCause::AuthenticationTimeout { .. }
    ));
}

#[test]
fn an_authentication_has_a_bounded_number_of_steps_and_bytes() {
    let world = World::new();
    let client = challenged(&world);
    for _ in 0..8 {
        client.send(answer("again"));
        client.expect(answer("password?"));
    }
    client.send(answer("again"));
    refused(&world, &client, Reason::ProtocolError);
    for (length, reason) in [
        (4_096, Reason::NotAuthorized),
        (4_097, Reason::ImplementationSpecificError),
    ] {
        let client = challenged(&world);
        client.send(Auth {
            properties: of_length(length),
            ..answer("")
        });
        refused(&world, &client, reason);
    }
    let client = world.open(Version::V5);
    client.send(Connect {
        properties: of_length(4_097),
        ..connect(Version::V5, "a")
    });
    refused(&world, &client, Reason::ImplementationSpecificError);
}

fn of_length(bytes: usize) -> mqtt_proto::Properties {
    properties([
        Property::AuthenticationMethod(METHOD.into()),
        Property::AuthenticationData(vec![b'x'; bytes].into()),
    ])
}

#[test]
fn no_auth_is_sent_that_the_client_could_not_take() {
    let world = World::new();
    let client = world.open(Version::V5);
    let mut connect = begin("a", METHOD, "anna");
    connect.properties.push(Property::MaximumPacketSize(20));
    client.send(connect);
    refused(&world, &client, Reason::PacketTooLarge); // [MQTT-3.1.2-24]
}

#[test]
fn a_connection_lost_in_the_middle_of_its_login_leaves_nothing_behind() {
    let world = World::new();
    let client = challenged(&world);
    client.lose();
    world.pass(Duration::from_secs(10));
    world.assert_empty();
    world.hold_logins();
    let client = world.open(Version::V5);
    client.send(begin("a", METHOD, "anna"));
    client.lose();
    world.release_logins();
    world.assert_empty();
}
