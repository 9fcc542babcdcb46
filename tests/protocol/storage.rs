// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The store is full or has failed: what would have to be kept is refused with a reason, everything else goes on.

use mqtt_core::{Event, StorageState, Unstored};
use mqtt_proto::{Ack, Connect, Disconnect, Packet, Property, Publish, QoS, Reason, Version, Will};
use tests::packets::{
    connect, disconnect, packet_id, properties, puback, pubcomp, publish_at, pubrec, pubrel,
    resume, suback, subscribe, will,
};
use tests::{Client, IntoPacket, QUALITIES, VERSIONS, World};

const TROUBLES: [StorageState; 2] = [StorageState::Full, StorageState::Failed];

/// A world whose store takes nothing new, with a persistent client of `kept`, a clean one of `live/#` and a publisher.
struct Scene {
    world: World,
    kept: Client,
    live: Client,
    publisher: Client,
}

fn scene(version: Version, state: StorageState) -> Scene {
    let world = World::new();
    let kept = world.persistent(version, "kept");
    kept.subscribe("kept", QoS::ExactlyOnce);
    let live = world.client(version, "live");
    live.subscribe("#", QoS::AtLeastOnce);
    let publisher = world.client(version, "p");
    world.events();
    world.store_is(state);
    Scene {
        world,
        kept,
        live,
        publisher,
    }
}

impl Scene {
    /// The next packet to the publisher refuses its message; before version 5 there is none, and it stays connected.
    #[track_caller]
    fn expect_refusal(&self, qos: QoS) {
        if self.publisher.version() != Version::V5 {
            return self.publisher.expect_nothing();
        }
        let ack = match self.publisher.receive() {
            Packet::PubAck(ack) if qos == QoS::AtLeastOnce => ack,
            Packet::PubRec(ack) if qos == QoS::ExactlyOnce => ack,
            other => panic!("expected a refusal, received {other:?}"),
        };
        assert_eq!(ack.reason, Reason::QuotaExceeded);
        let sentence = ack.properties.iter().any(
            |property| matches!(property, Property::ReasonString(text) if text.contains("store")),
        );
        assert!(sentence, "{ack:?}");
    }

    fn told(&self) -> Vec<String> {
        let told = |event| match event {
            Event::Unstored { client, what, .. } => {
                let what = match what {
                    Unstored::Message(topic) => format!("message {topic}"),
                    Unstored::Retained(topic) => format!("retained {topic}"),
                    Unstored::Subscription(filter) => format!("subscription {filter}"),
                };
                Some(format!("{}: {what}", client.session.client_id))
            }
            Event::WillUnstored { session, .. } => Some(format!("{}: will", session.client_id)),
            _ => None,
        };
        self.world.events().into_iter().filter_map(told).collect()
    }
}

#[test]
fn a_message_for_a_persistent_session_is_refused_and_reaches_nobody() {
    for version in VERSIONS {
        for state in TROUBLES {
            for qos in &QUALITIES[1..] {
                let scene = scene(version, state);
                scene.publisher.send(publish_at(*qos, 1, "kept", "1"));
                scene.expect_refusal(*qos);
                scene.publisher.send(publish_at(*qos, 2, "kept", "2"));
                scene.expect_refusal(*qos);
                scene.kept.expect_nothing();
                scene.live.expect_nothing();
                assert_eq!(scene.told(), ["p: message kept"]); // once
                assert_eq!(scene.world.stats().publish_dropped, 2);
                scene.world.assert_queues_empty();
            }
        }
    }
}

#[test]
fn a_refused_message_is_taken_when_it_is_sent_again() {
    for version in VERSIONS {
        for qos in &QUALITIES[1..] {
            let scene = scene(version, StorageState::Full);
            let publisher = scene.world.client(version, "again");
            publisher.send(publish_at(*qos, 1, "kept", "1"));
            scene.world.store_is(StorageState::Ok);
            let _ = publisher.poll();
            publisher.send(Publish {
                dup: true,
                ..publish_at(*qos, 1, "kept", "1")
            });
            publisher.expect(match qos {
                QoS::ExactlyOnce => pubrec(1),
                _ => puback(1),
            });
            assert_eq!(scene.kept.take_payloads(), ["1"]);
        }
    }
}

#[test]
fn what_promises_nothing_goes_on() {
    for version in VERSIONS {
        for state in TROUBLES {
            let scene = scene(version, state);
            for (qos, topic) in [
                (QoS::AtMostOnce, "kept"),
                (QoS::AtLeastOnce, "live"),
                (QoS::ExactlyOnce, "live"),
            ] {
                scene.publisher.publish(qos, topic, "1");
                let qos = qos.min(QoS::AtLeastOnce);
                scene.live.take(qos, topic, "1");
            }
            scene.kept.take(QoS::AtMostOnce, "kept", "1");
            scene
                .world
                .client(version, "new")
                .subscribe("x", QoS::ExactlyOnce);
            assert_eq!(scene.told(), [""; 0]);
        }
    }
}

#[test]
fn a_persistent_publisher_of_quality_2_is_refused_because_its_identifier_would_be_kept() {
    for version in VERSIONS {
        let world = World::new();
        let publisher = world.persistent(version, "p");
        world.store_is(StorageState::Full);
        publisher.send(publish_at(QoS::ExactlyOnce, 1, "nobody", "1"));
        if version == Version::V5 {
            publisher.expect(Packet::PubRec(Ack::new(
                packet_id(1),
                Reason::QuotaExceeded,
            )));
        }
        publisher.expect_nothing();
        publisher.publish(QoS::AtLeastOnce, "nobody", "1");
    }
}

#[test]
fn a_retained_message_is_refused_unless_it_changes_nothing_or_frees_room() {
    for version in VERSIONS {
        let scene = scene(version, StorageState::Full);
        scene.world.store_is(StorageState::Ok);
        scene.publisher.retain(QoS::AtLeastOnce, "r", "1");
        scene.publisher.retain(QoS::AtLeastOnce, "s", "1");
        scene.world.store_is(StorageState::Full);
        let retained = |topic: &str, payload: &str| Publish {
            retain: true,
            ..publish_at(QoS::AtLeastOnce, 1, topic, payload)
        };
        scene.publisher.send(retained("r", "2"));
        scene.expect_refusal(QoS::AtLeastOnce);
        scene.publisher.retain(QoS::AtLeastOnce, "r", "1"); // the same
        scene.publisher.retain(QoS::AtLeastOnce, "s", "");
        assert_eq!(scene.live.take_payloads(), ["1", "1", "1", ""]);
        scene.publisher.send(Publish {
            retain: true,
            ..publish_at(QoS::AtMostOnce, 1, "t", "live")
        });
        scene.live.take(QoS::AtMostOnce, "t", "live");
        assert_eq!(scene.world.stats().retained_messages, 1);
        assert_eq!(scene.told(), ["p: message r"]);
        scene.world.crash();
        assert_eq!(scene.world.stats().retained_messages, 1);
    }
}

#[test]
fn a_failed_store_does_not_forget_either() {
    for version in VERSIONS {
        let scene = scene(version, StorageState::Failed);
        scene.publisher.send(Publish {
            retain: true,
            ..publish_at(QoS::AtLeastOnce, 1, "unknown", "")
        });
        scene.expect_refusal(QoS::AtLeastOnce);
        scene.live.expect_nothing();
    }
}

#[test]
fn a_retained_message_of_quality_0_is_delivered_and_told_once_a_client_and_trouble() {
    for version in VERSIONS {
        let scene = scene(version, StorageState::Full);
        let set = |payload: &str| {
            scene.publisher.send(Publish {
                retain: true,
                ..publish_at(QoS::AtMostOnce, 1, "r", payload)
            });
            scene.live.take(QoS::AtMostOnce, "r", payload);
        };
        set("1");
        set("2");
        assert_eq!(scene.told(), ["p: retained r"]);
        scene.world.store_is(StorageState::Failed); // the same trouble
        set("3");
        assert_eq!(scene.told(), [""; 0]);
        scene.world.store_is(StorageState::Ok);
        set("4");
        scene.world.store_is(StorageState::Full);
        set("5");
        assert_eq!(scene.told(), ["p: retained r"]);
        assert_eq!(scene.world.stats().retained_messages, 1);
        assert_eq!(scene.world.stats().publish_dropped, 4);
    }
}

#[test]
fn a_new_subscription_of_a_persistent_session_is_refused_and_an_old_one_confirmed() {
    for version in VERSIONS {
        let scene = scene(version, StorageState::Full);
        scene.kept.send(subscribe(1, "new", QoS::AtLeastOnce));
        match scene.kept.receive() {
            Packet::SubAck(suback) if version == Version::V5 => {
                assert_eq!(suback.reasons, [Reason::QuotaExceeded]);
                let text = suback
                    .properties
                    .iter()
                    .find_map(|property| match property {
                        Property::ReasonString(text) => Some(text.to_string()),
                        _ => None,
                    });
                assert!(text.is_some_and(|text| text.contains("store is full")));
            }
            packet => assert_eq!(packet, suback(1, [Reason::UnspecifiedError]).into_packet()),
        }
        assert_eq!(scene.told(), ["kept: subscription new"]);
        scene.kept.subscribe("kept", QoS::ExactlyOnce);
        scene.kept.unsubscribe("kept");
        scene.publisher.publish(QoS::AtLeastOnce, "new", "1");
        scene.publisher.publish(QoS::AtLeastOnce, "kept", "2");
        scene.kept.expect_nothing();
        assert_eq!(scene.live.take_payloads(), ["1", "2"]);
    }
}

#[test]
fn a_subscription_that_changes_nothing_is_confirmed_when_it_is_durable() {
    for version in VERSIONS {
        let world = World::new();
        let client = world.persistent(version, "s");
        world.hold_commits();
        client.send(subscribe(1, "x", QoS::AtLeastOnce));
        client.send(subscribe(2, "x", QoS::AtLeastOnce));
        client.expect_nothing();
        world.release_commits();
        client.expect(suback(1, [Reason::GrantedQoS1]));
        client.expect(suback(2, [Reason::GrantedQoS1]));
    }
}

#[test]
fn a_session_that_would_be_kept_cannot_begin_and_one_that_is_goes_on() {
    for version in VERSIONS {
        for state in TROUBLES {
            let scene = scene(version, state);
            scene
                .world
                .refused(resume(version, "new"), Reason::QuotaExceeded);
            let cause = scene.world.last_cause();
            assert!(cause.to_string().contains("store"), "{cause}");
            scene.world.client(version, "clean");
            scene.world.resumed(version, "kept").leave();
            scene.world.client(version, "kept").leave(); // its end is kept
        }
    }
}

#[test]
fn a_clean_start_that_would_be_kept_leaves_the_old_session() {
    let scene = scene(Version::V5, StorageState::Full);
    let anew = Connect {
        clean_start: true,
        ..resume(Version::V5, "kept")
    };
    scene.world.refused(anew, Reason::QuotaExceeded);
    scene.world.resumed(Version::V5, "kept");
}

#[test]
fn exchanges_under_way_come_to_their_ends() {
    for version in VERSIONS {
        let scene = scene(version, StorageState::Ok);
        let publisher = scene.world.persistent(version, "q");
        publisher.send(publish_at(QoS::ExactlyOnce, 1, "kept", "1"));
        publisher.expect(pubrec(1));
        publisher.send(publish_at(QoS::AtLeastOnce, 2, "kept", "2"));
        publisher.expect(puback(2));
        scene.world.store_is(StorageState::Full);
        publisher.send(pubrel(1));
        publisher.expect(pubcomp(1));
        let mut received = scene.kept.take_payloads();
        received.sort();
        assert_eq!(received, ["1", "2"]);
        scene.world.assert_queues_empty();
        scene.kept.send(Disconnect {
            properties: match version {
                Version::V5 => properties([Property::SessionExpiryInterval(0)]),
                _ => properties([]),
            },
            ..disconnect(Reason::Success)
        });
        scene.world.crash();
        match version {
            Version::V5 => scene.world.client(version, "kept"),
            _ => scene.world.resumed(version, "kept"),
        };
    }
}

#[test]
fn a_will_reaches_those_who_are_connected() {
    for version in VERSIONS {
        let scene = scene(version, StorageState::Full);
        let heir = Will {
            qos: QoS::AtLeastOnce,
            retain: true,
            ..will("kept", "gone")
        };
        let client = scene.world.connect(
            Connect {
                will: Some(heir),
                ..connect(version, "w")
            },
            false,
        );
        client.lose();
        scene.kept.take(QoS::AtMostOnce, "kept", "gone");
        scene.live.take(QoS::AtMostOnce, "kept", "gone");
        assert_eq!(scene.told(), ["w: will"]);
        assert_eq!(scene.world.stats().retained_messages, 0);
        scene.world.assert_queues_empty();
    }
}

#[test]
fn a_durable_group_is_a_receiver_that_keeps() {
    for version in VERSIONS {
        let world = World::new();
        let member = world.persistent(version, "m");
        member.subscribe("$share/g/x", QoS::AtLeastOnce);
        let publisher = world.client(version, "p");
        world.store_is(StorageState::Full);
        publisher.send(publish_at(QoS::AtLeastOnce, 1, "x", "1"));
        if version == Version::V5 {
            publisher.expect(Packet::PubAck(Ack::new(
                packet_id(1),
                Reason::QuotaExceeded,
            )));
        }
        publisher.expect_nothing();
        member.expect_nothing();
    }
}

#[test]
fn each_change_of_the_store_is_told_once() {
    let world = World::new();
    let states = [
        StorageState::Ok,
        StorageState::Full,
        StorageState::Full,
        StorageState::Ok,
    ];
    states.into_iter().for_each(|state| world.store_is(state));
    let told = |event| match event {
        Event::Storage(state) => Some(state),
        _ => None,
    };
    let told: Vec<_> = world.events().into_iter().filter_map(told).collect();
    assert_eq!(told, [StorageState::Full, StorageState::Ok]);
}
