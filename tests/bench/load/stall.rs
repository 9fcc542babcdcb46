// SPDX-License-Identifier: Apache-2.0 OR MIT
//! A slow consumer: one of many subscribers of a topic stops reading for a while, and then reads again.
//!
//! The publisher keeps its times throughout. What counts is whether the others notice, and what becomes of the slow one.

use std::io;
use std::time::Duration;

use mqtt_proto::QoS;

use super::engine::Engine;
use super::histogram::Histogram;
use super::{Outcome, Pace, SILENCE, Shape, Target, Work, cpu_time};

/// A slow consumer among others, by its name in the tables.
pub struct Stall {
    pub name: &'static str,
    pub subscribers: usize,
    pub qos: QoS,
    /// Bytes of each payload.
    pub payload: usize,
    /// Messages a second, each to every subscriber.
    pub rate: u32,
    /// How long everybody reads.
    pub before: Duration,
    /// How long one does not.
    pub during: Duration,
}

/// What became of everybody.
pub struct StallOutcome {
    /// Latency of the subscribers that always read, before the stall.
    pub before: Histogram,
    /// The same during the stall.
    pub during: Histogram,
    /// Deliveries to those, summed up, with the time of sending and this thread's CPU time until the end; what is lost here was lost because somebody else was slow.
    pub others: Outcome,
    /// Deliveries to the one that was slow, when it had read all that came in the end.
    pub slow: Outcome,
    /// Why the connection of the slow one ended, if it did.
    pub closed: Option<String>,
}

/// What `mark` is told of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Moment {
    /// One subscriber stops reading.
    Begin,
    /// The last message was sent; it begins to read again.
    End,
    /// Nothing comes any more.
    Over,
}

impl Stall {
    /// The slow consumer of this name.
    pub fn find(name: &str) -> Option<&'static Self> {
        STALLS.iter().find(|stall| stall.name == name)
    }

    /// Runs it; calls `mark` at each moment, where the broker's memory is to be read.
    ///
    /// # Errors
    ///
    /// As [`run`](super::run), but for the slow subscriber, whose end is an outcome.
    pub fn run(&self, target: &Target, mark: &mut dyn FnMut(Moment)) -> io::Result<StallOutcome> {
        let work = Work {
            shape: Shape::FanOut(self.subscribers),
            qos: self.qos,
            payload: self.payload,
            pace: Pace::Rate(self.rate),
        };
        let mut engine = Engine::connect(&work, target, SILENCE)?;
        let cpu = cpu_time();
        engine.send_for(self.before)?;
        let before = engine.take_latency();
        mark(Moment::Begin);
        engine.pause(SLOW)?;
        engine.send_for(self.during)?;
        let during = engine.take_latency();
        mark(Moment::End);
        engine.resume()?;
        engine.settle()?;
        mark(Moment::Over);
        let mut each = engine.each_subscriber();
        let slow = each.swap_remove(SLOW);
        let nobody = Outcome {
            elapsed: self.before + self.during,
            generator_cpu: cpu_time().saturating_sub(cpu),
            ..Outcome::default()
        };
        Ok(StallOutcome {
            before,
            during,
            others: each.iter().fold(nobody, Outcome::plus),
            slow,
            closed: engine.closed,
        })
    }
}

/// The subscriber that stops reading: the first, whom brokers serve before the others.
const SLOW: usize = 0;
/// One of a hundred, 15 MB behind.
const SLOW_Q0: Stall = Stall {
    name: "slow-q0",
    subscribers: 100,
    qos: QoS::AtMostOnce,
    payload: 4 * 1024,
    rate: 300,
    before: Duration::from_secs(3),
    during: Duration::from_secs(12),
};
const SLOW_Q1: Stall = Stall {
    name: "slow-q1",
    qos: QoS::AtLeastOnce,
    ..SLOW_Q0
};
/// One of five, 180 MB behind, which is more than any broker should keep.
const SLOW_MEM_Q0: Stall = Stall {
    name: "slow-mem-q0",
    subscribers: 5,
    payload: 64 * 1024,
    rate: 200,
    during: Duration::from_secs(14),
    ..SLOW_Q0
};
const SLOW_MEM_Q1: Stall = Stall {
    name: "slow-mem-q1",
    qos: QoS::AtLeastOnce,
    ..SLOW_MEM_Q0
};
/// Every slow consumer, in the order of the tables.
pub static STALLS: [Stall; 4] = [SLOW_Q0, SLOW_Q1, SLOW_MEM_Q0, SLOW_MEM_Q1];
