// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The time from the start of the broker to the first CONNACK, with very much in the store, after it was killed.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::time::{Duration, Instant};

use bytes::BytesMut;
use mqtt_proto::{Publish, QoS, Version, encode};
use tests::packets::{connect, publish_at, resume, subscribe};
use tests::{IntoPacket, tools};

use crate::contestant::{Contestant, SETTINGS, Setting};
use crate::load::{client, send};

/// Retained messages.
const RETAINED: usize = 100_000;
/// Sessions whose clients are away, and messages that wait for each.
const SESSIONS: usize = 1_000;
const QUEUED: usize = 100;
/// Messages in flight.
const WINDOW: usize = 100;
/// Times the broker is killed and started.
const TURNS: usize = 5;

/// Fills the store of ours with much of everything, and then with queues only, and starts on it some times.
pub fn measure(folder: &Path) {
    fill_and_start(folder, RETAINED, 256);
    fill_and_start(folder, 0, 1_024);
}

fn fill_and_start(folder: &Path, retained: usize, payload: usize) {
    let (state, setting) = (folder.join("recovery"), &SETTINGS[0]);
    let filled = fill(setting, &state, retained, payload);
    let mut times: Vec<Duration> = (0..TURNS).map(|_| start(setting, &state).0).collect();
    times.sort();
    let (_, memory) = start(setting, &state);
    println!(
        "{retained} retained messages and {SESSIONS} sessions with {QUEUED} messages each, of {payload} bytes; written in {} ms, {} MiB in memory then.\n\
         From `kill -9` to the first CONNACK: {} ms (median of {TURNS}; longest {} ms), {} MiB in memory.\n",
        filled.0.as_millis(),
        filled.1 >> 20,
        times[TURNS / 2].as_millis(),
        times[TURNS - 1].as_millis(),
        memory >> 20,
    );
    std::fs::remove_dir_all(state).expect("the state can be removed");
}

/// The time to the first CONNACK, and bytes of memory.
fn start(setting: &Setting, state: &Path) -> (Duration, u64) {
    let begin = Instant::now();
    let contestant = Contestant::start(setting, state);
    client(contestant.address, connect(Version::V311, "first"));
    let memory = tools::memory_now(contestant.server.pid()).expect("the broker runs");
    (begin.elapsed(), memory)
}

fn fill(setting: &Setting, state: &Path, retained: usize, payload: usize) -> (Duration, u64) {
    let begin = Instant::now();
    let contestant = Contestant::start(setting, state);
    for n in 0..SESSIONS {
        let mut socket = client(contestant.address, resume(Version::V311, &format!("s{n}")));
        let filter = format!("queued/{n}");
        send(&mut socket, subscribe(1, &filter, QoS::AtLeastOnce));
        socket.read_exact(&mut [0; 5]).expect("SUBACK arrives");
    }
    let mut publisher = client(contestant.address, connect(Version::V311, "publisher"));
    let retained = (0..retained).map(|n| (format!("retained/{n}"), true));
    let queued = (0..SESSIONS * QUEUED).map(|n| (format!("queued/{}", n % SESSIONS), false));
    let all: Vec<_> = retained.chain(queued).collect();
    for window in all.chunks(WINDOW) {
        publish(&mut publisher, window, payload);
    }
    let memory = tools::memory_now(contestant.server.pid()).expect("the broker runs");
    (begin.elapsed(), memory)
}

/// Sends messages and waits for the acknowledgement of each.
fn publish(socket: &mut TcpStream, messages: &[(String, bool)], payload: usize) {
    let mut bytes = BytesMut::new();
    for (id, (topic, retain)) in (1..).zip(messages) {
        let message = Publish {
            retain: *retain,
            ..publish_at(QoS::AtLeastOnce, id, topic, vec![b'x'; payload])
        };
        encode(&message.into_packet(), Version::V311, &mut bytes);
    }
    socket.write_all(&bytes).expect("the broker reads");
    let mut answers = vec![0; 4 * messages.len()];
    socket.read_exact(&mut answers).expect("PUBACKs arrive");
}
