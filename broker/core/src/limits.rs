// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Bounds of everything that a peer can make grow, with what happens at the bound.

use std::time::Duration;

/// One value for each bound.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of one packet from a client; a larger one closes the connection (0x95).
    pub max_packet_size: u32,
    /// Connections in all; one more is closed at once.
    pub max_connections: usize,
    /// Connections from one address, of IPv6 from one /64 network, of this machine without bound; one more is closed at once.
    pub max_connections_per_address: usize,
    /// New connections a second in all, a second's worth at once; one more is closed at once; 0 for any number.
    pub max_connect_rate: u32,
    /// The same from one address, counted as above.
    pub max_connect_rate_per_address: u32,
    /// Connections that the process has file descriptors for; a tenth of them, 16 at least, is kept for those who say
    /// who they are: where only that is left the oldest that has not sent its CONNECT makes room for the next one.
    pub room: usize,
    /// Time from the connection to CONNECT; then it is closed.
    pub connect_timeout: Duration,
    /// Longest keep alive in seconds, 0 for none; version 5 is told and held to it, earlier ones keep what they asked
    /// for and the log says so.
    pub max_keepalive: u16,
    /// QoS 1 and 2 messages a client may have in flight to us (Receive Maximum); one more closes it (0x93).
    pub receive_maximum: u16,
    /// QoS 1 and 2 messages in flight to a client that does not tell a smaller Receive Maximum; more wait.
    pub max_inflight_messages: u16,
    /// Greatest topic alias of a client, told in CONNACK; 0 for none, a greater one closes it (0x94).
    /// Each connection keeps so many topic names, and 64 KiB and 256 bytes for each of them in all (0x97).
    pub max_topic_alias: u16,
    /// Topics of one connection that the broker gives an alias, if the client takes it; later ones go without.
    pub max_topic_alias_broker: u16,
    /// Messages that wait for one session or shared subscription; the newest is dropped.
    pub max_queued_messages: usize,
    /// Bytes of messages, topics and properties included, that wait for one session or shared subscription; the newest
    /// message is dropped.
    pub max_queued_bytes: usize,
    /// Bytes of QoS 0 deliveries that wait for one socket; the newest is dropped.
    pub max_pending_bytes: usize,
    /// Messages a second from one client; above it reading from the client pauses, and nothing is lost; 0 for any number.
    pub max_message_rate: u32,
    /// Subscriptions of one session, shared ones included; one more is refused (0x97).
    pub max_subscriptions: usize,
    /// Levels of a topic name (0x90) or filter (0x8F); more are refused. The codec takes 128 at most.
    pub max_topic_levels: usize,
    /// Bytes of a topic name (0x90) or filter (0x8F); a longer one is refused.
    pub max_topic_length: usize,
    /// Retained messages; one more is refused (0x97).
    pub max_retained_messages: usize,
    /// Bytes of retained messages, topics and properties included; more is refused (0x97).
    pub max_retained_bytes: usize,
    /// Sessions in all; a CONNECT that needs one more is refused (0x97).
    pub max_sessions: usize,
    /// Longest time a session without connection is kept, in seconds; longer wishes are cut to it.
    pub max_session_expiry: u32,
    /// The same for a session that is to be kept for ever, as with `clean_session = false` in 3.1.1.
    pub persistent_client_expiration: u32,
    /// Bytes of all sessions, subscriptions, retained and waiting messages; above it new ones are refused (0x97) or,
    /// where they would wait for a client, dropped.
    pub memory_limit: usize,
    /// Time between two publications of changed `$SYS` topics; zero for none.
    pub sys_interval: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_packet_size: 16 * 1024 * 1024,
            max_connections: 10_000,
            max_connections_per_address: 256,
            max_connect_rate: 5_000,
            max_connect_rate_per_address: 1_000,
            room: usize::MAX,
            connect_timeout: Duration::from_secs(5),
            max_keepalive: 0,
            receive_maximum: 100,
            max_inflight_messages: 100,
            max_topic_alias: 10,
            max_topic_alias_broker: 10,
            max_queued_messages: 1_000,
            max_queued_bytes: 16 * 1024 * 1024,
            max_pending_bytes: 8 * 1024 * 1024,
            max_message_rate: 0,
            max_subscriptions: 10_000,
            max_topic_levels: 128,
            max_topic_length: 1_024,
            max_retained_messages: 100_000,
            max_retained_bytes: 128 * 1024 * 1024,
            max_sessions: 20_000,
            max_session_expiry: u32::MAX,
            persistent_client_expiration: 30 * 24 * 60 * 60,
            memory_limit: usize::MAX,
            sys_interval: Duration::from_secs(10),
        }
    }
}

impl Limits {
    /// The seconds a session is kept without a connection whose client wants `wanted`, which 3.1.1 has no words for.
    pub(crate) fn session_expiry(&self, wanted: u32) -> u32 {
        let wanted = match wanted {
            u32::MAX => self.persistent_client_expiration,
            seconds => seconds,
        };
        wanted.min(self.max_session_expiry)
    }

    /// The most connections in all.
    pub(crate) fn most_connections(&self) -> usize {
        self.max_connections.min(self.room)
    }

    /// So many connections, and those without CONNECT make room for new ones.
    pub(crate) fn crowded(&self) -> usize {
        let reserve = (self.room / 10).max(16);
        self.max_connections.min(self.room.saturating_sub(reserve))
    }

    /// Whether a topic name or filter is short and flat enough.
    pub(crate) fn allow_topic(&self, topic: &str) -> bool {
        let slashes = || topic.bytes().filter(|byte| *byte == b'/').count();
        topic.len() <= self.max_topic_length
            && (topic.len() < self.max_topic_levels || slashes() < self.max_topic_levels)
    }
}
