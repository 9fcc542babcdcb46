// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The reason strings of version 5: what a reason code means here, as a sentence.
//!
//! Every refusal has one. So has an UNSUBACK that found no subscription, which is a mistake as a rule; a message that
//! nobody subscribed to is none, and its acknowledgement stays short.

use mqtt_proto::{Ack, Packet, Properties, Property, Reason, SubAck, UnsubAck, Version};

use crate::DisconnectCause;

/// The reason string of a CONNACK or DISCONNECT. [MQTT-3.14.2-3]
pub(crate) fn of_end(version: Option<Version>, cause: &DisconnectCause) -> Properties {
    match version {
        Some(Version::V5) => Properties::from_iter([Property::ReasonString(cause.told().into())]),
        _ => Properties::new(),
    }
}

/// The sentence for an acknowledgement; of several refusals the first is explained.
pub(crate) fn of_acknowledgement(packet: &Packet) -> Option<&'static str> {
    match packet {
        Packet::PubAck(ack) | Packet::PubRec(ack) => refused(ack.reason).then(|| publish(ack)),
        Packet::PubRel(ack) | Packet::PubComp(ack) => refused(ack.reason).then_some(UNKNOWN_ID),
        Packet::SubAck(SubAck { reasons, .. }) => reasons
            .iter()
            .find(|reason| refused(**reason))
            .map(|reason| subscribe(*reason)),
        Packet::UnsubAck(UnsubAck { reasons, .. }) => reasons
            .iter()
            .find(|reason| refused(**reason) || **reason == Reason::NoSubscriptionExisted)
            .map(|reason| unsubscribe(*reason)),
        _ => None,
    }
}

/// Adds a sentence.
pub(crate) fn add(packet: &mut Packet, sentence: &'static str) {
    if let Some(properties) = properties(packet) {
        properties.push(Property::ReasonString(sentence.into()));
    }
}

/// Takes the sentence away. [MQTT-3.2.2-19] [MQTT-3.4.2-2] [MQTT-3.5.2-2] [MQTT-3.6.2-2] [MQTT-3.7.2-2] [MQTT-3.9.2-1] [MQTT-3.11.2-1]
pub(crate) fn leave_out(packet: &mut Packet) {
    if let Some(properties) = properties(packet) {
        properties.retain(|property| !matches!(property, Property::ReasonString(_)));
    }
}

fn properties(packet: &mut Packet) -> Option<&mut Properties> {
    Some(match packet {
        Packet::ConnAck(connack) => &mut connack.properties,
        Packet::PubAck(ack) | Packet::PubRec(ack) | Packet::PubRel(ack) | Packet::PubComp(ack) => {
            &mut ack.properties
        }
        Packet::SubAck(suback) => &mut suback.properties,
        Packet::UnsubAck(unsuback) => &mut unsuback.properties,
        Packet::Disconnect(disconnect) => &mut disconnect.properties,
        _ => return None,
    })
}

fn refused(reason: Reason) -> bool {
    reason.is_error()
}

fn publish(ack: &Ack) -> &'static str {
    match ack.reason {
        Reason::NotAuthorized => {
            "this user may not publish to this topic; nobody may to topics that start with $"
        }
        Reason::QuotaExceeded => "this server holds as many messages, or as many bytes, as it may",
        Reason::TopicNameInvalid => "the topic has more bytes or levels than this server allows",
        Reason::PayloadFormatInvalid => "the payload is said to be UTF-8 and is not",
        _ => "the message was not accepted",
    }
}

fn subscribe(reason: Reason) -> &'static str {
    match reason {
        Reason::NotAuthorized => {
            "this user may not read all that the filter matches; of topics that start with $ only $SYS can be read"
        }
        Reason::TopicFilterInvalid => "the filter has more bytes or levels than this server allows",
        Reason::QuotaExceeded => {
            "no more subscriptions: this session, or the whole server, holds as much as it may"
        }
        _ => "the subscription was not accepted",
    }
}

fn unsubscribe(reason: Reason) -> &'static str {
    match reason {
        Reason::NoSubscriptionExisted => "there was no subscription with this very filter",
        _ => "the subscription was not removed",
    }
}

const UNKNOWN_ID: &str = "no exchange with this packet identifier is open";
