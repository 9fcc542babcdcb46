// SPDX-License-Identifier: Apache-2.0 OR MIT
//! From a message to its receivers: every session whose subscriptions match gets it once.

use mqtt_proto::{QoS, Topic};

use super::Broker;
use super::carrier::{Carrier, Terms};
use super::work::FanOut;
use crate::authz::{Permit, ToPublish};
use crate::routes::Receiver;
use crate::session::SessionId;
use crate::shared::GroupId;
use crate::{Effects, Moment};

/// Deliveries queued in one entry; a larger fan-out goes on in the next.
pub(super) const FAN_OUT_SLICE: usize = 1_000;

/// Where a message goes, once.
pub(super) enum Target {
    /// A session, whatever number of its filters match. [MQTT-3.3.4-2], in 3.1.1 [MQTT-3.3.5-1]
    Session {
        id: SessionId,
        qos: QoS,
        retain_as_published: bool,
        identifiers: Vec<u32>,
    },
    /// A shared subscription, beside what its members get through others.
    Group(GroupId),
}

/// What became of a message that was routed.
pub(super) struct Routed {
    /// How many it has; those beyond a slice are in `rest`.
    pub receivers: usize,
    /// The rest of a fan-out too large for one entry.
    pub rest: Option<FanOut>,
    /// Levels of filters that were looked at.
    pub visited: usize,
}

impl Broker {
    /// Queues a message for every session whose subscriptions match. [MQTT-4.5.0-1] [MQTT-3.3.2-3]
    pub(super) fn route(
        &mut self,
        now: Moment,
        _: &Permit<ToPublish>,
        mut carrier: Carrier,
        publisher: Option<SessionId>,
        fx: &mut Effects,
    ) -> Routed {
        let (mut targets, visited) = self.collect_targets(&carrier.message().topic, publisher);
        let receivers = targets.len();
        let later = targets.split_off(targets.len().min(FAN_OUT_SLICE));
        for target in targets.drain(..) {
            self.send_to_target(now, target, &mut carrier, fx);
        }
        self.targets = targets;
        if later.is_empty() {
            self.finish(&carrier, fx);
            self.keep_spare(carrier);
            return Routed {
                receivers,
                rest: None,
                visited,
            };
        }
        carrier.kept();
        Routed {
            receivers,
            rest: Some(FanOut {
                carrier,
                targets: later.into(),
                ack: None,
            }),
            visited,
        }
    }

    pub(super) fn send_to_target(
        &mut self,
        now: Moment,
        target: Target,
        carrier: &mut Carrier,
        fx: &mut Effects,
    ) {
        let (id, terms) = match target {
            Target::Group(id) => return self.send_to_group(now, id, carrier, fx),
            Target::Session {
                id,
                qos,
                retain_as_published,
                identifiers,
            } => {
                // [MQTT-3.3.1-12], [MQTT-3.3.1-13], in 3.1.1 [MQTT-3.3.1-9]
                let retain = retain_as_published && carrier.message().retain;
                let terms = Terms {
                    qos,
                    retain,
                    identifiers,
                    group: None,
                };
                (id, terms)
            }
        };
        self.send_to(now, id, carrier, terms, fx);
    }

    pub(super) fn collect_targets(
        &mut self,
        topic: &Topic,
        publisher: Option<SessionId>,
    ) -> (Vec<Target>, usize) {
        self.publications += 1;
        let (serial, sessions) = (self.publications, &mut self.sessions);
        let mut targets = std::mem::take(&mut self.targets);
        let visited = self.routes.matching(topic.as_str(), &mut |receiver| {
            let subscriber = match receiver {
                Receiver::Session(subscriber) => subscriber,
                Receiver::Group(id) => return targets.push(Target::Group(id)),
            };
            if subscriber.no_local && publisher == Some(subscriber.session) {
                return; // [MQTT-3.8.3-3]
            }
            let Some(session) = sessions.get_mut(subscriber.session) else {
                return;
            };
            let seen = session.mark.0 == serial;
            if !seen {
                session.mark = (serial, targets.len());
                targets.push(Target::Session {
                    id: subscriber.session,
                    qos: subscriber.qos,
                    retain_as_published: subscriber.retain_as_published,
                    identifiers: Vec::new(),
                });
            }
            if let Some(Target::Session {
                qos,
                retain_as_published,
                identifiers,
                ..
            }) = targets.get_mut(session.mark.1)
            {
                *qos = subscriber.qos.max(*qos);
                *retain_as_published |= subscriber.retain_as_published;
                identifiers.extend(subscriber.identifier); // [MQTT-3.3.4-4]
            }
        });
        (targets, visited)
    }
}
