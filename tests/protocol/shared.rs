// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Shared subscriptions, in all versions: who gets a message, on what terms, and in whose turn.

use mqtt_core::Event;
use mqtt_proto::{
    Property, Publish, QoS, Reason, RetainHandling, Subscribe, SubscribeFilter, SubscribeOptions,
    Version,
};
use tests::packets::{
    connect, filter, options, properties, publish_at, resume, suback, subscribe, subscribe_with,
    unsuback, unsubscribe,
};
use tests::{Client, QUALITIES, VERSIONS, World};

const FILTERS: [&str; 4] = ["$share/g/x/y", "$share/g/x/+", "$share/g/#", "$share/g/+/y"];

fn members(world: &World, version: Version, count: usize, qos: QoS) -> Vec<Client> {
    let member = |n: usize| {
        let member = world.client(version, &format!("member {n}"));
        member.subscribe("$share/g/x/y", qos);
        member
    };
    (0..count).map(member).collect()
}

fn publish_numbers(publisher: &Client, qos: QoS, numbers: std::ops::Range<usize>) {
    for n in numbers {
        publisher.publish(qos, "x/y", &n.to_string());
    }
}

#[test]
fn each_message_goes_to_one_member_and_each_member_has_its_turn() {
    for version in [Version::V31, Version::V311, Version::V5] {
        for qos in QUALITIES {
            let world = World::new();
            let crowd = members(&world, version, 5, qos);
            publish_numbers(&world.client(version, "p"), qos, 0..20);
            for (n, member) in crowd.iter().enumerate() {
                let turns = [n, n + 5, n + 10, n + 15].map(|n| n.to_string());
                assert_eq!(member.take_payloads(), turns);
            }
            world.assert_queues_empty();
        }
    }
}

#[test]
fn a_shared_filter_matches_as_the_filter_inside_it() {
    for version in VERSIONS {
        for name in FILTERS {
            let world = World::new();
            let publisher = world.client(version, "p");
            let member = world.client(version, "m");
            member.subscribe(name, QoS::AtLeastOnce);
            publisher.publish(QoS::AtLeastOnce, "x/y", "1");
            member.take(QoS::AtLeastOnce, "x/y", "1");
            publisher.publish(QoS::AtLeastOnce, "x", "2");
            let below = if name == "$share/g/#" {
                vec!["2"]
            } else {
                vec![]
            };
            assert_eq!(member.take_payloads(), below, "{name}");
            member.unsubscribe(name);
            publisher.publish(QoS::AtLeastOnce, "x/y", "3");
            member.expect_nothing();
            assert_eq!(world.stats().shared_subscriptions, 0);
        }
    }
}

#[test]
fn a_member_gets_messages_at_its_own_granted_quality() {
    for version in VERSIONS {
        for published in QUALITIES {
            let world = World::new();
            let publisher = world.client(version, "p");
            let crowd = QUALITIES.map(|granted| {
                let member = world.client(version, &format!("{granted:?}"));
                member.subscribe("$share/g/x/y", granted);
                (member, granted)
            });
            publish_numbers(&publisher, published, 0..3);
            for (n, (member, granted)) in crowd.iter().enumerate() {
                let qos = published.min(*granted); // [MQTT-4.8.2-3]
                member.take(qos, "x/y", &n.to_string());
                member.expect_nothing();
            }
        }
    }
}

#[test]
fn every_group_and_every_ordinary_subscription_gets_its_own_copy() {
    for version in VERSIONS {
        let world = World::new();
        let publisher = world.client(version, "p");
        let both = world.client(version, "both");
        for name in ["$share/a/x/y", "$share/b/x/y", "$share/a/x/+", "x/y", "#"] {
            both.subscribe(name, QoS::AtLeastOnce);
        }
        let other = world.client(version, "other");
        other.subscribe("$share/b/x/y", QoS::AtLeastOnce);
        publisher.publish(QoS::AtLeastOnce, "x/y", "1");
        publisher.publish(QoS::AtLeastOnce, "x/y", "2");
        let mut got = both.take_payloads();
        got.sort();
        let (shared, turns) = (got.len(), other.take_payloads().len());
        // Two for itself, four through the groups that it has alone, one of the two it shares.
        assert_eq!((shared, turns), (7, 1), "{got:?}");
    }
}

#[test]
fn each_copy_tells_the_identifiers_of_its_own_subscriptions() {
    let world = World::new();
    let publisher = world.client(Version::V5, "p");
    let client = world.client(Version::V5, "c");
    for (identifier, name) in [
        (1, "x/y"),
        (2, "x/#"),
        (3, "$share/g/x/y"),
        (4, "$share/g/#"),
    ] {
        client.send(Subscribe {
            properties: properties([Property::SubscriptionIdentifier(identifier)]),
            ..subscribe(1, name, QoS::AtMostOnce)
        });
        client.expect(suback(1, [Reason::Success]));
    }
    publisher.publish(QoS::AtMostOnce, "x/y", "1");
    let mut told: Vec<Vec<u32>> = client
        .take_all()
        .iter()
        .map(|message| message.properties.subscription_identifiers().collect())
        .collect();
    told.iter_mut().for_each(|identifiers| identifiers.sort());
    told.sort();
    assert_eq!(told, [vec![1, 2], vec![3], vec![4]]); // [MQTT-3.3.4-3], [MQTT-3.3.4-4]
}

#[test]
fn a_retained_message_is_not_sent_for_a_new_shared_subscription() {
    for version in VERSIONS {
        let world = World::new();
        let publisher = world.client(version, "p");
        publisher.retain(QoS::AtLeastOnce, "x/y", "old");
        let member = world.client(version, "m");
        for handling in [RetainHandling::Send, RetainHandling::SendIfNew] {
            let wanted = SubscribeOptions {
                retain_handling: handling,
                ..options(QoS::AtLeastOnce)
            };
            member.send(subscribe_with(1, "$share/g/x/y", wanted));
            member.expect(suback(1, [Reason::GrantedQoS1]));
            member.expect_nothing();
        }
        member.subscribe("x/y", QoS::AtMostOnce);
        assert_eq!(member.take_payloads(), ["old"]);
    }
}

#[test]
fn retain_as_published_is_each_members_own() {
    let world = World::new();
    let publisher = world.client(Version::V5, "p");
    let crowd = [true, false].map(|retain_as_published| {
        let member = world.client(Version::V5, &retain_as_published.to_string());
        let wanted = SubscribeOptions {
            retain_as_published,
            ..options(QoS::AtMostOnce)
        };
        member.send(subscribe_with(1, "$share/g/x", wanted));
        member.expect(suback(1, [Reason::Success]));
        member
    });
    publisher.retain(QoS::AtMostOnce, "x", "1");
    publisher.retain(QoS::AtMostOnce, "x", "2");
    let kept = crowd.map(|member| {
        member
            .take_all()
            .iter()
            .map(|m| m.retain)
            .collect::<Vec<_>>()
    });
    assert_eq!(kept, [[true], [false]]); // [MQTT-3.3.1-12], [MQTT-3.3.1-13]
}

#[test]
fn subscribing_again_changes_the_terms_and_not_the_turns() {
    for version in VERSIONS {
        let world = World::new();
        let crowd = members(&world, version, 2, QoS::ExactlyOnce);
        crowd[0].subscribe("$share/g/x/y", QoS::AtMostOnce);
        publish_numbers(&world.client(version, "p"), QoS::ExactlyOnce, 0..4);
        let got = |member: &Client| member.take_all().iter().map(|m| m.qos).collect::<Vec<_>>();
        assert_eq!(got(&crowd[0]), [QoS::AtMostOnce; 2]);
        assert_eq!(got(&crowd[1]), [QoS::ExactlyOnce; 2]);
        assert_eq!(world.stats().shared_subscriptions, 2);
    }
}

#[test]
fn unsubscribing_needs_the_group_and_the_filter() {
    for version in VERSIONS {
        let world = World::new();
        let member = world.client(version, "m");
        member.subscribe("$share/g/x/y", QoS::AtMostOnce);
        for other in ["x/y", "$share/h/x/y", "$share/g/x/+"] {
            member.send(unsubscribe(1, other));
            member.expect(unsuback(1, Reason::NoSubscriptionExisted));
        }
        member.unsubscribe("$share/g/x/y");
        world
            .client(version, "p")
            .publish(QoS::AtMostOnce, "x/y", "1");
        member.expect_nothing();
    }
}

#[test]
fn a_member_may_publish_to_its_own_group() {
    for version in VERSIONS {
        let world = World::new();
        let crowd = members(&world, version, 1, QoS::AtLeastOnce);
        crowd[0].send(publish_at(QoS::AtMostOnce, 0, "x/y", "1"));
        crowd[0].take(QoS::AtMostOnce, "x/y", "1");
    }
}

#[test]
fn no_local_on_a_shared_subscription_is_a_protocol_error() {
    let world = World::new();
    let client = world.client(Version::V5, "c");
    let wanted = SubscribeOptions {
        no_local: true,
        ..options(QoS::AtMostOnce)
    };
    client.send(subscribe_with(1, "$share/g/x", wanted)); // [MQTT-3.8.3-4]
    client.expect_disconnect(Reason::ProtocolError);
}

#[test]
fn a_share_without_group_or_filter_is_refused() {
    let version = Version::V5;
    for name in [
        "$share//x",
        "$share/g",
        "$share/g/",
        "$share/g+/x",
        "$share/#/x",
        "$share/",
    ] {
        let world = World::new();
        let client = world.client(version, "c");
        let length = u8::try_from(name.len()).expect("a short filter");
        let mut bytes = vec![0x82, length + 6, 0, 1, 0, 0, length];
        bytes.extend(name.bytes().chain([0]));
        client.send_bytes(&bytes); // [MQTT-4.8.2-1], [MQTT-4.8.2-2]
        client.expect_disconnect(Reason::MalformedPacket);
    }
}

#[test]
fn the_right_to_subscribe_is_judged_by_the_filter_inside() {
    for version in VERSIONS {
        let world = World::new();
        let client = world.client(version, "c");
        let names = ["$share/g/$SYS/#", "$share/g/$other/x", "$share/g/x"];
        client.send(Subscribe {
            filters: names
                .map(|name| SubscribeFilter {
                    filter: filter(name),
                    options: options(QoS::AtMostOnce),
                })
                .to_vec(),
            ..subscribe(1, "y", QoS::AtMostOnce)
        });
        client.expect(suback(
            1,
            [Reason::Success, Reason::NotAuthorized, Reason::Success],
        ));
        let denied = |event: &Event| matches!(event, Event::SubscribeDenied { .. });
        assert_eq!(
            world.events().iter().filter(|event| denied(event)).count(),
            1
        );
    }
}

#[test]
fn shared_subscriptions_count_against_the_limit() {
    for version in VERSIONS {
        let world = World::with(|limits| limits.max_subscriptions = 2);
        let client = world.client(version, "c");
        client.subscribe("$share/g/x", QoS::AtMostOnce);
        client.subscribe("x", QoS::AtMostOnce);
        client.send(subscribe(1, "$share/h/x", QoS::AtMostOnce));
        client.expect(suback(1, [Reason::QuotaExceeded]));
        let stats = world.stats();
        assert_eq!((stats.subscriptions, stats.shared_subscriptions), (1, 1));
    }
}

#[test]
fn membership_outlives_the_connection_and_ends_with_the_session() {
    for version in VERSIONS {
        let world = World::new();
        let publisher = world.client(version, "p");
        let stay = members(&world, version, 1, QoS::AtLeastOnce);
        let moving = world.persistent(version, "moving");
        moving.subscribe("$share/g/x/y", QoS::AtLeastOnce);
        // A takeover without a clean start keeps the membership.
        let moving = [moving, world.resumed(version, "moving")];
        publish_numbers(&publisher, QoS::AtLeastOnce, 0..4);
        assert_eq!(stay[0].take_payloads().len(), 2);
        assert_eq!(moving[1].take_payloads().len(), 2);
        // A clean start ends it.
        let clean = world.connect(connect(version, "moving"), false);
        assert_eq!(world.stats().shared_subscriptions, 1);
        publish_numbers(&publisher, QoS::AtLeastOnce, 0..4);
        assert_eq!(stay[0].take_payloads(), ["0", "1", "2", "3"]);
        clean.expect_nothing();
    }
}

#[test]
fn a_message_no_member_may_get_any_more_is_not_handed_out() {
    let world = World::new();
    let member = world.persistent(Version::V5, "m");
    member.subscribe("$share/g/x/y", QoS::AtLeastOnce);
    member.lose();
    let publisher = world.client(Version::V5, "p");
    for (id, seconds) in [(1, 5), (2, 50)] {
        publisher.send(Publish {
            properties: properties([Property::MessageExpiryInterval(seconds)]),
            ..publish_at(QoS::AtLeastOnce, id, "x/y", seconds.to_string())
        });
    }
    world.pass(std::time::Duration::from_secs(10));
    let member = world.connect(resume(Version::V5, "m"), true);
    assert_eq!(member.take_payloads(), ["50"]); // [MQTT-3.3.2-5]
    world.assert_queues_empty();
}
