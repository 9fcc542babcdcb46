// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The members of a shared subscription, all with persistent sessions: what one of them has taken the others must not.

use crate::diary::Position;
use crate::findings::Kind;
use crate::inbox::Step;
use crate::intake::{Intake, Seen};
use crate::lane::Lane;
use crate::link::Lost;
use crate::scene::Scene;
use crate::subscriber::{Patience, Subscriber};

#[derive(Clone)]
pub struct Group {
    pub members: Vec<Subscriber>,
}

impl Group {
    /// The same clients as they were when the disk's log had this length.
    pub fn at(&self, position: u64, noted: Option<&Position>) -> Self {
        let members = self.members.iter();
        Self {
            members: members.map(|m| m.at(position, noted.cloned())).collect(),
        }
    }

    /// Takes everything up to the mark of this check, with all members at once, then says what is missing.
    pub fn check(&mut self, scene: &Scene, mark: u32) -> Result<(), Lost> {
        let joined: Result<Vec<_>, _> = self.members.iter_mut().map(|m| m.join(scene)).collect();
        scene.be_ready();
        let mut links = joined?;
        let mut patience = Patience::new();
        loop {
            let mut idle = true;
            for (member, link) in self.members.iter_mut().zip(&mut links) {
                while let Some(packet) = link.receive()? {
                    idle = false;
                    member.absorb(scene, link, packet, None)?;
                }
            }
            let marked = |member: &Subscriber| member.diary.now().mark >= Some(mark);
            let marked = self.members.iter().all(marked);
            if idle && (marked && self.is_complete(scene) || patience.is_over(marked)) {
                break;
            }
        }
        self.verify(scene);
        Ok(())
    }

    fn is_complete(&self, scene: &Scene) -> bool {
        let lanes = self.members[0].lanes.iter();
        let mut missing = lanes.map(|lane| self.missing(*lane, scene.frontier(*lane).next));
        missing.all(|numbers| numbers.is_empty())
    }

    /// What no member has taken of what was sent after all of them had subscribed.
    fn missing(&self, lane: Lane, next: u32) -> Vec<u32> {
        let intakes: Option<Vec<&Intake>> = self
            .members
            .iter()
            .map(|member| member.diary.now().intake(lane))
            .collect();
        let intakes = intakes.unwrap_or_default();
        let from = intakes.iter().map(|intake| intake.from()).max();
        let open = intakes.iter().map(|intake| intake.open()).min();
        let all = from.max(open).unwrap_or(next)..next;
        all.filter(|number| !intakes.iter().any(|intake| intake.holds(*number)))
            .collect()
    }

    fn verify(&mut self, scene: &Scene) {
        for lane in self.members[0].lanes.clone() {
            let next = scene.frontier(lane).next;
            let missing = self.missing(lane, next);
            if let Some(first) = missing.first() {
                let number = missing.len();
                let topic = lane.topic();
                let text = format!("no member of the group got {number} of {topic}, first {first}");
                scene
                    .findings
                    .report_many(Kind::Message, number as u64, &text);
            }
            self.tell_doubles(scene, lane, next);
            for member in &mut self.members {
                member.diary.note(Step::Closed(lane, next));
            }
        }
    }

    /// A QoS 2 message stays with the member to which it was begun.
    fn tell_doubles(&self, scene: &Scene, lane: Lane, next: u32) {
        if !matches!(lane, Lane::ExactlyOnce(_)) {
            return;
        }
        let intakes = self.members.iter();
        let intakes: Vec<_> = intakes.filter_map(|m| m.diary.now().intake(lane)).collect();
        let open = intakes.iter().map(|intake| intake.open()).min();
        let double = |number: &u32| {
            let judged = intakes.iter().map(|intake| intake.judge(*number));
            judged.filter(|seen| *seen == Seen::Repeated).count() > 1
        };
        if let Some(number) = (open.unwrap_or(next)..next).find(double) {
            let topic = lane.topic();
            let text = format!("two members of the group got {topic} {number}");
            scene.findings.report(Kind::Duplicate, &text);
        }
    }
}
