// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Packets that end too early or too late, and lengths that are not true.

use mqtt_proto::{Reason, Version};

use super::Malformed;
use super::grammar::{Field, Sample, packet, variable};

pub fn cases(sample: &Sample, version: Version, max_packet_size: u32) -> Vec<Malformed> {
    let mut cases = cut(sample);
    cases.extend(untrue(sample, version));
    if !matches!(sample.fields.last(), Some(Field::Payload(_))) {
        for extra in [&b"\0"[..], b"\xFF\xFF\xFF"] {
            let bytes = packet(sample.first, &[&sample.body()[..], extra].concat());
            let what = format!("{} bytes more than its fields", extra.len());
            cases.push(Malformed::of(sample, what, bytes, Reason::MalformedPacket));
        }
    }
    if sample.name != "CONNECT" {
        let body_len = max_packet_size as usize; // With its header it is longer than that.
        let header = [vec![sample.first], variable(body_len)].concat();
        let what = "more bytes than the broker accepts";
        cases.push(Malformed::of(sample, what, header, Reason::PacketTooLarge));
    }
    cases
}

/// The packet cut at each byte, with a remaining length that is true.
fn cut(sample: &Sample) -> Vec<Malformed> {
    let body = sample.body();
    let mut cases = Vec::new();
    for at in 0..body.len() {
        let reason = match place(sample, at) {
            Place::End => continue,
            Place::NoFilter => Reason::ProtocolError, // [MQTT-3.8.3-2] [MQTT-3.10.3-2], in 3.1.1 [MQTT-3.8.3-3]
            Place::Inside => Reason::MalformedPacket,
        };
        let bytes = packet(sample.first, &body[..at]);
        cases.push(Malformed::of(
            sample,
            format!("cut at byte {at} of its body"),
            bytes,
            reason,
        ));
    }
    cases
}

/// What it means that the body ends at a byte.
enum Place {
    /// The packet may end there.
    End,
    /// It has no filter.
    NoFilter,
    /// A field is missing or cut.
    Inside,
}

fn place(sample: &Sample, at: usize) -> Place {
    let mut begin = 0;
    for (index, field) in sample.fields.iter().enumerate() {
        let end = begin + field.bytes().len();
        let in_payload = matches!(field, Field::Payload(_)) && at >= begin;
        if in_payload || at == begin && sample.ends.contains(&index) {
            return Place::End;
        }
        if at == begin && sample.no_filter == Some(index) {
            return Place::NoFilter;
        }
        begin = end;
    }
    Place::Inside
}

/// Lengths that promise more or less than there is, or are written longer than needed.
fn untrue(sample: &Sample, version: Version) -> Vec<Malformed> {
    let mut found = vec![
        // [MQTT-1.5.5-1]
        (
            "a remaining length of five bytes",
            [
                &[sample.first, 0x80, 0x80, 0x80, 0x80, 1][..],
                &sample.body(),
            ]
            .concat(),
        ),
    ];
    let plain = sample.bytes();
    if version == Version::V5 && sample.name != "CONNECT" && plain[1] < 0x80 {
        let padded = [&[sample.first, plain[1] | 0x80, 0][..], &plain[2..]].concat();
        found.push(("a remaining length written longer than needed", padded));
    }
    for (index, field) in sample.fields.iter().enumerate() {
        let bytes = field.bytes();
        match field {
            Field::Text(..) | Field::Binary(_) => {
                let endless = [&[0xFF, 0xFF][..], &bytes[2..]].concat();
                found.push(("a length beyond its end", sample.with_bytes(index, endless)));
            }
            Field::Properties(_, list) => {
                let inside = &bytes[1..];
                let mut put = |what, len: &[u8]| {
                    found.push((what, sample.with_bytes(index, [len, inside].concat())));
                };
                put("properties beyond its end", &[0xFF, 0x7F]);
                put(
                    "a property length of five bytes",
                    &[0xFF, 0xFF, 0xFF, 0xFF, 1],
                );
                put(
                    "a property length written longer than needed",
                    &[bytes[0] | 0x80, 0],
                );
                if !list.is_empty() {
                    put("properties that end inside one", &[bytes[0] - 1]);
                }
            }
            _ => {}
        }
    }
    let case = |(what, bytes)| Malformed::of(sample, what, bytes, Reason::MalformedPacket);
    found.into_iter().map(case).collect()
}
