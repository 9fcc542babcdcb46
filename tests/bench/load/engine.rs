// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The loop: waits for sockets, takes what came, lets publishers send at their pace, writes once to each connection.

use std::io;
use std::time::{Duration, Instant};

use super::clients::{self, Clients};
use super::histogram::Histogram;
use super::link::Link;
use super::pacer::Pacer;
use super::readiness::Readiness;
use super::{Outcome, Target, Work, cpu_time};

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
    /// When the publishers began to send.
    begun: Instant,
    last_arrival: Instant,
    /// The broker may be silent for so long; what is missing then is lost.
    silence: Duration,
    /// The link that may be slow and may end.
    slow: Option<usize>,
    /// Why that one ended.
    pub closed: Option<String>,
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
    pub fn connect(work: &Work, target: &Target, silence: Duration) -> io::Result<Self> {
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
            clients: Clients::new(work, target.version, &links, now),
            links,
            scratch: Vec::new(),
            dirty: Vec::new(),
            epoch: now,
            begun: now,
            last_arrival: now,
            silence,
            slow: None,
            closed: None,
            elapsed: Duration::ZERO,
        })
    }

    /// Lets the publishers send for so long, then waits until everything has arrived or nothing comes any more.
    pub fn work_for(&mut self, length: Duration) -> io::Result<()> {
        self.clients.forget_what_is_under_way();
        self.send_for(length)?;
        self.settle()
    }

    /// Lets the publishers send for so long.
    pub fn send_for(&mut self, length: Duration) -> io::Result<()> {
        let begin = self.now();
        let end = begin + length.as_nanos() as u64;
        self.begun = Instant::now();
        self.last_arrival = self.begun;
        self.pacer.begin(&mut self.clients, begin, end);
        loop {
            let patience = self.send()?;
            let now = self.now();
            if now >= end {
                return Ok(());
            }
            self.wait(patience.min(Duration::from_nanos(end - now)))?;
        }
    }

    /// Waits until everything has arrived, or nothing has come for as long as the broker may be silent.
    pub fn settle(&mut self) -> io::Result<()> {
        let since = Instant::now();
        loop {
            self.send()?;
            let silence = self.last_arrival.max(since).elapsed();
            if self.clients.is_done() || silence >= self.silence {
                break;
            }
            self.wait(self.silence - silence)?;
        }
        self.elapsed = self.last_arrival - self.begun;
        Ok(())
    }

    /// Reads one subscriber no more; from now on its end is no fault.
    pub fn pause(&mut self, subscriber: usize) -> io::Result<()> {
        let link = self.clients.publishers.len() + subscriber;
        self.slow = Some(link);
        self.links[link].pause(&self.readiness, true)
    }

    /// Reads that subscriber again.
    pub fn resume(&mut self) -> io::Result<()> {
        match self.slow {
            Some(link) if self.closed.is_none() => self.links[link].pause(&self.readiness, false),
            _ => Ok(()),
        }
    }

    /// The latencies since the last call; there are some at [`Pace::Rate`](super::Pace::Rate) only.
    pub fn take_latency(&mut self) -> Histogram {
        self.clients
            .latency
            .replace(Histogram::default())
            .unwrap_or_default()
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
        let each = self.each_subscriber();
        Outcome {
            sent: self.clients.sent() - before.sent,
            delivered: self.clients.delivered - before.delivered,
            elapsed: self.elapsed,
            generator_cpu: cpu_time().saturating_sub(before.cpu),
            latency: self.clients.latency,
            ..each.iter().fold(Outcome::default(), Outcome::plus)
        }
    }

    /// What came of the messages to each subscriber, since the run began.
    pub fn each_subscriber(&self) -> Vec<Outcome> {
        let subscribers = self.clients.subscribers.iter();
        subscribers
            .map(|subscriber| subscriber.outcome(&self.clients.publishers))
            .collect()
    }

    /// Nanoseconds since the run began.
    fn now(&self) -> u64 {
        self.epoch.elapsed().as_nanos() as u64
    }

    /// Waits for sockets and takes what they have.
    fn wait(&mut self, patience: Duration) -> io::Result<()> {
        let count = self.readiness.wait(patience)?;
        for n in 0..count {
            let ready = self.readiness.ready(n);
            // Other numbers are the pacer's.
            let Some(link) = self.links.get_mut(ready.number) else {
                continue;
            };
            if ready.read {
                let clients = &mut self.clients;
                let came = link.read(&mut self.scratch, &self.target, |packet, out| {
                    clients.take(ready.number, packet, out)
                });
                match came {
                    Ok(true) => self.last_arrival = Instant::now(),
                    Ok(false) => {}
                    Err(error) => {
                        self.fault(ready.number, &error)?;
                        continue;
                    }
                }
            }
            if ready.write || !link.out.is_empty() {
                self.dirty.push(ready.number);
            }
        }
        Ok(())
    }

    /// Lets whoever may send do so; returns how long nothing but the sockets matters.
    fn send(&mut self) -> io::Result<Duration> {
        let now = self.now();
        let (clients, links) = (&mut self.clients, &mut self.links);
        let patience = self.pacer.send(clients, links, &mut self.dirty, now)?;
        // One that is listed twice has nothing the second time.
        for number in std::mem::take(&mut self.dirty) {
            if let Err(error) = self.links[number].flush(&self.readiness) {
                self.fault(number, &error)?;
            }
        }
        Ok(patience)
    }

    /// Says who met an error, unless it is the one whose end is no fault.
    fn fault(&mut self, link: usize, error: &io::Error) -> io::Result<()> {
        let error = self.clients.blame(link, error);
        if self.slow != Some(link) {
            return Err(error);
        }
        self.closed = Some(error.to_string());
        self.links[link].end(&self.readiness)
    }
}
