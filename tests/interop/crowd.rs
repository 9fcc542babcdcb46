// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Many threads at once against the running daemon: nothing is lost or doubled, whoever hangs up meanwhile.
//!
//! The dialogues in virtual time see one entry after the other; only this sees the daemon's locks and wake-ups.

use std::collections::{BTreeMap, BTreeSet};
use std::thread;

use mqtt_proto::{Packet, PacketId, Publish, QoS, Version};
use tests::packets::{login, puback, pubcomp, publish_at, pubrec, pubrel, resume, subscribe};
use tests::{Connection, Daemon, PASSWORD, Random, USER};

const PUBLISHERS: usize = 6;
const SUBSCRIBERS: usize = 6;
/// Rounds after each of which all wait for all, so that no queue reaches its bound.
const ROUNDS: usize = 15;
/// Messages of each publisher in a round.
const MESSAGES: usize = 100;

#[test]
fn a_crowd_loses_and_doubles_nothing_while_its_connections_break() {
    let daemon = Daemon::start();
    let mut subscribers: Vec<_> = (0..SUBSCRIBERS)
        .map(|n| Subscriber::new(daemon.port, n))
        .collect();
    let mut publishers: Vec<_> = (0..PUBLISHERS)
        .map(|n| Connection::client(daemon.port, VERSIONS[n % 2], &format!("publisher {n}")))
        .collect();
    for round in 0..ROUNDS {
        thread::scope(|scope| {
            for subscriber in &mut subscribers {
                scope.spawn(|| subscriber.take_until((round + 1) * MESSAGES * PUBLISHERS));
            }
            for (n, publisher) in publishers.iter_mut().enumerate() {
                scope.spawn(move || publish_all(publisher, n, round));
            }
        });
    }
    let status = daemon.ask("status");
    assert_eq!(
        status["status"]["counters"]["publish_dropped"], 0,
        "{status}"
    );
}

const VERSIONS: [Version; 2] = tests::VERSIONS;

/// Publishes a round's messages at QoS 1 and 2 in turns and completes all their handshakes.
fn publish_all(connection: &mut Connection, publisher: usize, round: usize) {
    for n in 0..MESSAGES {
        let qos = if n % 2 == 0 {
            QoS::AtLeastOnce
        } else {
            QoS::ExactlyOnce
        };
        let payload = (round * MESSAGES + n).to_string();
        let id = u16::try_from(n + 1).expect("a round is small");
        connection.send(publish_at(qos, id, &format!("crowd/{publisher}"), payload));
        if n % WINDOW == WINDOW - 1 {
            complete(connection);
        }
    }
}

/// Messages in flight from one publisher.
const WINDOW: usize = 20;

/// Takes part in the handshakes of a window until the last has ended.
fn complete(connection: &mut Connection) {
    let mut left = WINDOW;
    while left > 0 {
        match connection.receive() {
            Some(Packet::PubAck(_) | Packet::PubComp(_)) => left -= 1,
            Some(Packet::PubRec(ack)) => connection.send(pubrel(ack.packet_id.get())),
            other => panic!("unexpected {other:?}"),
        }
    }
}

/// A subscriber with a session that it comes back to.
struct Subscriber {
    port: u16,
    version: Version,
    name: String,
    connection: Connection,
    unreleased: BTreeSet<PacketId>,
    /// Topic and payload of every message.
    seen: BTreeSet<(String, usize)>,
    newest: BTreeMap<(String, QoS), usize>,
    random: Random,
}

impl Subscriber {
    fn new(port: u16, number: usize) -> Self {
        let (name, version) = (format!("subscriber {number}"), VERSIONS[number % 2]);
        let mut connection = Self::connect(port, version, &name);
        connection.send(subscribe(1, "crowd/#", QoS::ExactlyOnce));
        assert!(matches!(connection.receive(), Some(Packet::SubAck(_))));
        Self {
            port,
            version,
            name,
            connection,
            unreleased: BTreeSet::new(),
            seen: BTreeSet::new(),
            newest: BTreeMap::new(),
            random: Random::new(number as u64),
        }
    }

    fn connect(port: u16, version: Version, name: &str) -> Connection {
        let mut connection = Connection::open(port, version);
        connection.send(login(resume(version, name), USER, PASSWORD));
        assert!(matches!(connection.receive(), Some(Packet::ConnAck(_))));
        connection
    }

    /// Goes on until so many different messages have arrived.
    fn take_until(&mut self, count: usize) {
        while self.seen.len() < count {
            self.take_one();
        }
    }

    /// Takes the next packet and answers it, or hangs up without an answer and comes back.
    fn take_one(&mut self) {
        let packet = self.connection.receive();
        let answer = match packet {
            Some(Packet::Publish(publish)) => self.take(publish),
            Some(Packet::PubRel(ack)) => {
                self.unreleased.remove(&ack.packet_id);
                pubcomp(ack.packet_id.get())
            }
            other => panic!("{} received {other:?}", self.name),
        };
        if self.random.below(200) == 0 {
            self.connection = Self::connect(self.port, self.version, &self.name);
        } else {
            self.connection.send(answer);
        }
    }

    fn take(&mut self, publish: Publish) -> Packet {
        let id = publish.packet_id.expect("every message is of QoS 1 or 2");
        let exactly_once = publish.qos == QoS::ExactlyOnce;
        if exactly_once && !self.unreleased.insert(id) {
            return pubrec(id.get());
        }
        let payload = std::str::from_utf8(&publish.payload).expect("payloads are text");
        let n: usize = payload.parse().expect("payloads are numbers");
        let topic = publish.topic.to_string();
        if self.seen.insert((topic.clone(), n)) {
            let before = self.newest.insert((topic.clone(), publish.qos), n);
            assert!(
                before.is_none_or(|before| before < n),
                "{topic}: {n} after {before:?}"
            );
        } else {
            assert!(!exactly_once, "{} got {topic} {n} twice", self.name);
        }
        if exactly_once {
            pubrec(id.get())
        } else {
            puback(id.get())
        }
    }
}
