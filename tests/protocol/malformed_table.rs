// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Every case of the table of malformed packets against the core: its reason is told, and a witness loses nothing.

use std::collections::BTreeMap;

use mqtt_core::DisconnectCause;
use mqtt_proto::{Packet, QoS, Reason, Version};
use tests::malformed::{Malformed, malformed, samples};
use tests::packets::{puback, publish_at};
use tests::{Client, World};

const VERSIONS: [Version; 3] = [Version::V31, Version::V311, Version::V5];

/// The longest packet of the worlds here, in bytes; small enough for a case of each kind.
const MAX_PACKET_SIZE: u32 = 100_000;

#[test]
fn every_malformed_packet_closes_its_connection_with_the_right_reason_and_harms_nobody() {
    let table = VERSIONS.map(|version| (version, malformed(version, MAX_PACKET_SIZE)));
    let counts = tests::malformed::table(&table);
    print!("{counts}");
    let file = concat!(env!("CARGO_TARGET_TMPDIR"), "/malformed");
    std::fs::write(file, counts).expect("a file below target can be written");
    let mut wrong = Vec::new();
    for (version, cases) in &table {
        let mut scenes = BTreeMap::new();
        for case in cases {
            let scene = scenes
                .entry(case.packet)
                .or_insert_with(|| Scene::new(*version));
            let fault = scene.attempt(case);
            wrong.extend(
                fault.map(|how| format!("{version} {}, {}: {how}", case.packet, case.what)),
            );
        }
    }
    assert!(wrong.is_empty(), "{}: {wrong:#?}", wrong.len());
}

#[test]
fn a_packet_that_does_not_arrive_whole_is_waited_for_and_harms_nobody() {
    for version in VERSIONS {
        for sample in samples(version) {
            let scene = Scene::new(version);
            let bytes = sample.bytes();
            for cut in 1..bytes.len() {
                let client = scene.opponent(sample.name == "CONNECT");
                client.send_bytes(&bytes[..cut]);
                client.expect_nothing();
                client.lose();
            }
            scene.witness_publishes();
        }
    }
}

/// A world with a publisher and a subscriber who must not notice anything.
struct Scene {
    world: World,
    version: Version,
    publisher: Client,
    subscriber: Client,
    published: u32,
}

impl Scene {
    fn new(version: Version) -> Self {
        let world = World::with(|limits| limits.max_packet_size = MAX_PACKET_SIZE);
        let publisher = world.client(version, "witness publisher");
        let subscriber = world.client(version, "witness subscriber");
        subscriber.subscribe("witness/#", QoS::AtLeastOnce);
        Self {
            world,
            version,
            publisher,
            subscriber,
            published: 0,
        }
    }

    fn opponent(&self, fresh: bool) -> Client {
        if fresh {
            self.world.open(self.version)
        } else {
            self.world.client(self.version, "careless")
        }
    }

    /// Sends the packet while a message of the witnesses is in flight; says what went wrong.
    fn attempt(&mut self, case: &Malformed) -> Option<String> {
        let opponent = self.opponent(case.first);
        self.world.events();
        let payload = self.published.to_string();
        self.publisher
            .send(publish_at(QoS::AtLeastOnce, 1, "witness/x", &payload));
        opponent.send_bytes(&case.bytes);
        self.publisher.expect(puback(1));
        self.subscriber
            .take(QoS::AtLeastOnce, "witness/x", &payload);
        self.published += 1;
        if opponent.is_open() {
            opponent.lose();
            return Some("the connection is still open".to_owned()); // in 3.1.1 [MQTT-4.8.0-1]
        }
        let cause = self.world.last_cause();
        if cause.reason() != Some(case.reason) {
            return Some(format!(
                "{:?} ({cause}) and not {:?}",
                cause.reason(),
                case.reason
            ));
        }
        self.answer_is_wrong(case, &opponent, &cause)
    }

    fn answer_is_wrong(
        &self,
        case: &Malformed,
        opponent: &Client,
        cause: &DisconnectCause,
    ) -> Option<String> {
        let told = match opponent.poll() {
            Some(Packet::Disconnect(packet)) if !case.first => {
                Some((packet.reason, packet.properties))
            }
            Some(Packet::ConnAck(packet)) if case.first => Some((packet.reason, packet.properties)),
            None => None,
            other => return Some(format!("is answered with {other:?}")),
        };
        // [MQTT-4.13.1-1], [MQTT-4.13.2-1], [MQTT-3.14.0-1]: only version 5 has codes for it, and only once it is known.
        let due = self.version == Version::V5 && case.tells_version();
        // In 3.1.1 [MQTT-3.1.4-1], [MQTT-3.2.2-6]: no CONNACK but where the level is to blame.
        let silent = self.version < Version::V5
            && case.reason != Reason::UnsupportedProtocolVersion
            && case.first;
        match told {
            Some((reason, _)) if silent => Some(format!("{reason:?} is told")),
            None if due => Some("no reason is told".to_owned()),
            Some((reason, _)) if due && reason != case.reason => {
                Some(format!("{reason:?} is told"))
            }
            Some((_, properties))
                if due
                    && properties
                        .reason_string()
                        .is_none_or(|told| **told != cause.to_string()) =>
            {
                Some(format!("explained as {:?}", properties.reason_string()))
            }
            _ => opponent.poll().map(|more| format!("{more:?} follows")),
        }
    }

    fn witness_publishes(&self) {
        self.publisher
            .publish(QoS::AtLeastOnce, "witness/x", "still here");
        self.subscriber
            .take(QoS::AtLeastOnce, "witness/x", "still here");
        assert_eq!(self.world.stats().clients_connected, 2);
    }
}

#[test]
fn every_sample_is_well_formed_before_it_is_spoilt() {
    for version in VERSIONS {
        for sample in samples(version) {
            let scene = Scene::new(version);
            let client = scene.opponent(sample.name == "CONNECT");
            client.send_bytes(&sample.bytes());
            let cause = (!client.is_open()).then(|| scene.world.last_cause());
            assert!(
                !matches!(cause, Some(DisconnectCause::Undecodable(_))),
                "{version} {}: {cause:?}",
                sample.name
            );
        }
    }
}
