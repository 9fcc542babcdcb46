// SPDX-License-Identifier: Apache-2.0 OR MIT
//! What a client's event looks like in the log: kind, sentence and fields, in one table.
//!
//! The sentences begin with the words of Mosquitto 2.0, which people search for and programs parse; what it does
//! not say (cause, user, address) follows in parentheses.

mod denied;
mod ended;
mod unstored;

use std::fmt::{self, Display};
use std::net::SocketAddr;

use mqtt_core::{Client, ConnectionLimit, Event, Peer, PeerKind, SessionKey};
use mqtt_proto::{Filter, Topic, Version};

use super::entry::Entry;
use super::escape::Field;
use super::kind::Kind;
use denied::{delivery_denied, denied, will_denied};
use ended::ended;
use unstored::{storage, unstored, will_unstored};

impl Entry {
    /// The entry for an event; none for what the log does not tell: internal clients and successful subscriptions.
    pub fn of(event: &Event) -> Option<Self> {
        Some(match event {
            Event::Opened { peer } => opened(peer)?,
            Event::TooManyConnections { peer, limit } => too_many_connections(peer, *limit)?,
            Event::Connected {
                client,
                version,
                clean_start,
                keep_alive,
                ..
            } => connected(client, *version, *clean_start, *keep_alive)?,
            Event::KeepAliveAboveLimit {
                client,
                keep_alive,
                maximum,
            } => keepalive_above_limit(client, *keep_alive, *maximum),
            Event::Reauthenticated { client, method } => reauthenticated(client, method),
            Event::Rejected {
                peer,
                client,
                cause,
            } => ended(peer, client.as_ref(), cause)?,
            Event::Disconnected { client, cause } => {
                ended(&client.peer, Some(&client.session), cause)?
            }
            Event::SessionExpired { session } => session_expired(session),
            Event::DroppingMessages {
                client,
                limit,
                topic,
            } => dropping_messages(client, limit, topic),
            Event::TooFast { client, rate } => too_fast(client, *rate),
            Event::DroppedMessages { client, count } => dropped_messages(client, *count),
            Event::DroppingShared {
                filter,
                limit,
                topic,
            } => dropping_shared(filter, limit, topic),
            Event::DroppedShared { filter, count } => dropped_shared(filter, *count),
            Event::PublishDenied {
                client,
                topic,
                reason,
            } => denied(
                &Kind::PUBLISH_DENIED,
                "PUBLISH",
                client,
                topic.as_str(),
                *reason,
            ),
            Event::SubscribeDenied {
                client,
                filter,
                reason,
            } => denied(
                &Kind::SUBSCRIBE_DENIED,
                "SUBSCRIBE",
                client,
                filter.as_str(),
                *reason,
            ),
            Event::DeliveryDenied { client, topic } => delivery_denied(client, topic),
            Event::WillDenied { client, topic } => will_denied(client, topic),
            Event::Storage(state) => storage(*state),
            Event::Unstored {
                client,
                what,
                state,
            } => unstored(client, what, *state),
            Event::WillUnstored {
                session,
                topic,
                state,
            } => will_unstored(session, topic, *state),
            Event::Subscribed { .. } | Event::Unsubscribed { .. } => return None,
        })
    }

    fn about_peer(self, peer: &Peer) -> Self {
        self.with("REMOTE_ADDR", Address(peer))
            .with("LISTENER_PORT", peer.port)
    }

    pub fn about_session(self, session: &SessionKey) -> Self {
        let entry = self.with("CLIENT_ID", Field(&session.client_id));
        if session.user.is_empty() {
            entry
        } else {
            entry.with("USERNAME", Field(&session.user))
        }
    }
}

fn opened(peer: &Peer) -> Option<Entry> {
    let text = match peer.address {
        Some(_) => format!(
            "New connection from {} on port {}.",
            Address(peer),
            peer.port
        ),
        None => format!(
            "New connection from {} on {}.",
            Address(peer),
            peer.listener
        ),
    };
    is_told(peer).then(|| Entry::new(&Kind::CONNECTION_OPENED, text).about_peer(peer))
}

fn too_many_connections(peer: &Peer, limit: ConnectionLimit) -> Option<Entry> {
    let text = format!(
        "Client connection from {} denied: max_connections exceeded. (reason: {limit})",
        Address(peer)
    );
    is_told(peer).then(|| {
        Entry::new(&Kind::CONNECTION_LIMIT, text)
            .about_peer(peer)
            .with("REASON", limit)
    })
}

fn connected(
    client: &Client,
    version: Version,
    clean_start: bool,
    keep_alive: u16,
) -> Option<Entry> {
    let Client { session, peer } = client;
    let protocol = match version {
        Version::V31 => 1,
        Version::V311 => 2,
        Version::V5 => 5,
    };
    let mut text = format!(
        "New client connected from {} as {} (p{protocol}, c{}, k{keep_alive}",
        Address(peer),
        Field(&session.client_id),
        u8::from(clean_start),
    );
    if !session.user.is_empty() {
        text.push_str(&format!(", u'{}'", Field(&session.user)));
    }
    text.push_str(").");
    is_told(peer).then(|| {
        Entry::new(&Kind::CLIENT_CONNECTED, text)
            .about_peer(peer)
            .about_session(session)
            .with("PROTOCOL_VERSION", version)
            .with("KEEPALIVE", keep_alive)
    })
}

fn keepalive_above_limit(client: &Client, keep_alive: u16, maximum: u16) -> Entry {
    let Client { session, peer } = client;
    let id = Field(&session.client_id);
    let asked = match keep_alive {
        0 => "no keepalive".to_owned(),
        seconds => format!("a keepalive of {seconds} s"),
    };
    let text = format!(
        "Client {id} asked for {asked}, max_keepalive is {maximum} s: it speaks MQTT 3, which cannot be told, and keeps it."
    );
    Entry::new(&Kind::KEEPALIVE_ABOVE_LIMIT, text)
        .about_peer(peer)
        .about_session(session)
        .with("KEEPALIVE", keep_alive)
}

fn reauthenticated(client: &Client, method: &str) -> Entry {
    let Client { session, peer } = client;
    let (id, method) = (Field(&session.client_id), Field(method));
    let origin = Origin {
        peer,
        session: Some(session),
    };
    let text = format!("Client {id} authenticated again. (method {method}; {origin})");
    Entry::new(&Kind::CLIENT_REAUTHENTICATED, text)
        .about_peer(peer)
        .about_session(session)
}

fn session_expired(session: &SessionKey) -> Entry {
    let text = format!(
        "Expiring client {} due to timeout.",
        Field(&session.client_id)
    );
    Entry::new(&Kind::SESSION_EXPIRED, text).about_session(session)
}

fn dropping_messages(client: &SessionKey, limit: &'static str, topic: &Topic) -> Entry {
    let whose = format!("client {}", Field(&client.client_id));
    dropping(&whose, limit, topic).about_session(client)
}

fn dropping_shared(filter: &Filter, limit: &'static str, topic: &Topic) -> Entry {
    let whose = format!("shared subscription {}", Field(filter.as_str()));
    dropping(&whose, limit, topic)
}

fn dropping(whose: &str, limit: &'static str, topic: &Topic) -> Entry {
    let topic = Field(topic.as_str());
    let text = format!(
        "Outgoing messages are being dropped for {whose}. (reason: {limit} is reached; \
         the first one dropped is of topic '{topic}')"
    );
    Entry::new(&Kind::MESSAGES_DROPPED, text)
        .with("REASON", limit)
        .with("TOPIC", topic)
}

fn too_fast(client: &Client, rate: u32) -> Entry {
    let Client { session, peer } = client;
    let (id, origin) = (
        Field(&session.client_id),
        Origin {
            peer,
            session: Some(session),
        },
    );
    let text = format!(
        "Client {id} publishes more than {rate} messages a second and is read no faster; nothing is lost. \
         (reason: max_message_rate is reached; {origin})"
    );
    Entry::new(&Kind::CLIENT_TOO_FAST, text)
        .about_peer(peer)
        .about_session(session)
        .with("REASON", "max_message_rate")
}

fn dropped_messages(client: &SessionKey, count: u64) -> Entry {
    let whose = format!("client {}", Field(&client.client_id));
    dropped(&whose, count).about_session(client)
}

fn dropped_shared(filter: &Filter, count: u64) -> Entry {
    let whose = format!("shared subscription {}", Field(filter.as_str()));
    dropped(&whose, count)
}

fn dropped(whose: &str, count: u64) -> Entry {
    let messages = if count == 1 {
        "message was"
    } else {
        "messages were"
    };
    let text = format!(
        "Outgoing messages are no longer dropped for {whose}. (reason: its queue is empty; {count} {messages} dropped)"
    );
    Entry::new(&Kind::DROPPING_ENDED, text).with("DROPPED", count)
}

fn is_told(peer: &Peer) -> bool {
    peer.kind == PeerKind::Network
}

/// Where a peer is, an IPv4 address in its own form also on a dual-stack socket.
struct Address<'a>(&'a Peer);

impl Display for Address<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.address {
            Some(address) => SocketAddr::new(address.ip().to_canonical(), address.port()).fmt(f),
            None => f.write_str("a local socket"),
        }
    }
}

/// Who it was, as far as is known.
struct Origin<'a> {
    peer: &'a Peer,
    session: Option<&'a SessionKey>,
}

impl Display for Origin<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(session) = self.session.filter(|session| !session.user.is_empty()) {
            write!(f, "user '{}', ", Field(&session.user))?;
        }
        write!(f, "address {}", Address(self.peer))
    }
}

#[cfg(test)]
mod hostile;
#[cfg(test)]
mod tests;
