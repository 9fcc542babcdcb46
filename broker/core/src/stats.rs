// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Counters since the broker's start, and gauges of what it holds now.

use crate::{DisconnectCause, Event, StoreFigures};

/// Counters and gauges; [`crate::sys`] publishes them.
#[derive(Clone, Debug, Default)]
pub struct Stats {
    /// Clients with an accepted CONNECT and an open connection.
    pub clients_connected: u64,
    /// Sessions kept without a connection.
    pub clients_disconnected: u64,
    /// Most sessions ever held at one time.
    pub clients_maximum: u64,
    /// Sessions removed because their expiry interval passed.
    pub clients_expired: u64,
    /// Connections ended because of a missed keep alive.
    pub clients_timed_out: u64,
    pub sockets_accepted: u64,
    /// CONNECT packets.
    pub connects: u64,
    pub messages_received: u64,
    pub messages_sent: u64,
    pub bytes_received: u64,
    pub bytes_sent: u64,
    pub publish_received: u64,
    pub publish_sent: u64,
    pub publish_dropped: u64,
    /// Deliveries that were not made because the receiver may not read the topic.
    pub publish_withheld: u64,
    /// How often reading from a client paused because of `max_message_rate`.
    pub publish_paused: u64,
    pub publish_bytes_received: u64,
    pub publish_bytes_sent: u64,
    /// Subscriptions that are not shared.
    pub subscriptions: u64,
    /// Shared subscriptions, each member of a group counted.
    pub shared_subscriptions: u64,
    /// Retained messages outside `$` topics.
    pub retained_messages: u64,
    /// Bytes of their payloads, topics and properties.
    pub retained_bytes: u64,
    /// Messages that wait in the queues of sessions and shared subscriptions.
    pub queued_messages: u64,
    /// Bytes of their payloads, in memory or in the store, topics and properties.
    pub queued_bytes: u64,
    /// Bytes of connections, sessions, subscriptions, retained and waiting messages, as `memory_limit` counts them.
    pub memory_held: u64,
    /// Most of them ever held at the end of an entry.
    pub memory_maximum: u64,
    /// Frames that wait for a socket to take them.
    pub waiting_packets: u64,
    /// Bytes they stand for.
    pub waiting_bytes: u64,
    /// As the driver last told it.
    pub store: StoreFigures,
}

impl Stats {
    /// Counts what an event stands for.
    pub(crate) fn record(&mut self, event: &Event) {
        match event {
            Event::Opened { .. } => self.sockets_accepted += 1,
            Event::SessionExpired { .. } => self.clients_expired += 1,
            Event::Disconnected {
                cause: DisconnectCause::KeepAlive { .. },
                ..
            } => self.clients_timed_out += 1,
            _ => {}
        }
    }

    /// All sessions, connected or not.
    pub fn clients_total(&self) -> u64 {
        self.clients_connected + self.clients_disconnected
    }

    /// Retained messages and messages that wait in queues.
    pub fn stored_messages(&self) -> u64 {
        self.retained_messages + self.queued_messages
    }
}
