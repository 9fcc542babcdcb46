// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Bytes that are no packets, or nearly some: the broker never panics, and others are served as before.

use bytes::BytesMut;
use mqtt_proto::{Packet, Property, Publish, QoS, Reason, Version, encode};
use tests::packets::{
    connect, disconnect, login, properties, puback, pubcomp, publish_at, pubrec, pubrel, resume,
    subscribe, unsubscribe, will,
};
use tests::{IntoPacket, Random, World};

use crate::seeds;

/// A session's worth of packets as a client of `version` sends them.
fn conversation(version: Version, random: &mut Random) -> Vec<u8> {
    let name = format!("noise {}", random.below(4));
    let mut hello = if random.chance(50) {
        resume(version, &name)
    } else {
        connect(version, &name)
    };
    if random.chance(50) {
        hello.will = Some(will("gone", "x"));
    }
    let hello = if random.chance(50) {
        login(hello, "anna", "secret")
    } else {
        hello
    };
    let described = Publish {
        properties: properties([
            Property::MessageExpiryInterval(9),
            Property::ContentType("text/plain".into()),
            Property::UserProperty("k".into(), "v".into()),
        ]),
        ..publish_at(QoS::ExactlyOnce, 3, "a/c", "described")
    };
    let packets = [
        hello.into_packet(),
        subscribe(1, "a/+", QoS::ExactlyOnce).into_packet(),
        publish_at(QoS::AtLeastOnce, 2, "a/b", "text").into_packet(),
        described.into_packet(),
        pubrel(3),
        puback(2),
        pubrec(2),
        pubcomp(2),
        Packet::PingReq,
        unsubscribe(4, "a/+").into_packet(),
        disconnect(Reason::DisconnectWithWill).into_packet(),
    ];
    let mut bytes = BytesMut::new();
    for packet in packets
        .into_iter()
        .filter(|_| random.chance(90))
        .collect::<Vec<_>>()
    {
        encode(&packet, version, &mut bytes);
    }
    bytes.to_vec()
}

/// Changes a few bytes, or leaves some out, or doubles some.
fn spoil(bytes: &mut Vec<u8>, random: &mut Random) {
    for _ in 0..random.below(4) {
        if bytes.is_empty() {
            return;
        }
        let at = random.below(bytes.len());
        match random.below(5) {
            0 => bytes[at] = random.next_u64() as u8,
            1 => bytes[at] ^= 1 << random.below(8),
            2 => drop(bytes.remove(at)),
            3 => bytes.insert(at, bytes[at]),
            _ => bytes.truncate(at),
        }
    }
}

#[test]
fn spoilt_conversations_harm_nobody() {
    for seed in seeds(8) {
        let mut random = Random::new(seed);
        for version in [Version::V31, Version::V311, Version::V5] {
            let world = World::new();
            let witness = world.client(Version::V5, "witness");
            witness.subscribe("witness/#", QoS::ExactlyOnce);
            for round in 0..300 {
                let mut bytes = conversation(version, &mut random);
                spoil(&mut bytes, &mut random);
                let client = world.open(version);
                for chunk in bytes.chunks(1 + random.below(40)) {
                    client.send_bytes(chunk);
                }
                if random.chance(80) {
                    client.lose();
                }
                let payload = round.to_string();
                witness.publish(QoS::AtLeastOnce, "witness/x", &payload);
                witness.take(QoS::AtLeastOnce, "witness/x", &payload);
            }
        }
    }
}

#[test]
fn plain_noise_after_connect_harms_nobody() {
    for seed in seeds(4) {
        let mut random = Random::new(seed);
        let world = World::new();
        let witness = world.client(Version::V5, "witness");
        for round in 0..2_000 {
            let version = *random.pick(&tests::VERSIONS);
            let client = if round % 2 == 0 {
                world.open(version)
            } else {
                world.client(version, "noise")
            };
            let length = 1 + random.below(100);
            client.send_bytes(&random.bytes(length));
            client.lose();
        }
        witness.publish(QoS::AtLeastOnce, "still", "here");
        assert_eq!(world.stats().clients_connected, 1);
    }
}
