// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The `$SYS` topics: one table from name to value, published when the value has changed.
//!
//! Names, texts and the formula of the loads are Mosquitto's; `docs/sys.md` shows the same table, a test compares the
//! two. Values go out at QoS 0: each is renewed, so a queue of old ones would serve nobody.

mod loads;

use std::collections::VecDeque;
use std::time::Duration;

use bytes::Bytes;
use mqtt_proto::{Properties, QoS, Topic};

use crate::{Body, Message, Moment, Stats};
use loads::{LOADS, Loads, PERIODS};

/// What the values are made of.
pub(crate) struct View<'a> {
    pub stats: &'a Stats,
    pub uptime: Duration,
    pub version: &'a str,
}

/// One topic below `$SYS/broker/`.
struct Row {
    name: &'static str,
    value: Value,
    #[cfg(test)]
    meaning: &'static str,
}

enum Value {
    Text(fn(&View<'_>) -> String),
    Number(fn(&Stats) -> u64),
}

macro_rules! rows {
    ($($name:literal $kind:ident($value:expr), $meaning:literal;)*) => {
        const ROWS: &[Row] = &[$(Row {
            name: $name,
            value: Value::$kind($value),
            #[cfg(test)]
            meaning: $meaning,
        }),*];
    };
}

rows! {
    "version" Text(|v| v.version.to_owned()),
        "product and version";
    "uptime" Text(|v| format!("{} seconds", v.uptime.as_secs())),
        "time since the start, as in `3600 seconds`";
    "clients/total" Number(Stats::clients_total),
        "sessions, connected or kept for a client that is away";
    "clients/connected" Number(|s| s.clients_connected),
        "clients whose CONNECT was accepted";
    "clients/active" Number(|s| s.clients_connected),
        "the same";
    "clients/disconnected" Number(|s| s.clients_disconnected),
        "sessions kept for a client that is away";
    "clients/inactive" Number(|s| s.clients_disconnected),
        "the same";
    "clients/maximum" Number(|s| s.clients_maximum),
        "highest number of sessions at one time";
    "clients/expired" Number(|s| s.clients_expired),
        "sessions removed because their client stayed away";
    "clients/timed_out" Number(|s| s.clients_timed_out),
        "connections ended because of a missed keepalive (not in Mosquitto)";
    "connections/socket/count" Number(|s| s.sockets_accepted),
        "connections accepted";
    "messages/received" Number(|s| s.messages_received),
        "packets of any kind from clients";
    "messages/sent" Number(|s| s.messages_sent),
        "packets of any kind to clients";
    "messages/stored" Number(Stats::stored_messages),
        "retained messages, and messages that wait in queues";
    "store/messages/count" Number(Stats::stored_messages),
        "the same";
    "store/messages/bytes" Number(|s| s.retained_bytes + s.queued_bytes),
        "their payloads and topics";
    "store/state" Text(|v| v.stats.store.state.to_owned()),
        "`ok`; `full`, when messages that must be stored are refused; `failed`, when nothing is kept (this and all of `store/` below are not in Mosquitto)";
    "store/mode" Text(|v| v.stats.store.mode.to_owned()),
        "`mode` of `[persistence]`";
    "store/flush_ms" Number(|s| s.store.flush_ms),
        "milliseconds in which 99 of the newest 100 flushes were done";
    "store/bytes/live" Number(|s| s.store.bytes_live),
        "bytes in the store that still say something";
    "store/bytes/total" Number(|s| s.store.bytes_total),
        "bytes of all batches in the store";
    "store/written/total" Number(|s| s.store.total.all),
        "bytes written to the card since the store was made, in whole pages";
    "store/written/total/retained" Number(|s| s.store.total.retained),
        "of these, retained messages";
    "store/written/total/queue" Number(|s| s.store.total.queue),
        "messages that waited, and their places in queues";
    "store/written/total/session" Number(|s| s.store.total.session),
        "sessions, subscriptions, wills";
    "store/written/total/overhead" Number(|s| s.store.total.overhead),
        "the rest of the pages, headers, copies made by compaction";
    "store/written/today" Number(|s| s.store.today.all),
        "the same five of today; a day is 24 hours of running time";
    "store/written/today/retained" Number(|s| s.store.today.retained),
        "retained messages";
    "store/written/today/queue" Number(|s| s.store.today.queue),
        "messages that waited";
    "store/written/today/session" Number(|s| s.store.today.session),
        "sessions";
    "store/written/today/overhead" Number(|s| s.store.today.overhead),
        "the rest";
    "store/written/start" Number(|s| s.store.start.all),
        "bytes written to the card since the broker's start";
    "store/written/per_day" Text(|v| v.stats.store.per_day.map_or_else(String::new, |bytes| bytes.to_string())),
        "bytes a day, over today and the seven days before; not in the first hour of a store";
    "store/life_years" Text(|v| v.stats.store.life_days.map_or_else(String::new, years)),
        "years for which a card of `card_endurance_tb` lasts at that rate, as in `11.2`; empty without a rate";
    "bytes/received" Number(|s| s.bytes_received),
        "bytes from the network";
    "bytes/sent" Number(|s| s.bytes_sent),
        "bytes to the network";
    "publish/messages/received" Number(|s| s.publish_received),
        "PUBLISH packets from clients";
    "publish/messages/sent" Number(|s| s.publish_sent),
        "PUBLISH packets to clients";
    "publish/messages/dropped" Number(|s| s.publish_dropped),
        "messages not delivered or not accepted: limits, expiry, size, missing rights";
    "publish/messages/withheld" Number(|s| s.publish_withheld),
        "deliveries not made because the receiver may not read the topic";
    "publish/bytes/received" Number(|s| s.publish_bytes_received),
        "payload bytes of PUBLISH packets from clients";
    "publish/bytes/sent" Number(|s| s.publish_bytes_sent),
        "payload bytes of PUBLISH packets to clients";
    "packet/out/count" Number(|s| s.waiting_packets),
        "packets that wait for a socket to take them";
    "packet/out/bytes" Number(|s| s.waiting_bytes),
        "memory they stand for: payload, topic and 64 bytes each";
    "heap/current" Number(|s| s.memory_held),
        "bytes that clients make the broker hold, as `memory_limit` counts them";
    "heap/maximum" Number(|s| s.memory_maximum),
        "the most of them since the start";
    "retained messages/count" Number(|s| s.retained_messages),
        "retained messages, without these";
    "subscriptions/count" Number(|s| s.subscriptions),
        "subscriptions that are not shared";
    "shared_subscriptions/count" Number(|s| s.shared_subscriptions),
        "shared subscriptions, every member of a group counted";
}

/// Years with one decimal.
fn years(days: u64) -> String {
    let tenths = days.saturating_mul(100) / 3_652;
    format!("{}.{}", tenths / 10, tenths % 10)
}

/// What was published last, and when the next time is.
pub(crate) struct SysTopics {
    /// In the order of the rows, then of the loads with their periods.
    last: Vec<String>,
    /// What is to be published; at most one message for each topic.
    waiting: VecDeque<Message>,
    loads: Loads,
    /// The deadline in force; an earlier one that comes is stale.
    pub due: Option<Moment>,
}

impl SysTopics {
    pub fn new(now: Moment) -> Self {
        Self {
            last: Vec::new(),
            waiting: VecDeque::new(),
            loads: Loads::new(now),
            due: None,
        }
    }

    /// Has a retained message published for every value that changed.
    pub fn renew(&mut self, now: Moment, view: &View<'_>) {
        self.loads.measure(now, view.stats);
        let values = ROWS.iter().map(|row| match row.value {
            Value::Text(text) => text(view),
            Value::Number(number) => number(view.stats).to_string(),
        });
        let values: Vec<String> = values.chain(self.loads.values()).collect();
        self.last.resize(values.len(), String::new());
        for ((name, value), last) in names().zip(values).zip(&mut self.last) {
            if *last != value {
                self.waiting.extend(message(&name, &value));
                *last = value;
            }
        }
    }

    /// The next message to publish.
    pub fn next(&mut self) -> Option<Message> {
        self.waiting.pop_front()
    }

    /// Whether there are more of them.
    pub fn is_publishing(&self) -> bool {
        !self.waiting.is_empty()
    }

    /// One empty message for every topic that was published, which removes what is retained there.
    pub fn withdrawn(&mut self) -> Vec<Message> {
        self.waiting.clear();
        let published = std::mem::take(&mut self.last);
        let names = names().zip(published).map(|(name, _)| name);
        names.filter_map(|name| message(&name, "")).collect()
    }
}

fn message(name: &str, value: &str) -> Option<Message> {
    let topic = Topic::new(format!("$SYS/broker/{name}").into()).ok()?;
    let body = Body::Inline(Bytes::copy_from_slice(value.as_bytes()));
    Some(Message::new(
        topic,
        (QoS::AtMostOnce, true),
        Properties::new(),
        body,
        None,
    ))
}

/// Every topic below `$SYS/broker/`, in the order of its value.
fn names() -> impl Iterator<Item = String> {
    let loads = LOADS
        .iter()
        .flat_map(|(name, ..)| PERIODS.map(move |(period, _)| format!("load/{name}/{period}")));
    ROWS.iter().map(|row| row.name.to_owned()).chain(loads)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_manual_shows_this_table() {
        let manual = include_str!("../../../docs/sys.md");
        let line = |name: &str, meaning: &str| format!("| `$SYS/broker/{name}` | {meaning} |\n");
        let rows: String = ROWS.iter().map(|row| line(row.name, row.meaning)).collect();
        let periods = PERIODS.map(|(name, _)| name).join(",");
        let load = |(name, _, meaning): &(&str, _, &str)| {
            line(&format!("load/{name}/{{{periods}}}"), meaning)
        };
        let table = rows + &LOADS.iter().map(load).collect::<String>();
        assert!(
            manual.contains(&table),
            "docs/sys.md must contain:\n{table}"
        );
    }

    #[test]
    fn every_topic_is_valid_and_named_once() {
        let names: Vec<String> = names().collect();
        let unique: std::collections::HashSet<&String> = names.iter().collect();
        assert_eq!(unique.len(), names.len());
        assert!(names.iter().all(|name| message(name, "1").is_some()));
    }
}
