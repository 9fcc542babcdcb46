// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Who may do what: what a client notices of its rights, and of those it loses.

mod groups;
mod matrix;
mod paths;
mod scene;

use std::time::Duration;

use mqtt_core::{Access, Event, Grants};
use mqtt_proto::{Connect, Packet, Property, QoS, Reason, Version};
use tests::packets::{
    connect, granted, login, properties, publish_at, resume, suback, subscribe, will,
};
use tests::rights::{EVERYTHING, listed, user_may};
use tests::{Client, QUALITIES, VERSIONS, World};

/// The user whose rights are changed; everybody else may everything.
const USER: &str = "u";

const NOTHING: [&str; 0] = [];

/// A client of that user whose session ends with its connection.
#[track_caller]
fn client(world: &World, version: Version) -> Client {
    world.connect(login(connect(version, "c"), USER, "secret"), false)
}

/// The same with a session that stays.
#[track_caller]
fn persistent(world: &World, version: Version, present: bool) -> Client {
    world.connect(login(resume(version, "c"), USER, "secret"), present)
}

/// The topics that were told as withheld since the last call.
fn withheld(world: &World) -> Vec<String> {
    let topic = |event| match event {
        Event::DeliveryDenied { topic, .. } => Some(topic.to_string()),
        _ => None,
    };
    world.events().into_iter().filter_map(topic).collect()
}

#[test]
fn a_subscription_is_granted_only_if_one_entry_covers_all_of_it() {
    for version in VERSIONS {
        let world = World::new();
        let entries = ["read a/#", "read b/+", "write c", "deny a/secret/#"];
        world.put_in_force(user_may(USER, &entries));
        let client = client(&world, version);
        let cases = [
            ("a/#", true),
            ("a/secret/#", false),
            ("a/secret/x", false),
            ("a/+/x", true),
            ("b/1", true),
            ("b/#", false),
            ("c", false),
            ("#", false),
            ("+/1", false),
            ("$share/g/b/1", true),
            ("$share/g/c", false),
            ("$SYS/#", false),
        ];
        for (filter, expected) in cases {
            client.send(subscribe(1, filter, QoS::AtMostOnce));
            let reason = match expected {
                true => granted(QoS::AtMostOnce),
                false => Reason::NotAuthorized,
            };
            client.expect(suback(1, [reason]));
        }
    }
}

#[test]
fn in_the_way_of_mosquitto_every_subscription_is_granted_and_its_messages_are_judged() {
    for version in VERSIONS {
        let world = World::new();
        let access = user_may(USER, &["read a/#", "deny a/x"]);
        world.put_in_force(Access {
            subscribes_freely: true,
            ..access
        });
        let (client, publisher) = (client(&world, version), world.client(version, "p"));
        for filter in ["#", "b", "$SYS/#", "$other/#"] {
            client.subscribe(filter, QoS::AtMostOnce);
        }
        for topic in ["a/x", "a/y", "b", "a"] {
            publisher.publish(QoS::AtLeastOnce, topic, topic);
        }
        assert_eq!(client.take_payloads(), ["a/y", "a"]);
        // Nobody is given what is the server's own, whatever is granted.
        publisher.subscribe("$canary/#", QoS::AtMostOnce);
        let canary = world.open_as(version, mqtt_core::PeerKind::Internal);
        canary.send(connect(version, "canary"));
        canary.receive();
        canary.send(publish_at(QoS::AtMostOnce, 0, "$canary/a", "1"));
        publisher.expect_nothing();
    }
}

#[test]
fn the_servers_topics_are_read_by_an_entry_that_names_them_only() {
    for version in VERSIONS {
        let entries = ["readwrite #", "read +/broker/#", "read %c/#"];
        for (more, freely) in [(None, false), (None, true), (Some("read $SYS/#"), false)] {
            let world = World::new();
            let entries: Vec<&str> = entries.into_iter().chain(more).collect();
            world.put_in_force(Access {
                subscribes_freely: freely,
                ..user_may(USER, &entries)
            });
            let connect = login(connect(version, "$SYS"), USER, "secret");
            let client = world.connect(connect, false);
            client.send(subscribe(1, "$SYS/broker/#", QoS::AtMostOnce));
            let reason = match more.is_some() || freely {
                true => granted(QoS::AtMostOnce),
                false => Reason::NotAuthorized,
            };
            client.expect(suback(1, [reason]));
            assert_eq!(client.take_all().is_empty(), more.is_none());
        }
    }
}

#[test]
fn names_in_entries_are_those_of_the_client_and_hostile_ones_get_nothing() {
    for version in VERSIONS {
        let world = World::new();
        world.put_in_force(user_may(USER, &["readwrite %u/%c/#"]));
        for (client_id, filter, expected) in [
            ("c", "u/c/#", true),
            ("c", "u/d/#", false),
            ("c", "u/+/#", false),
            ("+", "u/+/#", false),
            ("+", "u/x/#", false),
            ("#", "u/#", false),
            ("a/b", "u/a/b/#", false),
            ("a\u{7}", "u/a\u{7}/#", false),
        ] {
            let connect = login(connect(version, client_id), USER, "secret");
            let client = world.connect(connect, false);
            client.send(subscribe(1, filter, QoS::AtMostOnce));
            let Packet::SubAck(ack) = client.receive() else {
                panic!("no SUBACK");
            };
            assert_eq!(!ack.reasons[0].is_error(), expected, "{client_id} {filter}");
            client.leave();
        }
    }
}

#[test]
fn withheld_messages_are_all_counted_and_told_once_until_the_rights_change() {
    for version in VERSIONS {
        let world = World::new();
        world.put_in_force(user_may(USER, &["readwrite #", "deny a/#"]));
        let (client, publisher) = (client(&world, version), world.client(version, "p"));
        client.subscribe("#", QoS::ExactlyOnce);
        for topic in ["a/1", "b", "a/2", "a/1"] {
            publisher.publish(QoS::AtLeastOnce, topic, topic);
        }
        assert_eq!(client.take_payloads(), ["b"]);
        assert_eq!(withheld(&world), ["a/1"]);
        assert_eq!(world.stats().publish_withheld, 3);
        world.put_in_force(user_may(USER, &["readwrite #", "deny b"]));
        for topic in ["a/1", "b", "b"] {
            publisher.publish(QoS::AtLeastOnce, topic, topic);
        }
        assert_eq!(client.take_payloads(), ["a/1"], "the subscription lived on");
        assert_eq!(withheld(&world), ["b"]);
        assert_eq!(world.stats().publish_withheld, 5);
        assert_eq!(world.stats().publish_dropped, 0);
    }
}

#[test]
fn what_waits_for_a_socket_is_taken_back_with_the_right_to_it() {
    for version in VERSIONS {
        for qos in QUALITIES {
            let world = World::new();
            let client = client(&world, version);
            client.subscribe("#", qos);
            client.stall();
            let publisher = world.client(version, "p");
            for topic in ["a", "b", "a"] {
                publisher.publish(qos, topic, topic);
            }
            world.put_in_force(user_may(USER, &["readwrite #", "deny a"]));
            client.unstall();
            assert_eq!(client.take_payloads(), ["b"], "{qos:?}");
            assert_eq!(world.stats().publish_dropped, 2);
            world.assert_queues_empty();
            for _ in 0..3 {
                publisher.publish(qos, "c", "c");
            }
            assert_eq!(client.take_payloads(), ["c"; 3], "the window is free again");
            client.leave();
            publisher.leave();
            world.assert_empty();
        }
    }
}

#[test]
fn a_message_that_is_not_sent_again_gives_its_place_in_the_window_to_the_next() {
    for version in VERSIONS {
        for qos in [QoS::AtLeastOnce, QoS::ExactlyOnce] {
            let world = World::with(|limits| limits.max_inflight_messages = 1);
            let client = persistent(&world, version, false);
            client.subscribe("#", qos);
            let publisher = world.client(version, "p");
            publisher.publish(qos, "a", "1");
            publisher.publish(qos, "b", "2");
            assert!(matches!(client.receive(), Packet::Publish(_)));
            client.lose();
            world.put_in_force(user_may(USER, &["readwrite #", "deny a"]));
            let client = persistent(&world, version, true);
            assert_eq!(client.take_payloads(), ["2"]);
            assert_eq!(withheld(&world), ["a"]);
            assert_eq!(world.stats().publish_dropped, 1);
            world.assert_queues_empty();
        }
    }
}

#[test]
fn an_exchange_that_has_begun_is_finished_without_the_right() {
    for version in VERSIONS {
        let world = World::new();
        let client = client(&world, version);
        client.subscribe("#", QoS::ExactlyOnce);
        let publisher = world.client(version, "p");
        publisher.publish(QoS::ExactlyOnce, "a", "1");
        let id = client.expect_publish(publish_at(QoS::ExactlyOnce, 1, "a", "1"));
        world.put_in_force(user_may(USER, &NOTHING));
        client.acknowledge(QoS::ExactlyOnce, id);
        client.expect_nothing();
        world.assert_queues_empty();
    }
}

#[test]
fn rights_come_before_what_a_store_brings_back() {
    for version in VERSIONS {
        let world = World::new();
        let client = persistent(&world, version, false);
        client.subscribe("#", QoS::ExactlyOnce);
        client.lose();
        let publisher = world.client(version, "p");
        for topic in ["a", "b"] {
            publisher.publish(QoS::ExactlyOnce, topic, topic);
        }
        world.put_in_force(user_may(USER, &["readwrite #", "deny a"]));
        world.restart();
        let client = persistent(&world, version, true);
        assert_eq!(client.take_payloads(), ["b"]);
        world.assert_queues_empty();
    }
}

#[test]
fn the_will_of_a_user_who_is_gone_is_not_published_and_that_is_told() {
    let world = World::new();
    let mut last_words = will("a", "gone");
    last_words.properties = properties([Property::WillDelayInterval(60)]);
    let connect = Connect {
        will: Some(last_words),
        ..login(resume(Version::V5, "c"), USER, "secret")
    };
    world.connect(connect, false).lose();
    let witness = world.client(Version::V5, "w");
    witness.subscribe("#", QoS::AtMostOnce);
    world.put_in_force(Access {
        others: listed(&NOTHING),
        ..Access::default()
    });
    world.events();
    world.pass(Duration::from_secs(61));
    witness.expect_nothing();
    let denied = |event: &Event| matches!(event, Event::WillDenied { client, topic } if client.user == USER && topic.as_str() == "a");
    assert!(world.events().iter().any(denied));
}

#[test]
fn anonymous_clients_have_rights_of_their_own() {
    for version in VERSIONS {
        let world = World::new();
        world.put_in_force(Access {
            users: [(USER.into(), Grants::Everything)].into(),
            others: listed(&NOTHING),
            anonymous: listed(&["read a"]),
            ..Access::default()
        });
        let anonymous = world.client(version, "w");
        anonymous.subscribe("a", QoS::AtMostOnce);
        let client = client(&world, version);
        client.subscribe("b", QoS::AtMostOnce);
        anonymous.send(publish_at(QoS::AtMostOnce, 0, "b", "1"));
        client.publish(QoS::AtMostOnce, "a", "2");
        client.expect_nothing();
        anonymous.take(QoS::AtMostOnce, "a", "2");
    }
}

#[test]
fn the_default_rights_are_everything_but_topics_of_the_server() {
    for version in VERSIONS {
        let world = World::new();
        for access in [Access::default(), user_may(USER, &EVERYTHING)] {
            world.put_in_force(access);
            let client = client(&world, version);
            client.subscribe("#", QoS::AtMostOnce);
            client.subscribe("$SYS/#", QoS::AtMostOnce);
            client.take_all();
            client.publish(QoS::AtLeastOnce, "a/b", "1");
            client.take(QoS::AtMostOnce, "a/b", "1");
            client.send(subscribe(1, "$other/#", QoS::AtMostOnce));
            client.expect(suback(1, [Reason::NotAuthorized]));
            client.leave();
        }
    }
}
