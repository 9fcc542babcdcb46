// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Publishers with one message in flight each, retained under a topic of its own and different every time: each must be written.

use std::fmt;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use bytes::BytesMut;
use mqtt_proto::{Publish, QoS, Version, encode};
use tests::IntoPacket;
use tests::packets::{connect, publish_at};

use crate::contestant::Contestant;
use crate::device::Device;

/// Publishers that one thread serves.
const GROUP: usize = 100;
/// Bytes of each payload.
const PAYLOAD: usize = 256;
/// Time before the measurement begins.
const WARM_UP: Duration = Duration::from_millis(500);
/// A broker that is silent for so long has lost something.
const SILENCE: Duration = Duration::from_secs(30);
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
        let (acknowledged, stop) = (acknowledged.clone(), stop.clone());
        let mut sockets: Vec<_> = (0..count)
            .map(|n| client(address, connect(Version::V311, &format!("p{group}-{n}"))))
            .collect();
        threads.push(thread::spawn(move || {
            let mut round = 0;
            while !stop.load(Ordering::Relaxed) {
                round += 1;
                publish(&mut sockets, group, round);
                acknowledged.fetch_add(count as u64, Ordering::Relaxed);
            }
        }));
    }
    thread::sleep(WARM_UP);
    let read = || {
        (
            Instant::now(),
            contestant.server.cpu_time(),
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
fn publish(sockets: &mut [TcpStream], group: usize, round: u64) {
    let payload = format!("{round:0PAYLOAD$}");
    for (n, socket) in sockets.iter_mut().enumerate() {
        let message = Publish {
            retain: true,
            ..publish_at(QoS::AtLeastOnce, 1, &format!("load/{group}/{n}"), &payload)
        };
        send(socket, message);
    }
    for socket in sockets {
        let mut answer = [0; ANSWER];
        socket.read_exact(&mut answer).expect("PUBACK arrives");
        assert_eq!(answer[0], 0x40, "PUBACK");
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
