// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The loop: waits for sockets, takes what came, lets publishers send at their pace, writes once to each connection.

use std::io;
use std::time::{Duration, Instant};

use nix::time::{ClockId, clock_gettime};

use super::clients::{self, Clients};
use super::link::Link;
use super::pacer::Pacer;
use super::readiness::Readiness;
use super::{Outcome, Target, Work};

pub struct Engine {
    target: Target,
    readiness: Readiness,
    links: Vec<Link>,
    clients: Clients,
    pacer: Pacer,
    /// Where reads go; what is in it belongs to nobody.
    scratch: Vec<u8>,
    /// Numbers of the links that have something to write.
    dirty: Vec<usize>,
    epoch: Instant,
    last_arrival: Instant,
    elapsed: Duration,
}

/// Where a run stood at some moment.
pub struct Tally {
    sent: u64,
    delivered: u64,
    cpu: Duration,
}

impl Engine {
    /// Connects all clients of a work.
    pub fn connect(work: &Work, target: &Target) -> io::Result<Self> {
        let readiness = Readiness::new()?;
        let links = clients::connect(work, target)?;
        for link in &links {
            link.watch(&readiness)?;
        }
        let now = Instant::now();
        Ok(Self {
            target: target.clone(),
            pacer: Pacer::new(work.pace, &readiness)?,
            readiness,
            links,
            clients: Clients::new(work, target.version),
            scratch: Vec::new(),
            dirty: Vec::new(),
            epoch: now,
            last_arrival: now,
            elapsed: Duration::ZERO,
        })
    }

    /// Lets the publishers send for so long, then waits until everything has arrived or nothing comes any more.
    pub fn work_for(&mut self, length: Duration) -> io::Result<()> {
        let begin = self.now();
        let end = begin + length.as_nanos() as u64;
        self.clients.forget_what_is_under_way();
        self.pacer.begin(&mut self.clients, begin, end);
        self.last_arrival = Instant::now();
        let begun = self.last_arrival;
        loop {
            let now = self.now();
            let mut patience =
                self.pacer
                    .send(&mut self.clients, &mut self.links, &mut self.dirty, now)?;
            self.write()?;
            if now >= end {
                if self.clients.is_done() || self.last_arrival.elapsed() > SILENCE {
                    break;
                }
                patience = patience.min(SILENCE);
            } else {
                patience = patience.min(Duration::from_nanos(end - now));
            }
            self.wait(patience)?;
        }
        self.elapsed = self.last_arrival - begun;
        Ok(())
    }

    pub fn tally(&self) -> Tally {
        Tally {
            sent: self.clients.sent(),
            delivered: self.clients.delivered,
            cpu: cpu_time(),
        }
    }

    /// What came of the work since `before`; losses, duplicates and reorderings of the warm-up are counted as well.
    pub fn outcome(self, before: &Tally) -> Outcome {
        let mut outcome = Outcome {
            sent: self.clients.sent() - before.sent,
            delivered: self.clients.delivered - before.delivered,
            elapsed: self.elapsed,
            generator_cpu: cpu_time().saturating_sub(before.cpu),
            ..Outcome::default()
        };
        self.clients.judge(&mut outcome);
        outcome
    }

    /// Nanoseconds since the run began.
    fn now(&self) -> u64 {
        self.epoch.elapsed().as_nanos() as u64
    }

    /// Waits for sockets and takes what they have.
    fn wait(&mut self, patience: Duration) -> io::Result<()> {
        let count = self.readiness.wait(patience)?;
        let now = self.now();
        for n in 0..count {
            let ready = self.readiness.ready(n);
            // Other numbers are the pacer's.
            let Some(link) = self.links.get_mut(ready.number) else {
                continue;
            };
            if ready.read {
                let clients = &mut self.clients;
                let came = link
                    .read(&mut self.scratch, &self.target, |packet, out| {
                        clients.take(ready.number, packet, out, now)
                    })
                    .map_err(|error| clients.blame(ready.number, &error))?;
                if came {
                    self.last_arrival = Instant::now();
                }
            }
            if ready.write || !link.out.is_empty() {
                self.dirty.push(ready.number);
            }
        }
        Ok(())
    }

    /// Writes what the links have; one that is listed twice has nothing the second time.
    fn write(&mut self) -> io::Result<()> {
        for number in self.dirty.drain(..) {
            self.links[number]
                .flush(&self.readiness)
                .map_err(|error| self.clients.blame(number, &error))?;
        }
        Ok(())
    }
}

/// CPU time of this thread.
fn cpu_time() -> Duration {
    clock_gettime(ClockId::CLOCK_THREAD_CPUTIME_ID).map_or(Duration::ZERO, Duration::from)
}

/// Nothing has come for so long: what is missing is lost.
const SILENCE: Duration = Duration::from_secs(5);
