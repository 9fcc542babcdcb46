// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Bytes of misbehaving peers into the core: it answers with packets only, comes to rest, and a witness loses nothing.
#![no_main]

use std::time::Duration;

use libfuzzer_sys::fuzz_target;
use mqtt_proto::{QoS, Version};
use tests::{Client, World};

/// What parts the bytes of one connection from those of the next.
const NEXT: &[u8] = b"\xFE\xED";

// The first byte is the version of the peers, the second the size of the chunks they send.
fuzz_target!(|data: &[u8]| {
    let [version, chunk, bytes @ ..] = data else {
        return;
    };
    let version = Version::ALL[usize::from(version % 3)];
    let world = World::new();
    let witness = world.client(Version::V5, "witness");
    witness.subscribe("witness", QoS::AtLeastOnce);
    let mut peers: Vec<Client> = Vec::new();
    for stream in connections(bytes) {
        let peer = match stream.first() {
            // A stream without CONNECT belongs to a client that is connected.
            Some(0x10) => world.open(answered_in(stream)),
            _ => world.client(version, "peer"),
        };
        for chunk in stream.chunks(usize::from(*chunk).max(1)) {
            peer.send_bytes(chunk);
        }
        meet(&witness);
        peers.push(peer);
    }
    for (index, peer) in peers.iter().enumerate() {
        drain(peer);
        if index % 2 == 0 {
            peer.lose();
        }
    }
    world.pass(Duration::from_secs(20));
    for peer in &peers {
        drain(peer);
        peer.lose();
    }
    meet(&witness);
    assert_eq!(world.stats().clients_connected, 1);
});

/// The witness publishes to itself.
fn meet(witness: &Client) {
    witness.publish(QoS::AtLeastOnce, "witness", "here");
    let payloads = witness.take_payloads();
    assert_eq!(payloads.last().map(String::as_str), Some("here"));
}

/// Reads what has come; the client's decoder refuses what is no packet.
fn drain(peer: &Client) {
    while peer.poll().is_some() {}
}

/// The version of the answer to a first packet.
fn answered_in(stream: &[u8]) -> Version {
    let length = stream.iter().skip(1).position(|byte| byte & 0x80 == 0);
    let body = length
        .and_then(|end| stream.get(end + 2..))
        .unwrap_or_default();
    let level = |name: &[u8]| body.strip_prefix(name)?.first().map(|level| level & 0x7F);
    match (level(b"\0\x06MQIsdp"), level(b"\0\x04MQTT")) {
        (Some(3), _) => Version::V31,
        (_, Some(5..)) => Version::V5,
        _ => Version::V311,
    }
}

/// At most eight streams.
fn connections(mut bytes: &[u8]) -> Vec<&[u8]> {
    let mut streams = Vec::new();
    while let Some(at) = bytes.windows(2).position(|pair| pair == NEXT) {
        streams.push(&bytes[..at]);
        bytes = &bytes[at + NEXT.len()..];
    }
    streams.push(bytes);
    streams.truncate(8);
    streams
}
