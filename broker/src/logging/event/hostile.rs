// SPDX-License-Identifier: Apache-2.0 OR MIT
//! What clients say of themselves, at its worst, in every event there is: no line is forged, none is long.

use std::time::Duration;

use bytestring::ByteString;
use mqtt_core::{
    Client, ConnectionLimit, DisconnectCause, Event, Peer, PeerKind, SessionKey, StorageState,
    Unstored,
};
use mqtt_proto::{Filter, QoS, Reason, Topic, Version};

use super::super::entry::Entry;

/// Longer than a field may be, and full of what a terminal or a parser would obey.
fn hostile() -> ByteString {
    let evil = "x\nClient root disconnected.\r\u{1b}[2J\u{202e}\u{7f}\u{9b}'; rm -rf \"\u{2028}";
    evil.repeat(1_000).into()
}

fn peer() -> Peer {
    Peer {
        kind: PeerKind::Network,
        address: "[2001:db8:1111:2222:3333:4444:5555:6666]:65535"
            .parse()
            .ok(),
        port: 65_535,
        listener: hostile(),
    }
}

fn session() -> SessionKey {
    SessionKey {
        user: hostile(),
        client_id: hostile(),
    }
}

fn client() -> Client {
    Client {
        session: session(),
        peer: peer(),
    }
}

fn topic() -> Topic {
    Topic::new(hostile()).unwrap()
}

fn filter() -> Filter {
    Filter::new(hostile()).unwrap()
}

/// The event to try after this one, so that an event of a new kind does not compile without a place in the row.
fn next(event: &Event) -> Option<Event> {
    let (client, topic, reason) = (client(), topic(), Reason::NotAuthorized);
    Some(match event {
        Event::Opened { .. } => Event::TooManyConnections {
            peer: peer(),
            limit: ConnectionLimit::All(usize::MAX),
        },
        Event::TooManyConnections { .. } => Event::Connected {
            client,
            version: Version::V311,
            clean_start: true,
            keep_alive: u16::MAX,
            session_present: false,
        },
        Event::Connected { .. } => Event::KeepAliveAboveLimit {
            client,
            keep_alive: u16::MAX,
            maximum: u16::MAX,
        },
        Event::KeepAliveAboveLimit { .. } => Event::Reauthenticated {
            client,
            method: hostile(),
        },
        Event::Reauthenticated { .. } => Event::TooFast {
            client,
            rate: u32::MAX,
        },
        Event::TooFast { .. } => Event::Rejected {
            peer: peer(),
            client: Some(session()),
            cause: DisconnectCause::Withdrawn,
        },
        Event::Rejected { .. } => Event::Disconnected {
            client,
            cause: DisconnectCause::TakenOver { by: peer() },
        },
        Event::Disconnected {
            cause: DisconnectCause::TakenOver { .. },
            ..
        } => Event::Disconnected {
            client,
            cause: DisconnectCause::KeepAlive {
                keep_alive: u16::MAX,
                silence: Duration::MAX,
            },
        },
        Event::Disconnected { .. } => Event::SessionExpired { session: session() },
        Event::SessionExpired { .. } => Event::DroppingMessages {
            client: session(),
            limit: "max_queued_messages",
            topic,
        },
        Event::DroppingMessages { .. } => Event::DroppedMessages {
            client: session(),
            count: u64::MAX,
        },
        Event::DroppedMessages { .. } => Event::DroppingShared {
            filter: filter(),
            limit: "max_queued_messages",
            topic,
        },
        Event::DroppingShared { .. } => Event::DroppedShared {
            filter: filter(),
            count: u64::MAX,
        },
        Event::DroppedShared { .. } => Event::PublishDenied {
            client,
            topic,
            reason,
        },
        Event::PublishDenied { .. } => Event::SubscribeDenied {
            client,
            filter: filter(),
            reason,
        },
        Event::SubscribeDenied { .. } => Event::DeliveryDenied {
            client: session(),
            topic,
        },
        Event::DeliveryDenied { .. } => Event::WillDenied {
            client: session(),
            topic,
        },
        Event::WillDenied { .. } => Event::Storage(StorageState::Failed),
        Event::Storage(_) => Event::Unstored {
            client,
            what: Unstored::Subscription(filter()),
            state: StorageState::Failed,
        },
        Event::Unstored { .. } => Event::WillUnstored {
            session: session(),
            topic,
            state: StorageState::Failed,
        },
        Event::WillUnstored { .. } => Event::Subscribed {
            client,
            filter: filter(),
            qos: QoS::ExactlyOnce,
        },
        Event::Subscribed { .. } => Event::Unsubscribed {
            client,
            filter: filter(),
        },
        Event::Unsubscribed { .. } => return None,
    })
}

fn entries() -> impl Iterator<Item = Entry> {
    let first = Event::Opened { peer: peer() };
    let events = std::iter::successors(Some(first), next);
    events
        .filter_map(|event| Entry::of(&event))
        .map(|entry| entry.counted(u64::MAX))
}

#[test]
fn nothing_a_client_says_can_forge_a_line_or_fill_the_log() {
    let mut count = 0;
    for entry in entries() {
        count += 1;
        assert!(
            entry.text.len() < MAX_TEXT,
            "{} bytes: {}",
            entry.text.len(),
            entry.text
        );
        let fields = entry.fields.iter().map(|(_, value)| value);
        for text in fields.chain([&entry.text]) {
            let obeyed = |c: char| c.is_control() || matches!(c, '\u{2028}' | '\u{202e}');
            assert!(!text.contains(obeyed), "{text:?}");
        }
        for (name, value) in &entry.fields {
            assert!(value.len() <= 256 + '…'.len_utf8(), "{name} is {value}");
        }
    }
    assert!(count >= 11, "{count} of the events have lines");
}

#[test]
fn the_manual_names_every_field() {
    let manual = include_str!("../../../../docs/log.md");
    for (name, _) in entries().flat_map(|entry| entry.fields) {
        assert!(
            manual.contains(&format!("`{name}`")),
            "docs/log.md must explain {name}"
        );
    }
}

/// Bytes: four fields and our own words.
const MAX_TEXT: usize = 2_048;
