// SPDX-License-Identifier: Apache-2.0 OR MIT
//! When each publisher sends: after what it sent has arrived, at once, or at fixed times.

use std::collections::VecDeque;
use std::io;
use std::time::Duration;

use nix::sys::time::TimeSpec;
use nix::sys::timer::{Expiration, TimerSetTimeFlags};
use nix::sys::timerfd::{ClockId, TimerFd, TimerFlags};

use super::Pace;
use super::clients::Clients;
use super::link::Link;
use super::readiness::{Interest, Readiness};

pub struct Pacer {
    pace: Pace,
    /// Until when there is something to send, in nanoseconds of the run.
    end: u64,
    /// Publishers that wait for their turn.
    waiting: VecDeque<usize>,
    /// How many have something under way.
    active: usize,
    /// Publishers that owe something, and how many messages each publisher does.
    sending: Vec<usize>,
    owed: Vec<u64>,
    /// When each publisher's next message is due.
    due: Vec<u64>,
    timer: TimerFd,
}

impl Pacer {
    pub fn new(pace: Pace, readiness: &Readiness) -> io::Result<Self> {
        let timer = TimerFd::new(ClockId::CLOCK_MONOTONIC, TimerFlags::TFD_NONBLOCK)?;
        readiness.add(&timer, TIMER, Interest::READ)?;
        Ok(Self {
            pace,
            end: 0,
            waiting: VecDeque::new(),
            active: 0,
            sending: Vec::new(),
            owed: Vec::new(),
            due: Vec::new(),
            timer,
        })
    }

    /// Begins anew with publishers that have nothing under way.
    pub fn begin(&mut self, clients: &mut Clients, begin: u64, end: u64) {
        self.end = end;
        self.active = 0;
        clients.done.clear();
        let publishers = 0..clients.publishers.len();
        if let Pace::Rate(rate) = self.pace {
            let due = |n| begin + n as u64 * SECOND / u64::from(rate);
            self.due = publishers.clone().map(due).collect();
        }
        self.owed = vec![0; publishers.len()];
        self.sending.clear();
        if self.pace == Pace::Fire {
            self.owed.fill(u64::MAX);
            self.sending.extend(publishers.clone());
        }
        self.waiting = publishers.collect();
    }

    /// Lets whoever may send do so, and adds their links to `dirty`; returns how long nothing but the sockets matters.
    pub fn send(
        &mut self,
        clients: &mut Clients,
        links: &mut [Link],
        dirty: &mut Vec<usize>,
        now: u64,
    ) -> io::Result<Duration> {
        match self.pace {
            Pace::Window { messages, at_once } => {
                for number in clients.done.drain(..) {
                    if self.owed[number] == 0 {
                        self.active -= 1;
                        self.waiting.push_back(number);
                    }
                }
                while now < self.end && self.active < at_once {
                    let Some(number) = self.waiting.pop_front() else {
                        break;
                    };
                    let limit = clients.publishers[number].limit;
                    self.owed[number] = limit.min(messages.into());
                    self.sending.push(number);
                    self.active += 1;
                }
            }
            Pace::Fire => clients.done.clear(),
            Pace::Rate(rate) => return self.send_what_is_due(clients, links, dirty, (now, rate)),
        }
        if now >= self.end {
            self.sending.clear();
        }
        Ok(self.send_what_is_owed(clients, links, dirty, now))
    }

    /// Lets whoever has sent what it was given go on with what it owes.
    fn send_what_is_owed(
        &mut self,
        clients: &mut Clients,
        links: &mut [Link],
        dirty: &mut Vec<usize>,
        now: u64,
    ) -> Duration {
        let owed = &mut self.owed;
        let mut patience = Duration::MAX;
        self.sending.retain(|&number| {
            let link = &mut links[number];
            if !link.is_idle() {
                return true;
            }
            let publisher = &mut clients.publishers[number];
            let count = owed[number].min((CHUNK / publisher.size() + 1) as u64);
            for _ in 0..count {
                publisher.send(&mut link.out, now);
            }
            dirty.push(number);
            owed[number] -= count;
            if owed[number] > 0 {
                patience = Duration::ZERO;
            }
            owed[number] > 0
        });
        patience
    }

    fn send_what_is_due(
        &mut self,
        clients: &mut Clients,
        links: &mut [Link],
        dirty: &mut Vec<usize>,
        (now, rate): (u64, u32),
    ) -> io::Result<Duration> {
        clients.done.clear();
        let interval = clients.publishers.len() as u64 * SECOND / u64::from(rate);
        let latest = now.min(self.end - 1);
        for (number, due) in self.due.iter_mut().enumerate() {
            let publisher = &mut clients.publishers[number];
            while *due <= latest && publisher.has_room() {
                publisher.send(&mut links[number].out, *due);
                *due += interval;
                dirty.push(number);
            }
        }
        let next = self.due.iter().filter(|due| **due > now).min();
        if let Some(next) = next {
            let rest = Duration::from_nanos(next - now);
            let once = Expiration::OneShot(TimeSpec::from_duration(rest));
            self.timer.set(once, TimerSetTimeFlags::empty())?;
        }
        Ok(Duration::MAX)
    }
}

/// Under this number the timer is watched.
const TIMER: usize = usize::MAX;
const SECOND: u64 = 1_000_000_000;
/// Bytes that a publisher writes at one time, or one message: few enough to stay in the processor's caches.
const CHUNK: usize = 32 * 1024;
