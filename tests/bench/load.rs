// SPDX-License-Identifier: Apache-2.0 OR MIT
//! A load generator that is never the bottleneck: one thread, its own codec, sockets that do not block.
//!
//! [`run`] does one [`Work`] at a [`Target`] and says what became of every message.

pub mod ceiling;
mod clients;
pub mod codec;
pub mod command;
mod engine;
mod histogram;
mod link;
#[cfg(test)]
mod mischief;
mod pacer;
mod publisher;
pub mod readiness;
pub mod scenarios;
pub mod stall;
mod streams;
mod subscriber;
mod tls;
pub mod websocket;
mod wire;

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use mqtt_proto::{QoS, Version};
use nix::time::{ClockId, clock_gettime};

pub use histogram::Histogram;

/// A broker to be loaded; its clients say no user name.
#[derive(Debug, Clone)]
pub struct Target {
    pub address: SocketAddr,
    pub transport: Transport,
    pub version: Version,
    /// The authority that has signed the certificate of a broker behind TLS, a PEM file; its name is `localhost`.
    pub authority: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Transport {
    Tcp,
    WebSocket,
    Tls,
}

/// Who sends what to whom.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Work {
    pub shape: Shape,
    /// Of publications and subscriptions.
    pub qos: QoS,
    /// Bytes of each payload, 20 or more.
    pub payload: usize,
    pub pace: Pace,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// As many publishers as subscribers, each pair with its topic.
    Pairs(usize),
    /// One publisher, so many subscribers.
    FanOut(usize),
    /// So many publishers, one subscriber.
    FanIn(usize),
}

/// When a publisher sends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pace {
    /// So many messages when all before have been delivered and acknowledged; publishers beyond `at_once` wait for their turn.
    Window { messages: u16, at_once: usize },
    /// As fast as the sockets take it (QoS 0 only).
    Fire,
    /// So many messages a second of all publishers together, each due at its own time whatever became of those before.
    Rate(u32),
}

/// What became of a work.
#[derive(Debug, Clone, Default)]
pub struct Outcome {
    /// Messages that the publishers sent.
    pub sent: u64,
    /// Messages that subscribers got for the first time; each of a fan-out counts.
    pub delivered: u64,
    /// Deliveries that had not come when nothing came any more.
    pub lost: u64,
    pub duplicated: u64,
    /// Messages that came after a later one of the same publisher on the same topic.
    pub reordered: u64,
    /// From the begin to the last delivery.
    pub elapsed: Duration,
    /// From when each message was due until it was read; only at [`Pace::Rate`].
    pub latency: Option<Histogram>,
    /// CPU time that this thread took, user and system.
    pub generator_cpu: Duration,
}

/// Does the work for a short while and waits until everything has arrived; then does it for `length`, and waits again.
///
/// Calls `mark` when the second part begins, and when its last message has arrived. What the broker does not deliver within
/// five seconds of silence is lost.
///
/// # Errors
///
/// A client that cannot connect, that the broker disconnects, or that is sent what is not MQTT.
pub fn run(
    work: &Work,
    target: &Target,
    length: Duration,
    mark: &mut dyn FnMut(),
) -> io::Result<Outcome> {
    let mut engine = engine::Engine::connect(work, target, SILENCE)?;
    engine.work_for(WARM_UP)?;
    let before = engine.tally();
    mark();
    engine.work_for(length)?;
    mark();
    Ok(engine.outcome(&before))
}

impl Outcome {
    /// The counts of both; nothing else.
    pub fn plus(self, other: &Self) -> Self {
        Self {
            sent: self.sent + other.sent,
            delivered: self.delivered + other.delivered,
            lost: self.lost + other.lost,
            duplicated: self.duplicated + other.duplicated,
            reordered: self.reordered + other.reordered,
            ..self
        }
    }
}

/// CPU time of this thread.
fn cpu_time() -> Duration {
    clock_gettime(ClockId::CLOCK_THREAD_CPUTIME_ID).map_or(Duration::ZERO, Duration::from)
}

/// Nothing has come for so long: what is missing is lost.
const SILENCE: Duration = Duration::from_secs(5);
/// Time of work before it counts.
const WARM_UP: Duration = Duration::from_millis(300);
