// SPDX-License-Identifier: Apache-2.0 OR MIT
//! What the broker tells about itself: counters, gauges, and the connected clients.

use mqtt_proto::Version;

use super::Broker;
use crate::{Client, Moment, Stats, StoreFigures};

/// One row of `broker status`.
#[derive(Clone, Debug)]
pub struct ClientStatus {
    pub client: Client,
    pub version: Version,
    pub connected_at: Moment,
    pub keep_alive: u16,
    pub subscriptions: usize,
    pub queued: usize,
    /// QoS 1 and 2 messages since the session began, and QoS 0 since the connection began, that found no room.
    pub dropped: u64,
    /// Messages from it that were denied since the connection began.
    pub denied: u64,
    /// How often it was too fast for `max_message_rate`.
    pub paused: u64,
}

impl Broker {
    /// Counts bytes that went over the network.
    pub fn traffic(&mut self, received: u64, sent: u64) {
        self.stats.bytes_received += received;
        self.stats.bytes_sent += sent;
    }

    /// Counters and gauges as they are now; takes the same time however many clients there are.
    pub fn stats(&self) -> Stats {
        let internal = self.sessions.internal_subscriptions();
        let waiting = self.connections.waiting();
        Stats {
            subscriptions: self.routes.len().saturating_sub(internal) as u64,
            shared_subscriptions: self.groups.memberships() as u64,
            retained_messages: self.retained.len() as u64,
            retained_bytes: self.retained.bytes() as u64,
            queued_bytes: (self.sessions.queued_bytes() + self.groups.queued_bytes()) as u64,
            memory_held: self.memory.held() as u64,
            waiting_packets: waiting.packets.get() as u64,
            waiting_bytes: waiting.bytes.get() as u64,
            ..self.stats.clone()
        }
    }

    /// What the driver measures of its store.
    pub fn store_figures(&mut self, figures: StoreFigures) {
        self.stats.store = figures;
    }

    /// The connected clients, for `broker status`; at most `max`.
    pub fn clients(&self, max: usize) -> Vec<ClientStatus> {
        let rows = self
            .connections
            .iter()
            .filter(|c| !c.is_internal())
            .filter_map(|c| {
                let live = c.live()?;
                let session = self.sessions.get(live.session)?;
                Some(ClientStatus {
                    client: live.client.clone(),
                    version: c.version?,
                    connected_at: live.connected_at,
                    keep_alive: live.keep_alive,
                    subscriptions: session.subscriptions.len(),
                    queued: session.outbound.queue.len(),
                    dropped: session.outbound.dropped_in_all + c.dropped_in_all,
                    denied: live.denials.count,
                    paused: live.pace.waits,
                })
            });
        rows.take(max).collect()
    }
}
