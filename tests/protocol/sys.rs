// SPDX-License-Identifier: Apache-2.0 OR MIT
//! `$SYS`: what the broker says of itself, and who may read and write it.

use std::collections::BTreeMap;
use std::time::Duration;

use mqtt_core::{Event, PeerKind, StoreFigures};
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
            "clients/active",
            "clients/inactive",
            "connections/socket/count",
            "messages/stored",
            "store/messages/bytes",
            "packet/out/bytes",
            "heap/current",
            "heap/maximum",
            "shared_subscriptions/count",
            "publish/bytes/sent",
            "load/connections/15min",
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
        assert_eq!(values["$SYS/broker/retained messages/count"], "0");
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
        for _ in 0..10 {
            client.send(publish_at(QoS::AtMostOnce, 1, "$else", "0"));
        }
        let denied = |event| match event {
            Event::PublishDenied { topic, .. } => Some(topic.to_string()),
            _ => None,
        };
        let told: Vec<_> = world.events().into_iter().filter_map(denied).collect();
        assert_eq!(told, ["$SYS/broker/uptime", "$else"], "each topic once");
        for n in 0..1_000 {
            client.send(publish_at(QoS::AtMostOnce, 1, &format!("$SYS/{n}"), "0"));
        }
        let told = world.events().into_iter().filter_map(denied).count();
        assert_eq!(told, 14, "sixteen in all");
        let clients = world.clients().into_iter();
        let counted = clients.map(|row| row.denied).max();
        assert_eq!(counted, Some(1_013));
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
fn it_starts_stops_and_changes_its_pace_with_a_new_configuration() {
    let world = World::with(|limits| limits.sys_interval = Duration::ZERO);
    let reader = reader(&world, Version::V5);
    reader.expect_nothing();
    world.reconfigure(|limits| limits.sys_interval = Duration::from_secs(10));
    assert!(values(&reader).len() > 50, "switched on");
    world.reconfigure(|limits| limits.sys_interval = Duration::from_secs(60));
    values(&reader);
    world.pass(Duration::from_secs(59));
    reader.expect_nothing();
    world.pass(Duration::from_secs(1));
    assert_eq!(values(&reader)["$SYS/broker/uptime"], "60 seconds");
    world.reconfigure(|limits| limits.sys_interval = Duration::ZERO);
    world.pass(Duration::from_secs(3_600));
    reader.expect_nothing();
    let late = self::reader(&world, Version::V311);
    late.expect_nothing();
    assert_eq!(world.stats().retained_messages, 0);
}

/// With 30 readers more than the core delivers in one entry.
fn crowd(world: &World, version: Version) -> Vec<Client> {
    let reader = |n: usize| {
        let client = world.client(version, &n.to_string());
        client.subscribe("$SYS/#", QoS::AtMostOnce);
        client
    };
    (0..30).map(reader).collect()
}

#[test]
fn many_readers_are_told_in_slices() {
    for version in VERSIONS {
        let world = World::with(|limits| limits.sys_interval = Duration::ZERO);
        let crowd = crowd(&world, version);
        world.hold_work();
        world.reconfigure(|limits| limits.sys_interval = Duration::from_secs(10));
        let first: Vec<_> = crowd.iter().map(Client::take_payloads).collect();
        let delivered: usize = first.iter().map(Vec::len).sum();
        assert!((900..=1_000).contains(&delivered), "{delivered}");
        world.release_work();
        for (reader, first) in crowd.iter().zip(first) {
            let rest = reader.take_payloads();
            assert!(first.len() + rest.len() > 50, "{first:?}, {rest:?}");
        }
        world.pass(Duration::from_secs(10));
        assert_eq!(values(&crowd[29])["$SYS/broker/uptime"], "10 seconds");
    }
}

#[test]
fn what_is_withdrawn_is_not_published_any_more() {
    let world = World::with(|limits| limits.sys_interval = Duration::ZERO);
    let _crowd = crowd(&world, Version::V5);
    world.hold_work();
    world.reconfigure(|limits| limits.sys_interval = Duration::from_secs(10));
    world.reconfigure(|limits| limits.sys_interval = Duration::ZERO);
    world.release_work();
    self::reader(&world, Version::V311).expect_nothing();
}

#[test]
fn loads_follow_the_formula_of_unix() {
    let world = World::new();
    let client = world.client(Version::V311, "p");
    for _ in 0..50 {
        client.publish(QoS::AtMostOnce, "x", "12345");
    }
    world.pass(Duration::from_secs(10));
    let all = values(&reader(&world, Version::V5));
    let load = |name: &str| all[&format!("$SYS/broker/load/{name}")].clone();
    // 50 in ten seconds are 300 a minute, of which 1 - e^(-10/60), 1 - e^(-10/300) and 1 - e^(-10/900) have come in.
    assert_eq!(load("publish/received/1min"), "46.06");
    assert_eq!(load("publish/received/5min"), "9.84");
    assert_eq!(load("publish/received/15min"), "3.31");
    assert_eq!(load("connections/1min"), "0.92");
    assert_eq!(load("sockets/1min"), "0.92");
    assert_eq!(load("publish/sent/1min"), "0.00");
    assert_eq!(load("publish/dropped/15min"), "0.00");
}

#[test]
fn loads_fade_to_zero_and_then_are_not_repeated() {
    let world = World::new();
    let publisher = world.client(Version::V311, "p");
    publisher.publish(QoS::AtMostOnce, "x", "1");
    let reader = world.client(Version::V5, "reader");
    reader.subscribe("$SYS/broker/load/publish/received/1min", QoS::AtMostOnce);
    let mut seen = Vec::new();
    for _ in 0..120 {
        world.pass(Duration::from_secs(10));
        seen.extend(reader.take_payloads());
    }
    // 6 a minute, once: 6 × (1 - e^(-1/6)), then a sixth power of 1/e less each time.
    assert_eq!(seen[..4], ["0.00", "0.92", "0.78", "0.66"]);
    assert_eq!(seen.last().map(String::as_str), Some("0.00"));
    assert!(seen.len() < 60, "{seen:?}");
    let falling = seen[1..].windows(2).all(|pair| pair[0] > pair[1]);
    assert!(falling, "{seen:?}");
}

#[test]
fn what_waits_is_counted() {
    for version in VERSIONS {
        let world = World::new();
        let away = world.persistent(version, "away");
        away.subscribe("queue", QoS::AtLeastOnce);
        away.lose();
        let slow = world.client(version, "slow");
        slow.subscribe("socket", QoS::AtMostOnce);
        slow.stall();
        let client = world.client(version, "p");
        client.publish(QoS::AtLeastOnce, "queue", "12345");
        client.retain(QoS::AtMostOnce, "kept", "1234567");
        for _ in 0..2_000 {
            client.publish(QoS::AtMostOnce, "socket", &"x".repeat(1_000));
        }
        world.pass(Duration::from_secs(10));
        let stats = world.stats();
        assert!(stats.waiting_packets > 100, "{stats:?}");
        let on_the_wire = 3 + 8 + 1_000 + u64::from(version == Version::V5);
        assert!(stats.waiting_bytes >= stats.waiting_packets * on_the_wire);
        assert!(stats.waiting_bytes <= stats.waiting_packets * 1_070);
        let all = values(&reader(&world, version));
        let number = |name: &str| all[&format!("$SYS/broker/{name}")].clone();
        assert_eq!(number("store/messages/count"), "2");
        assert_eq!(number("messages/stored"), "2");
        assert_eq!(number("store/messages/bytes"), "21", "payloads and topics");
        assert_eq!(number("retained messages/count"), "1");
        assert_eq!(number("subscriptions/count"), "2");
        assert_eq!(
            number("packet/out/count"),
            stats.waiting_packets.to_string()
        );
        world.client(version, "slow");
        let stats = world.stats();
        assert!(stats.waiting_packets <= 1, "what it did not take is gone");
        assert!(stats.waiting_bytes <= stats.waiting_packets * 64);
        slow.lose();
        world.pass(Duration::from_secs(10));
        assert_eq!(
            (world.stats().waiting_packets, world.stats().waiting_bytes),
            (0, 0)
        );
    }
}

#[test]
fn the_heap_is_what_the_memory_budget_counts() {
    let world = World::new();
    let client = world.client(Version::V5, "p");
    client.retain(QoS::AtMostOnce, "kept", &"x".repeat(100_000));
    let most = world.stats().memory_held;
    assert!(most > 100_000, "{most}");
    client.retain(QoS::AtMostOnce, "kept", "");
    let reader = reader(&world, Version::V5);
    world.pass(Duration::from_secs(10));
    let all = values(&reader);
    let number = |name: &str| all[&format!("$SYS/broker/heap/{name}")].parse::<u64>();
    assert_eq!(number("current"), Ok(world.stats().memory_held));
    assert!(world.stats().memory_held < most - 50_000);
    assert!((most..most + 10_000).contains(&number("maximum").unwrap()));
}

#[test]
fn what_the_driver_measures_of_its_store_is_told_and_what_it_does_not_know_is_not() {
    let world = World::new();
    let reader = reader(&world, Version::V5);
    world.pass(Duration::from_secs(11));
    let all = values(&reader);
    for name in ["state", "mode", "written/per_day", "life_years"] {
        assert!(
            !all.contains_key(&format!("$SYS/broker/store/{name}")),
            "{name}"
        );
    }
    world.store_figures(StoreFigures {
        state: "full",
        mode: "group",
        flush_ms: 12,
        per_day: Some(3_800_000_000),
        life_days: Some(4_210),
        ..StoreFigures::default()
    });
    world.pass(Duration::from_secs(10));
    let all = values(&reader);
    let value = |name: &str| all[&format!("$SYS/broker/store/{name}")].as_str();
    assert_eq!((value("state"), value("mode")), ("full", "group"));
    assert_eq!(
        (value("flush_ms"), value("written/per_day")),
        ("12", "3800000000")
    );
    assert_eq!(value("life_years"), "11.5");
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
    assert_eq!(world.stats().subscriptions, 0, "nor what they subscribe to");
}

#[test]
fn an_internal_client_needs_no_login() {
    let world = World::new();
    world.refuse_anonymous();
    let canary = world.open_as(Version::V311, PeerKind::Internal);
    canary.send(connect(Version::V311, "canary"));
    canary.expect(connack(false));
}
