// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The page of `broker status`, whole.

use super::*;
use crate::control::protocol::Written;

fn listener(port: u16, state: ListenerState, address: &str, reason: Option<&str>) -> Listener {
    Listener {
        protocol: "mqtt".to_owned(),
        port,
        bind_address: "::".to_owned(),
        socket: None,
        interface: None,
        addresses: vec![address.to_owned()],
        state,
        reason: reason.map(str::to_owned),
        tls: None,
    }
}

fn client(client_id: &str, username: Option<&str>) -> Client {
    Client {
        client_id: client_id.to_owned(),
        username: username.map(str::to_owned),
        address: Some("192.168.1.7:50312".to_owned()),
        protocol_version: "3.1.1".to_owned(),
        connected_seconds: 90,
        keep_alive_seconds: 60,
        subscriptions: 1,
        queued: 0,
        dropped: 12,
        denied: 3,
        paused: 0,
    }
}

fn written(all: u64) -> Written {
    Written {
        all,
        retained: all / 2,
        queue: all / 4,
        overhead: all / 4,
        ..Written::default()
    }
}

fn status() -> Status {
    Status {
        version: "0.1.0".to_owned(),
        pid: 42,
        uptime_seconds: 11_520,
        locked: None,
        listeners: vec![
            listener(1883, ListenerState::Listening, "[::]:1883", None),
            listener(
                8083,
                ListenerState::Refused,
                "",
                Some("port 8083 is in use by another program"),
            ),
        ],
        clients: vec![
            client("sensor-in-the-attic", Some("ann")),
            client("x\u{1b}[2J", None),
        ],
        counters: Counters {
            clients_connected: 3,
            publish_received: 7,
            ..Counters::default()
        },
        longest_entry_us: 831,
        store: Store {
            state: "full".to_owned(),
            mode: "sync".to_owned(),
            flush_ms: 12,
            written_total: written(120_000_000),
            written_today: written(3_800),
            written_per_day: Some(3_800_000_000),
            life_days: Some(4_210),
            topics: vec![
                ("camera/1".to_owned(), 64_000),
                ("x\u{1b}[2J".to_owned(), 900),
            ],
            bytes_live: 1_000,
            bytes_total: 4_000,
            ..Store::default()
        },
    }
}

#[test]
fn the_page_shows_listeners_as_ss_does_and_each_client() {
    let expected = "\
broker 0.1.0, process 42, up 3 h 12 min

Proto  Local address  State   Protocol
tcp    [::]:1883      LISTEN  mqtt
tcp    [::]:8083      CLOSED  mqtt (port 8083 is in use by another program)

Client               User  Address            Connected   Keep alive  MQTT   Waiting  Dropped  Denied
sensor-in-the-attic  ann   192.168.1.7:50312  1 min 30 s  60 s        3.1.1  0        12       3
x\\u{1b}[2J           -     192.168.1.7:50312  1 min 30 s  60 s        3.1.1  0        12       3
and 1 more

Clients    3 connected, 0 away with a session, 0 expired, 0 timed out
Publishes  7 received, 0 sent, 0 dropped, 0 waiting, 0 retained, 0 bytes held
Traffic    0 packets and 0 bytes received, 0 packets and 0 bytes sent
Core       831 us the longest entry
Store      FULL, refuses what must be stored, mode sync, flush 12 ms, 1000 of 4000 bytes in use
Written    3 KB today: 1 KB retained, 950 bytes queued, 0 bytes sessions, 950 bytes overhead
           120 MB in all: 60 MB retained, 30 MB queued, 0 bytes sessions, 30 MB overhead
Most by    64 KB since the start: camera/1
           900 bytes since the start: x\\u{1b}[2J
Card       lasts about 11 years at 3.8 GB a day (card_endurance_tb)
";
    assert_eq!(Page(&status()).to_string(), expected);
}

#[test]
fn a_locked_broker_says_why() {
    let locked = Some("/etc/broker/broker.toml is missing".to_owned());
    let page = Page(&Status {
        locked,
        listeners: vec![],
        clients: vec![],
        ..status()
    })
    .to_string();
    assert!(
        page.contains("\nLOCKED, nothing listens: /etc/broker/broker.toml is missing\n"),
        "{page}"
    );
}
