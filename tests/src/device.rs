// SPDX-License-Identifier: Apache-2.0 OR MIT
//! A client that keeps its half of a persistent session as the standard asks, however often it is cut off.

use std::collections::{BTreeSet, VecDeque};

use crate::aliases::Aliases;
use crate::packets::{connack, puback, pubcomp, publish_at, pubrec, pubrel, resume};
use crate::{Client, IntoPacket, Random, World};
use mqtt_proto::{Packet, Property, Publish, QoS, Version};

/// Messages that one device has in flight to the broker at most.
pub const WINDOW: usize = 10;

/// Whether the power fails now and then.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Power {
    Stays,
    Fails,
}

impl Power {
    /// Now and then cuts the power, or stops and starts the broker, and says whether it did.
    pub(crate) fn fails(self, world: &World, random: &mut Random, devices: &mut [Device]) -> bool {
        let fails = self == Power::Fails && random.chance(4);
        if fails {
            world.check_damage(random);
            match random.below(4) {
                0 => world.restart(),
                _ => world.crash(),
            }
            devices.iter_mut().for_each(Device::lose);
        }
        fails
    }
}

/// A message that a device has sent and that is not completed.
struct Sent {
    message: Publish,
    released: bool,
}

/// A publisher and subscriber with a memory of its own.
pub struct Device {
    pub name: String,
    version: Version,
    client: Option<Client>,
    /// Those of the present connection.
    aliases: Aliases,
    sent: Vec<Sent>,
    last_id: u16,
    /// Identifiers of QoS 2 messages received and not yet released.
    unreleased: BTreeSet<u16>,
    /// Answers that this device has not yet sent.
    owed: VecDeque<Packet>,
    /// Messages as the application sees them.
    pub received: Vec<Publish>,
}

impl Device {
    pub fn new(name: String, version: Version) -> Self {
        Self {
            name,
            version,
            client: None,
            aliases: Aliases::default(),
            sent: Vec::new(),
            last_id: 0,
            unreleased: BTreeSet::new(),
            owed: VecDeque::new(),
            received: Vec::new(),
        }
    }

    pub fn is_connected(&self) -> bool {
        self.client.is_some()
    }

    /// Connects, and sends again what was not completed, in its first order.
    pub fn connect(&mut self, world: &World, session_present: bool) {
        let client = world.open(self.version);
        let mut connect = resume(self.version, &self.name);
        let maximum = Property::TopicAliasMaximum(Aliases::MAXIMUM);
        connect.properties.push(maximum);
        client.send(connect);
        client.expect(connack(session_present));
        self.aliases = Aliases::default();
        for sent in &self.sent {
            let id = sent.message.packet_id.map_or(0, u16::from);
            if sent.released {
                client.send(pubrel(id));
            } else {
                let again = Publish {
                    dup: true,
                    ..sent.message.clone()
                };
                client.send(self.aliases.shorten(self.version, again));
            }
        }
        self.client = Some(client);
    }

    /// The connection breaks; answers not yet sent are forgotten, as the broker will ask again.
    pub fn lose(&mut self) {
        if let Some(client) = self.client.take() {
            client.lose();
            self.owed.clear();
        }
    }

    pub fn stall(&self) {
        if let Some(client) = &self.client {
            client.stall();
        }
    }

    pub fn unstall(&self) {
        if let Some(client) = &self.client {
            client.unstall();
        }
    }

    pub fn subscribe(&mut self, filter: &str, qos: QoS) {
        if let Some(client) = &self.client {
            client.subscribe(filter, qos);
        }
    }

    /// Publishes unless the window is full or there is no connection; says whether it did.
    pub fn publish(&mut self, qos: QoS, topic: &str, payload: &str, retain: bool) -> bool {
        let Some(client) = self.client.as_ref().filter(|_| self.sent.len() < WINDOW) else {
            return false;
        };
        self.last_id = self.last_id % 1_000 + 1;
        let message = Publish {
            retain,
            ..publish_at(qos, self.last_id, topic, payload)
        };
        client.send(self.aliases.shorten(self.version, message.clone()));
        if qos > QoS::AtMostOnce {
            self.sent.push(Sent {
                message,
                released: false,
            });
        }
        true
    }

    /// Reads all that has arrived; the answers are owed.
    pub fn read(&mut self) {
        while let Some(packet) = self.client.as_ref().and_then(Client::poll) {
            self.handle(packet);
        }
        assert!(
            self.client.as_ref().is_none_or(Client::is_open),
            "{} was thrown out",
            self.name
        );
    }

    /// Sends the answers that are owed, at most `count`.
    pub fn answer(&mut self, count: usize) {
        let Some(client) = &self.client else { return };
        let count = count.min(self.owed.len());
        for packet in self.owed.drain(..count) {
            client.send(packet);
        }
    }

    /// Nothing is under way in either direction.
    pub fn is_quiet(&self) -> bool {
        self.sent.is_empty() && self.owed.is_empty() && self.unreleased.is_empty()
    }

    fn handle(&mut self, packet: Packet) {
        match packet {
            Packet::Publish(publish) => {
                let publish = self.aliases.resolve(publish);
                self.take(publish);
            }
            Packet::PubRel(ack) => {
                self.unreleased.remove(&ack.packet_id.get());
                self.owed.push_back(pubcomp(ack.packet_id.get()));
            }
            Packet::PubRec(ack) => {
                let id = ack.packet_id;
                let found = self
                    .sent
                    .iter_mut()
                    .find(|sent| sent.message.packet_id == Some(id));
                found.expect("PUBREC answers a message in flight").released = true;
                self.owed.push_back(pubrel(id.get()));
            }
            Packet::PubAck(ack) | Packet::PubComp(ack) => {
                self.sent
                    .retain(|sent| sent.message.packet_id != Some(ack.packet_id));
            }
            other => panic!("{} received {other:?}", self.name),
        }
    }

    fn take(&mut self, publish: Publish) {
        let id = publish.packet_id.map_or(0, u16::from);
        match publish.qos {
            QoS::AtMostOnce => {}
            QoS::AtLeastOnce => self.owed.push_back(puback(id)),
            QoS::ExactlyOnce => {
                self.owed.push_back(pubrec(id));
                if !self.unreleased.insert(id) {
                    assert!(
                        publish.dup,
                        "{} gets {:?} again without DUP",
                        self.name,
                        publish.into_packet()
                    );
                    return;
                }
            }
        }
        self.received.push(publish);
    }
}

/// Repairs everything and lets all handshakes end, until nothing is left that `waits`.
pub fn settle(world: &World, devices: &mut [Device], waits: impl Fn(&World) -> bool) {
    world.release_commits();
    for device in devices.iter_mut() {
        device.unstall();
        if !device.is_connected() {
            device.connect(world, true);
        }
    }
    for _ in 0..100_000 {
        for device in devices.iter_mut() {
            device.read();
            device.answer(usize::MAX);
        }
        if devices.iter().all(Device::is_quiet) && !waits(world) {
            return;
        }
    }
    panic!("the handshakes never end");
}

/// Ends the devices' sessions, after which nothing may be left in the broker.
pub fn leave(world: &World, devices: &mut [Device]) {
    for device in devices {
        device.lose();
        world.client(Version::V311, &device.name).leave();
    }
    world.assert_empty();
}
