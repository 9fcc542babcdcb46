// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Groups that share subscriptions while members break off, stall and come and go for good, the store is slow
//! and the power fails.

use std::collections::BTreeSet;
use std::time::Duration;

use crate::device::{Device, Power, leave, settle};
use crate::packets::{connect, puback, subscribe};
use crate::{Client, QUALITIES, Random, World};
use mqtt_proto::{Packet, QoS, Version};

/// What each member subscribes to, and an ordinary subscription beside it.
const SHARES: [&str; 2] = ["$share/g/s/#", "$share/h/t/+"];
const ORDINARY: &str = "+/a";
const TOPICS: [&str; 3] = ["s/a", "t/a", "t/b"];

/// A member whose session ends with its connection.
struct Visitor {
    client: Client,
    /// Identifier and payload of messages that it has not acknowledged.
    owed: Vec<(u16, usize)>,
    /// It reads and answers no more.
    stalled: bool,
}

struct Run {
    world: World,
    random: Random,
    /// Members whose sessions stay; the last device is the ordinary subscriber.
    devices: Vec<Device>,
    /// The quality at which each of them shares.
    granted: Vec<QoS>,
    visitors: Vec<Visitor>,
    /// Topic and quality of each message; its payload is its place.
    published: Vec<(&'static str, QoS)>,
    /// Messages that a visitor has acknowledged, once for each time.
    acknowledged: Vec<usize>,
    power: Power,
}

/// Runs at most `steps`, chosen by `random`, and checks that each message has found one member of its group.
pub fn check_sharing(random: Random, steps: usize, power: Power) {
    let mut run = Run::new(random, power);
    for _ in 0..steps {
        if run.random.is_used_up() {
            break;
        }
        run.step();
    }
    run.come_to_rest();
    run.check();
    run.leave();
}

impl Run {
    fn new(mut random: Random, power: Power) -> Self {
        let window = 1 + random.below(4) as u16;
        let world = World::with(|limits| {
            limits.max_inflight_messages = window;
            limits.max_queued_messages = 100_000;
            limits.sys_interval = Duration::ZERO;
        });
        world.compare_seldom();
        let (mut devices, mut granted) = (Vec::new(), Vec::new());
        for n in 0..4 {
            let version = *random.pick(&Version::ALL);
            let mut device = Device::new(format!("device {n}"), version);
            device.connect(&world, false);
            if n == 3 {
                device.subscribe(ORDINARY, QoS::ExactlyOnce);
            } else {
                let qos = *random.pick(&QUALITIES[1..]);
                for share in SHARES {
                    device.subscribe(share, qos);
                }
                granted.push(qos);
            }
            devices.push(device);
        }
        Self {
            world,
            random,
            devices,
            granted,
            visitors: Vec::new(),
            published: Vec::new(),
            acknowledged: Vec::new(),
            power,
        }
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
            40..55 => {
                self.devices[index].read();
                let count = self.random.below(6);
                self.devices[index].answer(count);
            }
            55..62 => self.devices[index].lose(),
            62..72 if !self.devices[index].is_connected() => {
                self.world.release_commits(); // CONNACK waits for the store
                self.devices[index].connect(&self.world, true);
            }
            72..75 => self.devices[index].stall(),
            75..79 => self.devices[index].unstall(),
            79..81 => self.world.hold_commits(),
            81..84 => self.world.release_commits(),
            84..88 => self.visit(),
            88..96 => self.attend(),
            96..98 => drop(self.visitors.pop().inspect(|visitor| visitor.client.lose())),
            _ => self.stall_visitor(),
        }
    }

    fn publish(&mut self, index: usize) {
        let (topic, qos) = (*self.random.pick(&TOPICS), *self.random.pick(&QUALITIES));
        let payload = self.published.len().to_string();
        if self.devices[index].publish(qos, topic, &payload, false) {
            self.published.push((topic, qos));
        }
    }

    fn visit(&mut self) {
        let version = *self.random.pick(&crate::VERSIONS);
        let name = format!("visitor {}", self.random.below(3));
        let client = self.world.open(version);
        client.send(connect(version, &name));
        for (id, share) in (1..).zip(SHARES) {
            client.send(subscribe(id, share, QoS::AtLeastOnce));
        }
        self.visitors.push(Visitor {
            client,
            owed: Vec::new(),
            stalled: false,
        });
    }

    /// The newest visitor reads and acknowledges some of what it has.
    fn attend(&mut self) {
        let Some(visitor) = self.visitors.last_mut().filter(|v| !v.stalled) else {
            return;
        };
        while let Some(packet) = visitor.client.poll() {
            if let Packet::Publish(publish) = packet {
                let id = publish.packet_id.map(u16::from);
                visitor
                    .owed
                    .extend(id.map(|id| (id, number(&publish.payload))));
            }
        }
        let count = self.random.below(4).min(visitor.owed.len());
        for (id, number) in visitor.owed.drain(..count) {
            if visitor.client.is_open() {
                visitor.client.send(puback(id));
                self.acknowledged.push(number);
            }
        }
    }

    fn stall_visitor(&mut self) {
        if let Some(visitor) = self.visitors.last_mut() {
            visitor.stalled = true;
            visitor.client.stall();
        }
    }

    /// The visitors go, everything is repaired, and all handshakes end.
    fn come_to_rest(&mut self) {
        for visitor in self.visitors.drain(..) {
            visitor.client.lose();
        }
        settle(&self.world, &mut self.devices, |world| {
            world.stats().queued_messages > 0 || world.stored_payloads() > 0
        });
    }

    fn check(&self) {
        let received: Vec<BTreeSet<usize>> = self.devices.iter().map(numbers).collect();
        let (ordinary, members) = received.split_last().expect("there are devices");
        for (n, (topic, qos)) in self.published.iter().enumerate() {
            let finders = members
                .iter()
                .filter(|numbers| numbers.contains(&n))
                .count()
                + self
                    .acknowledged
                    .iter()
                    .filter(|number| **number == n)
                    .count();
            match qos {
                QoS::AtMostOnce => assert!(finders <= 1, "{n} went to {finders} members"),
                // Its publisher may have sent it twice.
                QoS::AtLeastOnce => assert!(finders >= 1, "{n} of {topic} is lost"),
                QoS::ExactlyOnce if self.power == Power::Fails => {
                    // At QoS 1 a member may have had it and another gets it again.
                    assert!(finders >= 1, "{n} of {topic} is lost");
                    let exact = members.iter().zip(&self.granted);
                    let exact =
                        exact.filter(|(m, qos)| **qos == QoS::ExactlyOnce && m.contains(&n));
                    assert!(exact.count() <= 1, "{n} of {topic} went to two members");
                }
                QoS::ExactlyOnce => assert_eq!(finders, 1, "members that {n} of {topic} went to"),
            }
            let kept = *qos == QoS::AtMostOnce || ordinary.contains(&n) == topic.ends_with("/a");
            assert!(kept, "{n} of {topic} and the ordinary subscription");
        }
    }

    fn leave(mut self) {
        leave(&self.world, &mut self.devices);
    }
}

/// What a device received; QoS 2 messages must have come once.
fn numbers(device: &Device) -> BTreeSet<usize> {
    let mut seen = BTreeSet::new();
    for message in &device.received {
        let new = seen.insert(number(&message.payload));
        assert!(
            new || message.qos == QoS::AtLeastOnce,
            "{} got {:?} twice",
            device.name,
            message.payload
        );
    }
    seen
}

fn number(payload: &[u8]) -> usize {
    let text = std::str::from_utf8(payload).expect("payloads are text");
    text.parse().expect("payloads are numbers")
}
