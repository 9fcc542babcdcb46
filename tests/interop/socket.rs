// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The daemon's sockets: peers that break the rules, peers that do not read, and the end.

use std::io::Write;
use std::os::unix::net::UnixStream;

use bytes::BytesMut;
use mqtt_proto::{Packet, QoS, Reason, Version};
use tests::packets::{connect, login, publish, subscribe};
use tests::{Connection, Daemon, IntoPacket, PASSWORD, USER, VERSIONS, free_ports};

#[test]
fn a_malformed_packet_closes_its_connection_with_a_reason_and_no_other() {
    let daemon = Daemon::start();
    let mut witness = Connection::client(daemon.port, Version::V5, "witness");
    for version in VERSIONS {
        let mut client = Connection::client(daemon.port, version, "careless");
        client.send_bytes(b"\x36\x06\x00\x01a\x00\x01x");
        if version == Version::V5 {
            let told = client.receive();
            assert!(
                matches!(&told, Some(Packet::Disconnect(d)) if d.reason == Reason::MalformedPacket),
                "{told:?}"
            );
        }
        assert_eq!(client.receive(), None);
        let line = daemon.expect_line("malformed packet");
        assert!(line.contains("careless") && line.contains("QoS"), "{line}");
    }
    witness.send(Packet::PingReq);
    assert_eq!(witness.receive(), Some(Packet::PingResp));
}

#[test]
fn other_protocols_are_named_in_the_log() {
    let daemon = Daemon::start();
    let client_hello = &b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"[..];
    for (port, bytes, words) in [
        (
            daemon.port,
            client_hello,
            "this looks like TLS on a plain MQTT port: switch TLS off in the client; address 127.0.0.1:",
        ),
        (
            daemon.port,
            b"GET / HTTP/1.1\r\n\r\n",
            "this looks like HTTP on a plain MQTT port",
        ),
        (
            daemon.websocket_port,
            client_hello,
            "this looks like TLS on a plain WebSocket port: use a ws:// address in the client, not wss://; \
             address 127.0.0.1:",
        ),
    ] {
        let mut client = Connection::open(port, Version::V311);
        client.send_bytes(bytes);
        assert_eq!(client.receive(), None);
        daemon.expect_line(words);
    }
}

#[test]
fn a_web_browser_on_the_websocket_port_is_answered_in_words() {
    let daemon = Daemon::start();
    let mut browser = Connection::open(daemon.websocket_port, Version::V311);
    browser.send_bytes(b"GET / HTTP/1.1\r\nHost: broker\r\n\r\n");
    let answer = browser.receive_text();
    assert!(
        answer.starts_with("HTTP/1.1 426 ") && answer.contains("MQTT"),
        "{answer}"
    );
}

#[test]
fn a_connection_that_says_nothing_is_closed() {
    let daemon = Daemon::start();
    let mut silent = Connection::open(daemon.port, Version::V311);
    let mut browser = Connection::open(daemon.websocket_port, Version::V311);
    assert_eq!(silent.receive(), None);
    let answer = browser.receive_text();
    assert!(answer.starts_with("HTTP/1.1 408 "), "{answer}");
}

#[test]
fn packets_may_come_byte_by_byte_and_many_at_once() {
    let daemon = Daemon::start();
    let mut client = Connection::client(daemon.port, Version::V311, "a");
    client.send(subscribe(1, "x", QoS::AtMostOnce));
    assert!(matches!(client.receive(), Some(Packet::SubAck(_))));
    for byte in b"\x30\x04\x00\x01x1" {
        client.send_bytes(&[*byte]);
    }
    client.send_bytes(&b"\x30\x04\x00\x01x2".repeat(5_000));
    for n in 0..=5_000 {
        let Some(Packet::Publish(message)) = client.receive() else {
            panic!("message {n} is missing")
        };
        assert_eq!(message.payload, if n == 0 { "1" } else { "2" }); // [MQTT-4.2.0-1], in 3.1.1 [MQTT-7.1.1-1]
    }
}

#[test]
fn a_subscriber_that_does_not_read_holds_up_nobody() {
    let daemon = Daemon::start();
    let [mut stuck, mut quick] = ["stuck", "quick"].map(|name| {
        let mut client = Connection::client(daemon.port, Version::V311, name);
        client.send(subscribe(1, "x", QoS::AtMostOnce));
        assert!(matches!(client.receive(), Some(Packet::SubAck(_))));
        client
    });
    let mut publisher = Connection::client(daemon.port, Version::V311, "publisher");
    for n in 0..500_u32 {
        let mut payload = vec![0; 100_000];
        payload[..4].copy_from_slice(&n.to_be_bytes());
        publisher.send(publish("x", payload));
        let Some(Packet::Publish(message)) = quick.receive() else {
            panic!("message {n} is missing")
        };
        assert_eq!(message.payload[..4], n.to_be_bytes());
    }
    daemon.expect_line("dropped for client stuck");
    // What the stuck client finds when it reads again is the oldest, in order.
    let Some(Packet::Publish(first)) = stuck.receive() else {
        panic!("nothing is left")
    };
    assert_eq!(first.payload[..4], [0; 4]);
}

#[test]
fn a_stop_tells_every_client_and_ends_well() {
    let daemon = Daemon::start();
    let mut clients =
        VERSIONS.map(|version| Connection::client(daemon.port, version, &format!("{version:?}")));
    assert!(daemon.stop().success());
    let [old, new] = &mut clients;
    assert_eq!(old.receive(), None);
    assert!(
        matches!(new.receive(), Some(Packet::Disconnect(d)) if d.reason == Reason::ServerShuttingDown)
    );
    assert_eq!(new.receive(), None);
}

#[test]
fn a_port_in_use_is_said_and_the_other_listener_works() {
    let first = Daemon::start();
    let free = Daemon::start();
    let websocket_port = free.websocket_port;
    drop(free);
    let second = Daemon::start_on(first.port, websocket_port);
    let listeners = second.listeners();
    assert_eq!(listeners[0]["state"], "refused");
    assert!(
        listeners[0]["reason"]
            .as_str()
            .is_some_and(|reason| reason.contains("in use")),
        "{listeners:?}"
    );
    assert_eq!(listeners[1]["state"], "listening");
}

#[test]
fn clients_of_an_unchanged_listener_notice_nothing_of_reloads() {
    let daemon = Daemon::start();
    let mut subscriber = Connection::client(daemon.port, Version::V5, "subscriber");
    subscriber.send(subscribe(1, "x", QoS::AtMostOnce));
    assert!(matches!(subscriber.receive(), Some(Packet::SubAck(_))));
    let mut publisher = Connection::client(daemon.port, Version::V311, "publisher");
    let (other, _) = free_ports();
    let more = format!("[[listener]]\nport = {other}\nbind_address = \"127.0.0.1\"\n");
    for round in 0..20_u32 {
        match round % 4 {
            0 => daemon.configure(&more),
            1 => daemon.configure(&format!("{more}max_connections = {}\n", round + 1)),
            2 => daemon.configure("nonsense = 1\n"),
            _ => daemon.configure(""),
        }
        let sent: Vec<u32> = (0..50).map(|n| round * 50 + n).collect();
        for n in &sent {
            publisher.send(publish("x", n.to_be_bytes()));
        }
        let accepted = &daemon.ask("reload")["reload"]["accepted"];
        assert_eq!(*accepted, round % 4 != 2, "round {round}");
        for n in sent {
            let Some(Packet::Publish(message)) = subscriber.receive() else {
                panic!("message {n} is missing")
            };
            assert_eq!(message.payload[..], n.to_be_bytes());
        }
    }
}

#[test]
fn the_clients_of_a_listener_that_is_taken_away_are_told() {
    let daemon = Daemon::start();
    let (other, _) = free_ports();
    daemon.configure(&format!(
        "[[listener]]\nport = {other}\nbind_address = \"127.0.0.1\"\n"
    ));
    daemon.ask("reload");
    let mut ended = Connection::client(other, Version::V5, "ended");
    daemon.configure("");
    daemon.ask("reload");
    let told = ended.receive();
    assert!(
        matches!(&told, Some(Packet::Disconnect(d)) if d.reason == Reason::AdministrativeAction),
        "{told:?}"
    );
    assert_eq!(ended.receive(), None);
    std::net::TcpStream::connect(("127.0.0.1", other)).expect_err("the port is closed");
}

#[test]
fn a_unix_socket_serves_clients_and_its_file_goes_with_it() {
    let daemon = Daemon::start();
    let path = daemon.path("mqtt.sock");
    let listener = format!("[[listener]]\nsocket = \"{}\"\n", path.display());
    daemon.configure(&listener);
    let lines = daemon.ask("reload")["reload"]["lines"].to_string();
    let added = format!("listener added: {}, mqtt", path.display());
    assert!(lines.contains(&added), "{lines}");
    let mut client = UnixStream::connect(&path).expect("the socket is open");
    let mut bytes = BytesMut::new();
    let connect = login(connect(Version::V5, "loc"), USER, PASSWORD).into_packet();
    mqtt_proto::encode(&connect, Version::V5, &mut bytes);
    client
        .write_all(&bytes)
        .expect("the socket takes a CONNECT");
    daemon.expect_line("New client connected from a local socket as loc");
    daemon.configure("");
    daemon.ask("reload");
    daemon.expect_line("no longer has this listener");
    assert!(!path.exists());
}
