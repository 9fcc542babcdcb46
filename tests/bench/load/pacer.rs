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
                self.active -= clients.done.len();
                self.waiting.extend(clients.done.drain(..));
                while now < self.end && self.active < at_once {
                    let Some(number) = self.waiting.pop_front() else {
                        break;
                    };
                    let publisher = &mut clients.publishers[number];
                    for _ in 0..u64::from(messages).min(publisher.limit) {
                        publisher.send(&mut links[number].out, now);
                    }
                    self.active += 1;
                    dirty.push(number);
                }
                Ok(Duration::MAX)
            }
            Pace::Fire => {
                clients.done.clear();
                let mut patience = Duration::MAX;
                for (number, publisher) in clients.publishers.iter_mut().enumerate() {
                    if now >= self.end || !links[number].is_idle() {
                        continue;
                    }
                    for _ in 0..FIRE / publisher.size() + 1 {
                        publisher.send(&mut links[number].out, now);
                    }
                    dirty.push(number);
                    patience = Duration::ZERO;
                }
                Ok(patience)
            }
            Pace::Rate(rate) => self.send_what_is_due(clients, links, dirty, (now, rate)),
        }
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
/// Bytes that a publisher without a window writes at one time.
const FIRE: usize = 32 * 1024;
