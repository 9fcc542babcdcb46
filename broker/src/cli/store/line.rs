// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The lines of an export, version 1, member by member as docs/store-export.md describes them.

use serde::{Deserialize, Serialize};

/// One line: an object with one member, which names what it is.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Line {
    /// The first line.
    Store(Header),
    Session(Session),
    /// Its client has gone.
    Absent(Absent),
    Subscription(Subscription),
    /// The first half of a QoS 2 exchange with a publisher.
    Received(Received),
    Retained(Message),
    /// A message that entries name by its number.
    Message(Message),
    /// A message's place in a queue; older ones stand first.
    Entry(Entry),
    /// The last line.
    End(End),
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Header {
    pub version: u32,
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct End {
    /// All lines, this one included.
    pub lines: u64,
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Session {
    pub client_id: String,
    /// Empty for an anonymous client.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub user: String,
    pub expiry_seconds: u32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub will: Option<Box<Message>>,
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Absent {
    pub client_id: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub user: String,
    /// Seconds until the session ends; it never does without them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_in: Option<u64>,
    /// Seconds until its will is published.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub will_in: Option<u64>,
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Subscription {
    pub client_id: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub user: String,
    pub filter: String,
    pub qos: u8,
    #[serde(default, skip_serializing_if = "is_false")]
    pub no_local: bool,
    #[serde(default, skip_serializing_if = "is_false")]
    pub retain_as_published: bool,
    #[serde(default, skip_serializing_if = "is_zero")]
    pub retain_handling: u8,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub identifier: Option<u32>,
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Received {
    pub client_id: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub user: String,
    pub packet_id: u16,
}

/// A message that waits, is retained, or is a will.
#[derive(Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Message {
    /// What entries name it by; only of one that waits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub number: Option<u64>,
    pub topic: String,
    pub qos: u8,
    #[serde(default, skip_serializing_if = "is_false")]
    pub retain: bool,
    /// Seconds until nobody gets it any more; not of a will.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_in: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub properties: Option<Box<Properties>>,
    /// The payload where it is UTF-8.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub payload: Option<String>,
    /// The payload where it is not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub payload_base64: Option<String>,
}

/// The properties of a version 5 message, named as in the standard.
#[derive(Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Properties {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub payload_format_indicator: Option<bool>,
    /// Only of a will: for other messages see `expires_in`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message_expiry_interval: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub content_type: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub response_topic: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub correlation_data: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub correlation_data_base64: Option<String>,
    /// Only of a will.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub will_delay_interval: Option<u32>,
    /// Names and values, in order.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub user_properties: Vec<(String, String)>,
}

/// A session's entry has `client_id` and maybe `user`, a shared subscription's own has `group`.
#[derive(Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// The number of its message.
    pub message: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_id: Option<String>,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub user: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group: Option<String>,
    pub qos: u8,
    #[serde(default, skip_serializing_if = "is_false")]
    pub retain: bool,
    /// Subscription identifiers.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub identifiers: Vec<u32>,
    /// The shared subscription through which the session got it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub through: Option<String>,
    /// It is in flight; without this member it waits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sent: Option<Sent>,
}

/// How far an exchange with the receiver is.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sent {
    pub packet_id: u16,
    /// Orders what a session has in flight.
    pub serial: u64,
    /// The receiver has it (PUBREC); orders the PUBRELs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub confirmed: Option<u64>,
}

/// The version written here, and the newest that is read.
pub const VERSION: u32 = 1;

fn is_false(value: &bool) -> bool {
    !value
}

fn is_zero(value: &u8) -> bool {
    *value == 0
}
