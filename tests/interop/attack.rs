// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Hostile peers against the running daemon: meanwhile a pair of witnesses loses nothing, a good client is served
//! quickly, and memory stays bounded.
//!
//! The machine does other things too: of the good client's visits the median stays under 100 ms, and longer ones do
//! not take up more than three quarters of the attack's time. The distribution is printed.

use std::io::Write;
use std::net::{Ipv4Addr, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use mqtt_proto::{Packet, Property, Publish, QoS, Reason, Subscribe, SubscribeFilter, Version};
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use tests::malformed::{Malformed, malformed};
use tests::packets::{connect, filter, login, options, packet_id, properties, publish, publish_at};
use tests::{Connection, Daemon, IntoPacket, PASSWORD, Random, USER};

use crate::witness::during;

/// How long an attack is kept up that could go on for ever.
const ATTACK: Duration = Duration::from_secs(3);

/// Between two bytes of a slow writer.
const PAUSE: Duration = Duration::from_millis(10);

/// Within which a malformed packet is answered: less than `connect_timeout`, so that no time limit of the broker's did it.
const AT_ONCE: Duration = Duration::from_secs(4);

/// Connections from one address, as the broker bounds them.
const PER_ADDRESS: usize = 200;

/// The longest packet the daemon takes by default, in bytes.
const MAX_PACKET_SIZE: u32 = 16 * 1024 * 1024;

#[test]
fn ten_thousand_sockets_that_say_nothing_keep_nobody_out() {
    let daemon = limited("max_connections = 12000\nmax_connect_rate = 0");
    let count = 10_000.min(descriptors() - 1_000);
    during("half-open sockets", &daemon, 150, || {
        let sockets: Vec<_> = (0..count).map(|n| socket(&daemon, n)).collect();
        thread::sleep(ATTACK);
        println!("{} sockets said nothing", sockets.len());
    });
}

#[test]
fn five_hundred_who_write_byte_by_byte_slow_down_nobody() {
    let daemon = Daemon::start();
    during("slow writers", &daemon, 100, || {
        let mut writers: Vec<_> = (0..500)
            .map(|n| {
                let hello = login(connect(Version::V311, &format!("slow {n}")), USER, PASSWORD);
                let script = [bytes_of(hello, Version::V311), LONG_PUBLISH.to_vec()].concat();
                (socket(&daemon, n), script)
            })
            .collect();
        let end = Instant::now() + ATTACK;
        for at in (0..).take_while(|_| Instant::now() < end) {
            for (socket, script) in &mut writers {
                let byte = script.get(at).unwrap_or(&b'x');
                socket.write_all(&[*byte]).expect("the daemon reads");
            }
            thread::sleep(PAUSE);
        }
    });
}

#[test]
fn deep_topics_and_long_ones_are_a_topic_like_any_other() {
    let daemon = limited("max_topic_length = 65535");
    during("deep and long topics", &daemon, 100, || {
        let mut attacker = Connection::client(daemon.port, Version::V5, "deep");
        let deep = ["a"; 128].join("/");
        let long = vec!["a".repeat(511); 128].join("/");
        subscribe_all(
            &mut attacker,
            &[
                deep.clone(),
                long.clone(),
                "a/#".to_owned(),
                ["+"; 128].join("/"),
            ],
        );
        let end = Instant::now() + ATTACK;
        for n in (0..).take_while(|_| Instant::now() < end) {
            let name = if n % 2 == 0 { &deep } else { &long };
            let message = Publish {
                retain: n % 3 == 0,
                ..publish_at(QoS::AtLeastOnce, 1, name, "x")
            };
            attacker.send(message);
            let mut acknowledged = false;
            while !acknowledged {
                acknowledged = answer(&mut attacker);
            }
        }
    });
    let mut attacker = Connection::client(daemon.port, Version::V5, "too deep");
    let name = ["a"; 129].join("/");
    attacker.send_bytes(&[&[0x30, 0x84, 0x02, 0x01, 0x01], name.as_bytes(), b"\0"].concat());
    assert_refused(&mut attacker, Reason::TopicNameInvalid);
}

#[test]
fn bombs_of_wildcards_do_not_explode() {
    let daemon = Daemon::start();
    during("wildcard bombs", &daemon, 200, || {
        let mut attacker = Connection::client(daemon.port, Version::V311, "bomb");
        let mut random = Random::new(1);
        let bomb = |random: &mut Random| -> String {
            let levels = (0..127).map(|_| *random.pick(&["a", "+"]));
            levels.collect::<Vec<_>>().join("/")
        };
        let bombs: Vec<_> = (0..300).map(|_| bomb(&mut random)).collect();
        for bombs in bombs.chunks(100) {
            subscribe_all(&mut attacker, bombs);
        }
        let message = publish("a/".repeat(127).trim_end_matches('/'), "x").into_packet();
        let end = Instant::now() + ATTACK;
        while Instant::now() < end {
            // As many at once as it likes.
            (0..20).for_each(|_| attacker.send(message.clone()));
            attacker.send(Packet::PingReq);
            while attacker.receive() != Some(Packet::PingResp) {}
        }
    });
}

#[test]
fn a_hundred_thousand_subscriptions_are_held() {
    let daemon = Daemon::start();
    during("100,000 subscriptions", &daemon, 200, || {
        thread::scope(|scope| {
            for n in 0..10 {
                let port = daemon.port;
                scope.spawn(move || {
                    let mut holder =
                        Connection::client(port, Version::V311, &format!("holder {n}"));
                    let filters: Vec<_> = (0..10_000).map(|m| format!("held/{n}/{m}/+")).collect();
                    filters
                        .chunks(100)
                        .for_each(|filters| subscribe_all(&mut holder, filters));
                });
            }
        });
        let mut publisher = Connection::client(daemon.port, Version::V311, "publisher");
        let end = Instant::now() + ATTACK / 3;
        for n in (0..10_000).cycle().take_while(|_| Instant::now() < end) {
            let topic = format!("held/3/{n}/x");
            publisher.send(publish_at(QoS::AtLeastOnce, 1, &topic, "x"));
            while !answer(&mut publisher) {}
        }
    });
}

#[test]
fn bombs_of_properties_are_bounded() {
    let daemon = Daemon::start();
    let bomb = |count: usize, bytes: usize| Publish {
        retain: true,
        properties: properties((0..count).map(|_| {
            Property::UserProperty(
                "k".repeat(bytes / 2).into(),
                "v".repeat(bytes - bytes / 2).into(),
            )
        })),
        ..publish_at(QoS::AtLeastOnce, 1, "bomb", "x")
    };
    during("property bombs", &daemon, 100, || {
        let mut attacker = Connection::client(daemon.port, Version::V5, "bomb");
        subscribe_all(&mut attacker, &["bomb".to_owned()]);
        let end = Instant::now() + ATTACK;
        while Instant::now() < end {
            attacker.send(bomb(32, 2_000));
            while !answer(&mut attacker) {}
        }
    });
    for (count, bytes) in [(33, 10), (32, 2_100)] {
        let mut attacker = Connection::client(daemon.port, Version::V5, "too much");
        attacker.send(bomb(count, bytes));
        assert_refused(&mut attacker, Reason::QuotaExceeded);
    }
}

#[test]
fn every_malformed_packet_closes_its_socket_within_a_second() {
    let daemon = Daemon::start();
    during("malformed packets", &daemon, 100, || {
        thread::scope(|scope| {
            for version in [Version::V31, Version::V311, Version::V5] {
                let port = daemon.port;
                scope.spawn(move || {
                    for case in malformed(version, MAX_PACKET_SIZE) {
                        attempt(port, version, &case);
                    }
                });
            }
        });
    });
}

fn attempt(port: u16, version: Version, case: &Malformed) {
    let mut attacker = if case.first {
        Connection::open(port, version)
    } else {
        Connection::client(port, version, &format!("careless {version}"))
    };
    let begin = Instant::now();
    attacker.send_bytes(&case.bytes);
    attacker.receive_bytes();
    let took = begin.elapsed();
    assert!(
        took < AT_ONCE,
        "{version} {} {}: {took:?}",
        case.packet,
        case.what
    );
}

/// Reads a packet, acknowledges a message, and says whether it was an acknowledgement.
fn answer(client: &mut Connection) -> bool {
    match client.receive() {
        Some(Packet::PubAck(_)) => true,
        Some(Packet::Publish(Publish {
            packet_id: Some(id),
            ..
        })) => {
            client.send(tests::packets::puback(id.get()));
            false
        }
        other => panic!("unexpected {other:?}"),
    }
}

fn assert_refused(client: &mut Connection, reason: Reason) {
    let told = client.receive();
    assert!(
        matches!(&told, Some(Packet::Disconnect(told)) if told.reason == reason),
        "{told:?}"
    );
    assert_eq!(client.receive(), None);
}

pub fn subscribe_all(client: &mut Connection, filters: &[String]) {
    let wanted = |name: &String| SubscribeFilter {
        filter: filter(name),
        options: options(QoS::AtLeastOnce),
    };
    client.send(Subscribe {
        packet_id: packet_id(2),
        properties: properties([]),
        filters: filters.iter().map(wanted).collect(),
    });
    let granted = client.receive();
    let Some(Packet::SubAck(suback)) = &granted else {
        panic!("unexpected {granted:?}");
    };
    assert!(
        suback.reasons.iter().all(|reason| !reason.is_error()),
        "{granted:?}"
    );
}

/// A daemon with another limit than the default.
pub fn limited(limit: &str) -> Daemon {
    let daemon = Daemon::start();
    daemon.configure(&format!("[limits]\n{limit}\n"));
    assert_eq!(daemon.ask("reload")["reload"]["accepted"], true);
    daemon
}

/// A connection of the n-th attacker, who has an address for some of his connections each.
pub fn socket(daemon: &Daemon, n: usize) -> TcpStream {
    let host = u8::try_from(n / PER_ADDRESS + 1).expect("there are addresses enough");
    tests::connect_from(Ipv4Addr::new(127, 0, 1, host), daemon.port).expect("the daemon listens")
}

pub fn bytes_of(packet: impl IntoPacket, version: Version) -> Vec<u8> {
    let mut bytes = bytes::BytesMut::new();
    mqtt_proto::encode(&packet.into_packet(), version, &mut bytes);
    bytes.to_vec()
}

/// How many sockets this process may open, after it has asked for as many as it may have.
pub fn descriptors() -> usize {
    let (_, hard) = getrlimit(Resource::RLIMIT_NOFILE).expect("limits can be read");
    setrlimit(Resource::RLIMIT_NOFILE, hard, hard).expect("limits can be raised");
    usize::try_from(hard).unwrap_or(usize::MAX)
}

/// The beginning of a PUBLISH of 1 MiB.
const LONG_PUBLISH: &[u8] = b"\x30\x80\x80\x40\x00\x04slow";
