// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Wills: when they are published, when not, and when later.

use std::time::Duration;

use mqtt_proto::{Connect, Disconnect, Packet, Property, Publish, QoS, Reason, Version, Will};
use tests::packets::{connect, disconnect, login, properties, publish, publish_at, resume, will};
use tests::{Client, QUALITIES, VERSIONS, World};

fn with_will(connect: Connect) -> Connect {
    Connect {
        will: Some(will("gone", "a")),
        ..connect
    }
}

/// CONNECT in MQTT 5 with a will that waits, and a session that is kept for `session` seconds.
fn with_delayed_will(delay: u32, session: u32) -> Connect {
    let delay = properties([Property::WillDelayInterval(delay)]);
    Connect {
        will: Some(Will {
            properties: delay,
            ..will("gone", "a")
        }),
        properties: properties([Property::SessionExpiryInterval(session)]),
        clean_start: false,
        ..connect(Version::V5, "a")
    }
}

fn watcher(world: &World, version: Version) -> Client {
    let watcher = world.client(version, "watcher");
    watcher.subscribe("#", QoS::ExactlyOnce);
    watcher
}

#[test]
fn a_lost_connection_publishes_the_will() {
    for version in VERSIONS {
        for qos in QUALITIES {
            let world = World::new();
            let watcher = watcher(&world, version);
            let client = world.connect(
                Connect {
                    will: Some(Will {
                        qos,
                        ..will("gone", "a")
                    }),
                    ..connect(version, "a")
                },
                false,
            );
            watcher.expect_nothing();
            client.lose();
            watcher.take(qos, "gone", "a"); // [MQTT-3.1.2-8], [MQTT-3.1.2-7], [MQTT-3.1.2-9], [MQTT-3.2.2-12]
            watcher.expect_nothing();
        }
    }
}

#[test]
fn a_normal_disconnect_discards_the_will() {
    for version in VERSIONS {
        let world = World::new();
        let watcher = watcher(&world, version);
        world
            .connect(with_will(connect(version, "a")), false)
            .leave();
        world
            .connect(with_will(resume(version, "a")), false)
            .leave();
        world.pass(Duration::from_secs(60));
        watcher.expect_nothing(); // [MQTT-3.1.2-10], [MQTT-3.14.4-3]
    }
}

#[test]
fn a_disconnect_with_will_publishes_it() {
    for reason in [
        Reason::DisconnectWithWill,
        Reason::UnspecifiedError,
        Reason::AdministrativeAction,
    ] {
        let world = World::new();
        let watcher = watcher(&world, Version::V5);
        let client = world.connect(with_will(connect(Version::V5, "a")), false);
        client.send(disconnect(reason));
        client.expect_closed();
        watcher.take(QoS::AtMostOnce, "gone", "a");
    }
}

#[test]
fn a_missed_keep_alive_publishes_the_will() {
    for version in VERSIONS {
        let world = World::new();
        let watcher = watcher(&world, version);
        world.connect(
            with_will(Connect {
                keep_alive: 10,
                ..connect(version, "a")
            }),
            false,
        );
        world.pass(Duration::from_secs(14));
        watcher.expect_nothing();
        world.pass(Duration::from_secs(2));
        watcher.take(QoS::AtMostOnce, "gone", "a"); // [MQTT-3.1.2-22], in 3.1.1 [MQTT-3.1.2-24]
    }
}

#[test]
fn a_malformed_packet_publishes_the_will() {
    for version in VERSIONS {
        let world = World::new();
        let watcher = watcher(&world, version);
        world
            .connect(with_will(connect(version, "a")), false)
            .send_bytes(&[0xc1, 0]);
        watcher.take(QoS::AtMostOnce, "gone", "a");
    }
}

#[test]
fn a_takeover_publishes_the_will_of_the_old_connection() {
    for version in VERSIONS {
        let world = World::new();
        let watcher = watcher(&world, version);
        world.connect(with_will(connect(version, "a")), false);
        let second = world.client(version, "a");
        watcher.take(QoS::AtMostOnce, "gone", "a"); // [MQTT-3.1.4-3]
        second.lose();
        watcher.expect_nothing();
    }
}

#[test]
fn a_will_may_be_retained() {
    for version in VERSIONS {
        let world = World::new();
        let retained = Will {
            retain: true,
            ..will("gone", "a")
        };
        world
            .connect(
                Connect {
                    will: Some(retained),
                    ..connect(version, "a")
                },
                false,
            )
            .lose();
        let watcher = world.client(version, "watcher");
        watcher.subscribe("gone", QoS::AtMostOnce);
        watcher.expect_publish(Publish {
            retain: true,
            ..publish("gone", "a")
        }); // [MQTT-3.1.2-15], [MQTT-3.2.2-13], in 3.1.1 [MQTT-3.1.2-17]
    }
}

#[test]
fn a_will_that_is_not_retained_is_not_kept() {
    for version in VERSIONS {
        let world = World::new();
        world
            .connect(with_will(connect(version, "a")), false)
            .lose();
        watcher(&world, version).expect_nothing(); // [MQTT-3.1.2-14], in 3.1.1 [MQTT-3.1.2-16]
    }
}

#[test]
fn a_stop_of_the_broker_publishes_no_will() {
    for version in VERSIONS {
        let world = World::new();
        let kept = Will {
            retain: true,
            ..will("gone", "a")
        };
        let connect = Connect {
            will: Some(kept),
            ..connect(version, "a")
        };
        world.connect(connect, false).expect_nothing();
        world.shutdown();
        assert_eq!(world.stats().retained_messages, 0); // against [MQTT-3.1.2-8]
    }
}

#[test]
fn a_will_may_be_empty() {
    for version in VERSIONS {
        let world = World::new();
        let watcher = watcher(&world, version);
        world
            .connect(
                Connect {
                    will: Some(will("gone", "")),
                    ..connect(version, "a")
                },
                false,
            )
            .lose();
        watcher.take(QoS::AtMostOnce, "gone", "");
    }
}

#[test]
fn each_connection_brings_its_own_will() {
    for version in VERSIONS {
        let world = World::new();
        let watcher = watcher(&world, version);
        world
            .connect(
                Connect {
                    will: Some(will("old", "1")),
                    ..resume(version, "a")
                },
                false,
            )
            .lose();
        watcher.take(QoS::AtMostOnce, "old", "1");
        world
            .connect(
                Connect {
                    will: Some(will("new", "2")),
                    ..resume(version, "a")
                },
                true,
            )
            .lose();
        watcher.take(QoS::AtMostOnce, "new", "2");
        world.resumed(version, "a").lose();
        watcher.expect_nothing(); // [MQTT-3.1.2-12] of 3.1.1
    }
}

#[test]
fn a_will_waits_for_its_delay() {
    let world = World::new();
    let watcher = watcher(&world, Version::V5);
    world.connect(with_delayed_will(10, 60), false).lose();
    world.pass(Duration::from_secs(9));
    watcher.expect_nothing();
    world.pass(Duration::from_secs(2));
    watcher.take(QoS::AtMostOnce, "gone", "a"); // the delay itself is not among the will's properties
    world.pass(Duration::from_secs(100));
    watcher.expect_nothing();
}

#[test]
fn a_reconnect_within_the_delay_cancels_the_will() {
    let world = World::new();
    let watcher = watcher(&world, Version::V5);
    world.connect(with_delayed_will(10, 60), false).lose();
    world.pass(Duration::from_secs(5));
    let back = world.resumed(Version::V5, "a"); // [MQTT-3.1.3-9]
    world.pass(Duration::from_secs(60));
    back.lose();
    world.pass(Duration::from_secs(60));
    watcher.expect_nothing();
}

#[test]
fn a_takeover_within_the_delay_cancels_the_will() {
    let world = World::new();
    let watcher = watcher(&world, Version::V5);
    world.connect(with_delayed_will(10, 60), false);
    let _back = world.resumed(Version::V5, "a");
    world.pass(Duration::from_secs(60));
    watcher.expect_nothing();
}

#[test]
fn the_end_of_the_session_publishes_the_will_before_its_delay() {
    let world = World::new();
    let watcher = watcher(&world, Version::V5);
    world.connect(with_delayed_will(3_600, 10), false).lose();
    world.pass(Duration::from_secs(9));
    watcher.expect_nothing();
    world.pass(Duration::from_secs(2));
    watcher.take(QoS::AtMostOnce, "gone", "a"); // [MQTT-3.1.2-8]
    world.connect(with_delayed_will(3_600, 0), false).lose();
    watcher.take(QoS::AtMostOnce, "gone", "a");
    world.connect(with_delayed_will(3_600, 100), false).lose();
    watcher.expect_nothing();
    world.client(Version::V5, "a"); // a clean start ends the session
    watcher.take(QoS::AtMostOnce, "gone", "a");
}

#[test]
fn a_disconnect_during_the_session_leaves_no_delayed_will() {
    let world = World::new();
    let watcher = watcher(&world, Version::V5);
    world.connect(with_delayed_will(10, 60), false).leave();
    world.pass(Duration::from_secs(100));
    watcher.expect_nothing();
}

#[test]
fn a_will_carries_its_properties() {
    let world = World::new();
    let watcher = watcher(&world, Version::V5);
    let own = [
        Property::PayloadFormatIndicator(true),
        Property::ContentType("text/plain".into()),
        Property::UserProperty("k".into(), "v".into()),
        Property::UserProperty("j".into(), "v".into()),
        Property::UserProperty("k".into(), "u".into()),
    ];
    let will = Will {
        properties: properties(own.clone()),
        qos: QoS::AtLeastOnce,
        ..will("gone", "a")
    };
    world
        .connect(
            Connect {
                will: Some(will),
                ..connect(Version::V5, "a")
            },
            false,
        )
        .lose();
    let published = publish_at(QoS::AtLeastOnce, 1, "gone", "a");
    // [MQTT-3.1.2-9], [MQTT-3.1.3-10]
    watcher.expect_publish(Publish {
        properties: properties(own),
        ..published
    });
}

#[test]
fn the_message_expiry_of_a_will_begins_when_it_is_published() {
    let world = World::new();
    let watcher = watcher(&world, Version::V5);
    let mut connect = with_delayed_will(10, 60);
    if let Some(will) = &mut connect.will {
        will.properties.push(Property::MessageExpiryInterval(5));
    }
    world.connect(connect, false).lose();
    world.pass(Duration::from_secs(11));
    let rest = properties([Property::MessageExpiryInterval(5)]);
    watcher.expect_publish(Publish {
        properties: rest,
        ..publish("gone", "a")
    });
}

#[test]
fn a_will_to_a_forbidden_topic_is_refused_at_connect() {
    for version in VERSIONS {
        let world = World::new();
        let forbidden = will("$SYS/broker/uptime", "never");
        let connect = Connect {
            will: Some(forbidden),
            ..login(connect(version, "a"), "anna", "secret")
        };
        world.refused(connect, Reason::NotAuthorized);
    }
}

#[test]
fn a_disconnect_may_change_the_session_and_keep_the_will() {
    let world = World::new();
    let watcher = watcher(&world, Version::V5);
    let client = world.connect(with_delayed_will(3_600, 60), false);
    let expiry = properties([Property::SessionExpiryInterval(0)]);
    client.send(Disconnect {
        reason: Reason::DisconnectWithWill,
        properties: expiry,
    });
    client.expect_closed();
    watcher.take(QoS::AtMostOnce, "gone", "a");
    world.pass(Duration::from_secs(1));
    assert_eq!(world.stats().clients_disconnected, 0);
}

#[test]
fn a_will_that_cannot_be_retained_is_delivered_all_the_same() {
    for version in VERSIONS {
        let world = World::with(|limits| limits.max_retained_messages = 0);
        let watcher = watcher(&world, version);
        let connect = with_will(connect(version, "a"));
        let will = connect.will.map(|will| Will {
            retain: true,
            ..will
        });
        world.connect(Connect { will, ..connect }, false).lose();
        let Packet::Publish(message) = watcher.receive() else {
            panic!("no will")
        };
        assert!(!message.retain);
        assert_eq!(world.stats().retained_messages, 0);
    }
}
