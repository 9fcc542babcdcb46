// SPDX-License-Identifier: Apache-2.0 OR MIT
//! A client that subscribes and unsubscribes all the time and never listens, but for a check: then a probe of each
//! topic shows which of its subscriptions there are, and at which QoS.

use std::collections::BTreeMap;

use mqtt_proto::{Ack, Packet, QoS, Reason, Version};
use tests::packets::{granted, subscribe, unsubscribe};
use tests::{QUALITIES, Random};

use crate::diary::{Diary, Memory, Position};
use crate::findings::Kind;
use crate::lane::{END, Lane, PROBES, sequence_of};
use crate::link::{Link, Lost};
use crate::scene::Scene;
use crate::subscriber::Patience;

/// What it knows of its subscriptions.
#[derive(Debug, Clone, Default)]
pub struct Wishes {
    established: bool,
    /// Whether the mark of the checks is subscribed.
    listening: bool,
    /// The last acknowledged state of each filter; missing is none.
    told: BTreeMap<u8, Option<QoS>>,
    /// The one that is under way.
    asked: Option<(u8, Option<QoS>)>,
    pub acknowledged: u64,
}

#[derive(Debug, Clone, Copy)]
pub enum Step {
    Established,
    Forgotten,
    Listening,
    Asked(u8, Option<QoS>),
    /// SUBACK or UNSUBACK came.
    Told,
    /// A check has found out.
    Found(u8, Option<QoS>),
}

impl Memory for Wishes {
    type Event = Step;

    fn apply(&mut self, step: &Step) {
        match *step {
            Step::Established => {
                self.established = true;
                self.acknowledged += 1;
            }
            Step::Forgotten => {
                *self = Self {
                    acknowledged: self.acknowledged,
                    ..Self::default()
                }
            }
            Step::Listening => self.listening = true,
            Step::Asked(number, wish) => self.asked = Some((number, wish)),
            Step::Told => {
                self.told.extend(self.asked.take());
                self.acknowledged += 1;
            }
            Step::Found(number, state) => {
                self.told.insert(number, state);
                self.asked = self.asked.filter(|(asked, _)| *asked != number);
            }
        }
    }
}

#[derive(Clone)]
pub struct Changer {
    version: Version,
    pub diary: Diary<Wishes>,
}

impl Changer {
    pub fn new(version: Version, position: Option<Position>) -> Self {
        Self {
            version,
            diary: Diary::new(Wishes::default(), position),
        }
    }

    /// The same client as it was when the disk's log had this length.
    pub fn at(&self, position: u64, noted: Option<Position>) -> Self {
        Self {
            diary: Diary::new(self.diary.at(position), noted),
            ..self.clone()
        }
    }

    /// Subscribes and unsubscribes until the broker is gone or the load ends.
    pub fn load(&mut self, scene: &Scene, seed: u64) {
        let mut random = Random::new(seed);
        // The end of the broker ends the load.
        let _ = self.change(scene, &mut random);
    }

    fn change(&mut self, scene: &Scene, random: &mut Random) -> Result<(), Lost> {
        let mut link = self.join(scene)?;
        while !scene.is_stopped() {
            let number = random.below(PROBES.into()) as u8;
            let wish = random.chance(60).then(|| *random.pick(&QUALITIES));
            self.diary.note(Step::Asked(number, wish));
            let topic = Lane::Probe(number).topic();
            match wish {
                Some(qos) => link.send(subscribe(1, &topic, qos))?,
                None => link.send(unsubscribe(1, &topic))?,
            }
            let answer = link.expect("SUBACK or UNSUBACK", |packet| {
                matches!(packet, Packet::SubAck(_) | Packet::UnsubAck(_))
            })?;
            if let Packet::SubAck(answer) = answer {
                if wish.is_none_or(|qos| answer.reasons != [granted(qos)]) {
                    let text = format!("changer: {:?} for {topic} at {wish:?}", answer.reasons);
                    scene.findings.report(Kind::Refused, &text);
                }
            }
            self.diary.note(Step::Told);
        }
        Ok(())
    }

    fn join(&mut self, scene: &Scene) -> Result<Link, Lost> {
        let (mut link, answer) = scene.resume(self.version, "changer")?;
        if self.diary.now().established && !answer.session_present {
            let subscriptions = self.diary.now().told.values().flatten().count();
            let text = format!("the session of changer is gone with {subscriptions} subscriptions");
            scene.findings.report(Kind::Session, &text);
            self.diary.note(Step::Forgotten);
        }
        if !self.diary.now().established {
            self.diary.note(Step::Established);
        }
        if !self.diary.now().listening {
            link.send(subscribe(1, END, QoS::AtLeastOnce))?;
            link.expect("SUBACK", |packet| matches!(packet, Packet::SubAck(_)))?;
            self.diary.note(Step::Listening);
        }
        Ok(link)
    }

    /// Takes the probes up to the mark of this check and compares them with what SUBACK and UNSUBACK said.
    pub fn check(&mut self, scene: &Scene, mark: u32) -> Result<(), Lost> {
        let joined = self.join(scene);
        scene.be_ready();
        let found = self.take_probes(&mut joined?, mark)?;
        for number in 0..PROBES {
            let there = found.get(&number).copied();
            let wishes = self.diary.now();
            let told = wishes.told.get(&number).copied().flatten();
            let asked = wishes.asked.filter(|(asked, _)| *asked == number);
            if there != told && asked.is_none_or(|(_, wish)| there != wish) {
                let topic = Lane::Probe(number).topic();
                let text = format!("changer has {topic} at {there:?}, was told {told:?}");
                scene.findings.report(Kind::Subscription, &text);
            }
            self.diary.note(Step::Found(number, there));
        }
        Ok(())
    }

    /// The QoS at which each probe of this check came.
    fn take_probes(&mut self, link: &mut Link, mark: u32) -> Result<BTreeMap<u8, QoS>, Lost> {
        let mut found = BTreeMap::new();
        let mut patience = Patience::new();
        let mut marked = false;
        while !marked && !patience.is_over(false) {
            match link.receive()? {
                Some(Packet::Publish(message)) => {
                    let lane = Lane::of_topic(message.topic.as_str());
                    let current = sequence_of(&message.payload) == Some(mark);
                    match lane {
                        Some(Lane::Probe(number)) if current => {
                            found.insert(number, message.qos);
                        }
                        Some(Lane::End) => marked |= current,
                        _ => {}
                    }
                    let Some(id) = message.packet_id else {
                        continue;
                    };
                    let answer = Ack::new(id, Reason::Success);
                    link.send(match message.qos {
                        QoS::ExactlyOnce => Packet::PubRec(answer),
                        _ => Packet::PubAck(answer),
                    })?;
                }
                Some(Packet::PubRel(release)) => {
                    link.send(Packet::PubComp(Ack::new(
                        release.packet_id,
                        Reason::Success,
                    )))?;
                }
                _ => {}
            }
        }
        link.flush()?;
        Ok(found)
    }
}
