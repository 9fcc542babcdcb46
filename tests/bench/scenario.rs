// SPDX-License-Identifier: Apache-2.0 OR MIT
//! What the load looks like: publishers and subscribers on blocking sockets, a thread for each group.
//!
//! A group publishes a burst, waits until all of it has arrived (and, at QoS 1, is acknowledged), and begins again.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use bytes::BytesMut;
use mqtt_proto::{QoS, Version, encode};
use tests::IntoPacket;
use tests::packets::{connect, publish_at, subscribe};

use crate::contestant::Contestant;

/// Bytes of each payload.
const PAYLOAD: usize = 64;
/// Time before the measurement begins.
const WARM_UP: Duration = Duration::from_millis(500);
/// A broker that is silent for so long has lost a message.
const SILENCE: Duration = Duration::from_secs(30);

/// A shape of load.
pub struct Scenario {
    pub name: &'static str,
    /// Threads, each with a publisher of its own.
    groups: usize,
    /// Subscribers that get every message of their group.
    subscribers: usize,
    /// Messages that a publisher sends at once.
    burst: usize,
    qos: QoS,
}

/// Bursts at both qualities, a fan-out, and lone messages of many clients.
pub const SCENARIOS: [Scenario; 4] = [
    Scenario {
        name: "p2p-q0-64",
        groups: 4,
        subscribers: 1,
        burst: 100,
        qos: QoS::AtMostOnce,
    },
    Scenario {
        name: "p2p-q1-64",
        groups: 4,
        subscribers: 1,
        burst: 100,
        qos: QoS::AtLeastOnce,
    },
    Scenario {
        name: "fan-100-q0-64",
        groups: 1,
        subscribers: 100,
        burst: 10,
        qos: QoS::AtMostOnce,
    },
    Scenario {
        name: "100x1-q0-64",
        groups: 100,
        subscribers: 1,
        burst: 1,
        qos: QoS::AtMostOnce,
    },
];

/// What one turn gave.
pub struct Measured {
    /// Deliveries a second.
    pub rate: f64,
    /// CPU time of the broker for each of them.
    pub cpu_micros: f64,
}

impl Scenario {
    pub fn run(&self, contestant: &Contestant, length: Duration) -> Measured {
        let delivered = Arc::new(AtomicU64::new(0));
        let stop = Arc::new(AtomicBool::new(false));
        let threads: Vec<_> = (0..self.groups)
            .map(|n| {
                let mut group = Group::connect(contestant.address, self, n);
                let (delivered, stop) = (delivered.clone(), stop.clone());
                thread::spawn(move || {
                    while !stop.load(Ordering::Relaxed) {
                        delivered.fetch_add(group.round(), Ordering::Relaxed);
                    }
                })
            })
            .collect();
        thread::sleep(WARM_UP);
        let read = || {
            (
                Instant::now(),
                contestant.cpu_time(),
                delivered.load(Ordering::Relaxed),
            )
        };
        let (begin, cpu_before, before) = read();
        thread::sleep(length);
        let (end, cpu_after, after) = read();
        stop.store(true, Ordering::Relaxed);
        for thread in threads {
            thread.join().expect("every message arrives");
        }
        let count = (after - before) as f64;
        Measured {
            rate: count / (end - begin).as_secs_f64(),
            cpu_micros: (cpu_after - cpu_before).as_secs_f64() * 1e6 / count,
        }
    }
}

/// A publisher with its subscribers.
struct Group {
    publisher: TcpStream,
    subscribers: Vec<TcpStream>,
    burst: Vec<u8>,
    /// Messages in a burst.
    count: usize,
    qos: QoS,
    buffer: Vec<u8>,
}

impl Group {
    fn connect(address: SocketAddr, scenario: &Scenario, number: usize) -> Self {
        let Scenario {
            burst: count, qos, ..
        } = *scenario;
        let topic = format!("load/{number:03}");
        let mut burst = BytesMut::new();
        for id in (1..).take(count) {
            let message = publish_at(qos, id, &topic, [b'x'; PAYLOAD]);
            encode(&message.into_packet(), Version::V311, &mut burst);
        }
        let subscriber = |n: usize| {
            let mut socket = client(address, &format!("subscriber {number} {n}"));
            send(&mut socket, subscribe(1, &topic, qos));
            socket.read_exact(&mut [0; SUBACK]).expect("SUBACK arrives");
            socket
        };
        Self {
            publisher: client(address, &format!("publisher {number}")),
            subscribers: (0..scenario.subscribers).map(subscriber).collect(),
            buffer: vec![0; burst.len()],
            burst: burst.to_vec(),
            count,
            qos,
        }
    }

    /// Sends a burst and takes it at all subscribers; returns how many messages arrived.
    fn round(&mut self) -> u64 {
        self.publisher
            .write_all(&self.burst)
            .expect("the broker reads");
        for subscriber in &mut self.subscribers {
            subscriber
                .read_exact(&mut self.buffer)
                .expect("the messages arrive");
            if self.qos == QoS::AtLeastOnce {
                let answers = acknowledgements(&self.buffer, self.count);
                subscriber.write_all(&answers).expect("the broker reads");
            }
        }
        if self.qos == QoS::AtLeastOnce {
            self.publisher
                .read_exact(&mut vec![0; PUBACK * self.count])
                .expect("PUBACKs arrive");
        }
        (self.count * self.subscribers.len()) as u64
    }
}

/// PUBACK for each of the `count` equally long messages in `bytes`.
fn acknowledgements(bytes: &[u8], count: usize) -> Vec<u8> {
    let length = bytes.len() / count;
    let id = length - PAYLOAD - 2;
    bytes
        .chunks(length)
        .flat_map(|message| [0x40, 2, message[id], message[id + 1]])
        .collect()
}

fn client(address: SocketAddr, name: &str) -> TcpStream {
    let mut socket = TcpStream::connect(address).expect("the broker accepts connections");
    socket.set_nodelay(true).expect("a socket can be set");
    socket
        .set_read_timeout(Some(SILENCE))
        .expect("a socket can be set");
    send(&mut socket, connect(Version::V311, name));
    socket
        .read_exact(&mut [0; CONNACK])
        .expect("CONNACK arrives");
    socket
}

fn send(socket: &mut TcpStream, packet: impl IntoPacket) {
    let mut bytes = BytesMut::new();
    encode(&packet.into_packet(), Version::V311, &mut bytes);
    socket.write_all(&bytes).expect("the broker reads");
}

/// Sizes of the broker's answers in MQTT 3.1.1, in bytes.
const CONNACK: usize = 4;
const SUBACK: usize = 5;
const PUBACK: usize = 4;
