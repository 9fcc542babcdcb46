// SPDX-License-Identifier: Apache-2.0 OR MIT
//! What the running broker looks like at one moment, in the words of the control socket.

use mqtt_core::{ClientStatus, Moment, Stats, StoreFigures, WrittenBytes};

use super::protocol::{
    Client, Counters, Listener, ListenerState as Word, Status, Store, Tls, Written,
};
use crate::hub::Hub;
use crate::listener::{ListenerState, Listeners, State};
use crate::reload::Reloader;
use crate::storage::{self, Report};
use crate::tls::{self, TlsState};

/// Asks every part once.
pub fn take(hub: &Hub, listeners: &Listeners, reloader: &Reloader, report: &Report) -> Status {
    let now = hub.now();
    Status {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        pid: std::process::id(),
        uptime_seconds: hub.uptime().as_secs(),
        locked: reloader.locked(),
        listeners: listeners.states().iter().map(listener).collect(),
        clients: hub
            .clients(MAX_CLIENTS)
            .iter()
            .map(|row| client(row, now))
            .collect(),
        counters: counters(&hub.stats()),
        longest_entry_us: u64::try_from(hub.longest_entry().as_micros()).unwrap_or(u64::MAX),
        store: store(report, now),
    }
}

fn listener(row: &ListenerState) -> Listener {
    let (state, reason) = match &row.state {
        State::Listening => (Word::Listening, None),
        State::Waiting(reason) => (Word::Waiting, Some(reason.clone())),
        State::Refused(reason) => (Word::Refused, Some(reason.clone())),
    };
    Listener {
        protocol: row.settings.protocol.name().to_owned(),
        port: row.settings.port,
        bind_address: row.settings.local_address().to_string(),
        socket: row.settings.socket.clone(),
        interface: row.settings.interface.clone(),
        addresses: row.addresses.iter().map(ToString::to_string).collect(),
        state,
        reason,
        tls: row.tls.as_ref().map(certificate),
    }
}

fn certificate(state: &TlsState) -> Tls {
    let facts = state.facts.as_ref();
    Tls {
        fingerprint: facts
            .map(|facts| facts.fingerprint.clone())
            .unwrap_or_default(),
        expires: facts
            .map(|facts| tls::date(facts.not_after))
            .unwrap_or_default(),
        names: facts.map(|facts| facts.names.clone()).unwrap_or_default(),
        troubles: state.troubles.clone(),
    }
}

fn client(row: &ClientStatus, now: Moment) -> Client {
    let session = &row.client.session;
    let remote = row
        .client
        .peer
        .address
        .map(|address| (address.ip().to_canonical(), address.port()));
    Client {
        client_id: session.client_id.to_string(),
        username: (!session.user.is_empty()).then(|| session.user.to_string()),
        address: remote.map(|remote| std::net::SocketAddr::from(remote).to_string()),
        protocol_version: row.version.name().to_owned(),
        connected_seconds: now.since(row.connected_at).as_secs(),
        keep_alive_seconds: row.keep_alive,
        subscriptions: row.subscriptions,
        queued: row.queued,
        dropped: row.dropped,
        denied: row.denied,
        paused: row.paused,
    }
}

fn counters(stats: &Stats) -> Counters {
    Counters {
        clients_connected: stats.clients_connected,
        clients_disconnected: stats.clients_disconnected,
        clients_expired: stats.clients_expired,
        clients_timed_out: stats.clients_timed_out,
        messages_received: stats.messages_received,
        messages_sent: stats.messages_sent,
        bytes_received: stats.bytes_received,
        bytes_sent: stats.bytes_sent,
        publish_received: stats.publish_received,
        publish_sent: stats.publish_sent,
        publish_dropped: stats.publish_dropped,
        publish_paused: stats.publish_paused,
        subscriptions: stats.subscriptions,
        retained_messages: stats.retained_messages,
        memory_held: stats.memory_held,
        queued_messages: stats.queued_messages,
    }
}

fn store(report: &Report, now: Moment) -> Store {
    let StoreFigures {
        state,
        mode,
        total,
        today,
        start,
        per_day,
        life_days,
        ..
    } = storage::figures(report, now);
    let topics = report.wear.topics.most().into_iter();
    Store {
        state: state.to_owned(),
        mode: mode.to_owned(),
        flush_ms: report.flush_ms,
        written_total: written(total),
        written_today: written(today),
        written_start: written(start),
        written_per_day: per_day,
        life_days,
        topics: topics
            .take(MAX_TOPICS)
            .map(|(topic, bytes)| (topic.to_string(), bytes))
            .collect(),
        bytes_live: report.live,
        bytes_total: report.total,
    }
}

fn written(bytes: WrittenBytes) -> Written {
    Written {
        all: bytes.all,
        retained: bytes.retained,
        queue: bytes.queue,
        session: bytes.session,
        overhead: bytes.overhead,
    }
}

/// Rows; more clients are only counted.
const MAX_CLIENTS: usize = 1_000;
/// Topics that write most.
const MAX_TOPICS: usize = 10;
