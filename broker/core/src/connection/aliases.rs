// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Topic aliases of one connection, which end with it: the client's numbers and ours. [MQTT-3.3.2-7]
//!
//! Each table keeps copies of at most its maximum of topic names, of 65,535 bytes at most.

use std::collections::HashMap;

use mqtt_proto::{Property, Publish, Topic, Version};

use crate::{Delivery, ProtocolFault};

/// Topics to which a client gave numbers, 1 to the maximum that its CONNACK told.
#[derive(Default)]
pub(crate) struct InboundAliases {
    maximum: u16,
    /// By number, from 1.
    topics: Vec<Option<Topic>>,
}

impl InboundAliases {
    pub fn new(maximum: u16) -> Self {
        Self {
            maximum,
            topics: Vec::new(),
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
            if self.topics.len() <= index {
                self.topics.resize(index + 1, None);
            }
            if let Some(place) = self.topics.get_mut(index) {
                *place = Some(publish.topic.detached());
            }
        }
        let is_alias = |property: &Property| matches!(property, Property::TopicAlias(_));
        publish.properties.retain(|property| !is_alias(property));
        Ok(())
    }
}

/// Topics to which we gave numbers for a client: the first ones sent to it, until there are as many as may be.
pub(crate) struct OutboundAliases {
    maximum: u16,
    numbers: HashMap<Topic, u16>,
}

impl OutboundAliases {
    /// None for a client that takes no alias. [MQTT-3.1.2-27]
    pub fn new(maximum: u16) -> Option<Self> {
        (maximum > 0).then(|| Self {
            maximum,
            numbers: HashMap::new(),
        })
    }

    /// Shortens a message that leaves now, after all those that left before it.
    ///
    /// One that would grow beyond `max_packet_size` by it stays as it is. [MQTT-3.1.2-24]
    pub fn shorten(&mut self, delivery: &mut Delivery, max_packet_size: usize) {
        let topic = &delivery.message.topic;
        if topic.as_str().len() <= ALIAS_LEN {
            return;
        }
        let known = self.numbers.get(topic.as_str()).copied();
        let next = u16::try_from(self.numbers.len()).map_or(u16::MAX, |n| n.saturating_add(1));
        if known.is_none() && next > self.maximum {
            return; // [MQTT-3.1.2-26], [MQTT-3.3.2-11]
        }
        delivery.set_alias(known.unwrap_or(next), known.is_some());
        if delivery.packet_len(Version::V5) > max_packet_size {
            delivery.unset_alias();
        } else if known.is_none() {
            let name = delivery.message.topic.detached();
            self.numbers.insert(name, next);
        }
    }
}

/// Bytes a topic alias takes in a PUBLISH; a name that takes no more gets none.
const ALIAS_LEN: usize = 3;
