// SPDX-License-Identifier: Apache-2.0 OR MIT
//! How long sessions are kept that asked for ever, and for longer than the broker allows.

use std::time::Duration;

use mqtt_proto::{Packet, Property, Version};
use tests::packets::{connect, properties, resume};
use tests::{VERSIONS, World};

/// The expiry interval that a version 5 client is told in CONNACK when it asks for `wanted` seconds.
fn told(world: &World, wanted: u32) -> Option<u32> {
    let mut packet = connect(Version::V5, "told");
    packet.properties = properties([Property::SessionExpiryInterval(wanted)]);
    let client = world.open(Version::V5);
    client.send(packet);
    let Packet::ConnAck(connack) = client.receive() else {
        panic!("no CONNACK")
    };
    connack.properties.session_expiry_interval()
}

#[test]
fn a_session_that_asked_for_ever_ends_when_its_client_stays_away_too_long() {
    for version in VERSIONS {
        let world = World::with(|limits| limits.persistent_client_expiration = 1_000);
        let open = || {
            let client = world.open(version);
            client.send(resume(version, "a"));
            let Packet::ConnAck(connack) = client.receive() else {
                panic!("no CONNACK")
            };
            client.lose();
            connack.session_present
        };
        assert!(!open());
        world.pass(Duration::from_secs(999));
        assert!(open(), "it is kept");
        world.pass(Duration::from_secs(1_001));
        assert!(!open(), "it is not kept for ever"); // in 3.1.1 against [MQTT-3.1.2-4]
    }
}

#[test]
fn a_client_is_told_how_long_its_session_is_kept_if_that_is_not_what_it_asked_for() {
    let world = World::with(|limits| {
        limits.persistent_client_expiration = 1_000;
        limits.max_session_expiry = 5_000;
    });
    assert_eq!(told(&world, u32::MAX), Some(1_000));
    assert_eq!(told(&world, 6_000), Some(5_000));
    assert_eq!(told(&world, 5_000), None);
    assert_eq!(told(&world, 0), None);
}
