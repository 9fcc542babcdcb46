// SPDX-License-Identifier: Apache-2.0 OR MIT
//! `logins`: what it costs until all clients are back after a restart, by the number of different logins they have; the
//! broker and Mosquitto in turns, in one run.
//!
//! Usage: `logins [CLIENTS [LOGINS...]]`, by default 300 clients with 10 and with 300 logins. The broker has argon2id hashes
//! (19 MiB, 2 passes), Mosquitto its own `$7$` (PBKDF2).

mod contestant;

use std::process::ExitCode;
use std::sync::Barrier;
use std::thread;
use std::time::{Duration, Instant};

use mqtt_proto::{Packet, Version};
use tests::packets::{connect, login};
use tests::{Connection, tools};

use contestant::Contestant;

fn main() -> ExitCode {
    let numbers: Option<Vec<usize>> = std::env::args()
        .skip(1)
        .map(|argument| argument.parse().ok().filter(|number| *number > 0))
        .collect();
    let Some(mut numbers) = numbers else {
        eprintln!("usage: logins [CLIENTS [LOGINS...]]");
        return ExitCode::from(2);
    };
    if numbers.is_empty() {
        numbers.push(300);
    }
    let clients = numbers.remove(0);
    if numbers.is_empty() {
        numbers = vec![10, clients];
    }
    println!(
        "{:<22}{:>8}{:>8}{:>12}{:>12}{:>12}{:>14}",
        "", "clients", "logins", "CPU s", "peak MiB", "half s", "last CONNACK s"
    );
    for logins in numbers {
        for start in [Contestant::ours, Contestant::mosquitto] {
            measure(&start(logins), clients, logins);
        }
    }
    ExitCode::SUCCESS
}

/// All clients at once to a broker that has just begun.
fn measure(broker: &Contestant, clients: usize, logins: usize) {
    let before = broker.server.cpu_time();
    let gate = Barrier::new(clients + 1);
    let mut times: Vec<Duration> = thread::scope(|scope| {
        let waiting: Vec<_> = (0..clients)
            .map(|number| {
                let (gate, port) = (&gate, broker.port);
                scope.spawn(move || {
                    gate.wait();
                    come_back(port, number, number % logins)
                })
            })
            .collect();
        gate.wait();
        let joined = waiting.into_iter().map(|client| client.join());
        joined
            .map(|time| time.unwrap_or_else(|cause| std::panic::resume_unwind(cause)))
            .collect()
    });
    times.sort_unstable();
    let cpu = broker.server.cpu_time() - before;
    println!(
        "{:<22}{clients:>8}{logins:>8}{:>12.2}{:>12}{:>12.2}{:>14.2}",
        broker.name,
        cpu.as_secs_f64(),
        tools::highest_memory(broker.server.pid()),
        times[clients / 2].as_secs_f64(),
        times[clients - 1].as_secs_f64(),
    );
}

/// Tries until it is let in.
fn come_back(port: u16, number: usize, login_number: usize) -> Duration {
    let begin = Instant::now();
    loop {
        let mut client = Connection::open(port, Version::V311);
        let hello = connect(Version::V311, &format!("device {number}"));
        client.send(login(
            hello,
            &contestant::user(login_number),
            contestant::PASSWORD,
        ));
        match client.receive() {
            Some(Packet::ConnAck(answer)) if !answer.reason.is_error() => return begin.elapsed(),
            _ => {}
        }
    }
}
