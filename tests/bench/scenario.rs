// SPDX-License-Identifier: Apache-2.0 OR MIT
//! What the load looks like, and what a broker took for it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use mqtt_proto::{QoS, Version};

use crate::contestant::Contestant;
use crate::group::Group;

/// Time before the measurement begins.
const WARM_UP: Duration = Duration::from_millis(500);

/// A shape of load.
pub struct Scenario {
    pub name: &'static str,
    /// Threads, each with a publisher of its own.
    pub groups: usize,
    /// Subscribers that get every message of their group.
    pub subscribers: usize,
    /// Messages that a publisher sends at once.
    pub burst: usize,
    pub qos: QoS,
    pub retain: bool,
    /// At MQTT 5 every subscriber sets a Maximum Packet Size that no message reaches.
    pub version: Version,
}

/// Four pairs that send bursts at QoS 0 under MQTT 3.1.1.
const BURSTS: Scenario = Scenario {
    name: "p2p-q0-64",
    groups: 4,
    subscribers: 1,
    burst: 100,
    qos: QoS::AtMostOnce,
    retain: false,
    version: Version::V311,
};

/// Bursts at every quality, retained, and at MQTT 5; a fan-out; and lone messages of many clients.
pub const SCENARIOS: [Scenario; 8] = [
    BURSTS,
    Scenario {
        name: "p2p-q1-64",
        qos: QoS::AtLeastOnce,
        ..BURSTS
    },
    Scenario {
        name: "p2p-q2-64",
        qos: QoS::ExactlyOnce,
        ..BURSTS
    },
    Scenario {
        name: "retain-q0-64",
        retain: true,
        ..BURSTS
    },
    Scenario {
        name: "v5-q1-64",
        qos: QoS::AtLeastOnce,
        version: Version::V5,
        ..BURSTS
    },
    Scenario {
        name: "fan-100-q0-64",
        groups: 1,
        subscribers: 100,
        burst: 10,
        ..BURSTS
    },
    Scenario {
        name: "100x1-q0-64",
        groups: 100,
        burst: 1,
        ..BURSTS
    },
    Scenario {
        name: "100x1-q1-64",
        groups: 100,
        burst: 1,
        qos: QoS::AtLeastOnce,
        ..BURSTS
    },
];

/// What one turn gave.
pub struct Measured {
    /// Deliveries a second.
    pub rate: f64,
    /// CPU time of the broker for each of them.
    pub cpu_micros: f64,
}

impl Scenario {
    pub fn run(&self, contestant: &Contestant, length: Duration) -> Measured {
        let delivered = Arc::new(AtomicU64::new(0));
        let stop = Arc::new(AtomicBool::new(false));
        let threads: Vec<_> = (0..self.groups)
            .map(|n| {
                let mut group = Group::connect(contestant.address, self, n);
                let (delivered, stop) = (delivered.clone(), stop.clone());
                thread::spawn(move || {
                    while !stop.load(Ordering::Relaxed) {
                        delivered.fetch_add(group.round(), Ordering::Relaxed);
                    }
                })
            })
            .collect();
        thread::sleep(WARM_UP);
        let read = || {
            (
                Instant::now(),
                contestant.server.cpu_time(),
                delivered.load(Ordering::Relaxed),
            )
        };
        let (begin, cpu_before, before) = read();
        thread::sleep(length);
        let (end, cpu_after, after) = read();
        stop.store(true, Ordering::Relaxed);
        for thread in threads {
            thread.join().expect("every message arrives");
        }
        let count = (after - before) as f64;
        Measured {
            rate: count / (end - begin).as_secs_f64(),
            cpu_micros: (cpu_after - cpu_before).as_secs_f64() * 1e6 / count,
        }
    }
}
