// SPDX-License-Identifier: Apache-2.0 OR MIT
//! A client that publishes at QoS 0, 1 and 2 and keeps its packet identifiers and their states across every crash.

use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant};

use mqtt_proto::{Ack, Packet, PacketId, QoS, Reason, Version};
use tests::Random;
use tests::packets::packet_id;

use crate::diary::{Diary, Memory, Position};
use crate::findings::Kind;
use crate::lane::Lane;
use crate::link::{Link, Lost, PATIENCE};
use crate::scene::{Frontier, Scene};

/// What a publisher remembers.
#[derive(Debug, Clone, Default)]
pub struct Outbox {
    /// Whether a CONNACK has promised the session.
    established: bool,
    /// The first number not yet sent.
    next: BTreeMap<Lane, u32>,
    /// The last number whose acknowledgement is complete.
    settled: BTreeMap<Lane, u32>,
    /// In the order they were sent.
    outgoing: VecDeque<Outgoing>,
    last_id: u16,
    /// PUBACK and PUBREC received.
    pub acknowledged: u64,
}

#[derive(Debug, Clone, Copy)]
struct Outgoing {
    id: PacketId,
    lane: Lane,
    sequence: u32,
    /// Whether PUBREC has come.
    recorded: bool,
}

#[derive(Debug, Clone, Copy)]
pub enum Step {
    Established,
    Forgotten,
    Sent(Lane, u32, Option<PacketId>),
    /// PUBREC came.
    Recorded(PacketId),
    /// PUBACK or PUBCOMP came.
    Settled(PacketId),
    /// A check has found the last one of this lane gone, and told so.
    Missed(Lane),
}

impl Memory for Outbox {
    type Event = Step;

    fn apply(&mut self, step: &Step) {
        match *step {
            Step::Established => self.established = true,
            Step::Forgotten => {
                // What was recorded is the broker's; what was not is sent again as new.
                self.established = false;
                self.outgoing.retain(|o| !o.recorded);
            }
            Step::Sent(lane, sequence, id) => {
                self.next.insert(lane, sequence + 1);
                let outgoing = id.map(|id| Outgoing {
                    id,
                    lane,
                    sequence,
                    recorded: false,
                });
                self.last_id = id.map_or(self.last_id, PacketId::get);
                self.outgoing.extend(outgoing);
            }
            Step::Recorded(id) => {
                let mut outgoing = self.outgoing.iter_mut();
                if let Some(found) = outgoing.find(|o| o.id == id && !o.recorded) {
                    found.recorded = true;
                    self.acknowledged += 1;
                }
            }
            Step::Settled(id) => {
                let Some(index) = self.outgoing.iter().position(|o| o.id == id) else {
                    return;
                };
                let Some(over) = self.outgoing.remove(index) else {
                    return;
                };
                self.acknowledged += u64::from(!over.recorded);
                self.settled.insert(over.lane, over.sequence);
            }
            Step::Missed(lane) => {
                self.settled.remove(&lane);
            }
        }
    }
}

impl Outbox {
    pub fn next(&self, lane: Lane) -> u32 {
        self.next.get(&lane).copied().unwrap_or(0)
    }

    pub fn settled(&self, lane: Lane) -> Option<u32> {
        self.settled.get(&lane).copied()
    }

    /// The first number of a lane that no PUBACK or PUBREC answers for.
    fn promised(&self, lane: Lane) -> u32 {
        let open = self
            .outgoing
            .iter()
            .filter(|o| o.lane == lane && !o.recorded);
        open.map(|o| o.sequence).min().unwrap_or(self.next(lane))
    }

    fn is_open(&self, lane: Lane) -> bool {
        self.outgoing.iter().any(|o| o.lane == lane)
    }

    fn free_id(&self) -> PacketId {
        let mut id = self.last_id;
        loop {
            id = id.checked_add(1).unwrap_or(1);
            let id = packet_id(id);
            if !self.outgoing.iter().any(|o| o.id == id) {
                return id;
            }
        }
    }
}

#[derive(Clone)]
pub struct Publisher {
    name: String,
    version: Version,
    pub lanes: Vec<Lane>,
    pub diary: Diary<Outbox>,
}

impl Publisher {
    pub fn new(name: &str, version: Version, lanes: Vec<Lane>, position: Option<Position>) -> Self {
        Self {
            name: name.to_owned(),
            version,
            lanes,
            diary: Diary::new(Outbox::default(), position),
        }
    }

    /// The same client as it was when the disk's log had this length.
    pub fn at(&self, position: u64, noted: Option<Position>) -> Self {
        Self {
            diary: Diary::new(self.diary.at(position), noted),
            ..self.clone()
        }
    }

    /// Says how far each lane is before a check begins.
    pub fn promise(&self, scene: &Scene) {
        for lane in &self.lanes {
            let frontier = Frontier {
                next: self.diary.now().next(*lane),
                promised: self.diary.now().promised(*lane),
            };
            scene.promise(*lane, frontier);
        }
    }

    /// Connects, sends again what is open, and waits until nothing is.
    pub fn settle(&mut self, scene: &Scene) -> Result<(), Lost> {
        let mut link = self.resume(scene)?;
        let deadline = Instant::now() + PATIENCE;
        while !self.diary.now().outgoing.is_empty() {
            if let Some(packet) = link.receive()? {
                self.handle(scene, &mut link, packet)?;
            }
            if Instant::now() > deadline {
                return Err(Lost::Silent("acknowledgement", PATIENCE));
            }
        }
        Ok(())
    }

    /// Publishes until the broker is gone or the load ends, now and then from a connection of its own choice anew.
    pub fn load(&mut self, scene: &Scene, seed: u64) {
        let mut random = Random::new(seed);
        while !scene.is_stopped() && self.publish_for_a_while(scene, &mut random).is_ok() {}
    }

    fn publish_for_a_while(&mut self, scene: &Scene, random: &mut Random) -> Result<(), Lost> {
        let mut link = self.resume(scene)?;
        let end = Instant::now() + Duration::from_millis(random.next_u64() % STAY_MS);
        let mut due = Instant::now();
        while !scene.is_stopped() && Instant::now() < end {
            if Instant::now() >= due && self.diary.now().outgoing.len() < WINDOW {
                due = due.max(Instant::now() - WINDOW as u32 * PACE) + PACE;
                self.publish_next(scene, &mut link, random)?;
            } else {
                link.flush()?;
                if let Some(packet) = link.receive()? {
                    self.handle(scene, &mut link, packet)?;
                }
            }
        }
        Ok(())
    }

    fn publish_next(
        &mut self,
        scene: &Scene,
        link: &mut Link,
        random: &mut Random,
    ) -> Result<(), Lost> {
        let lane = *random.pick(&self.lanes);
        let outbox = self.diary.now();
        if lane.is_one_at_a_time() && outbox.is_open(lane) {
            return Ok(());
        }
        let sequence = outbox.next(lane);
        let id = (lane.qos(sequence) > QoS::AtMostOnce).then(|| outbox.free_id());
        self.diary.note(Step::Sent(lane, sequence, id));
        scene.advance(lane, sequence + 1);
        let mut message = lane.message(sequence);
        message.packet_id = id;
        link.send(message)
    }

    fn resume(&mut self, scene: &Scene) -> Result<Link, Lost> {
        let (mut link, answer) = scene.resume(self.version, &self.name)?;
        if self.diary.now().established && !answer.session_present {
            let text = format!("the session of {} is gone", self.name);
            scene.findings.report(Kind::Session, &text);
            self.diary.note(Step::Forgotten);
        }
        if !self.diary.now().established {
            self.diary.note(Step::Established);
        }
        // [MQTT-4.4.0-1], [MQTT-4.6.0-1]
        for open in &self.diary.now().outgoing {
            if open.recorded {
                link.send(Packet::PubRel(Ack::new(open.id, Reason::Success)))?;
            } else {
                let mut message = open.lane.message(open.sequence);
                message.packet_id = Some(open.id);
                message.dup = answer.session_present; // [MQTT-3.3.1-1]
                link.send(message)?;
            }
        }
        link.flush()?;
        Ok(link)
    }

    fn handle(&mut self, scene: &Scene, link: &mut Link, packet: Packet) -> Result<(), Lost> {
        match packet {
            Packet::PubAck(ack) | Packet::PubRec(ack) if ack.reason.is_error() => {
                let text = format!(
                    "{}: {:?} for packet {}",
                    self.name, ack.reason, ack.packet_id
                );
                scene.findings.report(Kind::Refused, &text);
                self.diary.note(Step::Settled(ack.packet_id));
            }
            Packet::PubAck(ack) | Packet::PubComp(ack) => {
                self.diary.note(Step::Settled(ack.packet_id));
            }
            Packet::PubRec(ack) => {
                self.diary.note(Step::Recorded(ack.packet_id));
                link.send(Packet::PubRel(Ack::new(ack.packet_id, Reason::Success)))?;
            }
            _ => {}
        }
        Ok(())
    }
}

/// The most messages that one publisher has open.
const WINDOW: usize = 10;
const PACE: Duration = Duration::from_millis(3);
/// The longest that a publisher stays on one connection.
const STAY_MS: u64 = 1_500;
