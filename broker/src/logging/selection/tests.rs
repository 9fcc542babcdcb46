// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Stories of several events, and the lines a person reads of them.

use mqtt_core::{Client, DisconnectCause, LoginFailure, Peer, PeerKind, SessionKey};
use mqtt_proto::{Filter, Reason};

use super::*;

fn peer(address: &str) -> Peer {
    Peer {
        kind: PeerKind::Network,
        address: address.parse().ok(),
        port: 1883,
        listener: "".into(),
    }
}

fn session(client_id: &str) -> SessionKey {
    SessionKey {
        user: "ann".into(),
        client_id: client_id.into(),
    }
}

fn client(client_id: &str, address: &str) -> Client {
    Client {
        session: session(client_id),
        peer: peer(address),
    }
}

fn texts(lines: Vec<Entry>) -> Vec<String> {
    lines.into_iter().map(|entry| entry.text).collect()
}

const SECOND: Duration = Duration::from_secs(1);

#[test]
fn a_missed_keep_alive_says_how_often_and_what_to_do() {
    let now = Instant::now();
    let mut selection = Selection::new(now);
    let mut line = |silence| {
        let event = Event::Disconnected {
            client: client("pump", "192.0.2.7:50312"),
            cause: DisconnectCause::KeepAlive {
                keep_alive: 15,
                silence: SECOND * silence,
            },
        };
        texts(selection.take(now, &event)).concat()
    };
    line(23);
    line(24);
    assert_eq!(
        line(23),
        "Client pump has exceeded timeout, disconnecting. (reason: keepalive 15 s, last packet 23 s ago, third time \
         today: the client must publish or ping within its keepalive (client.loop() in its main loop); user 'ann', \
         address 192.0.2.7:50312)"
    );
}

#[test]
fn guesses_of_a_password_are_counted_in_one_line() {
    let now = Instant::now();
    let mut selection = Selection::new(now);
    let mut lines = Vec::new();
    for number in 0..300 {
        let event = Event::Rejected {
            peer: peer(&format!("192.0.2.66:{}", 50_000 + number)),
            client: Some(session(&format!("mqttjs_{number:x}"))),
            cause: DisconnectCause::Login(LoginFailure::WrongPassword),
        };
        lines.extend(texts(selection.take(now, &event)));
    }
    assert_eq!(lines.len(), 5);
    assert_eq!(
        lines[1],
        "Client mqttjs_1 disconnected, not authorised. (reason: wrong password, second time today; user 'ann', \
         address 192.0.2.66:50001)"
    );
    let lines = texts(selection.turn(now + SECOND * 60));
    assert_eq!(
        lines,
        [
            "Client mqttjs_12b disconnected, not authorised. (reason: wrong password; user 'ann', address \
             192.0.2.66:50299) ×300 today"
        ]
    );
}

#[test]
fn a_port_probe_is_one_line_for_many() {
    let mut now = Instant::now();
    let mut selection = Selection::new(now);
    let mut lines = Vec::new();
    for number in 0..60 {
        let peer = peer(&format!("172.30.32.2:{}", 40_000 + number));
        let opened = Event::Opened { peer: peer.clone() };
        let closed = Event::Rejected {
            peer,
            client: None,
            cause: DisconnectCause::PeerClosed,
        };
        lines.extend(texts(selection.turn(now)));
        lines.extend(texts(selection.take(now, &opened)));
        lines.extend(texts(selection.take(now, &closed)));
        now += SECOND * 60;
    }
    assert_eq!(
        lines[0],
        "New connection from 172.30.32.2:40000 on port 1883."
    );
    assert_eq!(
        lines[1],
        "Client <unknown> closed its connection. (reason: closed without CONNECT, as by a port probe or a health \
         check; address 172.30.32.2:40000)"
    );
    assert_eq!(lines.len(), 10 + 3, "{lines:#?}");
    let last = lines.last().map(String::as_str).unwrap_or_default();
    assert!(
        last.ends_with("address 172.30.32.2:40024) ×25 today"),
        "{last}"
    );
}

#[test]
fn a_fight_for_a_client_identifier_is_named_beside_its_takeovers() {
    let mut now = Instant::now();
    let mut selection = Selection::new(now);
    let mut lines = Vec::new();
    let (mut lost, mut took) = ("192.168.1.5:1", "192.168.1.7:1");
    for _ in 0..60 {
        now += SECOND;
        lines.extend(texts(selection.turn(now)));
        let event = Event::Disconnected {
            client: client("dev", lost),
            cause: DisconnectCause::TakenOver { by: peer(took) },
        };
        lines.extend(texts(selection.take(now, &event)));
        (lost, took) = (took, lost);
    }
    assert_eq!(
        lines[0],
        "Client dev already connected, closing old connection. (reason: another connection took over this client \
         identifier, from 192.168.1.7:1; user 'ann', address 192.168.1.5:1)"
    );
    let fights: Vec<&String> = lines
        .iter()
        .filter(|line| line.starts_with("Two devices"))
        .collect();
    assert_eq!(fights.len(), 1, "{lines:#?}");
    assert_eq!(lines.len(), 5 + 5 + 1, "{lines:#?}");
}

#[test]
fn clients_without_identifiers_of_their_own_are_counted_by_address() {
    let now = Instant::now();
    let mut selection = Selection::new(now);
    let mut shown = 0;
    for number in 0..100 {
        let event = Event::Disconnected {
            client: client(&format!("auto-{number:032x}"), "192.0.2.7:1"),
            cause: DisconnectCause::ByClient,
        };
        shown += selection.take(now, &event).len();
    }
    assert_eq!(shown, 5);
}

#[test]
fn however_it_varies_a_client_has_ten_lines_a_second_and_its_address_a_hundred() {
    let now = Instant::now();
    let mut selection = Selection::new(now);
    let mut denied = |client_id: &str, reason| {
        let event = Event::SubscribeDenied {
            client: client(client_id, "192.0.2.7:1"),
            filter: Filter::new("a".into()).unwrap(),
            reason,
        };
        selection.take(now, &event).len()
    };
    let mut one = 0;
    for reason in [
        Reason::NotAuthorized,
        Reason::QuotaExceeded,
        Reason::TopicFilterInvalid,
    ] {
        one += (0..9).map(|_| denied("one", reason)).sum::<usize>();
    }
    assert_eq!(one, 10);
    let crowd: usize = (0..300)
        .map(|number| denied(&format!("c{number}"), Reason::NotAuthorized))
        .sum();
    assert_eq!(crowd, 90);
    let held_back = texts(selection.turn(now + SECOND));
    assert!(
        held_back.contains(&"5 more lines about client one in one second are not shown".to_owned()),
        "{held_back:?}"
    );
    assert!(
        held_back.contains(
            &"210 more lines about the clients at 192.0.2.7 in one second are not shown".to_owned()
        ),
        "{held_back:?}"
    );
}
