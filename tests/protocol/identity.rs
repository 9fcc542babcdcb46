// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Logins by certificate: the name a client has proved is its user name, whatever else it says.

use mqtt_core::{DisconnectCause, Event, LoginFailure, Terms};
use mqtt_proto::{Connect, Packet, Property, Reason, Version};
use tests::packets::{connack, connect, login, refusal};
use tests::{Client, IntoPacket, LISTENER, VERSIONS, World};

fn by_certificate() -> Terms {
    Terms {
        certificate_login: true,
        ..Terms::default()
    }
}

fn world() -> World {
    let world = World::new();
    world.listen([(LISTENER, by_certificate())]);
    world
}

fn pump(world: &World, version: Version) -> Client {
    world.identified(LISTENER, version, "pump")
}

/// The cause of the last rejection.
fn failure(world: &World) -> Option<LoginFailure> {
    match world.events().last() {
        Some(Event::Rejected {
            cause: DisconnectCause::Login(failure),
            ..
        }) => Some(*failure),
        _ => None,
    }
}

#[test]
fn the_name_of_the_certificate_is_the_user_and_no_password_is_asked() {
    for version in VERSIONS {
        let world = world();
        let named = login(connect(version, "c"), "pump", "whatever it says");
        for (id, connect) in [("a", connect(version, "a")), ("c", named)] {
            let client = pump(&world, version);
            client.send(connect);
            client.expect(connack(false));
            let events = world.events();
            let user = events.iter().find_map(|event| match event {
                Event::Connected { client, .. } => Some(client.session.clone()),
                _ => None,
            });
            let session = user.expect("connected");
            assert_eq!(
                (session.user.as_ref(), session.client_id.as_ref()),
                ("pump", id)
            );
        }
    }
}

#[test]
fn another_name_in_connect_an_unknown_one_and_none_at_all_are_refused() {
    for version in VERSIONS {
        let world = world();
        let other = login(connect(version, "a"), "root", "secret");
        let cases: [(Option<&str>, Connect, LoginFailure); 4] = [
            (Some("pump"), other.clone(), LoginFailure::OtherIdentity),
            (
                Some("nobody"),
                connect(version, "a"),
                LoginFailure::UnknownIdentity,
            ),
            (None, connect(version, "a"), LoginFailure::NoIdentity),
            (None, other, LoginFailure::NoIdentity),
        ];
        for (name, connect, expected) in cases {
            let client = match name {
                Some(name) => world.identified(LISTENER, version, name),
                None => world.open(version),
            };
            client.send(connect);
            client.expect(refusal(Reason::NotAuthorized));
            client.expect_closed();
            assert_eq!(failure(&world), Some(expected));
        }
        assert_eq!(world.stats().clients_connected, 0);
    }
}

#[test]
fn an_authentication_method_beside_the_certificate_is_refused() {
    let world = world();
    let mut connect = connect(Version::V5, "a");
    connect
        .properties
        .push(Property::AuthenticationMethod("TEST".into()));
    let client = pump(&world, Version::V5);
    client.send(connect.into_packet());
    client.expect(refusal(Reason::BadAuthenticationMethod));
    assert_eq!(failure(&world), Some(LoginFailure::MethodBesideIdentity));
}

#[test]
fn whoever_logged_in_in_the_other_way_must_come_again_when_the_listener_changes() {
    for version in VERSIONS {
        let world = world();
        let client = pump(&world, version);
        client.send(connect(version, "a"));
        client.expect(connack(false));
        world.listen([(LISTENER, by_certificate())]);
        client.send(Packet::PingReq);
        client.expect(Packet::PingResp);
        world.listen([(LISTENER, Terms::default())]);
        assert!(is_withdrawn(&world));

        let client = world.open(version);
        client.send(login(connect(version, "b"), "pump", "secret"));
        client.expect(connack(false));
        world.listen([(LISTENER, by_certificate())]);
        assert!(is_withdrawn(&world));
    }
}

fn is_withdrawn(world: &World) -> bool {
    let withdrawn = |event: &Event| {
        matches!(
            event,
            Event::Disconnected {
                cause: DisconnectCause::Withdrawn,
                ..
            }
        )
    };
    world.events().iter().any(withdrawn)
}
