// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Single bytes that must not have that value, and packets where they must not stand.

use mqtt_proto::{Reason, Version};

use super::Malformed;
use super::grammar::{Field, Sample, packet, samples, with_length};

pub fn cases(sample: &Sample, version: Version) -> Vec<Malformed> {
    let mut cases = header_flags(sample, version);
    for (index, field) in sample.fields.iter().enumerate() {
        let found: Vec<(String, Field, Reason)> = match field {
            Field::PacketId(_) => vec![(
                "packet identifier 0".to_owned(), // [MQTT-2.2.1-3]
                Field::PacketId(0),
                Reason::MalformedPacket,
            )],
            Field::Reason(_) => reasons(sample.name),
            Field::ConnectFlags(flags) => connect_flags(*flags, version),
            Field::Options(_) => options(version),
            _ => vec![],
        };
        for (what, field, reason) in found {
            cases.push(Malformed::of(
                sample,
                what,
                sample.with(index, field),
                reason,
            ));
        }
    }
    cases
}

/// Packets of a reserved type, from the wrong side, out of turn, or of a protocol that is none of ours.
pub fn misplaced(version: Version) -> Vec<Malformed> {
    let case = |packet, what: String, bytes, reason, first| Malformed {
        packet,
        what,
        bytes,
        reason,
        first,
    };
    let (malformed, protocol) = (Reason::MalformedPacket, Reason::ProtocolError);
    let mut cases = Vec::new();
    for flags in 0..16 {
        let what = format!("reserved type 0, flags {flags:#06b}");
        cases.push(case("reserved", what, vec![flags, 0], malformed, false));
        if version < Version::V5 {
            let what = format!("reserved type 15, flags {flags:#06b}");
            cases.push(case(
                "reserved",
                what,
                vec![0xF0 | flags, 0],
                malformed,
                false,
            ));
        }
    }
    for (name, first, body) in from_servers(version) {
        let bytes = packet(first, &body);
        cases.push(case(
            name,
            "from a client".to_owned(),
            bytes,
            protocol,
            false,
        ));
    }
    for sample in samples(version) {
        let (bytes, name) = (sample.bytes(), sample.name);
        if name == "CONNECT" {
            let what = "after the first".to_owned(); // [MQTT-3.1.0-2]
            cases.push(case(name, what, bytes, protocol, false));
        } else {
            let what = "before CONNECT".to_owned(); // [MQTT-3.1.0-1]
            cases.push(case(name, what, bytes, protocol, true));
        }
    }
    let protocols: &[(&str, u8)] = match version {
        Version::V5 => &[("MQTT", 6), ("MQTT", 127)],
        _ => &[
            ("MQTT", 3),
            ("MQTT", 0),
            ("MQIsdp", 4),
            ("mqtt", 4),
            ("", 4),
        ],
    };
    for (name, level) in protocols {
        let body = [
            &with_length(name.as_bytes())[..],
            &[*level, 2, 0, 0, 0, 1, b'a'],
        ]
        .concat();
        let what = format!("of protocol {name:?} level {level}"); // [MQTT-3.1.2-2]
        let unsupported = Reason::UnsupportedProtocolVersion;
        cases.push(case(
            "CONNECT",
            what,
            packet(0x10, &body),
            unsupported,
            true,
        ));
    }
    cases
}

fn from_servers(version: Version) -> Vec<(&'static str, u8, Vec<u8>)> {
    let none: &[u8] = if version == Version::V5 { &[0] } else { &[] };
    vec![
        ("CONNACK", 0x20, [&[0, 0], none].concat()),
        ("SUBACK", 0x90, [&[0, 7], none, &[0]].concat()),
        ("UNSUBACK", 0xB0, [&[0, 7], none, none].concat()),
        ("PINGRESP", 0xD0, vec![]),
    ]
}

/// Every value of the low four bits that this packet must not have.
fn header_flags(sample: &Sample, version: Version) -> Vec<Malformed> {
    let reason = match sample.name {
        "CONNECT" => Reason::ProtocolError, // Nothing tells that it was meant as one.
        _ => Reason::MalformedPacket,
    };
    let forbidden = |flags: u8| match sample.name {
        "PUBLISH" => flags & 0x06 == 0x06 || flags & 0x0E == 0x08, // [MQTT-3.3.1-4] [MQTT-3.3.1-2]
        "CONNECT" => flags != 0,
        _ => version > Version::V31 && flags != sample.first & 0x0F, // [MQTT-2.1.3-1] [MQTT-3.6.1-1] [MQTT-3.8.1-1] [MQTT-3.10.1-1] [MQTT-3.14.1-1], in 3.1.1 [MQTT-2.2.2-2]
    };
    let spoilt = |flags: u8| {
        let mut bytes = sample.bytes();
        bytes[0] = bytes[0] & 0xF0 | flags;
        Malformed::of(sample, format!("header flags {flags:#06b}"), bytes, reason)
    };
    (0..16)
        .filter(|flags| forbidden(*flags))
        .map(spoilt)
        .collect()
}

fn connect_flags(flags: u8, version: Version) -> Vec<(String, Field, Reason)> {
    let mut spoilt = Vec::new();
    if version > Version::V31 {
        spoilt.push(("the reserved connect flag", flags | 0x01)); // [MQTT-3.1.2-3]
    }
    if flags & 0x04 == 0 {
        if version > Version::V31 {
            spoilt.push(("will QoS 1 without a will", flags | 0x08)); // [MQTT-3.1.2-11], in 3.1.1 [MQTT-3.1.2-13]
            spoilt.push(("will QoS 2 without a will", flags | 0x10));
            spoilt.push(("will retain without a will", flags | 0x20)); // [MQTT-3.1.2-13], in 3.1.1 [MQTT-3.1.2-15]
        }
        spoilt.push(("a will that does not follow", flags | 0x04));
        if version > Version::V31 {
            spoilt.push(("a user name that does not follow", flags | 0x80));
        }
        spoilt.push(("a password without a user name", flags | 0x40)); // [MQTT-3.1.2-22]
    } else {
        spoilt.push(("will QoS 3", flags | 0x18)); // [MQTT-3.1.2-12], in 3.1.1 [MQTT-3.1.2-14]
        spoilt.push(("a will that was not announced", flags & !0x3C));
        spoilt.push(("a password that was not announced", flags & !0x40));
    }
    let case = |(what, flags): (&str, u8)| {
        (
            what.to_owned(),
            Field::ConnectFlags(flags),
            Reason::MalformedPacket,
        )
    };
    spoilt.into_iter().map(case).collect()
}

fn options(version: Version) -> Vec<(String, Field, Reason)> {
    let spoilt = |options: u8| {
        let reason = if options & 0xC0 == 0 && options & 0x03 < 3 && version == Version::V5 {
            Reason::ProtocolError // retain handling 3
        } else {
            Reason::MalformedPacket // [MQTT-3.8.3-5], [MQTT-3-8.3-4] in 3.1.1
        };
        (
            format!("subscription options {options:#010b}"),
            Field::Options(options),
            reason,
        )
    };
    let forbidden = |options: &u8| match version {
        Version::V31 => options & 0x03 == 3,
        Version::V311 => *options > 2,
        Version::V5 => options & 0x03 == 3 || options & 0xC0 != 0 || options & 0x30 == 0x30,
    };
    // No Local is left out: one of the samples is shared.
    (0..=u8::MAX)
        .filter(|options| options & 0x04 == 0)
        .filter(forbidden)
        .map(spoilt)
        .collect()
}

/// Every reason code that this packet must not carry.
fn reasons(packet: &str) -> Vec<(String, Field, Reason)> {
    let allowed: &[u8] = match packet {
        "PUBACK" | "PUBREC" => &[0x00, 0x10, 0x80, 0x83, 0x87, 0x90, 0x91, 0x97, 0x99],
        "PUBREL" | "PUBCOMP" => &[0x00, 0x92],
        "AUTH" => &[0x00, 0x18, 0x19],
        _ => &[
            0x00, 0x04, 0x80, 0x81, 0x82, 0x83, 0x87, 0x89, 0x8B, 0x8C, 0x8D, 0x8E, 0x8F, 0x90,
            0x93, 0x94, 0x95, 0x96, 0x97, 0x98, 0x99, 0x9A, 0x9B, 0x9C, 0x9D, 0x9E, 0x9F, 0xA0,
            0xA1, 0xA2,
        ],
    };
    let spoilt = |code: u8| {
        (
            format!("reason code 0x{code:02X}"),
            Field::Reason(code),
            Reason::MalformedPacket,
        )
    };
    (0..=u8::MAX)
        .filter(|code| !allowed.contains(code))
        .map(spoilt)
        .collect()
}
