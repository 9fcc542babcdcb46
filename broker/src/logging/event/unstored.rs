// SPDX-License-Identifier: Apache-2.0 OR MIT
//! What the log says while the store takes nothing new, and when it does again.

use mqtt_core::{Client, SessionKey, StorageState, Unstored};
use mqtt_proto::Topic;

use super::super::entry::Entry;
use super::super::escape::Field;
use super::super::kind::Kind;
use super::Origin;

pub fn storage(state: StorageState) -> Entry {
    let (kind, text) = match state {
        StorageState::Ok => (&Kind::STEP, "The store takes what is to be kept again."),
        StorageState::Full => (
            &Kind::WARNING,
            "The store is full: new sessions and subscriptions, and messages that would have to be kept, are refused \
             until there is room; everything else goes on.",
        ),
        StorageState::Failed => (
            &Kind::FAILURE,
            "The store has failed: sessions, subscriptions and messages that would have to be kept are refused; \
             everything else goes on.",
        ),
    };
    Entry::new(kind, text.to_owned())
}

pub fn unstored(client: &Client, what: &Unstored, state: StorageState) -> Entry {
    let Client { session, peer } = client;
    let id = Field(&session.client_id);
    let (topic, did) = match what {
        Unstored::Message(topic) => (topic.as_str(), format!("Denied PUBLISH from {id}")),
        Unstored::Retained(topic) => (
            topic.as_str(),
            format!("Delivered and did not retain PUBLISH from {id}"),
        ),
        Unstored::Subscription(filter) => (filter.as_str(), format!("Denied SUBSCRIBE from {id}")),
    };
    let topic = Field(topic);
    let origin = Origin {
        peer,
        session: Some(session),
    };
    let text = format!(
        "{did} ('{topic}') (reason: {state}; more of the kind from this client is not logged; {origin})"
    );
    Entry::new(&Kind::UNSTORED, text)
        .about_peer(peer)
        .about_session(session)
        .with("TOPIC", topic)
        .with("REASON", state)
}

pub fn will_unstored(session: &SessionKey, topic: &Topic, state: StorageState) -> Entry {
    let (id, topic) = (Field(&session.client_id), Field(topic.as_str()));
    let text = format!(
        "The will of {id} ('{topic}') reached only those who are connected. (reason: {state})"
    );
    Entry::new(&Kind::UNSTORED, text)
        .about_session(session)
        .with("TOPIC", topic)
        .with("REASON", state)
}
