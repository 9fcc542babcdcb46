// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The language of the control socket, version 1: one JSON object a line, asked and answered.
//!
//! New members may be added within a version, so both sides ignore what they do not know.

use serde::{Deserialize, Serialize};

/// `{"v":1,"do":"status"}`.
#[derive(Debug, Serialize, Deserialize)]
pub struct Request {
    pub v: u32,
    #[serde(rename = "do")]
    pub action: Action,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Action {
    Status,
    Reload,
}

/// The one line that answers a request.
#[derive(Debug, Serialize, Deserialize)]
pub struct Answer {
    pub v: u32,
    #[serde(flatten)]
    pub body: Body,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Body {
    Status(Box<Status>),
    Reload(Reload),
    /// The request was not understood, as said.
    Error(String),
}

/// What came of a reload.
#[derive(Debug, Serialize, Deserialize)]
pub struct Reload {
    pub accepted: bool,
    pub lines: Vec<String>,
}

/// The running broker.
#[derive(Debug, Serialize, Deserialize)]
pub struct Status {
    pub version: String,
    pub pid: u32,
    pub uptime_seconds: u64,
    /// Why there is no listener yet.
    pub locked: Option<String>,
    pub listeners: Vec<Listener>,
    /// At most 1,000; `counters.clients_connected` is the whole number.
    pub clients: Vec<Client>,
    pub counters: Counters,
    /// The longest that everybody else waited for one entry into the core since the start, in microseconds.
    #[serde(default)]
    pub longest_entry_us: u64,
    #[serde(default)]
    pub store: Store,
}

/// Where sessions, queues and retained messages are kept.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Store {
    /// `ok`, `full` or `failed`.
    pub state: String,
    /// `sync`, `group`, `relaxed` or `memory`.
    pub mode: String,
    /// 99 of 100 flushes took no longer.
    pub flush_ms: u64,
    /// To the card in whole pages, in its life, today and since the start; not with mode `memory`.
    pub written_total: Written,
    pub written_today: Written,
    pub written_start: Written,
    /// Bytes a day, over today and the seven days before; none in the first hour of a store.
    pub written_per_day: Option<u64>,
    /// For which the card lasts at that rate.
    pub life_days: Option<u64>,
    /// Bytes of the topics that write most, since the start.
    pub topics: Vec<(String, u64)>,
    /// Of what still counts.
    pub bytes_live: u64,
    /// In all files.
    pub bytes_total: u64,
}

/// Bytes by what they were written for.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Written {
    pub all: u64,
    pub retained: u64,
    /// Messages that wait.
    pub queue: u64,
    pub session: u64,
    /// The rest of the pages, headers, copies.
    pub overhead: u64,
}

#[derive(Debug, Serialize, Deserialize)]
pub struct Listener {
    /// `mqtt` or `websockets`.
    pub protocol: String,
    /// 0 for a Unix socket.
    pub port: u16,
    pub bind_address: String,
    /// Path of a Unix socket.
    #[serde(default)]
    pub socket: Option<String>,
    /// The interface it is bound to, from where alone it can be reached.
    #[serde(default)]
    pub interface: Option<String>,
    /// The local addresses that are open.
    pub addresses: Vec<String>,
    pub state: ListenerState,
    /// Why it does not listen.
    pub reason: Option<String>,
    /// Only with TLS.
    #[serde(default)]
    pub tls: Option<Tls>,
}

/// The certificate of a listener.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Tls {
    /// SHA-256, in pairs of hexadecimal digits; empty where there is none to show.
    pub fingerprint: String,
    /// The day after which it is no longer good, such as `2027-12-31`.
    pub expires: String,
    /// Host names and addresses it is good for.
    pub names: Vec<String>,
    /// What is wrong with it, in words.
    pub troubles: Vec<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ListenerState {
    Listening,
    Waiting,
    Refused,
}

#[derive(Debug, Serialize, Deserialize)]
pub struct Client {
    pub client_id: String,
    pub username: Option<String>,
    /// Remote address and port.
    pub address: Option<String>,
    /// `3.1`, `3.1.1` or `5.0`.
    pub protocol_version: String,
    pub connected_seconds: u64,
    pub keep_alive_seconds: u16,
    pub subscriptions: usize,
    /// Messages that wait for this client.
    pub queued: usize,
    /// Messages for it that found no room.
    #[serde(default)]
    pub dropped: u64,
    /// Messages from it that were not accepted: no right to the topic, or no room to retain it.
    #[serde(default)]
    pub denied: u64,
    /// How often reading from it paused because of `max_message_rate`.
    #[serde(default)]
    pub paused: u64,
}

/// Counted since the start, and what is held now; the names are those of the core's statistics.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Counters {
    pub clients_connected: u64,
    pub clients_disconnected: u64,
    pub clients_expired: u64,
    pub clients_timed_out: u64,
    pub messages_received: u64,
    pub messages_sent: u64,
    pub bytes_received: u64,
    pub bytes_sent: u64,
    pub publish_received: u64,
    pub publish_sent: u64,
    pub publish_dropped: u64,
    pub publish_paused: u64,
    pub subscriptions: u64,
    pub retained_messages: u64,
    /// Bytes, as `memory_limit` counts them.
    pub memory_held: u64,
    pub queued_messages: u64,
}

/// The version spoken here.
pub const VERSION: u32 = 1;
/// Bytes of a request; a longer one is answered with an error.
pub const MAX_REQUEST: usize = 64 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_and_answers_have_the_documented_form() {
        let request = Request {
            v: VERSION,
            action: Action::Status,
        };
        assert_eq!(
            serde_json::to_string(&request).unwrap(),
            r#"{"v":1,"do":"status"}"#
        );
        let body = Body::Reload(Reload {
            accepted: true,
            lines: vec!["nothing changed".to_owned()],
        });
        let answer = Answer { v: VERSION, body };
        let text = r#"{"v":1,"reload":{"accepted":true,"lines":["nothing changed"]}}"#;
        assert_eq!(serde_json::to_string(&answer).unwrap(), text);
        assert!(serde_json::from_str::<Answer>(text).is_ok());
    }
}
