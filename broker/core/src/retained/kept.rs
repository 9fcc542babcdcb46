// SPDX-License-Identifier: Apache-2.0 OR MIT
//! A retained message as it is kept: a small one without properties in one piece of memory, another one as it came.

use std::borrow::Borrow;
use std::cmp::Ordering;
use std::sync::Arc;

use bytes::Bytes;
use mqtt_proto::{Properties, QoS, Topic};

use crate::{Body, Message, Moment, memory};

/// Ordered by its topic.
pub(super) enum Kept {
    /// QoS and length of the topic in three bytes, topic, payload.
    Packed(Box<[u8]>),
    Whole(Arc<Message>),
}

impl Kept {
    pub fn new(message: &Arc<Message>) -> Self {
        packed(message).map_or_else(|| Self::Whole(Arc::clone(message)), Self::Packed)
    }

    pub fn topic(&self) -> &str {
        match self {
            Self::Packed(_) => std::str::from_utf8(self.borrow()).unwrap_or_default(),
            Self::Whole(message) => message.topic.as_str(),
        }
    }

    /// The message; a packed one is made anew.
    pub fn message(&self) -> Option<Arc<Message>> {
        let packed = match self {
            Self::Packed(packed) => packed,
            Self::Whole(message) => return Some(Arc::clone(message)),
        };
        let (qos, len) = head(packed)?;
        let topic = Topic::new(self.topic().into()).ok()?;
        let payload = Bytes::copy_from_slice(packed.get(HEAD + len..)?);
        Some(Arc::new(Message::new(
            topic,
            (qos, true),
            Properties::new(),
            Body::Inline(payload),
            None,
        )))
    }

    /// Whether a receiver could not tell them apart; the other's payload must be in memory.
    pub fn says_the_same_as(&self, other: &Message) -> bool {
        match self {
            Self::Packed(packed) => payload_to_pack(other).is_some_and(|payload| {
                head(packed).is_some_and(|(qos, len)| {
                    qos == other.qos && packed.get(HEAD + len..) == Some(payload)
                })
            }),
            Self::Whole(message) => message.says_the_same_as(other),
        }
    }

    /// Bytes of payload, topic and properties.
    pub fn weight(&self) -> usize {
        match self {
            Self::Packed(packed) => packed.len() - HEAD,
            Self::Whole(message) => super::weight(message),
        }
    }

    /// What a packed one is counted with; another one's message has a charge of its own.
    pub fn charge(&self) -> Option<usize> {
        match self {
            Self::Packed(packed) => Some(memory::PACKED + packed.len()),
            Self::Whole(_) => None,
        }
    }

    pub fn expires(&self) -> Option<Moment> {
        match self {
            Self::Packed(_) => None,
            Self::Whole(message) => message.expires,
        }
    }

    pub fn is_expired(&self, now: Moment) -> bool {
        self.expires().is_some_and(|at| at <= now)
    }
}

impl Borrow<[u8]> for Kept {
    /// The topic.
    fn borrow(&self) -> &[u8] {
        match self {
            Self::Packed(packed) => head(packed)
                .and_then(|(_, len)| packed.get(HEAD..HEAD + len))
                .unwrap_or_default(),
            Self::Whole(message) => message.topic.as_bytes(),
        }
    }
}

impl Ord for Kept {
    fn cmp(&self, other: &Self) -> Ordering {
        let (one, two): (&[u8], &[u8]) = (self.borrow(), other.borrow());
        one.cmp(two)
    }
}

impl PartialOrd for Kept {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Kept {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Kept {}

/// The message in one piece; none if it has something that does not fit in, or is so long that its memory is better shared.
fn packed(message: &Message) -> Option<Box<[u8]>> {
    let payload = payload_to_pack(message)?;
    let topic = message.topic.as_bytes();
    let len = u16::try_from(topic.len()).ok()?.to_be_bytes();
    Some(
        [&[message.qos as u8], &len[..], topic, payload]
            .concat()
            .into(),
    )
}

fn payload_to_pack(message: &Message) -> Option<&[u8]> {
    let Body::Inline(payload) = &message.body else {
        return None;
    };
    let plain = message.retain && message.properties.is_empty() && message.expires.is_none();
    (plain && payload.len() <= LONGEST).then_some(payload)
}

fn head(packed: &[u8]) -> Option<(QoS, usize)> {
    let [qos, high, low, ..] = *packed else {
        return None;
    };
    let qos = match qos {
        0 => QoS::AtMostOnce,
        1 => QoS::AtLeastOnce,
        _ => QoS::ExactlyOnce,
    };
    Some((qos, usize::from(u16::from_be_bytes([high, low]))))
}

/// Bytes of QoS and length.
const HEAD: usize = 3;
/// Bytes of the longest payload that is copied for every new subscription.
const LONGEST: usize = 512;

#[cfg(test)]
mod tests {
    use super::*;
    use mqtt_proto::Property;

    fn message(topic: &str, payload: &[u8], properties: Properties) -> Arc<Message> {
        Arc::new(Message::new(
            Topic::new(topic.into()).unwrap(),
            (QoS::AtLeastOnce, true),
            properties,
            Body::Inline(Bytes::copy_from_slice(payload)),
            None,
        ))
    }

    #[test]
    fn what_is_kept_is_what_was_published() {
        for payload in [&b"x"[..], b"\0/\xff", &[7; LONGEST], &[7; LONGEST + 1]] {
            for topic in ["a", "a/b", "ä/€"] {
                let message = message(topic, payload, Properties::new());
                let kept = Kept::new(&message);
                let again = kept.message().unwrap();
                assert_eq!((kept.topic(), &*again.topic), (topic, topic));
                assert!(kept.says_the_same_as(&message) && again.says_the_same_as(&message));
                assert_eq!(kept.weight(), topic.len() + payload.len());
                let small = payload.len() <= LONGEST;
                assert_eq!(matches!(kept, Kept::Packed(_)), small);
            }
        }
    }

    #[test]
    fn properties_are_not_left_out() {
        let properties: Properties = [Property::ContentType("t".into())].into_iter().collect();
        let with = message("a", b"x", properties);
        let without = message("a", b"x", Properties::new());
        assert!(!Kept::new(&with).says_the_same_as(&without));
        assert!(!Kept::new(&without).says_the_same_as(&with));
        assert_eq!(
            Kept::new(&with).message().unwrap().properties,
            with.properties
        );
    }

    #[test]
    fn a_place_in_the_order_is_small() {
        assert_eq!(size_of::<Kept>(), 16);
    }
}
