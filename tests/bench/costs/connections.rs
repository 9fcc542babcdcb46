// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Very many clients: what it takes to let them in, what each holds while it says nothing, and how often they wake the broker.

use std::io;
use std::thread;
use std::time::{Duration, Instant};

use mqtt_proto::Version;
use nix::sys::resource::{Resource, getrlimit};
use tests::packets::connect;

use super::{Meter, finished};
use crate::client::Client;
use crate::contestant::Running;
use crate::experiment::Stage;
use crate::figure::*;

/// Connections a second, CPU time and memory for each, and wake-ups of the broker while all are idle.
pub fn measure(stage: &Stage) -> Result<Figures, String> {
    let mut running = stage.start()?;
    let measured = storm(&running);
    finished(&mut running, measured)
}

fn storm(running: &Running) -> io::Result<Figures> {
    let (_, descriptors) = getrlimit(Resource::RLIMIT_NOFILE)?;
    let count = CLIENTS.min(descriptors.saturating_sub(SPARE) as usize / WAVE * WAVE);
    let before = Meter::at_rest(running)?;
    let begin = Instant::now();
    let mut clients = Vec::with_capacity(count);
    for wave in 0..count / WAVE {
        let names = (0..WAVE).map(|n| format!("idle-{}", wave * WAVE + n));
        let opened: io::Result<Vec<_>> = names
            .map(|name| Client::open(running.address, connect(Version::V311, &name)))
            .collect();
        for mut client in opened? {
            client.accepted()?;
            clients.push(client);
        }
    }
    let rate = count as f64 / begin.elapsed().as_secs_f64();
    let cpu = before.micros_each(running, count)?;
    let memory = before.bytes_each(running, count)?;
    let asleep = running.process.wakeups()?;
    thread::sleep(IDLE);
    let wakeups = running.process.wakeups()? - asleep;
    Ok(vec![
        (&CONNECT, cpu),
        (&CONNECTIONS, rate),
        (&PER_CONNECTION, memory),
        (&WAKEUPS, wakeups as f64 / IDLE.as_secs_f64()),
    ])
}

const CLIENTS: usize = 10_000;
/// Connections that are opened before the first of them is answered.
const WAVE: usize = 100;
/// Descriptors for everything else.
const SPARE: u64 = 500;
const IDLE: Duration = Duration::from_secs(2);
