// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Devices publish to each other while connections break, sockets stall, the store is slow and the power fails.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use crate::device::{Device, Power, leave, settle};
use crate::packets::connect;
use crate::{Client, QUALITIES, Random, World};
use mqtt_proto::{QoS, Version};

const TOPICS: [&str; 3] = ["alpha", "alpha/b", "gamma"];

/// A message that was published; its payload is its place in the list of all.
struct Published {
    publisher: usize,
    topic: &'static str,
    qos: QoS,
}

struct Run {
    world: World,
    random: Random,
    devices: Vec<Device>,
    /// The quality at which each device subscribed.
    granted: Vec<QoS>,
    /// Clients with clean sessions that come and go.
    visitors: Vec<Client>,
    published: Vec<Published>,
    power: Power,
}

/// Runs at most `steps`, chosen by `random`, and checks that no message was lost, doubled or out of order.
pub fn check_delivery(random: Random, steps: usize, power: Power) {
    let mut run = Run::new(random, power);
    for _ in 0..steps {
        if run.random.is_used_up() {
            break;
        }
        run.step();
    }
    run.come_to_rest();
    for (device, granted) in run.devices.iter().zip(&run.granted) {
        check(device, *granted, &run.published);
    }
    run.leave();
}

impl Run {
    fn new(mut random: Random, power: Power) -> Self {
        let window = 1 + random.below(8) as u16;
        let world = World::with(|limits| {
            limits.max_inflight_messages = window;
            limits.max_queued_messages = 100_000;
            limits.sys_interval = Duration::ZERO;
        });
        world.compare_seldom();
        let mut run = Self {
            world,
            random,
            devices: Vec::new(),
            granted: Vec::new(),
            visitors: Vec::new(),
            published: Vec::new(),
            power,
        };
        for n in 0..4 {
            let version = *run.random.pick(&Version::ALL);
            let mut device = Device::new(format!("device {n}"), version);
            let qos = *run.random.pick(&QUALITIES[1..]);
            device.connect(&run.world, false);
            device.subscribe("alpha/#", qos);
            device.subscribe("+", qos);
            run.devices.push(device);
            run.granted.push(qos);
        }
        run
    }

    fn step(&mut self) {
        if self
            .power
            .fails(&self.world, &mut self.random, &mut self.devices)
        {
            self.visitors.clear();
        }
        let index = self.random.below(self.devices.len());
        match self.random.below(100) {
            0..40 => self.publish(index),
            40..60 => {
                self.devices[index].read();
                let count = self.random.below(6);
                self.devices[index].answer(count);
            }
            60..68 => self.devices[index].lose(),
            68..80 if !self.devices[index].is_connected() => {
                self.world.release_commits(); // CONNACK waits for the store
                self.devices[index].connect(&self.world, true);
            }
            80..84 => self.devices[index].stall(),
            84..88 => self.devices[index].unstall(),
            88..91 => self.world.hold_commits(),
            91..94 => self.world.release_commits(),
            94..97 => self.visit(),
            97..99 => drop(self.visitors.pop().inspect(Client::lose)),
            _ => self
                .world
                .pass(Duration::from_millis(self.random.next_u64() % 5_000)),
        }
    }

    fn publish(&mut self, index: usize) {
        let (topic, qos) = (*self.random.pick(&TOPICS), *self.random.pick(&QUALITIES));
        let retain = self.random.chance(10);
        let payload = self.published.len().to_string();
        if self.devices[index].publish(qos, topic, &payload, retain) {
            self.published.push(Published {
                publisher: index,
                topic,
                qos,
            });
        }
    }

    fn visit(&mut self) {
        let version = *self.random.pick(&crate::VERSIONS);
        let filter = *self.random.pick(&["#", "alpha", "+/b"]);
        let visitor = self.world.open(version);
        visitor.send(connect(
            version,
            &format!("visitor {}", self.random.below(3)),
        ));
        visitor.send(crate::packets::subscribe(1, filter, QoS::ExactlyOnce));
        self.visitors.push(visitor);
    }

    /// Repairs everything and lets all handshakes end.
    fn come_to_rest(&mut self) {
        settle(&self.world, &mut self.devices, |world| {
            world.stored_payloads() > 0
        });
    }

    fn leave(mut self) {
        for visitor in &self.visitors {
            visitor.lose();
        }
        leave(&self.world, &mut self.devices);
    }
}

/// What `device`, subscribed to everything at `granted`, received of what was `published`.
fn check(device: &Device, granted: QoS, published: &[Published]) {
    let mut newest = BTreeMap::new();
    let mut seen = BTreeSet::new();
    for message in &device.received {
        let payload = std::str::from_utf8(&message.payload).expect("payloads are text");
        let n: usize = payload.parse().expect("payloads are numbers");
        let Published {
            publisher,
            topic,
            qos,
        } = published[n];
        assert_eq!(
            (message.topic.as_str(), message.qos),
            (topic, qos.min(granted))
        );
        if !seen.insert(n) {
            assert_eq!(
                message.qos,
                QoS::AtLeastOnce,
                "{} got {n} twice",
                device.name
            );
            continue;
        }
        // Ordered are the messages of one publisher, topic and quality. [MQTT-4.6.0-6]
        let before = newest.insert((publisher, topic, qos), n);
        assert!(
            before.is_none_or(|before| before < n),
            "{} got {n} after {before:?}",
            device.name
        );
    }
    for (n, Published { topic, qos, .. }) in published.iter().enumerate() {
        let kept = *qos == QoS::AtMostOnce || seen.contains(&n);
        assert!(
            kept,
            "{} never got {n}, published to {topic} at {qos:?}",
            device.name
        );
    }
}
