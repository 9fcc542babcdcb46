// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Topic aliases of one connection, which end with it: the client's numbers and ours. [MQTT-3.3.2-7]
//!
//! Each table keeps copies of at most its maximum of topic names, and of 64 KiB and 256 bytes for each of them in all.

use std::collections::HashMap;

use mqtt_proto::{Property, Publish, Topic, Version};

use crate::ProtocolFault;
use crate::frame::Delivery;

/// Topics to which a client gave numbers, 1 to the maximum that its CONNACK told.
#[derive(Default)]
pub(crate) struct InboundAliases {
    maximum: u16,
    /// By number, from 1.
    topics: Vec<Option<Topic>>,
    /// Bytes of their names.
    bytes: usize,
}

impl InboundAliases {
    pub fn new(maximum: u16) -> Self {
        Self {
            maximum,
            topics: Vec::new(),
            bytes: 0,
        }
    }

    /// Gives the message the topic its alias stands for, or the alias its topic, and takes the alias away.
    pub fn resolve(&mut self, publish: &mut Publish) -> Result<(), ProtocolFault> {
        let Some(alias) = publish.properties.topic_alias() else {
            let named = !publish.topic.as_str().is_empty();
            return named.then_some(()).ok_or(ProtocolFault::UnknownTopicAlias);
        };
        if alias == 0 || alias > self.maximum {
            let maximum = self.maximum;
            return Err(ProtocolFault::TopicAlias { alias, maximum }); // [MQTT-3.3.2-8] [MQTT-3.3.2-9] [MQTT-3.2.2-17]
        }
        let index = usize::from(alias) - 1;
        if publish.topic.as_str().is_empty() {
            let known = self.topics.get(index).and_then(Option::as_ref);
            publish.topic = known.ok_or(ProtocolFault::UnknownTopicAlias)?.clone();
        } else {
            self.set(index, &publish.topic)?;
        }
        let is_alias = |property: &Property| matches!(property, Property::TopicAlias(_));
        publish.properties.retain(|property| !is_alias(property));
        Ok(())
    }

    fn set(&mut self, index: usize, topic: &Topic) -> Result<(), ProtocolFault> {
        if self.topics.len() <= index {
            self.topics.resize(index + 1, None);
        }
        let Some(place) = self.topics.get_mut(index) else {
            return Ok(());
        };
        let replaced = place.as_ref().map_or(0, |topic| topic.len());
        let bytes = self.bytes - replaced + topic.len();
        if bytes > max_bytes(self.maximum) {
            return Err(ProtocolFault::TopicAliasesTooLong);
        }
        self.bytes = bytes;
        *place = Some(topic.detached());
        Ok(())
    }
}

/// Topics to which we gave numbers for a client: the first ones sent to it, until there are as many as may be.
pub(crate) struct OutboundAliases {
    maximum: u16,
    numbers: HashMap<Topic, u16>,
    /// Bytes of their names.
    bytes: usize,
}

impl OutboundAliases {
    /// None for a client that takes no alias. [MQTT-3.1.2-27]
    pub fn new(maximum: u16) -> Option<Self> {
        (maximum > 0).then(|| Self {
            maximum,
            numbers: HashMap::new(),
            bytes: 0,
        })
    }

    /// Whether it could shorten a message of that topic.
    pub fn concerns(&self, topic: &Topic) -> bool {
        topic.len() > ALIAS_LEN
    }

    /// Shortens a message that leaves now, after all those that left before it.
    ///
    /// One that would grow beyond `max_packet_size` by it stays as it is. [MQTT-3.1.2-24]
    pub fn shorten(&mut self, delivery: &mut Delivery, max_packet_size: usize) {
        let topic = &delivery.message.topic;
        let bytes = self.bytes + topic.len();
        if topic.len() <= ALIAS_LEN {
            return;
        }
        let known = self.numbers.get(topic.as_str()).copied();
        let next = u16::try_from(self.numbers.len()).map_or(u16::MAX, |n| n.saturating_add(1));
        let full = next > self.maximum || bytes > max_bytes(self.maximum);
        if known.is_none() && full {
            return; // [MQTT-3.1.2-26], [MQTT-3.3.2-11]
        }
        delivery.set_alias(known.unwrap_or(next), known.is_some());
        if delivery.packet_len(Version::V5) > max_packet_size {
            delivery.unset_alias();
        } else if known.is_none() {
            let name = delivery.message.topic.detached();
            self.numbers.insert(name, next);
            self.bytes = bytes;
        }
    }
}

/// Bytes of topic names that a table of so many aliases keeps.
fn max_bytes(maximum: u16) -> usize {
    64 * 1024 + 256 * usize::from(maximum)
}

/// Bytes a topic alias takes in a PUBLISH; a name that takes no more gets none.
const ALIAS_LEN: usize = 3;
