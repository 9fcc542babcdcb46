// SPDX-License-Identifier: Apache-2.0 OR MIT
//! `$SYS`: what the broker says of itself, and who may read and write it.

use std::collections::BTreeMap;
use std::time::Duration;

use mqtt_core::{Event, PeerKind};
use mqtt_proto::{Ack, Packet, QoS, Reason, Version};
use tests::packets::{connack, connect, packet_id, publish_at, suback, subscribe};
use tests::{Client, VERSIONS, World};

/// The newest value of every `$SYS` topic that has arrived.
fn values(client: &Client) -> BTreeMap<String, String> {
    let mut values = BTreeMap::new();
    while let Some(packet) = client.poll() {
        let Packet::Publish(publish) = packet else {
            panic!("unexpected {packet:?}")
        };
        let payload = String::from_utf8(publish.payload.to_vec()).expect("values are text");
        values.insert(publish.topic.to_string(), payload);
    }
    values
}

fn reader(world: &World, version: Version) -> Client {
    let client = world.client(version, "reader");
    client.subscribe("$SYS/#", QoS::AtMostOnce);
    client
}

#[test]
fn a_new_subscriber_is_given_all_values() {
    for version in VERSIONS {
        let world = World::new();
        world.pass(Duration::from_secs(11));
        let values = values(&reader(&world, version));
        for topic in [
            "version",
            "uptime",
            "clients/connected",
            "clients/disconnected",
            "clients/expired",
            "clients/maximum",
            "clients/total",
            "messages/received",
            "messages/sent",
            "bytes/received",
            "bytes/sent",
            "publish/messages/received",
            "publish/messages/sent",
            "publish/messages/dropped",
            "subscriptions/count",
            "retained messages/count",
        ] {
            assert!(
                values.contains_key(&format!("$SYS/broker/{topic}")),
                "{topic} is missing: {values:?}"
            );
        }
        assert_eq!(values["$SYS/broker/version"], "broker test");
        assert!(
            values["$SYS/broker/uptime"].ends_with(" seconds"),
            "{values:?}"
        );
    }
}

#[test]
fn client_counts_follow_the_clients() {
    let world = World::new();
    let reader = reader(&world, Version::V5);
    let other = world.persistent(Version::V311, "other");
    world.pass(Duration::from_secs(11));
    let first = values(&reader);
    assert_eq!(first["$SYS/broker/clients/connected"], "2");
    assert_eq!(first["$SYS/broker/clients/disconnected"], "0");
    assert_eq!(first["$SYS/broker/clients/total"], "2");
    other.lose();
    world.pass(Duration::from_secs(10));
    let second = values(&reader);
    assert_eq!(second["$SYS/broker/clients/connected"], "1");
    assert_eq!(second["$SYS/broker/clients/disconnected"], "1");
    assert!(
        !second.contains_key("$SYS/broker/clients/total"),
        "unchanged values are not repeated"
    );
    world.client(Version::V311, "other").leave();
    world.pass(Duration::from_secs(10));
    assert_eq!(values(&reader)["$SYS/broker/clients/disconnected"], "0");
}

#[test]
fn a_socket_that_sent_nothing_is_no_client() {
    let world = World::new();
    let reader = reader(&world, Version::V5);
    world.pass(Duration::from_secs(1));
    values(&reader);
    let _silent = world.open(Version::V311);
    world.pass(Duration::from_secs(3));
    assert_eq!(world.stats().clients_connected, 1);
    assert_eq!(world.stats().clients_disconnected, 0);
}

#[test]
fn message_counters_count_messages() {
    let world = World::new();
    let reader = world.client(Version::V5, "reader");
    let client = world.client(Version::V311, "a");
    client.subscribe("x", QoS::AtMostOnce);
    for _ in 0..5 {
        client.publish(QoS::AtLeastOnce, "y", "abc");
        client.publish(QoS::AtMostOnce, "x", "abc");
        client.take(QoS::AtMostOnce, "x", "abc");
    }
    let stats = world.stats();
    assert_eq!((stats.publish_received, stats.publish_sent), (10, 5));
    assert_eq!(
        (stats.publish_bytes_received, stats.publish_bytes_sent),
        (30, 15)
    );
    world.pass(Duration::from_secs(11));
    reader.subscribe("$SYS/broker/publish/messages/received", QoS::AtMostOnce);
    assert_eq!(
        values(&reader)["$SYS/broker/publish/messages/received"],
        "10"
    );
}

#[test]
fn wildcards_at_the_first_level_do_not_reach_it() {
    for version in VERSIONS {
        let world = World::new();
        let client = world.client(version, "a");
        for filter in ["#", "+/#", "+/broker/uptime", "+/+/+"] {
            client.subscribe(filter, QoS::AtMostOnce);
        }
        world.pass(Duration::from_secs(60));
        client.expect_nothing(); // [MQTT-4.7.2-1]
        client.subscribe("$SYS/+/uptime", QoS::AtMostOnce);
        assert_eq!(
            values(&client).into_keys().collect::<Vec<_>>(),
            ["$SYS/broker/uptime"]
        );
    }
}

#[test]
fn nobody_may_write_to_it() {
    for version in VERSIONS {
        let world = World::new();
        let reader = world.client(version, "reader");
        reader.subscribe("$SYS/broker/uptime", QoS::AtMostOnce);
        values(&reader);
        let client = world.client(version, "a");
        world.events();
        client.send(publish_at(QoS::AtMostOnce, 1, "$SYS/broker/uptime", "0"));
        client.send(publish_at(QoS::AtLeastOnce, 2, "$SYS/broker/uptime", "0"));
        client.expect(Packet::PubAck(Ack::new(
            packet_id(2),
            Reason::NotAuthorized,
        )));
        client.send(publish_at(QoS::ExactlyOnce, 3, "$else", "0"));
        client.expect(Packet::PubRec(Ack::new(
            packet_id(3),
            Reason::NotAuthorized,
        )));
        client.expect_nothing();
        reader.expect_nothing();
        let told = world
            .events()
            .iter()
            .filter(|event| matches!(event, Event::PublishDenied { .. }))
            .count();
        assert_eq!(told, 1, "told once a connection");
    }
}

#[test]
fn it_is_silent_with_an_interval_of_zero() {
    let world = World::with(|limits| limits.sys_interval = Duration::ZERO);
    let reader = reader(&world, Version::V311);
    world.pass(Duration::from_secs(3_600));
    reader.expect_nothing();
}

#[test]
fn other_dollar_topics_are_for_internal_clients() {
    let world = World::new();
    let client = world.client(Version::V5, "a");
    client.send(subscribe(1, "$canary/1", QoS::AtMostOnce));
    client.expect(suback(1, [Reason::NotAuthorized]));
    let canary = world.open_as(Version::V311, PeerKind::Internal);
    canary.send(connect(Version::V311, "canary"));
    canary.expect(connack(false));
    canary.subscribe("$canary/1", QoS::AtMostOnce);
    canary.publish(QoS::AtMostOnce, "$canary/1", "beat");
    canary.take(QoS::AtMostOnce, "$canary/1", "beat");
    assert_eq!(
        world.stats().clients_connected,
        1,
        "internal clients are not counted"
    );
}

#[test]
fn an_internal_client_needs_no_login() {
    let world = World::new();
    world.refuse_anonymous();
    let canary = world.open_as(Version::V311, PeerKind::Internal);
    canary.send(connect(Version::V311, "canary"));
    canary.expect(connack(false));
}
