// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Topic aliases in both directions: numbers for topic names that one connection agrees on.

use mqtt_core::{DisconnectCause, ProtocolFault};
use mqtt_proto::{Connect, Packet, Property, Publish, QoS, Reason, Topic, Version};
use tests::packets::{connect, properties, puback, publish, publish_at, resume, topic};
use tests::{Client, QUALITIES, World};

/// A message that names its topic and gives it a number.
fn naming(qos: QoS, name: &str, alias: u16, payload: &str) -> Publish {
    Publish {
        properties: properties([Property::TopicAlias(alias)]),
        ..publish_at(qos, 1, name, payload)
    }
}

/// A message that names its topic by its number only.
fn numbered(qos: QoS, alias: u16, payload: &str) -> Publish {
    Publish {
        topic: Topic::empty(),
        ..naming(qos, "x", alias, payload)
    }
}

/// A client that takes `maximum` aliases.
fn taking(world: &World, client_id: &str, maximum: u16) -> Client {
    let own = properties([Property::TopicAliasMaximum(maximum)]);
    let connect = Connect {
        properties: own,
        ..connect(Version::V5, client_id)
    };
    world.connect(connect, false)
}

/// The next message and the alias it came with.
#[track_caller]
fn take_alias(client: &Client) -> (String, Option<u16>) {
    let Packet::Publish(publish) = client.receive() else {
        panic!("no PUBLISH")
    };
    client.acknowledge(publish.qos, publish.packet_id.map_or(0, u16::from));
    let alias = publish.properties.topic_alias();
    (publish.topic.as_str().to_owned(), alias)
}

#[test]
fn an_alias_stands_for_the_topic_it_was_given_last() {
    for qos in QUALITIES {
        let world = World::new();
        let listener = world.client(Version::V5, "listener");
        listener.subscribe("#", QoS::AtMostOnce);
        let client = world.client(Version::V5, "a");
        for (message, name) in [
            (naming(qos, "first", 1, "1"), "first"),
            (naming(qos, "second", 10, "2"), "second"), // [MQTT-3.3.2-12]
            (numbered(qos, 1, "3"), "first"),
            (numbered(qos, 10, "4"), "second"),
            (naming(qos, "third", 1, "5"), "third"),
            (numbered(qos, 1, "6"), "third"),
        ] {
            let payload = String::from_utf8_lossy(&message.payload).into_owned();
            client.send(message);
            if qos > QoS::AtMostOnce {
                client.receive();
                client.send(tests::packets::pubrel(1));
                client.receive();
            }
            listener.take(QoS::AtMostOnce, name, &payload); // without the alias: it is the publisher's
        }
    }
}

#[test]
fn an_alias_beyond_the_maximum_is_refused_in_words() {
    for (maximum, alias) in [(10, 0), (10, 11), (10, 65_535), (0, 1)] {
        let world = World::with(|limits| limits.max_topic_alias = maximum);
        let client = world.client(Version::V5, "a");
        client.send(naming(QoS::AtMostOnce, "x", alias, "1"));
        client.expect_disconnect(Reason::TopicAliasInvalid); // [MQTT-3.3.2-8] [MQTT-3.3.2-9] [MQTT-3.2.2-17] [MQTT-3.2.2-18]
        let cause = world.last_cause().to_string();
        assert!(cause.contains(&format!("topic alias {alias}")), "{cause}");
    }
}

#[test]
fn an_alias_that_was_never_given_a_topic_is_a_protocol_error() {
    for alias in [1, 2, 10] {
        let world = World::new();
        let client = world.client(Version::V5, "a");
        client.send(naming(QoS::AtMostOnce, "x", 3, "1"));
        client.send(numbered(QoS::AtLeastOnce, alias, "1"));
        client.expect_disconnect(Reason::ProtocolError);
        assert!(matches!(
            world.last_cause(),
            DisconnectCause::Protocol(ProtocolFault::UnknownTopicAlias)
        ));
    }
}

#[test]
fn aliases_end_with_their_connection() {
    let world = World::new();
    let client = world.persistent(Version::V5, "a");
    client.send(naming(QoS::AtMostOnce, "x", 1, "1"));
    client.lose();
    let client = world.resumed(Version::V5, "a");
    client.send(numbered(QoS::AtMostOnce, 1, "1"));
    client.expect_disconnect(Reason::ProtocolError); // [MQTT-3.3.2-7]
}

#[test]
fn a_maximum_told_holds_although_the_limit_changes() {
    let world = World::new();
    let client = world.client(Version::V5, "a");
    world.reconfigure(|limits| limits.max_topic_alias = 0);
    client.send(naming(QoS::AtMostOnce, "x", 10, "1"));
    client.expect_nothing();
}

#[test]
fn a_refused_message_gives_its_topic_a_number_all_the_same() {
    let world = World::new();
    let client = world.client(Version::V5, "a");
    for message in [
        naming(QoS::AtLeastOnce, "$SYS/x", 1, "1"),
        numbered(QoS::AtLeastOnce, 1, "1"),
    ] {
        client.send(message);
        let denied = mqtt_proto::Ack::new(tests::packets::packet_id(1), Reason::NotAuthorized);
        client.expect(Packet::PubAck(denied));
    }
}

#[test]
fn a_will_and_retained_messages_carry_no_alias_of_the_publisher() {
    let world = World::new();
    let client = world.client(Version::V5, "a");
    client.send(Publish {
        retain: true,
        ..naming(QoS::AtLeastOnce, "x", 1, "1")
    });
    client.receive();
    client.subscribe("x", QoS::AtMostOnce);
    client.expect_publish(Publish {
        retain: true,
        ..publish("x", "1")
    });
}

#[test]
fn a_client_that_takes_aliases_gets_each_name_once() {
    let world = World::new();
    let subscriber = taking(&world, "s", 65_535);
    subscriber.subscribe("#", QoS::ExactlyOnce);
    let publisher = world.client(Version::V5, "p");
    for (qos, known) in QUALITIES.into_iter().zip([false, true, true]) {
        for (name, alias) in [("sensors/1", 1), ("sensors/2", 2)] {
            publisher.publish(qos, name, "1");
            let sent = if known { "" } else { name };
            assert_eq!(take_alias(&subscriber), (sent.to_owned(), Some(alias)));
        }
    }
    publisher.publish(
        QoS::AtMostOnce,
        "x",
        "a name as short as the alias gets none",
    );
    assert_eq!(take_alias(&subscriber), ("x".to_owned(), None));
}

#[test]
fn no_more_aliases_are_given_than_the_client_and_the_limit_allow() {
    for (own, limit, expected) in [(2, 10, 2), (10, 2, 2), (0, 10, 0), (10, 0, 0)] {
        let world = World::with(|limits| limits.max_topic_alias_broker = limit);
        let subscriber = taking(&world, "s", own);
        subscriber.subscribe("#", QoS::AtMostOnce);
        let publisher = world.client(Version::V5, "p");
        for _ in 0..2 {
            for n in 1..=4 {
                publisher.publish(QoS::AtMostOnce, &format!("topic/{n}"), "1");
                let (_, alias) = take_alias(&subscriber);
                assert_eq!(alias, (n <= expected).then_some(n)); // [MQTT-3.1.2-26] [MQTT-3.1.2-27] [MQTT-3.3.2-11]
            }
        }
    }
}

#[test]
fn a_client_that_did_not_ask_gets_no_alias() {
    let world = World::new();
    let subscriber = world.client(Version::V5, "s");
    subscriber.subscribe("#", QoS::AtMostOnce);
    let publisher = world.client(Version::V5, "p");
    for _ in 0..2 {
        publisher.publish(QoS::AtMostOnce, "sensors/1", "1");
        subscriber.take(QoS::AtMostOnce, "sensors/1", "1"); // [MQTT-3.1.2-27]
    }
}

#[test]
fn what_is_sent_again_names_its_topic_anew() {
    let world = World::new();
    let own = properties([
        Property::TopicAliasMaximum(10),
        Property::SessionExpiryInterval(100),
    ]);
    let connect = Connect {
        properties: own,
        ..resume(Version::V5, "s")
    };
    let subscriber = world.connect(connect.clone(), false);
    subscriber.subscribe("#", QoS::AtLeastOnce);
    let publisher = world.client(Version::V5, "p");
    for payload in ["1", "2"] {
        publisher.publish(QoS::AtLeastOnce, "sensors/1", payload);
    }
    let first = subscriber.expect_publish(naming(QoS::AtLeastOnce, "sensors/1", 1, "1"));
    subscriber.expect_publish(numbered(QoS::AtLeastOnce, 1, "2"));
    subscriber.send(puback(first));
    subscriber.lose();
    let subscriber = world.connect(connect, true);
    subscriber.expect_publish(Publish {
        dup: true,
        ..naming(QoS::AtLeastOnce, "sensors/1", 1, "2") // [MQTT-3.3.2-7]
    });
}

#[test]
fn a_message_dropped_for_a_full_socket_leaves_no_number_unexplained() {
    let world = World::with(|limits| limits.max_pending_bytes = 2_000);
    let subscriber = taking(&world, "s", 10);
    subscriber.subscribe("#", QoS::AtMostOnce);
    subscriber.stall();
    let publisher = world.client(Version::V5, "p");
    publisher.publish(QoS::AtMostOnce, "topic/1", &"x".repeat(2_000));
    publisher.publish(QoS::AtMostOnce, "topic/2", "dropped");
    subscriber.unstall();
    publisher.publish(QoS::AtMostOnce, "topic/2", "2");
    let got = [take_alias(&subscriber), take_alias(&subscriber)];
    let named = |n: u16| (format!("topic/{n}"), Some(n));
    assert_eq!(got, [named(1), named(2)]);
}

#[test]
fn an_alias_never_makes_a_packet_larger_than_the_client_takes() {
    let world = World::new();
    let own = properties([
        Property::TopicAliasMaximum(10),
        Property::MaximumPacketSize(100),
    ]);
    let connect = Connect {
        properties: own,
        ..connect(Version::V5, "s")
    };
    let subscriber = world.connect(connect, false);
    subscriber.subscribe("#", QoS::AtMostOnce);
    let publisher = world.client(Version::V5, "p");
    let largest = 100 - 2 - (2 + 7) - 1; // fixed header, topic, properties
    for (len, named, alias) in [
        (largest, true, None), // [MQTT-3.1.2-24]
        (largest - 2, true, None),
        (largest - 3, true, Some(1)),
        (largest, false, Some(1)),
    ] {
        publisher.publish(QoS::AtMostOnce, "topic/1", &"x".repeat(len));
        let name = if named {
            topic("topic/1")
        } else {
            Topic::empty()
        };
        let got = take_alias(&subscriber);
        assert_eq!(got, (name.as_str().to_owned(), alias), "{len}");
    }
}

#[test]
fn the_names_behind_the_aliases_of_a_connection_are_bounded_together() {
    let world = World::with(|limits| limits.max_topic_length = 65_535);
    let subscriber = taking(&world, "s", 10);
    subscriber.subscribe("#", QoS::AtMostOnce);
    let client = world.client(Version::V5, "a");
    let long = |n: u16| format!("{n}/{}", "x".repeat(30_000));
    for round in 0..3 {
        for n in 1..=2 {
            client.send(naming(QoS::AtMostOnce, &long(n), n, "1")); // giving a name again needs no room
            let (_, alias) = take_alias(&subscriber);
            assert_eq!(alias, Some(n), "round {round}");
        }
    }
    client.publish(QoS::AtMostOnce, &long(3), "1");
    assert_eq!(take_alias(&subscriber), (long(3), None));
    client.send(naming(QoS::AtMostOnce, &long(3), 3, "1"));
    client.expect_disconnect(Reason::QuotaExceeded);
}
