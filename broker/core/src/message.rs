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

/// Where a message's payload is.
#[derive(Clone, Debug)]
pub enum Body {
    Inline(Bytes),
    Stored(Location),
}
