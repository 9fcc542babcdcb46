// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Each event with the line it becomes, and the fields beside it.

use std::io::ErrorKind;
use std::time::Duration;

use bytestring::ByteString;
use mqtt_core::{
    ConnectionLimit, DisconnectCause, LoginFailure, ProtocolFault, StorageState, Unstored,
};
use mqtt_proto::{DecodeError, Filter, Guess, QoS, Reason, Topic};

use super::*;

fn peer() -> Peer {
    let address = "[::ffff:192.168.1.7]:50312".parse().ok();
    Peer {
        kind: PeerKind::Network,
        address,
        port: 1883,
        listener: ByteString::from_static("port 1883, all addresses, mqtt"),
    }
}

fn session(user: &'static str, client_id: &'static str) -> SessionKey {
    SessionKey {
        user: ByteString::from_static(user),
        client_id: ByteString::from_static(client_id),
    }
}

fn client(user: &'static str, client_id: &'static str) -> Client {
    Client {
        session: session(user, client_id),
        peer: peer(),
    }
}

fn connected(user: &'static str, version: Version) -> Event {
    Event::Connected {
        client: client(user, "dev"),
        version,
        clean_start: true,
        keep_alive: 60,
        session_present: false,
    }
}

fn disconnected(cause: DisconnectCause) -> Event {
    Event::Disconnected {
        client: client("ann", "dev"),
        cause,
    }
}

fn rejected(client: Option<SessionKey>, cause: DisconnectCause) -> Event {
    Event::Rejected {
        peer: peer(),
        client,
        cause,
    }
}

fn topic(name: &'static str) -> Topic {
    Topic::new(ByteString::from_static(name)).unwrap()
}

fn filter(name: &'static str) -> Filter {
    Filter::new(ByteString::from_static(name)).unwrap()
}

#[test]
fn each_event_begins_with_the_sentence_mosquitto_has_for_it() {
    let keep_alive = DisconnectCause::KeepAlive {
        keep_alive: 60,
        silence: Duration::from_secs(91),
    };
    let connect_timeout = DisconnectCause::ConnectTimeout {
        allowed: Duration::from_secs(5),
    };
    let oversize = DisconnectCause::Undecodable(DecodeError::TooLarge {
        size: 500,
        limit: 100,
    });
    let tls = DisconnectCause::Undecodable(DecodeError::NotConnect {
        first: 0x16,
        looks_like: Some(Guess::Tls),
    });
    let malformed = DisconnectCause::Undecodable(DecodeError::UnknownKind { first: 0 });
    let cases = [
        (
            Event::Opened { peer: peer() },
            "New connection from 192.168.1.7:50312 on port 1883.",
        ),
        (
            Event::TooManyConnections {
                peer: peer(),
                limit: ConnectionLimit::Listener(5),
            },
            "Client connection from 192.168.1.7:50312 denied: max_connections exceeded. (reason: this listener has its \
             max_connections of 5)",
        ),
        (
            connected("", Version::V31),
            "New client connected from 192.168.1.7:50312 as dev (p1, c1, k60).",
        ),
        (
            connected("", Version::V311),
            "New client connected from 192.168.1.7:50312 as dev (p2, c1, k60).",
        ),
        (
            connected("ann", Version::V5),
            "New client connected from 192.168.1.7:50312 as dev (p5, c1, k60, u'ann').",
        ),
        (
            disconnected(DisconnectCause::ByClient),
            "Client dev disconnected.",
        ),
        (
            disconnected(DisconnectCause::PeerClosed),
            "Client dev closed its connection. (reason: closed without DISCONNECT",
        ),
        (
            disconnected(DisconnectCause::Socket(ErrorKind::ConnectionReset)),
            "Client dev closed its connection. (reason: ",
        ),
        (
            disconnected(keep_alive),
            "Client dev has exceeded timeout, disconnecting. (reason: keepalive 60 s, last packet 91 s ago",
        ),
        (
            rejected(None, connect_timeout),
            "Client <unknown> has exceeded timeout, disconnecting. (reason: no CONNECT",
        ),
        (
            disconnected(DisconnectCause::TakenOver { by: peer() }),
            "Client dev already connected, closing old connection.",
        ),
        (
            disconnected(DisconnectCause::Withdrawn),
            "Client dev disconnected, not authorised. (reason: the broker's configuration no longer allows",
        ),
        (
            disconnected(DisconnectCause::ShuttingDown),
            "Client dev disconnected. (reason: the broker is shutting down",
        ),
        (
            disconnected(malformed),
            "Client dev disconnected due to malformed packet. (reason: ",
        ),
        (
            disconnected(oversize),
            "Client dev disconnected due to oversize packet. (reason: ",
        ),
        (
            disconnected(DisconnectCause::Protocol(ProtocolFault::SecondConnect)),
            "Client dev disconnected due to protocol error. (reason: CONNECT was sent a second time; ",
        ),
        (
            rejected(None, tls),
            "Client <unknown> disconnected due to protocol error. (reason: this looks like TLS on a plain MQTT port",
        ),
        (
            rejected(
                Some(session("ann", "dev")),
                DisconnectCause::Login(LoginFailure::WrongPassword),
            ),
            "Client dev disconnected, not authorised. (reason: wrong password; user 'ann', address 192.168.1.7:50312)",
        ),
        (
            Event::KeepAliveAboveLimit {
                client: client("ann", "dev"),
                keep_alive: 3600,
                maximum: 60,
            },
            "Client dev asked for a keepalive of 3600 s, max_keepalive is 60 s: it speaks MQTT 3, which cannot be told",
        ),
        (
            Event::Reauthenticated {
                client: client("ann", "dev"),
                method: "SCRAM-SHA-256".into(),
            },
            "Client dev authenticated again. (method SCRAM-SHA-256; user 'ann', address 192.168.1.7:50312)",
        ),
        (
            Event::SessionExpired {
                session: session("ann", "dev"),
            },
            "Expiring client dev due to timeout.",
        ),
        (
            Event::DroppingMessages {
                client: session("", "dev"),
                limit: "max_queued_messages",
                topic: topic("a/b"),
            },
            "Outgoing messages are being dropped for client dev. (reason: max_queued_messages is reached; the first \
             one dropped is of topic 'a/b')",
        ),
        (
            Event::DroppedMessages {
                client: session("", "dev"),
                count: 12,
            },
            "Outgoing messages are no longer dropped for client dev. (reason: its queue is empty; 12 messages were dropped)",
        ),
        (
            Event::DroppingShared {
                filter: filter("$share/g/a/#"),
                limit: "max_queued_messages",
                topic: topic("a/b"),
            },
            "Outgoing messages are being dropped for shared subscription $share/g/a/#. (reason: max_queued_messages is reached",
        ),
        (
            Event::DroppedShared {
                filter: filter("$share/g/a/#"),
                count: 1,
            },
            "Outgoing messages are no longer dropped for shared subscription $share/g/a/#. (reason: its queue is empty; 1 message was",
        ),
        (
            Event::PublishDenied {
                client: client("ann", "dev"),
                topic: topic("$SYS/x"),
                reason: Reason::NotAuthorized,
            },
            "Denied PUBLISH from dev ('$SYS/x') (reason: not authorized; user 'ann', address",
        ),
        (
            Event::SubscribeDenied {
                client: client("ann", "dev"),
                filter: filter("a/#"),
                reason: Reason::QuotaExceeded,
            },
            "Denied SUBSCRIBE from dev ('a/#') (reason: ",
        ),
        (
            Event::DeliveryDenied {
                client: session("ann", "dev"),
                topic: topic("a/b"),
            },
            "Denied delivery to dev ('a/b') (reason: no right to read the topic; user 'ann'; more of the kind",
        ),
        (
            Event::WillDenied {
                client: session("", "dev"),
                topic: topic("a/b"),
            },
            "Denied will of dev ('a/b') (reason: no right to publish to the topic)",
        ),
        (Event::Storage(StorageState::Full), "The store is full: "),
        (
            Event::Unstored {
                client: client("ann", "dev"),
                what: Unstored::Message(topic("a/b")),
                state: StorageState::Full,
            },
            "Denied PUBLISH from dev ('a/b') (reason: the store is full; more of the kind from this client is not logged; \
             user 'ann', address",
        ),
        (
            Event::WillUnstored {
                session: session("ann", "dev"),
                topic: topic("a/b"),
                state: StorageState::Failed,
            },
            "The will of dev ('a/b') reached only those who are connected. (reason: the store has failed)",
        ),
    ];
    for (event, expected) in cases {
        let text = Entry::of(&event)
            .map(|entry| entry.counted(1).text)
            .unwrap_or_default();
        assert!(
            text.starts_with(expected),
            "{text:?} does not begin with {expected:?}"
        );
    }
}

#[test]
fn a_refused_anonymous_client_is_told_how_to_let_it_in() {
    let event = rejected(
        Some(session("", "dev")),
        DisconnectCause::Login(LoginFailure::AnonymousNotAllowed),
    );
    let entry = Entry::of(&event).unwrap().counted(1);
    assert!(
        entry.text.contains("`allow_anonymous = true`"),
        "{}",
        entry.text
    );
}

#[test]
fn the_fields_say_who_where_and_why() {
    let event = rejected(
        Some(session("ann", "dev")),
        DisconnectCause::Login(LoginFailure::UnknownUser),
    );
    let entry = Entry::of(&event).unwrap();
    let expected = [
        ("REMOTE_ADDR", "192.168.1.7:50312"),
        ("LISTENER_PORT", "1883"),
        ("REASON", "unknown user name"),
        ("CLIENT_ID", "dev"),
        ("USERNAME", "ann"),
    ];
    let fields: Vec<(&str, &str)> = entry
        .fields
        .iter()
        .map(|(name, value)| (*name, value.as_str()))
        .collect();
    assert_eq!(fields, expected);
    assert_eq!(entry.kind, &Kind::CLIENT_REFUSED);
}

#[test]
fn internal_clients_and_subscriptions_are_not_told() {
    let internal = Peer {
        kind: PeerKind::Internal,
        address: None,
        port: 0,
        listener: ByteString::new(),
    };
    let canary = Client {
        session: session("", "canary"),
        peer: internal.clone(),
    };
    let events = [
        Event::Opened { peer: internal },
        Event::Disconnected {
            client: canary,
            cause: DisconnectCause::ByClient,
        },
        Event::Subscribed {
            client: client("ann", "dev"),
            filter: filter("a"),
            qos: QoS::AtMostOnce,
        },
        Event::Unsubscribed {
            client: client("ann", "dev"),
            filter: filter("a"),
        },
    ];
    for event in events {
        assert!(Entry::of(&event).is_none(), "{event:?}");
    }
}
