// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Keep alive: silence longer than one and a half times the interval ends a connection.

use std::time::Duration;

use mqtt_core::{DisconnectCause, Event};
use mqtt_proto::{Connect, Packet, QoS, Reason, Version};
use tests::packets::{connect, publish};
use tests::{Client, VERSIONS, World};

fn client(world: &World, version: Version, keep_alive: u16) -> Client {
    world.connect(
        Connect {
            keep_alive,
            ..connect(version, "a")
        },
        false,
    )
}

#[test]
fn silence_beyond_one_and_a_half_times_the_interval_ends_the_connection() {
    for version in [Version::V31, Version::V311, Version::V5] {
        for seconds in [1, 10, 60, 65_535] {
            let world = World::new();
            let client = client(&world, version, seconds);
            world.pass(Duration::from_millis(u64::from(seconds) * 1_500 - 10));
            client.expect_nothing();
            world.pass(Duration::from_millis(1_010));
            client.expect_disconnect(Reason::KeepAliveTimeout); // [MQTT-3.1.2-22], [MQTT-3.2.2-22], in 3.1.1 [MQTT-3.1.2-24]
            assert!(
                matches!(world.last_cause(), DisconnectCause::KeepAlive { keep_alive, .. } if keep_alive == seconds)
            );
            assert_eq!(world.stats().clients_timed_out, 1);
            world.assert_empty();
        }
    }
}

#[test]
fn any_packet_counts_as_a_sign_of_life() {
    for version in VERSIONS {
        let world = World::new();
        let client = client(&world, version, 10);
        for round in 0..20 {
            world.pass(Duration::from_secs(14));
            if round % 2 == 0 {
                client.send(Packet::PingReq);
                client.expect(Packet::PingResp);
            } else {
                client.send(publish("x", "1"));
            }
        }
        world.pass(Duration::from_secs(16));
        client.expect_disconnect(Reason::KeepAliveTimeout);
    }
}

#[test]
fn what_the_broker_sends_is_no_sign_of_life() {
    for version in VERSIONS {
        let world = World::new();
        let client = client(&world, version, 10);
        client.subscribe("x", QoS::AtMostOnce);
        let publisher = world.client(version, "p");
        for _ in 0..2 {
            world.pass(Duration::from_secs(7));
            publisher.publish(QoS::AtMostOnce, "x", "1");
            client.take(QoS::AtMostOnce, "x", "1");
        }
        world.pass(Duration::from_secs(2));
        client.expect_disconnect(Reason::KeepAliveTimeout);
    }
}

#[test]
fn an_interval_of_zero_never_ends_a_connection() {
    for version in VERSIONS {
        let world = World::new();
        let client = client(&world, version, 0);
        // Longer than one and a half times the longest interval there is.
        world.pass(Duration::from_secs(2 * 86_400));
        client.expect_nothing();
    }
}

#[test]
fn each_client_has_its_own_interval() {
    let world = World::new();
    let clients: Vec<_> = (1..=50)
        .map(|n| {
            world.connect(
                Connect {
                    keep_alive: n,
                    ..connect(Version::V311, &n.to_string())
                },
                false,
            )
        })
        .collect();
    for second in 1..=80_u64 {
        world.pass(Duration::from_secs(1));
        for (client, keep_alive) in clients.iter().zip(1..) {
            if second * 2 < keep_alive * 3 {
                assert!(client.is_open(), "{keep_alive} s ended after {second} s");
            } else if second > keep_alive * 3 / 2 + 1 {
                assert!(
                    !client.is_open(),
                    "{keep_alive} s still there after {second} s"
                );
            }
        }
    }
}

/// CONNECT under a ceiling of 60 s.
fn below_ceiling(version: Version, keep_alive: u16) -> (World, Client, Option<u16>) {
    let world = World::with(|limits| limits.max_keepalive = 60);
    let client = world.open(version);
    client.send(Connect {
        keep_alive,
        ..connect(version, "a")
    });
    let Packet::ConnAck(connack) = client.receive() else {
        panic!("no CONNACK")
    };
    let told = connack.properties.server_keep_alive();
    (world, client, told)
}

#[test]
fn version_5_is_told_the_ceiling_and_held_to_it() {
    for (asked, expected) in [(59, None), (60, None), (61, Some(60)), (0, Some(60))] {
        let (world, client, told) = below_ceiling(Version::V5, asked);
        assert_eq!(told, expected, "{asked} s");
        let interval = Duration::from_secs(u64::from(expected.unwrap_or(asked)));
        world.pass(interval * 3 / 2 - Duration::from_millis(10));
        client.expect_nothing();
        world.pass(Duration::from_secs(1));
        client.expect_disconnect(Reason::KeepAliveTimeout); // [MQTT-3.1.2-21], [MQTT-3.2.2-21], [MQTT-3.2.2-22]
        let ceiling = |event: &Event| matches!(event, Event::KeepAliveAboveLimit { .. });
        assert!(!world.events().iter().any(ceiling));
    }
}

#[test]
fn an_earlier_version_keeps_a_longer_interval_and_the_log_says_so_once() {
    for version in [Version::V31, Version::V311] {
        for asked in [60, 61, 0] {
            let (world, client, _) = below_ceiling(version, asked);
            let interval = Duration::from_secs(if asked == 0 { 1_000 } else { asked.into() });
            world.pass(interval * 3 / 2 - Duration::from_millis(10));
            client.send(Packet::PingReq);
            client.expect(Packet::PingResp);
            let told = world.events().into_iter().filter(|event| {
                matches!(event, Event::KeepAliveAboveLimit { keep_alive, maximum: 60, .. }
                    if *keep_alive == asked)
            });
            assert_eq!(told.count(), usize::from(asked != 60), "{asked} s");
        }
    }
}
