// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Topics that are longer or deeper than the broker allows, in PUBLISH, SUBSCRIBE and wills.

use mqtt_core::Event;
use mqtt_proto::{Packet, QoS, Reason, Version};
use tests::packets::{connect, publish_at, suback, subscribe, will};
use tests::{VERSIONS, World};

fn small() -> World {
    World::with(|limits| {
        limits.max_topic_length = 20;
        limits.max_topic_levels = 4;
    })
}

/// At the limits, and beyond each of them.
const FITS: [&str; 2] = ["a/b/c/d", "twenty bytes of name"];
const TOO_MUCH: [&str; 2] = ["a/b/c/d/e", "twenty-one bytes here"];

#[test]
fn a_message_to_a_topic_beyond_the_limits_is_refused_with_a_reason() {
    for version in VERSIONS {
        let world = small();
        let all = world.client(version, "all");
        all.subscribe("#", QoS::AtMostOnce);
        let publisher = world.client(version, "p");
        for topic in FITS {
            publisher.publish(QoS::AtLeastOnce, topic, "x");
            all.take(QoS::AtMostOnce, topic, "x");
        }
        for topic in TOO_MUCH {
            publisher.send(publish_at(QoS::AtLeastOnce, 1, topic, "x"));
            let Packet::PubAck(ack) = publisher.receive() else {
                panic!("no acknowledgement")
            };
            let told = match version {
                Version::V5 => Reason::TopicNameInvalid,
                _ => Reason::Success,
            };
            assert_eq!(ack.reason, told, "{topic}");
            all.expect_nothing();
        }
        let denied = |event: &Event| {
            matches!(
                event,
                Event::PublishDenied {
                    reason: Reason::TopicNameInvalid,
                    ..
                }
            )
        };
        assert!(world.events().iter().any(denied));
        assert_eq!(world.stats().publish_dropped, 2);
    }
}

#[test]
fn a_filter_beyond_the_limits_is_refused_with_a_reason() {
    for version in VERSIONS {
        let world = small();
        let client = world.client(version, "s");
        for filter in FITS {
            client.subscribe(filter, QoS::AtMostOnce);
        }
        for filter in TOO_MUCH {
            client.send(subscribe(1, filter, QoS::AtMostOnce));
            let Packet::SubAck(answer) = client.receive() else {
                panic!("no acknowledgement")
            };
            let told = match version {
                Version::V5 => Reason::TopicFilterInvalid,
                _ => suback(1, [Reason::UnspecifiedError]).reasons[0],
            };
            assert_eq!(answer.reasons, [told], "{filter}");
        }
        assert_eq!(world.stats().subscriptions, 2);
    }
}

#[test]
fn a_will_beyond_the_limits_keeps_its_client_out() {
    for version in VERSIONS {
        let world = small();
        for topic in TOO_MUCH {
            let mut packet = connect(version, "w");
            packet.will = Some(will(topic, "x"));
            let reason = match version {
                Version::V5 => Reason::TopicNameInvalid,
                _ => Reason::ServerUnavailable,
            };
            world.refused(packet, reason);
        }
    }
}
