// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Text that is none, and topics and filters that break their rules.

use mqtt_proto::{Reason, Version};

use super::Malformed;
use super::grammar::{Field, Sample, Text};

pub fn cases(sample: &Sample, version: Version) -> Vec<Malformed> {
    let mut cases = Vec::new();
    for (index, field) in sample.fields.iter().enumerate() {
        let Field::Text(text, _) = field else {
            continue;
        };
        for (what, bytes, reason) in faults(*text) {
            let absent = bytes.is_empty() && sample.name == "PUBLISH" && version == Version::V5;
            let reason = if absent {
                Reason::ProtocolError
            } else {
                reason
            };
            let field = Field::Text(*text, bytes);
            let what = format!("field {index} is {what}");
            cases.push(Malformed::of(
                sample,
                what,
                sample.with(index, field),
                reason,
            ));
        }
        if *text == Text::TopicFilter && version == Version::V5 && sample.name == "SUBSCRIBE" {
            let shared = Field::Text(*text, b"$share/g/a".to_vec());
            let mut spoilt = sample.clone();
            spoilt.fields[index] = shared;
            let bytes = spoilt.with(index + 1, Field::Options(0x04));
            let what = "No Local on a shared subscription"; // [MQTT-3.8.3-4]
            cases.push(Malformed::of(sample, what, bytes, Reason::ProtocolError));
        }
    }
    cases
}

/// What a text of this kind must not be, and the reason told.
pub fn faults(text: Text) -> Vec<(String, Vec<u8>, Reason)> {
    let mut faults = Vec::new();
    for (what, bad) in NOT_UTF8 {
        for (where_, before, after) in [("alone", "", ""), ("inside", "a", "b"), ("last", "a/", "")]
        {
            let bytes = [before.as_bytes(), bad, after.as_bytes()].concat();
            faults.push((format!("{what} ({where_})"), bytes, Reason::MalformedPacket));
        }
    }
    let (forbidden, deep): (&[&str], _) = match text {
        Text::Any => return faults,
        Text::TopicName => (&NOT_NAMES, Reason::TopicNameInvalid),
        Text::TopicFilter => (&NOT_FILTERS, Reason::TopicFilterInvalid),
    };
    for name in forbidden {
        let bytes = name.as_bytes().to_vec();
        faults.push((format!("{name:?}"), bytes, Reason::MalformedPacket));
    }
    faults.push((
        "of 300 levels".to_owned(),
        "/".repeat(299).into_bytes(),
        deep,
    ));
    faults
}

/// [MQTT-1.5.4-1] [MQTT-1.5.4-2], in 3.1.1 [MQTT-1.5.3-1] [MQTT-1.5.3-2]
const NOT_UTF8: [(&str, &[u8]); 8] = [
    ("a byte that begins no character", b"\xFF"),
    ("a continuation without a beginning", b"\x80"),
    ("an overlong slash", b"\xC0\xAF"),
    ("an overlong U+0000", b"\xC0\x80"),
    ("half a character", b"\xE2\x82"),
    ("a surrogate", b"\xED\xA0\x80"),
    ("beyond U+10FFFF", b"\xF4\x90\x80\x80"),
    ("U+0000", b"\0"),
];

/// [MQTT-4.7.3-1] [MQTT-3.3.2-2] [MQTT-4.7.0-1], in 3.1.1 [MQTT-4.7.1-1]
const NOT_NAMES: [&str; 7] = ["", "#", "+", "a/#", "a/+/b", "a#", "+b"];

/// [MQTT-4.7.1-1] [MQTT-4.7.1-2] [MQTT-4.7.3-1] [MQTT-4.8.2-1] [MQTT-4.8.2-2]
const NOT_FILTERS: [&str; 20] = [
    "",
    "#/a",
    "a#",
    "#a",
    "a/#/b",
    "##",
    "a+",
    "+a",
    "a/+b/c",
    "++",
    "#+",
    "$share//x",
    "$share/",
    "$share/g",
    "$share/g/",
    "$share/+/x",
    "$share/#/x",
    "$share/a+b/x",
    "$share/g/a#",
    "$share/g/#/a",
];
