// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Rights of the members of a shared subscription: each message goes to one that may have it.

use mqtt_proto::{QoS, Version};
use tests::packets::publish_at;
use tests::rights::user_may;
use tests::{Client, QUALITIES, VERSIONS, World};

use super::{USER, client, persistent};

/// A user's client in a group with another user's, who may read all of it.
fn group(world: &World, version: Version) -> (Client, Client) {
    let restricted = client(world, version);
    let free = world.client(version, "free");
    for member in [&restricted, &free] {
        member.subscribe("$share/g/#", QoS::AtLeastOnce);
    }
    (restricted, free)
}

#[test]
fn a_message_for_a_group_goes_to_a_member_that_may_have_it() {
    for version in VERSIONS {
        for qos in QUALITIES {
            let world = World::new();
            world.put_in_force(user_may(USER, &["readwrite #", "deny a"]));
            let (restricted, free) = group(&world, version);
            let publisher = world.client(version, "p");
            for topic in ["a", "a", "b", "a", "b"] {
                publisher.publish(qos, topic, topic);
            }
            let (mine, theirs) = (restricted.take_payloads(), free.take_payloads());
            assert!(mine.iter().all(|payload| payload == "b"), "{mine:?}");
            assert_eq!(mine.len() + theirs.len(), 5, "{qos:?} {mine:?} {theirs:?}");
            assert_eq!(world.stats().publish_withheld, 0);
        }
    }
}

#[test]
fn what_a_group_holds_for_somebody_who_may_have_it_waits_and_the_rest_goes() {
    for version in VERSIONS {
        let world = World::new();
        world.put_in_force(user_may(USER, &["readwrite #", "deny a"]));
        let restricted = persistent(&world, version, false);
        restricted.subscribe("$share/g/#", QoS::AtLeastOnce);
        restricted.lose();
        let publisher = world.client(version, "p");
        for topic in ["a", "b", "a", "b"] {
            publisher.publish(QoS::AtLeastOnce, topic, topic);
        }
        let restricted = persistent(&world, version, true);
        assert_eq!(restricted.take_payloads(), ["b", "b"]);
        assert_eq!(world.stats().publish_withheld, 2, "nobody may have them");
        world.assert_queues_empty();
    }
}

#[test]
fn what_waits_for_a_member_that_loses_its_right_goes_to_another() {
    for version in VERSIONS {
        let world = World::with(|limits| limits.max_inflight_messages = 1);
        let restricted = persistent(&world, version, false);
        restricted.subscribe("$share/g/#", QoS::AtLeastOnce);
        let publisher = world.client(version, "p");
        for payload in ["1", "2", "3"] {
            publisher.publish(QoS::AtLeastOnce, "a", payload);
        }
        let id = restricted.expect_publish(publish_at(QoS::AtLeastOnce, 1, "a", "1"));
        let free = world.client(version, "free");
        free.subscribe("$share/g/#", QoS::AtLeastOnce);
        world.put_in_force(user_may(USER, &["readwrite #", "deny a"]));
        restricted.acknowledge(QoS::AtLeastOnce, id);
        restricted.expect_nothing();
        assert_eq!(free.take_payloads(), ["2", "3"]);
        world.assert_queues_empty();
    }
}
