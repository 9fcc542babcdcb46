// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Findings about listeners that are there, that are not, and that say nothing or the wrong thing.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener};

use super::*;
use crate::control::protocol::{Counters, Tls};

fn listener(protocol: &str, place: &str) -> Listener {
    Listener {
        protocol: protocol.to_owned(),
        port: 1883,
        bind_address: "::".to_owned(),
        socket: None,
        interface: None,
        addresses: vec![place.to_owned()],
        state: ListenerState::Listening,
        reason: None,
        tls: None,
    }
}

fn status(listeners: Vec<Listener>) -> Status {
    Status {
        version: "0.1.0".to_owned(),
        pid: 42,
        uptime_seconds: 1,
        locked: None,
        listeners,
        clients: Vec::new(),
        counters: Counters::default(),
        longest_entry_us: 0,
        store: Store {
            state: "ok".to_owned(),
            ..Store::default()
        },
    }
}

/// What is told of one listener.
fn told(listener: Listener) -> String {
    let findings = examine(&status(vec![listener]));
    assert_eq!(findings.len(), 3);
    findings[1].to_string()
}

/// A server that answers its first visitor with these bytes, whatever it says, and ends.
fn server(bytes: &'static [u8]) -> String {
    let socket = TcpListener::bind("127.0.0.1:0").unwrap();
    let place = socket.local_addr().unwrap().to_string();
    thread::spawn(move || {
        let (mut visitor, _) = socket.accept().unwrap();
        visitor.read_exact(&mut [0; 4]).unwrap();
        visitor.write_all(bytes).unwrap();
        visitor.shutdown(Shutdown::Write).unwrap();
        // A visitor that is cut off loses what it was told.
        visitor.read_to_end(&mut Vec::new()).ok();
    });
    place
}

#[test]
fn a_connack_that_refuses_is_an_answer_and_nothing_else_is_one() {
    let cases: [(&[u8], &str); 4] = [
        (&[0x20, 3, 0, 0x87, 0], " answers"),
        (&[0x20, 3, 0, 0, 0], " answers"),
        (
            b"HTTP/1.1 400 Bad Request\r\n\r\n",
            " answers CONNECT with something else than CONNACK",
        ),
        (b"\x20\x03\x00", " closes the connection without an answer"),
    ];
    for (bytes, expected) in cases {
        let place = server(bytes);
        assert_eq!(
            told(listener("mqtt", &place)),
            format!("listener {place}{expected}")
        );
    }
}

#[test]
fn any_answer_in_http_is_one_to_a_request_for_websocket() {
    let place = server(b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n");
    assert_eq!(
        told(listener("websockets", &place)),
        format!("listener {place} answers")
    );
    let place = server(b"SSH-2.0-OpenSSH_9.9\r\n");
    let told = told(listener("websockets", &place));
    assert!(told.ends_with("without HTTP"), "{told}");
}

#[test]
fn a_port_without_tls_makes_no_handshake() {
    let place = server(b"SSH-2.0-OpenSSH_9.9\r\n");
    let tls = Some(Tls::default());
    let told = told(Listener {
        tls,
        ..listener("mqtt", &place)
    });
    assert!(told.contains(" makes no TLS handshake: "), "{told}");
}

#[test]
fn a_listener_that_is_closed_or_waits_says_why() {
    let closed = Listener {
        state: ListenerState::Refused,
        reason: Some("port 1883 is in use".to_owned()),
        addresses: Vec::new(),
        ..listener("mqtt", "")
    };
    assert_eq!(
        told(closed),
        "listener 1883 does not listen: port 1883 is in use"
    );
    let socket = TcpListener::bind("127.0.0.1:0").unwrap();
    let place = socket.local_addr().unwrap().to_string();
    drop(socket);
    let told = told(listener("mqtt", &place));
    assert!(
        told.starts_with(&format!("listener {place} takes no connection: ")),
        "{told}"
    );
}

#[test]
fn a_locked_broker_and_a_failed_store_are_faults_and_a_full_store_is_none() {
    let mut status = status(Vec::new());
    assert_eq!(
        examine(&status)
            .iter()
            .filter(|f| f.fault.is_some())
            .count(),
        0
    );
    status.store.state = "full".to_owned();
    assert_eq!(
        examine(&status)[1].to_string(),
        "store is open, and full: what must be stored is refused"
    );
    assert!(examine(&status)[1].fault.is_none());
    status.store.state = "failed".to_owned();
    status.locked = Some("no file".to_owned());
    let told: Vec<_> = examine(&status).iter().map(ToString::to_string).collect();
    assert_eq!(told[0], "broker is locked: no file");
    assert!(told[1].starts_with("store has failed"), "{}", told[1]);
}
