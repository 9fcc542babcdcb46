// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Wills over a power cut: for a client that was connected the restart is the loss of its connection.

use std::time::Duration;

use mqtt_proto::{Connect, Property, QoS, Version, Will};
use tests::packets::{properties, resume, will};
use tests::{Client, VERSIONS, World};

/// A client with a persistent session and a will of QoS 1 that is published after so many seconds.
fn client_with_will(world: &World, version: Version, delay: u32) -> Client {
    world.connect(with_will(version, delay), false)
}

fn with_will(version: Version, delay: u32) -> Connect {
    let delay = (version == Version::V5).then_some(Property::WillDelayInterval(delay));
    Connect {
        will: Some(Will {
            qos: QoS::AtLeastOnce,
            properties: properties(delay),
            ..will("will", "gone")
        }),
        ..resume(version, "w")
    }
}

/// A world with an absent persistent subscriber of the will.
fn world_with_heir(version: Version) -> World {
    let world = World::new();
    let heir = world.persistent(version, "heir");
    heir.subscribe("will", QoS::AtLeastOnce);
    heir.lose();
    world
}

#[track_caller]
fn heard(world: &World, version: Version) -> bool {
    let heir = world.resumed(version, "heir");
    let received = heir.take_payloads();
    heir.lose();
    assert!(received.is_empty() || received == ["gone"], "{received:?}");
    !received.is_empty()
}

#[test]
fn the_will_of_a_connected_client_is_published_after_the_restart() {
    for version in VERSIONS {
        let world = world_with_heir(version);
        client_with_will(&world, version, 0);
        world.crash();
        assert!(heard(&world, version)); // [MQTT-3.1.2-8]
        world.crash();
        assert!(!heard(&world, version), "it was published before");
    }
}

#[test]
fn it_is_published_after_its_delay_which_begins_with_the_restart() {
    let version = Version::V5;
    let world = world_with_heir(version);
    client_with_will(&world, version, 60);
    world.pass(Duration::from_secs(1_000));
    world.crash();
    world.pass(Duration::from_secs(40));
    assert!(!heard(&world, version));
    world.crash(); // the delay goes on
    world.pass(Duration::from_secs(19));
    assert!(!heard(&world, version));
    world.pass(Duration::from_secs(1));
    assert!(heard(&world, version)); // [MQTT-3.1.3-9]
}

#[test]
fn the_delay_of_an_absent_client_goes_on_over_the_restart() {
    let version = Version::V5;
    let world = world_with_heir(version);
    client_with_will(&world, version, 60).lose();
    world.pass(Duration::from_secs(40));
    world.restart_after(Duration::from_secs(10));
    assert!(!heard(&world, version));
    world.pass(Duration::from_secs(10));
    assert!(heard(&world, version));
}

#[test]
fn a_client_that_comes_back_in_time_cancels_it() {
    let version = Version::V5;
    let world = world_with_heir(version);
    client_with_will(&world, version, 60);
    world.crash();
    world.pass(Duration::from_secs(59));
    world.resumed(version, "w").leave();
    world.pass(Duration::from_secs(100));
    world.crash();
    assert!(!heard(&world, version)); // [MQTT-3.1.3-9]
}

#[test]
fn it_is_published_when_the_session_ends_first() {
    let version = Version::V5;
    let world = world_with_heir(version);
    let mut connect = with_will(version, 1_000);
    connect.properties = properties([Property::SessionExpiryInterval(10)]);
    world.connect(connect, false).lose();
    world.restart_after(Duration::from_secs(20));
    assert!(heard(&world, version)); // [MQTT-3.1.2-8]
}

#[test]
fn a_goodbye_and_a_clean_stop_publish_none() {
    for version in VERSIONS {
        let world = world_with_heir(version);
        client_with_will(&world, version, 0).leave();
        world.crash();
        assert!(!heard(&world, version)); // [MQTT-3.1.2-10]
        world.connect(with_will(version, 0), true);
        world.restart();
        world.pass(Duration::from_secs(100));
        assert!(!heard(&world, version));
    }
}

#[test]
fn a_will_is_published_with_the_record_that_it_was() {
    for version in VERSIONS {
        let world = world_with_heir(version);
        let client = client_with_will(&world, version, 0);
        world.hold_commits();
        client.lose();
        world.crash();
        assert!(heard(&world, version));
        world.crash();
        assert!(!heard(&world, version));
    }
}
