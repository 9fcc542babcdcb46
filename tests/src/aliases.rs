// SPDX-License-Identifier: Apache-2.0 OR MIT
//! A client's half of topic aliases: it uses them for all it sends, and trusts no number that it was not told.

use std::collections::HashMap;

use mqtt_proto::{Property, Publish, Topic, Version};

/// Both tables of one connection.
#[derive(Default)]
pub struct Aliases {
    /// Topics to which this client gave the numbers from 1.
    own: Vec<Topic>,
    brokers: HashMap<u16, Topic>,
}

impl Aliases {
    /// What the client takes at most.
    pub const MAXIMUM: u16 = 2;

    /// The message as it is sent: named the first time, numbered from then on.
    pub fn shorten(&mut self, version: Version, mut publish: Publish) -> Publish {
        if version != Version::V5 {
            return publish;
        }
        let known = self.own.iter().position(|topic| *topic == publish.topic);
        let index = known.unwrap_or(self.own.len());
        let alias = u16::try_from(index + 1).expect("topics are few");
        publish.properties.push(Property::TopicAlias(alias));
        let name = std::mem::replace(&mut publish.topic, Topic::empty());
        if known.is_none() {
            publish.topic = name.clone();
            self.own.push(name);
        }
        publish
    }

    /// The message as the application sees it.
    pub fn resolve(&mut self, mut publish: Publish) -> Publish {
        let Some(alias) = publish.properties.topic_alias() else {
            return publish;
        };
        assert!((1..=Self::MAXIMUM).contains(&alias), "alias {alias}"); // [MQTT-3.1.2-26]
        if publish.topic.is_empty() {
            let known = self.brokers.get(&alias);
            publish.topic = known.expect("the number was explained").clone(); // [MQTT-3.3.2-7]
        } else {
            self.brokers.insert(alias, publish.topic.clone());
        }
        let is_alias = |property: &Property| matches!(property, Property::TopicAlias(_));
        publish.properties.retain(|property| !is_alias(property));
        publish
    }
}
