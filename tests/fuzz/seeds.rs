// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Writes the seed corpora below `tests/fuzz/corpus` from the samples of the malformed table; those of `config` are
//! the fixtures of its own tests.

use std::fs;
use std::path::Path;

use mqtt_proto::{BytesMut, Property, QoS, Reason, Version, encode};
use tests::malformed::samples;
use tests::packets::{
    disconnect, properties, publish_at, pubrec, pubrel, resume, subscribe, unsubscribe,
};
use tests::{IntoPacket, Random};

fn main() -> std::io::Result<()> {
    for (number, version) in [Version::V31, Version::V311, Version::V5]
        .into_iter()
        .enumerate()
    {
        let number = u8::try_from(number).expect("there are three versions");
        let samples = samples(version);
        let connect = samples[0].bytes();
        for (index, sample) in samples.iter().enumerate() {
            let name = format!("{number}-{index:02}-{}", sample.name.to_lowercase());
            let first = sample.name == "CONNECT";
            let role = if first { 0 } else { number + 1 };
            write("frame", &name, &[&[role, 3], &sample.bytes()[..]].concat())?;
            let hello = if first { &[][..] } else { &connect };
            let stream = [hello, &sample.bytes(), b"\xC0\0", b"\xFE\xED", hello].concat();
            write("connection", &name, &[&[number, 7], &stream[..]].concat())?;
        }
    }
    for (number, version) in [(1, Version::V311), (2, Version::V5)] {
        let stream = conversation(version);
        write(
            "connection",
            &format!("{number}-talk"),
            &[&[number, 50], &stream[..]].concat(),
        )?;
    }
    for seed in 0..16 {
        let script = Random::new(seed).bytes(60);
        write("session", &format!("script-{seed:02}"), &script)?;
        write(
            "routes",
            &format!("script-{seed:02}"),
            &[&[1], &script[..]].concat(),
        )?;
    }
    for (index, text) in TEXTS.iter().enumerate() {
        write(
            "routes",
            &format!("text-{index:02}"),
            format!("0{text}").as_bytes(),
        )?;
    }
    Ok(())
}

/// A session that is left and come back to, with all kinds of traffic.
fn conversation(version: Version) -> Vec<u8> {
    let mut forever = disconnect(Reason::Success);
    if version == Version::V5 {
        forever.properties = properties([Property::SessionExpiryInterval(u32::MAX)]);
    }
    let packets = [
        resume(version, "peer").into_packet(),
        subscribe(1, "a/#", QoS::ExactlyOnce).into_packet(),
        publish_at(QoS::ExactlyOnce, 2, "a/b", "x").into_packet(),
        pubrel(2),
        pubrec(1),
        unsubscribe(3, "a/#").into_packet(),
        forever.into_packet(),
    ];
    let mut bytes = BytesMut::new();
    for packet in &packets {
        encode(packet, version, &mut bytes);
    }
    let once = bytes.clone();
    bytes.extend_from_slice(b"\xFE\xED");
    bytes.extend_from_slice(&once);
    bytes.to_vec()
}

fn write(target: &str, name: &str, bytes: &[u8]) -> std::io::Result<()> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("corpus")
        .join(target);
    fs::create_dir_all(&folder)?;
    fs::write(folder.join(name), bytes)
}

const TEXTS: [&str; 8] = [
    "a/b\na/+\na/#\n+/b",
    "#\n$SYS/a\n$SYS/#\n+/a",
    "$share/g/a\na\n$share//a\n$share/g/",
    "/\n+/+\n/+\n+",
    "sport\nsport/#\nsport/+\nsport/",
    "a#\na+\n#/a\n++\n",
    "a//b\na/+/b\n//\n+/+/+",
    "\u{e4}/\u{1F4A1}\n+/\u{1F4A1}\n\u{e4}/#",
];
