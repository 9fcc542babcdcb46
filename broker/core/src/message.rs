// SPDX-License-Identifier: Apache-2.0 OR MIT
//! An application message on its way through the broker.

use std::sync::OnceLock;

use bytes::Bytes;
use mqtt_proto::{Properties, Property, Publish, QoS, Topic};

use crate::memory::{self, Charge, Ledger};
use crate::{Location, Moment};

/// A published message, shared by all who receive it.
#[derive(Debug)]
pub struct Message {
    pub topic: Topic,
    pub qos: QoS,
    /// The publisher's retain flag.
    pub retain: bool,
    /// The properties that travel with the message; the expiry interval is kept apart.
    pub properties: Properties,
    pub body: Body,
    /// After this moment it is not delivered any more. [MQTT-3.3.2-5]
    pub expires: Option<Moment>,
    /// Its number among those published since the start; none for what the store or the broker's own memory brings back.
    pub(crate) serial: Option<u64>,
    /// What it is counted with once it waits for somebody.
    pub(crate) charge: OnceLock<Charge>,
}

impl Message {
    pub fn new(
        topic: Topic,
        (qos, retain): (QoS, bool),
        properties: Properties,
        body: Body,
        expires: Option<Moment>,
    ) -> Self {
        Self {
            topic,
            qos,
            retain,
            properties,
            body,
            expires,
            serial: None,
            charge: OnceLock::new(),
        }
    }

    /// What fills the place of a message that is gone.
    pub(crate) fn nothing() -> Self {
        let body = Body::Inline(Bytes::new());
        let terms = (QoS::AtMostOnce, false);
        Self::new(Topic::empty(), terms, Properties::new(), body, None)
    }

    /// The same in memory of its own, for whoever keeps it longer than the read buffer.
    pub(crate) fn detached(&self) -> Self {
        let (topic, body) = match &self.body {
            Body::Inline(payload) => {
                let (topic, payload) = Publish::detached(&self.topic, payload);
                (topic, Body::Inline(payload))
            }
            stored @ Body::Stored { .. } => (self.topic.detached(), stored.clone()),
        };
        Self {
            topic,
            body,
            properties: self.properties.clone(),
            charge: OnceLock::new(),
            ..*self
        }
    }

    /// Counts the message in the ledger, once.
    pub(crate) fn hold(&self, ledger: &Ledger) {
        self.charge.get_or_init(|| ledger.charge(self.weight()));
    }

    fn weight(&self) -> usize {
        let properties =
            self.properties.len() * size_of::<Property>() + self.properties.encoded_len();
        memory::MESSAGE + self.topic.as_str().len() + self.body.held() + properties
    }

    /// Whether a receiver could not tell them apart; both payloads must be in memory.
    pub(crate) fn says_the_same_as(&self, other: &Message) -> bool {
        let (Body::Inline(one), Body::Inline(two)) = (&self.body, &other.body) else {
            return false;
        };
        (self.qos, self.retain, self.expires) == (other.qos, other.retain, other.expires)
            && one == two
            && self.properties == other.properties
    }

    /// [MQTT-3.3.2-5]
    pub fn is_expired(&self, now: Moment) -> bool {
        self.expires.is_some_and(|at| at <= now)
    }

    /// Bytes it keeps in memory besides its payload: topic and properties.
    pub(crate) fn head_weight(&self) -> usize {
        let properties = match self.properties.len() {
            0 => 0,
            count => self.properties.encoded_len() + count * PROPERTY_WEIGHT,
        };
        self.topic.len() + properties
    }

    /// What is left of its expiry interval in seconds, at least 1; none if it has none. [MQTT-3.3.2-6]
    pub fn remaining(&self, now: Moment) -> Option<u32> {
        let left = self.expires?.since(now).as_secs().max(1);
        Some(u32::try_from(left).unwrap_or(u32::MAX))
    }
}

/// Bytes of a property besides its text.
const PROPERTY_WEIGHT: usize = 64;

/// Where a message's payload is.
#[derive(Clone, Debug)]
pub enum Body {
    Inline(Bytes),
    /// In the store only.
    Stored {
        location: Location,
        /// Payload bytes.
        len: usize,
    },
}

impl Body {
    /// Payload bytes, in memory or in the store.
    #[allow(clippy::len_without_is_empty)]
    pub fn len(&self) -> usize {
        match self {
            Self::Inline(payload) => payload.len(),
            Self::Stored { len, .. } => *len,
        }
    }

    /// Payload bytes in memory.
    fn held(&self) -> usize {
        match self {
            Self::Inline(payload) => payload.len(),
            Self::Stored { .. } => 0,
        }
    }
}
