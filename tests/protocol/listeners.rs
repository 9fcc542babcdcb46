// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Listeners: what each grants, and what becomes of connections when the configuration changes.

use mqtt_core::{ConnectionLimit, DisconnectCause, Event, LoginFailure, Terms};
use mqtt_proto::{Packet, QoS, Reason, Version};
use tests::packets::{connack, connect, login, refusal, will};
use tests::{Client, LISTENER, VERSIONS, World, open_to_all};

const OTHER: &str = "port 1884, all addresses, mqtt";

fn at_most(max_connections: usize) -> Terms {
    Terms {
        max_connections,
        ..open_to_all()
    }
}

/// Connects through a listener.
fn join(world: &World, listener: &'static str, version: Version, client_id: &str) -> Client {
    let client = world.open_through(listener, version);
    client.send(connect(version, client_id));
    client.expect(connack(false));
    client
}

fn is_alive(client: &Client) {
    client.send(Packet::PingReq);
    client.expect(Packet::PingResp);
}

#[test]
fn a_listener_takes_its_number_of_connections_and_other_listeners_are_not_concerned() {
    for version in VERSIONS {
        let world = World::new();
        world.listen([(LISTENER, at_most(2)), (OTHER, open_to_all())]);
        let first = join(&world, LISTENER, version, "a");
        let _second = join(&world, LISTENER, version, "b");
        for _ in 0..3 {
            let surplus = world.open(version);
            surplus.expect_closed();
            let limit = ConnectionLimit::Listener(2);
            let refused = |event: &Event| matches!(event, Event::TooManyConnections { limit: told, .. } if *told == limit);
            assert!(world.events().iter().any(refused));
        }
        join(&world, OTHER, version, "d");
        first.lose();
        join(&world, LISTENER, version, "e");
    }
}

#[test]
fn a_smaller_number_leaves_the_connections_that_are_there() {
    for version in VERSIONS {
        let world = World::new();
        let clients = ["a", "b", "c"].map(|id| join(&world, LISTENER, version, id));
        world.listen([(LISTENER, at_most(1))]);
        clients.iter().for_each(is_alive);
        world.open(version).expect_closed();
    }
}

#[test]
fn a_version_that_a_listener_does_not_accept_is_refused_with_a_sentence() {
    for version in VERSIONS {
        let world = World::new();
        let others = [Version::V31, Version::V311, Version::V5].into_iter();
        let only_others = Terms {
            versions: others.filter(|other| *other != version).collect(),
            ..open_to_all()
        };
        let before = join(&world, LISTENER, version, "before");
        world.listen([(LISTENER, only_others), (OTHER, open_to_all())]);
        is_alive(&before);
        let client = world.open(version);
        client.send(connect(version, "a"));
        client.expect(refusal(Reason::UnsupportedProtocolVersion)); // [MQTT-3.1.2-2]
        client.expect_closed();
        let sentence = format!("this listener does not accept MQTT {version}");
        assert_eq!(world.last_cause().to_string(), sentence);
        join(&world, OTHER, version, "a");
    }
}

#[test]
fn anonymous_clients_are_judged_by_their_listener() {
    for version in VERSIONS {
        let world = World::new();
        world.listen([(LISTENER, Terms::default()), (OTHER, open_to_all())]);
        world.refused(connect(version, "a"), Reason::NotAuthorized);
        assert!(matches!(
            world.last_cause(),
            DisconnectCause::Login(LoginFailure::AnonymousNotAllowed)
        ));
        join(&world, OTHER, version, "a");
        world.connect(login(connect(version, "b"), "anna", "secret"), false);
    }
}

#[test]
fn anonymous_connections_end_where_they_are_no_longer_allowed_and_nowhere_else() {
    for version in VERSIONS {
        let world = World::new();
        world.listen([(LISTENER, open_to_all()), (OTHER, open_to_all())]);
        let nameless = join(&world, LISTENER, version, "a");
        let elsewhere = join(&world, OTHER, version, "b");
        let anna = world.connect(login(connect(version, "c"), "anna", "secret"), false);
        world.hold_logins();
        let judged = world.open(version);
        judged.send(connect(version, "d"));
        world.listen([(LISTENER, Terms::default()), (OTHER, open_to_all())]);
        expect_end(&nameless, version, Reason::NotAuthorized);
        judged.expect(refusal(Reason::NotAuthorized));
        judged.expect_closed();
        world.release_logins();
        is_alive(&elsewhere);
        is_alive(&anna);
    }
}

#[test]
fn the_connections_of_a_listener_that_is_taken_away_end_and_no_other() {
    for version in VERSIONS {
        let world = World::new();
        world.listen([(LISTENER, open_to_all()), (OTHER, open_to_all())]);
        let stays = join(&world, LISTENER, version, "a");
        stays.subscribe("gone", QoS::AtMostOnce);
        let ended = world.open_through(OTHER, version);
        ended.send(mqtt_proto::Connect {
            will: Some(will("gone", "b")),
            ..connect(version, "b")
        });
        ended.expect(connack(false));
        let silent = world.open_through(OTHER, version);
        world.listen([(LISTENER, open_to_all())]);
        expect_end(&ended, version, Reason::AdministrativeAction);
        silent.expect_closed();
        // The client is away, and did not say that it went. [MQTT-3.1.2-8]
        stays.take(QoS::AtMostOnce, "gone", "b");
        is_alive(&stays);
        world.open_through(OTHER, version).expect_closed();
        assert!(matches!(
            world.last_cause(),
            DisconnectCause::ListenerClosed
        ));
    }
}

#[test]
fn a_login_judged_while_its_listener_is_taken_away_is_refused() {
    for version in VERSIONS {
        let world = World::new();
        world.hold_logins();
        let client = world.open(version);
        client.send(login(connect(version, "a"), "anna", "secret"));
        world.listen([]);
        client.expect(refusal(Reason::ServerUnavailable)); // 0x98 may not stand in CONNACK
        client.expect_closed();
        world.release_logins();
        world.assert_empty();
    }
}

fn expect_end(client: &Client, version: Version, reason: Reason) {
    match version {
        Version::V5 => client.expect_disconnect(reason),
        _ => client.expect_closed(),
    }
}
