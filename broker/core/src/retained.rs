// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The last retained message of each topic, and walks over those that match a filter.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;
use std::sync::Arc;

use bytestring::ByteString;
use mqtt_proto::Filter;

use crate::{Body, Limits, Message, Moment};

/// Retained messages in the order of their topics.
#[derive(Default)]
pub(crate) struct Retained {
    messages: BTreeMap<ByteString, Arc<Message>>,
    /// Those that expire, soonest first.
    expiring: BTreeSet<(Moment, ByteString)>,
    /// Messages and their bytes outside `$` topics.
    count: usize,
    bytes: usize,
}

/// The broker holds as many retained messages as it may.
#[derive(Debug)]
pub(crate) struct RetainedFull;

impl Retained {
    /// Stores the message for its topic; one without payload removes what is stored. [MQTT-3.3.1-6]
    ///
    /// Returns whether anything is different from before.
    pub fn set(&mut self, message: &Arc<Message>, limits: &Limits) -> Result<bool, RetainedFull> {
        let (topic, len) = (message.topic.as_str(), weight(message));
        let earlier = self.messages.get(topic);
        let changed = differs(earlier, message);
        if len == 0 {
            self.forget(topic); // [MQTT-3.3.1-6], [MQTT-3.3.1-7], in 3.1.1 [MQTT-3.3.1-10], [MQTT-3.3.1-11]
            return Ok(changed);
        }
        let earlier = earlier.map(|m| weight(m));
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
        let topic = ByteString::from(message.topic.as_str());
        if let Some(at) = message.expires {
            self.expiring.insert((at, topic.clone()));
        }
        if !topic.starts_with('$') {
            self.count += 1;
            self.bytes += weight(message);
        }
        if let Some(earlier) = self.messages.insert(topic, Arc::clone(message)) {
            self.leave_out(&earlier, message.expires);
        }
    }

    /// Whether the message would leave anything different from before.
    pub fn would_change(&self, message: &Message) -> bool {
        differs(self.messages.get(message.topic.as_str()), message)
    }

    /// Whether the message needs more room than the one it replaces has.
    pub fn would_grow(&self, message: &Message) -> bool {
        let earlier = self.messages.get(message.topic.as_str());
        weight(message) > earlier.map_or(0, |m| weight(m))
    }

    /// The next message in topic order that matches; looks at no more than `steps` topics.
    pub fn next(
        &mut self,
        walk: &mut Walk,
        now: Moment,
        steps: &mut usize,
    ) -> Option<Arc<Message>> {
        while *steps > 0 && !walk.done {
            *steps -= 1;
            let Some(topic) = self.topic_after(walk) else {
                walk.done = true;
                break;
            };
            walk.last = Some(topic.clone());
            walk.done = !walk.filter.is_wildcard();
            let message = self
                .messages
                .get(&topic)
                .filter(|_| walk.filter.matches(&topic));
            if let Some(message) = message.map(Arc::clone) {
                if !message.is_expired(now) {
                    return Some(message);
                }
            }
        }
        None
    }

    /// Removes the message that expired first, if there is one. [MQTT-3.3.2-5]
    pub fn take_expired(&mut self, now: Moment) -> Option<Arc<Message>> {
        let (_, topic) = self.expiring.first().filter(|(at, _)| *at <= now)?;
        let topic = topic.clone();
        self.forget(&topic)
    }

    /// All of them, in the order of their topics.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<Message>> {
        self.messages.values()
    }

    /// Messages outside `$` topics.
    pub fn len(&self) -> usize {
        self.count
    }

    /// Bytes of messages outside `$` topics: payloads, topics and properties.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    fn topic_after(&self, walk: &Walk) -> Option<ByteString> {
        let prefix = walk.prefix();
        let from = match &walk.last {
            Some(last) => Bound::Excluded(last.as_ref()),
            None => Bound::Included(prefix),
        };
        let (topic, _) = self
            .messages
            .range::<str, _>((from, Bound::Unbounded))
            .next()?;
        topic.starts_with(prefix).then(|| topic.clone())
    }

    fn forget(&mut self, topic: &str) -> Option<Arc<Message>> {
        let message = self.messages.remove(topic)?;
        self.leave_out(&message, None);
        Some(message)
    }

    /// No longer counts a message whose topic has none now, or one that expires at `expires`.
    fn leave_out(&mut self, message: &Message, expires: Option<Moment>) {
        if let Some(at) = message.expires.filter(|at| Some(*at) != expires) {
            let topic = ByteString::from(message.topic.as_str());
            self.expiring.remove(&(at, topic));
        }
        if !message.topic.as_str().starts_with('$') {
            self.count -= 1;
            self.bytes -= weight(message);
        }
    }
}

/// A position in the retained messages that match a filter.
#[derive(Debug)]
pub(crate) struct Walk {
    filter: Filter,
    last: Option<ByteString>,
    done: bool,
}

impl Walk {
    pub fn new(filter: Filter) -> Self {
        Self {
            filter,
            last: None,
            done: false,
        }
    }

    pub fn is_for(&self, filter: &Filter) -> bool {
        self.filter == *filter
    }

    pub fn is_done(&self) -> bool {
        self.done
    }

    /// What every matching topic starts with.
    fn prefix(&self) -> &str {
        let filter = self.filter.as_str();
        let end = filter.find(['+', '#']).unwrap_or(filter.len());
        let fixed = filter.get(..end).unwrap_or_default();
        // "sport/#" matches "sport" too: section 4.7.1.2.
        match filter.get(end..) {
            Some("#") => fixed.strip_suffix('/').unwrap_or(fixed),
            _ => fixed,
        }
    }
}

/// Whether a message is another one than that which it replaces.
fn differs(earlier: Option<&Arc<Message>>, message: &Message) -> bool {
    earlier.map_or(weight(message) > 0, |m| !m.says_the_same_as(message))
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
    use mqtt_proto::{Properties, QoS, Topic};

    fn message(topic: &str, text: &'static str) -> Arc<Message> {
        Arc::new(Message::new(
            Topic::new(topic.into()).unwrap(),
            (QoS::AtMostOnce, true),
            Properties::new(),
            Body::Inline(Bytes::from_static(text.as_bytes())),
            None,
        ))
    }

    fn matching(retained: &mut Retained, filter: &str) -> Vec<String> {
        let mut walk = Walk::new(Filter::new(filter.into()).unwrap());
        let mut found = Vec::new();
        while !walk.is_done() {
            // One step at a time: a walk goes on where it stopped.
            if let Some(m) = retained.next(&mut walk, Moment::default(), &mut 1) {
                found.push(m.topic.as_str().to_owned());
            }
        }
        found
    }

    #[test]
    fn a_walk_finds_what_the_reference_matcher_finds() {
        let topics = ["a", "a/b", "a/b/c", "a/c", "a!", "b", "/a", "$SYS/a"];
        let mut retained = Retained::default();
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
            assert_eq!(matching(&mut retained, filter), expected, "{filter}");
        }
    }

    #[test]
    fn an_empty_payload_removes_and_a_full_store_refuses() {
        let limits = Limits {
            max_retained_messages: 1,
            ..Limits::default()
        };
        let mut retained = Retained::default();
        retained.set(&message("a", "1"), &limits).unwrap();
        retained.set(&message("a", "2"), &limits).unwrap();
        assert!(retained.set(&message("b", "1"), &limits).is_err());
        assert!(retained.set(&message("$SYS/x", "1"), &limits).is_ok());
        retained.set(&message("a", ""), &limits).unwrap();
        assert_eq!((retained.len(), retained.bytes), (0, 0));
        retained.set(&message("b", "1"), &limits).unwrap();
    }
}
