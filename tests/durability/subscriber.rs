// SPDX-License-Identifier: Apache-2.0 OR MIT
//! A client with a persistent session that takes messages, acknowledges them or stops half-way, and knows what it must
//! get.

use std::time::{Duration, Instant};

use mqtt_proto::{Ack, Packet, Publish, QoS, Reason, Subscribe, Version};
use tests::Random;
use tests::packets::{filter, packet_id, subscribe};

use crate::diary::{Diary, Position};
use crate::findings::Kind;
use crate::inbox::{Inbox, Step};
use crate::intake::Seen;
use crate::lane::{END, Lane, sequence_of};
use crate::link::{Link, Lost};
use crate::scene::Scene;

/// How a subscriber behaves while there is load.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Habit {
    /// Connected, and acknowledges everything.
    Present,
    /// Connected only while a check goes on.
    Absent,
    /// Connected for a moment now and then.
    Sleepy,
    /// Connected; of some QoS 2 messages it sends no PUBREC, or no PUBCOMP, before its next connection.
    Stopping,
}

#[derive(Clone)]
pub struct Subscriber {
    pub name: String,
    version: Version,
    filters: Vec<&'static str>,
    qos: QoS,
    /// What its filters match.
    pub lanes: Vec<Lane>,
    habit: Habit,
    pub diary: Diary<Inbox>,
}

impl Subscriber {
    /// A client that subscribes these filters and the mark of the checks; `all` are the lanes there are.
    pub fn new(
        name: &str,
        habit: Habit,
        version: Version,
        (filters, qos): (&[&'static str], QoS),
        all: &[Lane],
        position: Option<Position>,
    ) -> Self {
        let matched = |lane: &&Lane| {
            let filters = filters.iter().map(|name| filter(name));
            let topic = lane.topic();
            filters
                .map(|shared| filter(shared.matched()))
                .any(|filter| filter.matches(&topic))
        };
        Self {
            name: name.to_owned(),
            version,
            filters: filters.to_vec(),
            qos,
            lanes: all.iter().filter(matched).copied().collect(),
            habit,
            diary: Diary::new(Inbox::default(), position),
        }
    }

    /// The same client as it was when the disk's log had this length.
    pub fn at(&self, position: u64, noted: Option<Position>) -> Self {
        Self {
            diary: Diary::new(self.diary.at(position), noted),
            ..self.clone()
        }
    }

    /// Whether its messages are divided among several.
    fn is_shared(&self) -> bool {
        self.filters.iter().any(|name| name.starts_with("$share/"))
    }

    /// Takes everything up to the mark of this check, then says what is missing.
    pub fn check(&mut self, scene: &Scene, mark: u32) -> Result<(), Lost> {
        let joined = self.join(scene);
        scene.be_ready();
        self.finish(scene, &mut joined?, mark)
    }

    /// The part of a check behind the subscription.
    pub fn finish(&mut self, scene: &Scene, link: &mut Link, mark: u32) -> Result<(), Lost> {
        self.drain(scene, link, mark)?;
        self.verify(scene);
        Ok(())
    }

    pub fn version(&self) -> Version {
        self.version
    }

    fn drain(&mut self, scene: &Scene, link: &mut Link, mark: u32) -> Result<(), Lost> {
        let mut patience = Patience::new();
        loop {
            let packet = link.receive()?;
            let idle = packet.is_none();
            if let Some(packet) = packet {
                self.absorb(scene, link, packet, None)?;
            }
            let marked = self.diary.now().mark >= Some(mark);
            if idle && (marked && self.is_complete(scene) || patience.is_over(marked)) {
                return Ok(());
            }
        }
    }

    fn is_complete(&self, scene: &Scene) -> bool {
        let missing = |lane: &Lane| {
            let next = scene.frontier(*lane).next;
            !self.diary.now().missing(*lane, next).is_empty()
        };
        !self.lanes.iter().any(missing)
    }

    fn verify(&mut self, scene: &Scene) {
        for lane in self.lanes.clone() {
            let next = scene.frontier(lane).next;
            self.tell_missing(scene, lane, next);
            self.diary.note(Step::Closed(lane, next));
        }
    }

    fn tell_missing(&self, scene: &Scene, lane: Lane, next: u32) {
        let missing = self.diary.now().missing(lane, next);
        if let Some(first) = missing.first() {
            let number = missing.len();
            let topic = lane.topic();
            let text = format!("{} misses {number} of {topic}, first {first}", self.name);
            scene
                .findings
                .report_many(Kind::Message, number as u64, &text);
        }
    }

    /// Connects, and subscribes where no SUBACK says that it is.
    pub fn join(&mut self, scene: &Scene) -> Result<Link, Lost> {
        let (mut link, answer) = scene.resume(self.version, &self.name)?;
        if self.diary.now().established && !answer.session_present {
            let text = format!("the session of {} is gone", self.name);
            scene.findings.report(Kind::Session, &text);
            for lane in self.lanes.iter().filter(|_| !self.is_shared()) {
                self.tell_missing(scene, *lane, scene.frontier(*lane).promised);
            }
            self.diary.note(Step::Forgotten);
        }
        if !self.diary.now().established {
            self.diary.note(Step::Established);
        }
        if !self.diary.now().subscribed {
            self.subscribe(scene, &mut link)?;
        }
        Ok(link)
    }

    fn subscribe(&mut self, scene: &Scene, link: &mut Link) -> Result<(), Lost> {
        let id = 1;
        let wanted = self.filters.iter().chain([&END]);
        let requests = wanted.map(|name| subscribe(id, name, self.qos));
        let filters = requests.flat_map(|request| request.filters).collect();
        link.send(Subscribe {
            filters,
            ..subscribe(id, END, self.qos)
        })?;
        link.flush()?;
        loop {
            match link.receive()? {
                Some(Packet::SubAck(answer)) if answer.packet_id == packet_id(id) => break,
                Some(packet) => self.absorb(scene, link, packet, None)?,
                None => {}
            }
        }
        let from = |lane: &Lane| (*lane, scene.frontier(*lane).next);
        let from = self.lanes.iter().map(from).collect();
        self.diary.note(Step::Subscribed(from));
        Ok(())
    }

    /// Takes what came; `stopping` decides which halves of a QoS 2 exchange are left out.
    pub fn absorb(
        &mut self,
        scene: &Scene,
        link: &mut Link,
        packet: Packet,
        stopping: Option<&mut Random>,
    ) -> Result<(), Lost> {
        let stops = stopping.is_some_and(|random| random.chance(STOPS));
        match packet {
            Packet::Publish(message) => self.take(scene, link, &message, stops),
            Packet::PubRel(release) => {
                self.diary.note(Step::Released(release.packet_id));
                let answer = Packet::PubComp(Ack::new(release.packet_id, Reason::Success));
                if stops { Ok(()) } else { link.send(answer) }
            }
            _ => Ok(()),
        }
    }

    fn take(
        &mut self,
        scene: &Scene,
        link: &mut Link,
        message: &Publish,
        stops: bool,
    ) -> Result<(), Lost> {
        let topic = message.topic.as_str();
        let known = Lane::of_topic(topic).zip(sequence_of(&message.payload));
        let Some((lane, sequence)) = known else {
            let text = format!("{} got something else in {topic}", self.name);
            scene.findings.report(Kind::Damaged, &text);
            return Ok(());
        };
        let (id, qos) = (message.packet_id, message.qos);
        match self.diary.now().judge(lane, sequence, id, qos) {
            Some(Seen::Repeated) if qos == QoS::ExactlyOnce => {
                let text = format!("{} got {topic} {sequence} again", self.name);
                scene.findings.report(Kind::Duplicate, &text);
            }
            Some(Seen::Late) if !self.is_shared() => {
                let text = format!("{} got {topic} {sequence} late", self.name);
                scene.findings.report(Kind::Order, &text);
            }
            _ => {}
        }
        self.diary.note(Step::Taken(lane, sequence, id, qos));
        let Some(id) = id else { return Ok(()) };
        match qos {
            QoS::ExactlyOnce if stops => Ok(()),
            QoS::ExactlyOnce => link.send(Packet::PubRec(Ack::new(id, Reason::Success))),
            _ => link.send(Packet::PubAck(Ack::new(id, Reason::Success))),
        }
    }

    /// Takes messages as its habit is, until the broker is gone or the load ends.
    pub fn load(&mut self, scene: &Scene, seed: u64) {
        let mut random = Random::new(seed);
        while self.habit != Habit::Absent && !scene.is_stopped() {
            let sleepy = self.habit == Habit::Sleepy;
            let (away, stay) = if sleepy { (300, 100) } else { (0, STAY_MS) };
            std::thread::sleep(Duration::from_millis(random.next_u64() % (away + 1)));
            let stay = Duration::from_millis(random.next_u64() % stay);
            if self.stay(scene, stay, &mut random).is_err() {
                return;
            }
        }
    }

    fn stay(&mut self, scene: &Scene, stay: Duration, random: &mut Random) -> Result<(), Lost> {
        let mut link = self.join(scene)?;
        let end = Instant::now() + stay;
        while !scene.is_stopped() && Instant::now() < end {
            if let Some(packet) = link.receive()? {
                let stopping = (self.habit == Habit::Stopping).then_some(&mut *random);
                self.absorb(scene, &mut link, packet, stopping)?;
            }
        }
        Ok(())
    }
}

/// How long a check waits for what does not come.
pub struct Patience {
    begin: Instant,
    marked: Option<Instant>,
}

impl Patience {
    pub fn new() -> Self {
        Self {
            begin: Instant::now(),
            marked: None,
        }
    }

    /// Whether waiting is of no use any more; a mark that has come shortens it.
    pub fn is_over(&mut self, marked: bool) -> bool {
        let grace = |since: Instant| since.elapsed() > GRACE;
        marked && grace(*self.marked.get_or_insert_with(Instant::now))
            || self.begin.elapsed() > LIMIT
    }
}

/// Percent of the halves of QoS 2 exchanges that a stopping subscriber leaves out.
const STOPS: usize = 10;
/// The longest that a subscriber stays on one connection.
const STAY_MS: u64 = 1_500;
/// How long what is missing may come behind the mark.
const GRACE: Duration = Duration::from_millis(1_500);
/// How long a check may take in all.
const LIMIT: Duration = Duration::from_secs(10);
