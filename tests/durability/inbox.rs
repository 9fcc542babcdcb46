// SPDX-License-Identifier: Apache-2.0 OR MIT
//! What a subscriber remembers: its session, its subscriptions, what it has taken, and the QoS 2 packet identifiers that
//! are not released yet.

use std::collections::{BTreeMap, BTreeSet};

use mqtt_proto::{PacketId, QoS};

use crate::diary::Memory;
use crate::intake::{Intake, Seen};
use crate::lane::Lane;

#[derive(Debug, Clone, Default)]
pub struct Inbox {
    /// Whether a CONNACK has promised the session.
    pub established: bool,
    /// Whether SUBACK has come.
    pub subscribed: bool,
    /// Whether a CONNECT that ends the session has left, and whether it was answered.
    pub leaving: bool,
    pub left: bool,
    /// QoS 2 messages taken and not released.
    unreleased: BTreeSet<PacketId>,
    intakes: BTreeMap<Lane, Intake>,
    /// The last mark of a check that came.
    pub mark: Option<u32>,
    /// CONNACK of a new session and SUBACK received.
    pub acknowledged: u64,
}

#[derive(Debug, Clone)]
pub enum Step {
    Established,
    Forgotten,
    /// SUBACK came: what has a number of at least this must come.
    Subscribed(Vec<(Lane, u32)>),
    Taken(Lane, u32, Option<PacketId>, QoS),
    /// PUBREL came.
    Released(PacketId),
    /// Everything below this number is accounted for.
    Closed(Lane, u32),
    Leaving,
    Left,
}

impl Memory for Inbox {
    type Event = Step;

    fn apply(&mut self, step: &Step) {
        match step {
            Step::Established => {
                self.established = true;
                self.acknowledged += 1;
            }
            Step::Forgotten => {
                *self = Self {
                    acknowledged: self.acknowledged,
                    mark: self.mark,
                    ..Self::default()
                }
            }
            Step::Subscribed(from) => {
                self.subscribed = true;
                self.acknowledged += 1;
                let intakes = from.iter().map(|(lane, from)| (*lane, Intake::new(*from)));
                self.intakes = intakes.collect();
            }
            Step::Taken(lane, sequence, id, qos) => {
                let begun = id.filter(|_| *qos == QoS::ExactlyOnce);
                if begun.is_some_and(|id| !self.unreleased.insert(id)) {
                    return;
                }
                if *lane == Lane::End {
                    self.mark = self.mark.max(Some(*sequence));
                } else if let Some(intake) = self.intakes.get_mut(lane) {
                    intake.take(*sequence);
                }
            }
            Step::Released(id) => {
                self.unreleased.remove(id);
            }
            Step::Closed(lane, next) => {
                if let Some(intake) = self.intakes.get_mut(lane) {
                    intake.close(*next);
                }
            }
            Step::Leaving => self.leaving = true,
            Step::Left => {
                self.left = true;
                self.acknowledged += 1;
            }
        }
    }
}

impl Inbox {
    /// What a message is that has just come; nothing where the QoS 2 exchange of this identifier goes on.
    pub fn judge(&self, lane: Lane, sequence: u32, id: Option<PacketId>, qos: QoS) -> Option<Seen> {
        let goes_on = qos == QoS::ExactlyOnce && id.is_some_and(|id| self.unreleased.contains(&id));
        let intake = self.intakes.get(&lane).filter(|_| !goes_on)?;
        Some(intake.judge(sequence))
    }

    /// The numbers of a lane below `next` that have not come.
    pub fn missing(&self, lane: Lane, next: u32) -> Vec<u32> {
        let intake = self.intakes.get(&lane);
        intake
            .map(|intake| intake.missing(next))
            .unwrap_or_default()
    }

    pub fn intake(&self, lane: Lane) -> Option<&Intake> {
        self.intakes.get(&lane)
    }
}
