// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Properties of version 5 that may not stand there, stand twice, are cut, or have a value out of range.

use mqtt_proto::Reason;

use super::Malformed;
use super::grammar::{Field, Sample, Text, variable, with_length};
use super::text::faults;

pub fn cases(sample: &Sample) -> Vec<Malformed> {
    let mut cases = Vec::new();
    for (index, field) in sample.fields.iter().enumerate() {
        let Field::Properties(place, _) = field else {
            continue;
        };
        for (what, list, reason) in spoilt(place) {
            let bytes = sample.with(index, Field::Properties(place, list));
            let what = format!("{what} in the properties of {place}");
            cases.push(Malformed::of(sample, what, bytes, reason));
        }
    }
    cases
}

type List = Vec<(u32, Vec<u8>)>;

/// The property blocks that must not stand in this place, each with the reason told.
fn spoilt(place: &str) -> Vec<(String, List, Reason)> {
    let (malformed, protocol) = (Reason::MalformedPacket, Reason::ProtocolError);
    let mut found = Vec::new();
    for (id, value) in TABLE {
        let (name, kind, places) = *value;
        let value = kind.example();
        if !places
            .split(' ')
            .any(|known| known == place || known == "EVERYWHERE")
        {
            found.push((format!("misplaced {name}"), vec![(*id, value)], malformed));
            continue;
        }
        for cut in 0..value.len() {
            let list = vec![(*id, value[..cut].to_vec())];
            found.push((format!("{name} cut at byte {cut}"), list, malformed));
        }
        if kind != Kind::Pair {
            let list = vec![(*id, value.clone()), (*id, value)];
            found.push((format!("{name} twice"), list, protocol));
        }
        for (what, value, reason) in kind.faults() {
            found.push((format!("{name} that is {what}"), vec![(*id, value)], reason));
        }
    }
    let known = |id: &u32| TABLE.iter().any(|(known, _)| known == id);
    for id in (0..0x80)
        .filter(|id| !known(id))
        .chain([0x81, 0x4000, 0x0FFF_FFFF])
    {
        found.push((
            format!("unknown property 0x{id:02X}"),
            vec![(id, vec![0])],
            malformed,
        ));
    }
    if place == "PUBLISH" {
        let list = vec![(0x0B, vec![9])];
        found.push((
            "SubscriptionIdentifier from a client".to_owned(),
            list,
            protocol,
        )); // [MQTT-3.3.4-6]
        found.retain(|(what, ..)| !what.starts_with("SubscriptionIdentifier twice"));
    }
    let pair = (0x26, Kind::Pair.example());
    found.push((
        "33 user properties".to_owned(),
        vec![pair; 33],
        Reason::QuotaExceeded,
    ));
    if place != "CONNECT" && place != "WILL" {
        let long = [
            with_length(&vec![b'k'; 65_000]),
            with_length(&vec![b'v'; 600]),
        ]
        .concat();
        let what = "more than 64 KiB".to_owned();
        found.push((what, vec![(0x26, long)], Reason::QuotaExceeded));
    }
    found
}

/// The form of a property's value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// 0 or 1.
    Flag,
    /// So many bytes.
    Number(usize),
    /// So many bytes that are not all zero.
    Positive(usize),
    /// A variable byte integer that is not zero.
    Variable,
    Text,
    TopicName,
    Binary,
    Pair,
}

impl Kind {
    fn example(self) -> Vec<u8> {
        match self {
            Self::Flag => vec![1],
            Self::Number(len) | Self::Positive(len) => vec![1; len],
            Self::Variable => variable(300),
            Self::Text | Self::TopicName => with_length(b"text"),
            Self::Binary => with_length(b"\0\xFF"),
            Self::Pair => [with_length(b"key"), with_length(b"value")].concat(),
        }
    }

    /// Values of the right form that are forbidden all the same.
    fn faults(self) -> Vec<(String, Vec<u8>, Reason)> {
        let protocol = Reason::ProtocolError;
        let texts = |text| {
            let with_length = |(what, bytes, reason): (String, Vec<u8>, Reason)| {
                (what, with_length(&bytes), reason)
            };
            faults(text).into_iter().map(with_length)
        };
        match self {
            Self::Flag => [2, 0x80, 0xFF]
                .map(|value| (value.to_string(), vec![value], protocol))
                .into(),
            Self::Positive(len) => vec![("0".to_owned(), vec![0; len], protocol)],
            Self::Variable => vec![
                ("0".to_owned(), vec![0], protocol),
                (
                    "of five bytes".to_owned(),
                    vec![0xFF, 0xFF, 0xFF, 0xFF, 1],
                    Reason::MalformedPacket,
                ),
                (
                    "written longer than needed".to_owned(),
                    vec![0x81, 0],
                    Reason::MalformedPacket,
                ),
            ],
            Self::Text => texts(Text::Any).collect(),
            Self::TopicName => texts(Text::TopicName).collect(), // [MQTT-3.3.2-14]
            Self::Pair => texts(Text::Any)
                .flat_map(|(what, bad, reason)| {
                    let good = with_length(b"good");
                    let name = [&bad[..], &good].concat();
                    let value = [&good[..], &bad].concat();
                    [
                        (format!("{what} in its name"), name, reason),
                        (format!("{what} in its value"), value, reason),
                    ]
                })
                .collect(),
            Self::Number(_) | Self::Binary => vec![],
        }
    }
}

/// Section 2.2.2.2: identifier, name, form, and the packets it may stand in.
#[rustfmt::skip]
const TABLE: &[(u32, (&str, Kind, &str))] = &[
    (0x01, ("PayloadFormatIndicator", Kind::Flag, "PUBLISH WILL")),
    (0x02, ("MessageExpiryInterval", Kind::Number(4), "PUBLISH WILL")),
    (0x03, ("ContentType", Kind::Text, "PUBLISH WILL")),
    (0x08, ("ResponseTopic", Kind::TopicName, "PUBLISH WILL")),
    (0x09, ("CorrelationData", Kind::Binary, "PUBLISH WILL")),
    (0x0B, ("SubscriptionIdentifier", Kind::Variable, "PUBLISH SUBSCRIBE")),
    (0x11, ("SessionExpiryInterval", Kind::Number(4), "CONNECT CONNACK DISCONNECT")),
    (0x12, ("AssignedClientIdentifier", Kind::Text, "CONNACK")),
    (0x13, ("ServerKeepAlive", Kind::Number(2), "CONNACK")),
    (0x15, ("AuthenticationMethod", Kind::Text, "CONNECT CONNACK AUTH")),
    (0x16, ("AuthenticationData", Kind::Binary, "CONNECT CONNACK AUTH")),
    (0x17, ("RequestProblemInformation", Kind::Flag, "CONNECT")),
    (0x18, ("WillDelayInterval", Kind::Number(4), "WILL")),
    (0x19, ("RequestResponseInformation", Kind::Flag, "CONNECT")),
    (0x1A, ("ResponseInformation", Kind::Text, "CONNACK")),
    (0x1C, ("ServerReference", Kind::Text, "CONNACK DISCONNECT")),
    (0x1F, ("ReasonString", Kind::Text, "CONNACK PUBACK PUBREC PUBREL PUBCOMP SUBACK UNSUBACK DISCONNECT AUTH")),
    (0x21, ("ReceiveMaximum", Kind::Positive(2), "CONNECT CONNACK")),
    (0x22, ("TopicAliasMaximum", Kind::Number(2), "CONNECT CONNACK")),
    (0x23, ("TopicAlias", Kind::Number(2), "PUBLISH")),
    (0x24, ("MaximumQoS", Kind::Flag, "CONNACK")),
    (0x25, ("RetainAvailable", Kind::Flag, "CONNACK")),
    (0x26, ("UserProperty", Kind::Pair, "EVERYWHERE")),
    (0x27, ("MaximumPacketSize", Kind::Positive(4), "CONNECT CONNACK")),
    (0x28, ("WildcardSubscriptionAvailable", Kind::Flag, "CONNACK")),
    (0x29, ("SubscriptionIdentifierAvailable", Kind::Flag, "CONNACK")),
    (0x2A, ("SharedSubscriptionAvailable", Kind::Flag, "CONNACK")),
];
