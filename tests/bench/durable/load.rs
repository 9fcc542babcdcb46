// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Publishers with one message in flight each, and subscribers with persistent sessions that acknowledge everything, a little later.

use std::collections::VecDeque;
use std::fmt;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use bytes::BytesMut;
use mqtt_proto::{Packet, QoS, Version, encode};
use tests::IntoPacket;
use tests::packets::{connect, puback, publish_at, resume, subscribe};

use crate::contestant::Contestant;
use crate::device::Device;

/// Publishers that one thread serves, and one subscriber.
const GROUP: usize = 100;
/// Bytes of each payload.
const PAYLOAD: usize = 256;
/// Time before the measurement begins.
const WARM_UP: Duration = Duration::from_millis(500);
/// A broker that is silent for so long has lost something.
const SILENCE: Duration = Duration::from_secs(30);
/// How long a subscriber takes for a message: what is delivered and acknowledged before the next flush need not be written.
const THOUGHT: Duration = Duration::from_millis(50);
/// Bytes of PUBACK.
const ANSWER: usize = 4;

/// What one turn gave.
pub struct Measured {
    /// Acknowledged messages a second.
    pub rate: f64,
    cpu_micros: f64,
    flushes: f64,
    per_flush: f64,
    bytes: f64,
}

impl fmt::Display for Measured {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            rate,
            cpu_micros,
            flushes,
            per_flush,
            bytes,
        } = self;
        write!(
            f,
            "{rate:.0} | {cpu_micros:.1} | {flushes:.0} | {per_flush:.1} | {bytes:.0}"
        )
    }
}

/// One turn with this many publishers.
pub fn run(
    contestant: &Contestant,
    publishers: usize,
    device: &Device,
    length: Duration,
) -> Measured {
    let acknowledged = Arc::new(AtomicU64::new(0));
    let stop = Arc::new(AtomicBool::new(false));
    let groups = publishers.div_ceil(GROUP);
    let mut threads = Vec::new();
    for group in 0..groups {
        let count = GROUP.min(publishers - group * GROUP);
        let address = contestant.address;
        let stopped = stop.clone();
        let subscriber = subscriber(address, group);
        threads.push(thread::spawn(move || consume(subscriber, &stopped)));
        let (acknowledged, stop) = (acknowledged.clone(), stop.clone());
        let mut sockets: Vec<_> = (0..count)
            .map(|n| client(address, connect(Version::V311, &format!("p{group}-{n}"))))
            .collect();
        threads.push(thread::spawn(move || {
            while !stop.load(Ordering::Relaxed) {
                publish(&mut sockets, group);
                acknowledged.fetch_add(count as u64, Ordering::Relaxed);
            }
        }));
    }
    thread::sleep(WARM_UP);
    let read = || {
        (
            Instant::now(),
            contestant.cpu_time(),
            device.written(),
            acknowledged.load(Ordering::Relaxed),
        )
    };
    let before = read();
    thread::sleep(length);
    let after = read();
    stop.store(true, Ordering::Relaxed);
    for thread in threads {
        thread.join().expect("every message is acknowledged");
    }
    let (seconds, count) = (
        (after.0 - before.0).as_secs_f64(),
        (after.3 - before.3) as f64,
    );
    let flushes = (after.2.flushes - before.2.flushes) as f64;
    Measured {
        rate: count / seconds,
        cpu_micros: (after.1 - before.1).as_secs_f64() * 1e6 / count,
        flushes: flushes / seconds,
        per_flush: count / flushes.max(1.0),
        bytes: (after.2.bytes - before.2.bytes) as f64 / count,
    }
}

/// One message of each publisher, then the acknowledgement of each.
fn publish(sockets: &mut [TcpStream], group: usize) {
    let mut bytes = BytesMut::new();
    let message = publish_at(
        QoS::AtLeastOnce,
        1,
        &format!("load/{group}"),
        [b'x'; PAYLOAD],
    );
    encode(&message.into_packet(), Version::V311, &mut bytes);
    for socket in &mut *sockets {
        socket.write_all(&bytes).expect("the broker reads");
    }
    for socket in sockets {
        let mut answer = [0; ANSWER];
        socket.read_exact(&mut answer).expect("PUBACK arrives");
        assert_eq!(answer[0], 0x40, "PUBACK");
    }
}

fn subscriber(address: SocketAddr, group: usize) -> TcpStream {
    let mut socket = client(address, resume(Version::V311, &format!("s{group}")));
    send(
        &mut socket,
        subscribe(1, &format!("load/{group}"), QoS::AtLeastOnce),
    );
    let mut suback = [0; 5];
    socket.read_exact(&mut suback).expect("SUBACK arrives");
    socket
}

/// Acknowledges every message [`THOUGHT`] after it came, until told to stop.
fn consume(mut socket: TcpStream, stop: &AtomicBool) {
    socket
        .set_read_timeout(Some(Duration::from_millis(5)))
        .expect("a socket can be set");
    let mut decoder = mqtt_proto::Decoder::client(Version::V311);
    let (mut input, mut chunk) = (BytesMut::new(), [0; 64 * 1024]);
    let mut answers = VecDeque::<(Instant, BytesMut)>::new();
    while !stop.load(Ordering::Relaxed) {
        let count = socket.read(&mut chunk).unwrap_or(0);
        input.extend_from_slice(&chunk[..count]);
        let mut late = BytesMut::new();
        while let Ok(Some(packet)) = decoder.decode(&mut input) {
            if let Packet::Publish(message) = packet {
                let id = message.packet_id.expect("QoS 1 has an identifier");
                encode(&puback(id.get()).into_packet(), Version::V311, &mut late);
            }
        }
        answers.push_back((Instant::now() + THOUGHT, late));
        let due = answers.partition_point(|(at, _)| *at <= Instant::now());
        for (_, answers) in answers.drain(..due) {
            if socket.write_all(&answers).is_err() {
                return;
            }
        }
    }
}

pub fn client(address: SocketAddr, connect: impl IntoPacket) -> TcpStream {
    let mut socket = TcpStream::connect(address).expect("the broker accepts connections");
    socket.set_nodelay(true).expect("a socket can be set");
    socket
        .set_read_timeout(Some(SILENCE))
        .expect("a socket can be set");
    send(&mut socket, connect);
    let mut connack = [0; 4];
    socket.read_exact(&mut connack).expect("CONNACK arrives");
    assert_eq!(connack[3], 0, "the broker accepts the client");
    socket
}

pub fn send(socket: &mut TcpStream, packet: impl IntoPacket) {
    let mut bytes = BytesMut::new();
    encode(&packet.into_packet(), Version::V311, &mut bytes);
    socket.write_all(&bytes).expect("the broker reads");
}
