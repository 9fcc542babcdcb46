// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The streams of messages: where each goes, at which QoS, and what its message of a given number must contain.
//!
//! A message is known by its lane and its sequence number; both stand in what travels, so that whoever takes a message
//! can tell whether it is whole.

use mqtt_proto::{Publish, QoS};
use tests::packets::publish;

/// One stream; its messages are numbered from 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Lane {
    /// Messages of one publisher at QoS 1.
    AtLeastOnce(u8),
    /// Messages of one publisher at QoS 2.
    ExactlyOnce(u8),
    /// A topic whose retained message is overwritten and removed, at each QoS.
    Retained(u8),
    /// A topic that only a probe of the subscriptions is published to, numbered by the check.
    Probe(u8),
    /// What ends a check for every subscriber, numbered by the check.
    End,
}

/// Topics with a retained message.
pub const RETAINED: u8 = 24;
/// Filters that are subscribed and unsubscribed.
pub const PROBES: u8 = 16;
/// What every retained message matches.
pub const RETAINED_FILTER: &str = "retained/+";
/// The topic of [`Lane::End`], which is its filter, too.
pub const END: &str = "end";

impl Lane {
    pub fn topic(self) -> String {
        match self {
            Self::AtLeastOnce(number) => format!("once/{number}"),
            Self::ExactlyOnce(number) => format!("exactly/{number}"),
            Self::Retained(number) => format!("retained/{number}"),
            Self::Probe(number) => format!("probe/{number}"),
            Self::End => END.to_owned(),
        }
    }

    pub fn of_topic(topic: &str) -> Option<Self> {
        let (kind, number) = topic.split_once('/').unwrap_or((topic, "0"));
        let number = number.parse().ok()?;
        match kind {
            "once" => Some(Self::AtLeastOnce(number)),
            "exactly" => Some(Self::ExactlyOnce(number)),
            "retained" => Some(Self::Retained(number)),
            "probe" => Some(Self::Probe(number)),
            END => Some(Self::End),
            _ => None,
        }
    }

    /// Whether one message of it must be over before the next begins.
    pub fn is_one_at_a_time(self) -> bool {
        matches!(self, Self::Retained(_))
    }

    pub fn qos(self, sequence: u32) -> QoS {
        match self {
            Self::AtLeastOnce(_) | Self::End => QoS::AtLeastOnce,
            Self::ExactlyOnce(_) | Self::Probe(_) => QoS::ExactlyOnce,
            Self::Retained(_) => tests::QUALITIES[sequence as usize % 3],
        }
    }

    /// Whether this message removes the retained one.
    pub fn is_removal(self, sequence: u32) -> bool {
        matches!(self, Self::Retained(_)) && sequence % 4 == 3
    }

    /// The message as it is sent first, without a packet identifier.
    pub fn message(self, sequence: u32) -> Publish {
        let payload = if self.is_removal(sequence) {
            Vec::new()
        } else {
            payload(sequence)
        };
        Publish {
            qos: self.qos(sequence),
            retain: matches!(self, Self::Retained(_)),
            ..publish(&self.topic(), payload)
        }
    }
}

/// The number of a message that arrived whole.
pub fn sequence_of(contents: &[u8]) -> Option<u32> {
    let text = contents.split(|byte| *byte == b' ').next()?;
    let sequence = std::str::from_utf8(text).ok()?.parse().ok()?;
    (payload(sequence) == contents).then_some(sequence)
}

/// The number in text, a space, and as many equal bytes as the number demands: mostly few, now and then 16 KiB.
fn payload(sequence: u32) -> Vec<u8> {
    let length = match sequence.wrapping_mul(2_654_435_761) >> 24 {
        0..=1 => 16_384,
        2..=12 => 4_000,
        other => other as usize,
    };
    let mut payload = format!("{sequence} ").into_bytes();
    let filler = b'a' + (sequence % 26) as u8;
    payload.resize(payload.len() + length, filler);
    payload
}
