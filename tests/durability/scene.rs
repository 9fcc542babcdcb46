// SPDX-License-Identifier: Apache-2.0 OR MIT
//! What all clients of one broker share: its address, how far each lane is, and the findings.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use mqtt_proto::{ConnAck, Version};
use tests::packets::resume;

use crate::findings::Findings;
use crate::lane::Lane;
use crate::link::{Link, Lost};

pub struct Scene {
    pub address: SocketAddr,
    pub findings: Arc<Findings>,
    frontier: Mutex<BTreeMap<Lane, Frontier>>,
    /// How many clients a running check has seen settled in their sessions.
    ready: AtomicUsize,
    /// Set when the load shall end.
    pub stop: AtomicBool,
}

/// How far a lane is.
#[derive(Debug, Clone, Copy, Default)]
pub struct Frontier {
    /// The first number not yet sent.
    pub next: u32,
    /// Everything below this was acknowledged when the check began.
    pub promised: u32,
}

impl Scene {
    pub fn new(address: SocketAddr, findings: Arc<Findings>) -> Self {
        Self {
            address,
            findings,
            frontier: Mutex::default(),
            ready: AtomicUsize::new(0),
            stop: AtomicBool::new(false),
        }
    }

    /// Continues the session of a client.
    pub fn resume(&self, version: Version, name: &str) -> Result<(Link, ConnAck), Lost> {
        Link::open(self.address, resume(version, name))
    }

    pub fn frontier(&self, lane: Lane) -> Frontier {
        self.lock().get(&lane).copied().unwrap_or_default()
    }

    /// The message before `next` is about to be sent.
    pub fn advance(&self, lane: Lane, next: u32) {
        self.lock().entry(lane).or_default().next = next;
    }

    /// What a check holds the broker to.
    pub fn promise(&self, lane: Lane, frontier: Frontier) {
        self.lock().insert(lane, frontier);
    }

    pub fn begin_check(&self) {
        self.ready.store(0, Ordering::SeqCst);
        self.stop.store(false, Ordering::SeqCst);
    }

    pub fn be_ready(&self) {
        self.ready.fetch_add(1, Ordering::SeqCst);
    }

    /// Waits until so many clients are ready, or until a time that a healthy broker does not need.
    pub fn wait_for_ready(&self, clients: usize, patience: Duration) {
        let deadline = Instant::now() + patience;
        while self.ready.load(Ordering::SeqCst) < clients && Instant::now() < deadline {
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    pub fn is_stopped(&self) -> bool {
        self.stop.load(Ordering::SeqCst)
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<Lane, Frontier>> {
        self.frontier
            .lock()
            .unwrap_or_else(|error| error.into_inner())
    }
}
