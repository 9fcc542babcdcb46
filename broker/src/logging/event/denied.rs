// SPDX-License-Identifier: Apache-2.0 OR MIT
//! What is told of a client that asked for more than its rights.

use std::fmt;

use mqtt_core::{Client, SessionKey};
use mqtt_proto::{Reason, Topic};

use super::super::entry::Entry;
use super::super::escape::Field;
use super::super::kind::Kind;
use super::Origin;

/// A packet that was refused.
pub fn denied(
    kind: &'static Kind,
    packet: &str,
    client: &Client,
    topic: &str,
    reason: Reason,
) -> Entry {
    let Client { session, peer } = client;
    let (id, topic, reason) = (Field(&session.client_id), Field(topic), reason.name());
    let origin = Origin {
        peer,
        session: Some(session),
    };
    let text = format!("Denied {packet} from {id} ('{topic}') (reason: {reason}; {origin})");
    Entry::new(kind, text)
        .about_peer(peer)
        .about_session(session)
        .with("TOPIC", topic)
        .with("REASON", reason)
}

pub fn delivery_denied(client: &SessionKey, topic: &Topic) -> Entry {
    let (id, topic) = (Field(&client.client_id), Field(topic.as_str()));
    let text = format!(
        "Denied delivery to {id} ('{topic}') (reason: {NO_READ}{}; more of the kind for this client is counted, not logged)",
        User(client)
    );
    Entry::new(&Kind::DELIVERY_DENIED, text)
        .about_session(client)
        .with("TOPIC", topic)
        .with("REASON", NO_READ)
}

pub fn will_denied(client: &SessionKey, topic: &Topic) -> Entry {
    let (id, topic) = (Field(&client.client_id), Field(topic.as_str()));
    let text = format!(
        "Denied will of {id} ('{topic}') (reason: {NO_WRITE}{})",
        User(client)
    );
    Entry::new(&Kind::PUBLISH_DENIED, text)
        .about_session(client)
        .with("TOPIC", topic)
        .with("REASON", NO_WRITE)
}

/// The user of a client without an address, behind a reason.
struct User<'a>(&'a SessionKey);

impl fmt::Display for User<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &*self.0.user {
            "" => Ok(()),
            user => write!(f, "; user '{}'", Field(user)),
        }
    }
}

const NO_READ: &str = "no right to read the topic";
const NO_WRITE: &str = "no right to publish to the topic";
