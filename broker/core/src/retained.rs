// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The last retained message of each topic, and walks over those that match a filter.

mod kept;
mod walk;

use std::collections::BTreeSet;
use std::ops::Bound;
use std::sync::Arc;

use crate::memory::{Charge, Ledger};
use crate::{Body, Limits, Message, Moment};
use kept::Kept;
pub(crate) use walk::Walk;

/// Retained messages in the order of their topics.
pub(crate) struct Retained {
    messages: BTreeSet<Kept>,
    /// Those that expire, soonest first.
    expiring: BTreeSet<(Moment, Box<str>)>,
    /// Messages and their bytes outside `$` topics.
    count: usize,
    bytes: usize,
    memory: Ledger,
    /// What the packed ones are counted with.
    charge: Charge,
}

/// The broker holds as many retained messages as it may.
#[derive(Debug)]
pub(crate) struct RetainedFull;

impl Retained {
    /// None, what is kept counts in `memory`.
    pub fn new(memory: &Ledger) -> Self {
        Self {
            messages: BTreeSet::new(),
            expiring: BTreeSet::new(),
            count: 0,
            bytes: 0,
            memory: memory.clone(),
            charge: memory.charge(0),
        }
    }

    /// Stores the message for its topic; one without payload removes what is stored. [MQTT-3.3.1-6]
    ///
    /// Returns whether anything is different from before.
    pub fn set(&mut self, message: &Arc<Message>, limits: &Limits) -> Result<bool, RetainedFull> {
        let (topic, len) = (message.topic.as_str(), weight(message));
        let earlier = self.find(topic);
        let changed = differs(earlier, message);
        if len == 0 {
            self.forget(topic); // [MQTT-3.3.1-6], [MQTT-3.3.1-7], in 3.1.1 [MQTT-3.3.1-10], [MQTT-3.3.1-11]
            return Ok(changed);
        }
        let earlier = earlier.map(Kept::weight);
        let count = self.count + usize::from(earlier.is_none());
        let bytes = self.bytes - earlier.unwrap_or(0).min(self.bytes) + len;
        let full = count > limits.max_retained_messages || bytes > limits.max_retained_bytes;
        if full && !topic.starts_with('$') {
            return Err(RetainedFull);
        }
        self.restore(message); // in 3.1.1 [MQTT-3.3.1-7]
        Ok(changed)
    }

    /// Stores a message that was retained before, whatever the limits.
    pub fn restore(&mut self, message: &Arc<Message>) {
        let topic = message.topic.as_str();
        if let Some(at) = message.expires {
            self.expiring.insert((at, topic.into()));
        }
        let kept = Kept::new(message);
        if !topic.starts_with('$') {
            self.count += 1;
            self.bytes += kept.weight();
            match kept.charge() {
                Some(bytes) => self.charge.grow(bytes),
                None => message.hold(&self.memory),
            }
        }
        if let Some(earlier) = self.messages.replace(kept) {
            self.leave_out(&earlier, message.expires);
        }
    }

    /// Whether the message would leave anything different from before.
    pub fn would_change(&self, message: &Message) -> bool {
        differs(self.find(&message.topic), message)
    }

    /// Whether the message needs more room than the one it replaces has.
    pub fn would_grow(&self, message: &Message) -> bool {
        weight(message) > self.find(&message.topic).map_or(0, Kept::weight)
    }

    /// Adds the next messages in topic order that match to `found`, `most` of them; looks at no more than `steps` topics.
    pub fn next(
        &self,
        walk: &mut Walk,
        now: Moment,
        (steps, most): (usize, usize),
        found: &mut Vec<Arc<Message>>,
    ) {
        let from = match walk.last() {
            Some(last) => Bound::Excluded(last.as_bytes()),
            None => Bound::Included(walk.prefix().as_bytes()),
        };
        let steps = if walk.is_exact() { 1 } else { steps };
        let range = self.messages.range::<[u8], _>((from, Bound::Unbounded));
        let (mut last, mut ended) = (None, true);
        for (looked, kept) in range.enumerate() {
            let topic = kept.topic();
            if !topic.starts_with(walk.prefix()) {
                break;
            }
            if looked == steps || found.len() == most {
                ended = false;
                break;
            }
            last = Some(topic);
            if walk.matches(topic) && !kept.is_expired(now) {
                found.extend(kept.message());
            }
        }
        walk.go_on(last, ended);
    }

    /// Removes the message that expired first, if there is one. [MQTT-3.3.2-5]
    pub fn take_expired(&mut self, now: Moment) -> Option<Arc<Message>> {
        let (_, topic) = self.expiring.first().filter(|(at, _)| *at <= now)?;
        let topic = topic.clone();
        self.forget(&topic)?.message()
    }

    /// All of them, in the order of their topics.
    pub fn iter(&self) -> impl Iterator<Item = Arc<Message>> {
        self.messages.iter().filter_map(Kept::message)
    }

    /// Messages outside `$` topics.
    pub fn len(&self) -> usize {
        self.count
    }

    /// Bytes of messages outside `$` topics: payloads, topics and properties.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    fn find(&self, topic: &str) -> Option<&Kept> {
        self.messages.get(topic.as_bytes())
    }

    fn forget(&mut self, topic: &str) -> Option<Kept> {
        let kept = self.messages.take(topic.as_bytes())?;
        self.leave_out(&kept, None);
        Some(kept)
    }

    /// No longer counts a message whose topic has none now, or one that expires at `expires`.
    fn leave_out(&mut self, kept: &Kept, expires: Option<Moment>) {
        if let Some(at) = kept.expires().filter(|at| Some(*at) != expires) {
            self.expiring.remove(&(at, kept.topic().into()));
        }
        if !kept.topic().starts_with('$') {
            self.count -= 1;
            self.bytes -= kept.weight();
            self.charge.shrink(kept.charge().unwrap_or(0));
        }
    }
}

/// Whether a message is another one than that which it replaces.
fn differs(earlier: Option<&Kept>, message: &Message) -> bool {
    earlier.map_or(weight(message) > 0, |kept| !kept.says_the_same_as(message))
}

/// Bytes it keeps, 0 for one without payload; a retained message's payload is always in memory.
fn weight(message: &Message) -> usize {
    match &message.body {
        Body::Inline(payload) if !payload.is_empty() => payload.len() + message.head_weight(),
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;
    use mqtt_proto::{Filter, Properties, QoS, Topic};

    fn message(topic: &str, text: &'static str) -> Arc<Message> {
        Arc::new(Message::new(
            Topic::new(topic.into()).unwrap(),
            (QoS::AtMostOnce, true),
            Properties::new(),
            Body::Inline(Bytes::from_static(text.as_bytes())),
            None,
        ))
    }

    fn matching(retained: &Retained, filter: &str) -> Vec<String> {
        let mut walk = Walk::new(Filter::new(filter.into()).unwrap());
        let mut found = Vec::new();
        while !walk.is_done() {
            // One step at a time: a walk goes on where it stopped.
            let mut next = Vec::new();
            retained.next(&mut walk, Moment::default(), (1, 1), &mut next);
            found.extend(next.iter().map(|m| m.topic.as_str().to_owned()));
        }
        found
    }

    #[test]
    fn a_walk_finds_what_the_reference_matcher_finds() {
        let topics = ["a", "a/b", "a/b/c", "a/c", "a!", "b", "/a", "$SYS/a"];
        let mut retained = Retained::new(&Ledger::default());
        for topic in topics {
            retained
                .set(&message(topic, "x"), &Limits::default())
                .unwrap();
        }
        for filter in [
            "#", "+", "a", "a/#", "a/+", "+/b/#", "$SYS/#", "a/b", "none", "+/+",
        ] {
            let reference = Filter::new(filter.into()).unwrap();
            let mut expected: Vec<_> = topics
                .into_iter()
                .filter(|t| reference.matches(t))
                .collect();
            expected.sort_unstable();
            assert_eq!(matching(&retained, filter), expected, "{filter}");
        }
    }

    #[test]
    fn an_empty_payload_removes_and_a_full_store_refuses() {
        let limits = Limits {
            max_retained_messages: 1,
            ..Limits::default()
        };
        let mut retained = Retained::new(&Ledger::default());
        retained.set(&message("a", "1"), &limits).unwrap();
        retained.set(&message("a", "2"), &limits).unwrap();
        assert!(retained.set(&message("b", "1"), &limits).is_err());
        assert!(retained.set(&message("$SYS/x", "1"), &limits).is_ok());
        retained.set(&message("a", ""), &limits).unwrap();
        assert_eq!((retained.len(), retained.bytes), (0, 0));
        retained.set(&message("b", "1"), &limits).unwrap();
    }
}
