// SPDX-License-Identifier: Apache-2.0 OR MIT
//! An application message on its way through the broker.

use bytes::Bytes;
use mqtt_proto::{Properties, QoS, Topic};

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
}

impl Message {
    /// [MQTT-3.3.2-5]
    pub fn is_expired(&self, now: Moment) -> bool {
        self.expires.is_some_and(|at| at <= now)
    }

    /// What is left of its expiry interval in seconds, at least 1; none if it has none. [MQTT-3.3.2-6]
    pub fn remaining(&self, now: Moment) -> Option<u32> {
        let left = self.expires?.since(now).as_secs().max(1);
        Some(u32::try_from(left).unwrap_or(u32::MAX))
    }
}

/// Where a message's payload is.
#[derive(Clone, Debug)]
pub enum Body {
    Inline(Bytes),
    Stored(Location),
}
