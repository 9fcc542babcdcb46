// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The `$SYS` topics: one table from name to value, published when the value has changed.

use std::sync::OnceLock;
use std::time::Duration;

use bytes::Bytes;
use mqtt_proto::{Properties, QoS, Topic};

use crate::{Body, Message, Stats};

/// What the values are made of.
pub(crate) struct View<'a> {
    pub stats: &'a Stats,
    pub uptime: Duration,
    pub version: &'a str,
}

type Value = fn(&View<'_>) -> String;

/// Names and meanings are Mosquitto's; `clients/timed_out` is ours.
const TOPICS: &[(&str, Value)] = &[
    ("$SYS/broker/version", |v| v.version.to_owned()),
    ("$SYS/broker/uptime", |v| {
        format!("{} seconds", v.uptime.as_secs())
    }),
    ("$SYS/broker/clients/total", |v| {
        v.stats.clients_total().to_string()
    }),
    ("$SYS/broker/clients/connected", |v| {
        v.stats.clients_connected.to_string()
    }),
    ("$SYS/broker/clients/active", |v| {
        v.stats.clients_connected.to_string()
    }),
    ("$SYS/broker/clients/disconnected", |v| {
        v.stats.clients_disconnected.to_string()
    }),
    ("$SYS/broker/clients/inactive", |v| {
        v.stats.clients_disconnected.to_string()
    }),
    ("$SYS/broker/clients/maximum", |v| {
        v.stats.clients_maximum.to_string()
    }),
    ("$SYS/broker/clients/expired", |v| {
        v.stats.clients_expired.to_string()
    }),
    ("$SYS/broker/clients/timed_out", |v| {
        v.stats.clients_timed_out.to_string()
    }),
    ("$SYS/broker/connections/socket/count", |v| {
        v.stats.sockets_accepted.to_string()
    }),
    ("$SYS/broker/messages/received", |v| {
        v.stats.messages_received.to_string()
    }),
    ("$SYS/broker/messages/sent", |v| {
        v.stats.messages_sent.to_string()
    }),
    ("$SYS/broker/messages/stored", |v| {
        stored(v.stats).to_string()
    }),
    ("$SYS/broker/store/messages/count", |v| {
        stored(v.stats).to_string()
    }),
    ("$SYS/broker/bytes/received", |v| {
        v.stats.bytes_received.to_string()
    }),
    ("$SYS/broker/bytes/sent", |v| v.stats.bytes_sent.to_string()),
    ("$SYS/broker/publish/messages/received", |v| {
        v.stats.publish_received.to_string()
    }),
    ("$SYS/broker/publish/messages/sent", |v| {
        v.stats.publish_sent.to_string()
    }),
    ("$SYS/broker/publish/messages/dropped", |v| {
        v.stats.publish_dropped.to_string()
    }),
    ("$SYS/broker/publish/bytes/received", |v| {
        v.stats.publish_bytes_received.to_string()
    }),
    ("$SYS/broker/publish/bytes/sent", |v| {
        v.stats.publish_bytes_sent.to_string()
    }),
    ("$SYS/broker/retained messages/count", |v| {
        v.stats.retained_messages.to_string()
    }),
    ("$SYS/broker/subscriptions/count", |v| {
        v.stats.subscriptions.to_string()
    }),
];

fn stored(stats: &Stats) -> u64 {
    stats.retained_messages + stats.queued_messages
}

/// The values last published.
#[derive(Default)]
pub(crate) struct SysTopics {
    last: Vec<Option<String>>,
}

impl SysTopics {
    /// One retained QoS 0 message for every value that changed.
    pub fn changed(&mut self, view: &View<'_>) -> Vec<Message> {
        self.last.resize(TOPICS.len(), None);
        let mut messages = Vec::new();
        for ((topic, value), last) in TOPICS.iter().zip(&mut self.last) {
            let text = value(view);
            if last.as_ref() == Some(&text) {
                continue;
            }
            let Ok(topic) = Topic::new((*topic).into()) else {
                continue;
            };
            messages.push(Message {
                topic,
                qos: QoS::AtMostOnce,
                retain: true,
                properties: Properties::new(),
                body: Body::Inline(Bytes::from(text.clone())),
                expires: None,
                charge: OnceLock::new(),
            });
            *last = Some(text);
        }
        messages
    }
}
