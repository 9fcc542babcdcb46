// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The table of malformed packets: every valid sample of the grammar, spoilt in every way a rule forbids.
//!
//! The grammar and the property table here are written from the standards and know nothing of the product's own.
//! Each case is one fault, with the reason code the standard, or a limit of the broker, gives it.

mod bytes;
mod grammar;
mod length;
mod property;
mod text;

use std::collections::BTreeSet;

use mqtt_proto::{Reason, Version};

pub use grammar::{Field, Sample, samples};

/// One packet that must end its connection.
#[derive(Debug, Clone)]
pub struct Malformed {
    /// The name of the packet it was derived from.
    pub packet: &'static str,
    /// What is wrong with it.
    pub what: String,
    pub bytes: Vec<u8>,
    /// The reason that is told.
    pub reason: Reason,
    /// It is the first of its connection.
    pub first: bool,
}

impl Malformed {
    fn of(sample: &Sample, what: impl Into<String>, bytes: Vec<u8>, reason: Reason) -> Self {
        Self {
            packet: sample.name,
            what: what.into(),
            bytes,
            reason,
            first: sample.name == "CONNECT",
        }
    }

    /// Whether the broker can know from it which version to answer in.
    pub fn tells_version(&self) -> bool {
        let length = self
            .bytes
            .iter()
            .skip(1)
            .take(4)
            .position(|byte| byte & 0x80 == 0);
        let level = length.and_then(|end| {
            self.bytes
                .get(end + 2..)?
                .strip_prefix(b"\0\x04MQTT")?
                .first()
        });
        !self.first || self.bytes[0] == 0x10 && level.is_some_and(|level| *level >= 5)
    }
}

/// Every case of a version; packets longer than `max_packet_size` bytes are too large.
pub fn malformed(version: Version, max_packet_size: u32) -> Vec<Malformed> {
    let mut cases = Vec::new();
    for sample in samples(version) {
        cases.extend(length::cases(&sample, version, max_packet_size));
        cases.extend(bytes::cases(&sample, version));
        cases.extend(text::cases(&sample, version));
        cases.extend(property::cases(&sample));
    }
    cases.extend(bytes::misplaced(version));
    cases
}

/// How many cases of each packet there are in each version, as a table in text.
pub fn table(versions: &[(Version, Vec<Malformed>)]) -> String {
    let count = |cases: &[Malformed], packet: Option<&str>| {
        let counted = |case: &&Malformed| packet.is_none_or(|packet| case.packet == packet);
        cases.iter().filter(counted).count()
    };
    let all = || versions.iter().flat_map(|(_, cases)| cases);
    let packets: BTreeSet<&str> = all().map(|case| case.packet).collect();
    let mut text = format!("{:<20}", "malformed packets of");
    for (version, _) in versions {
        text += &format!("{:>8}", version.name());
    }
    text += "     all\n";
    for packet in packets.into_iter().map(Some).chain([None]) {
        text += &format!("{:<20}", packet.unwrap_or("all"));
        for (_, cases) in versions {
            text += &format!("{:>8}", count(cases, packet));
        }
        let sum: usize = versions.iter().map(|(_, cases)| count(cases, packet)).sum();
        text += &format!("{sum:>8}\n");
    }
    text
}
