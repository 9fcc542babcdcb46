// SPDX-License-Identifier: Apache-2.0 OR MIT
//! What a broker takes for things other than a stream of messages: connections, subscriptions, what it keeps, its start.

pub mod backlog;
pub mod calls;
pub mod connections;
pub mod durable;
pub mod retained;
pub mod slow;
pub mod start;
pub mod wild;

use std::io;
use std::thread;
use std::time::Duration;

use crate::contestant::Running;
use crate::figure::{ENTRY, Figures};

/// CPU time and memory of a broker between two moments.
struct Meter {
    cpu: Duration,
    memory: u64,
}

impl Meter {
    /// Begins after the broker has come to rest.
    fn at_rest(running: &Running) -> io::Result<Self> {
        thread::sleep(REST);
        Self::now(running)
    }

    fn now(running: &Running) -> io::Result<Self> {
        Ok(Self {
            cpu: running.process.cpu()?,
            memory: running.process.memory()?,
        })
    }

    /// Microseconds of CPU time for each of `count` since then.
    fn micros_each(&self, running: &Running, count: usize) -> io::Result<f64> {
        let spent = running.process.cpu()?.saturating_sub(self.cpu);
        Ok(spent.as_secs_f64() * 1e6 / count as f64)
    }

    /// Bytes of resident memory for each of `count` since then, once the broker is at rest.
    fn bytes_each(&self, running: &Running, count: usize) -> io::Result<f64> {
        thread::sleep(REST);
        let more = running.process.memory()?.saturating_sub(self.memory);
        Ok(more as f64 / count as f64)
    }
}

/// What was measured with how long the core was held at most, or why nothing was.
fn finished(running: &mut Running, measured: io::Result<Figures>) -> Result<Figures, String> {
    let mut figures = explained(running, measured)?;
    figures.extend(running.longest_entry().map(|micros| (&ENTRY, micros)));
    Ok(figures)
}

/// Says why nothing was measured: how the broker ended, if it has, or else the error.
fn explained<T>(running: &mut Running, result: io::Result<T>) -> Result<T, String> {
    result.map_err(|error| match running.process.end() {
        Some(end) => end,
        None if error.kind() == io::ErrorKind::WouldBlock => SILENT.to_owned(),
        None => error.to_string(),
    })
}

/// Time for what a broker does on its own account after work.
const REST: Duration = Duration::from_millis(500);
const SILENT: &str = "says nothing for ten seconds";
