// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Shared subscriptions at work: who joins and leaves, which member gets a message, what waits and what comes back.

use std::sync::Arc;

use mqtt_proto::{Filter, QoS};

use super::Broker;
use super::carrier::{Carrier, Terms};
use super::connections::Connections;
use super::deliver::KEPT_IN_MEMORY;
use super::durable::waiting_of;
use super::pump::{Step, ready};
use super::work::Work;
use crate::authz::{Permit, ToReceive};
use crate::memory;
use crate::routes::Subscriber;
use crate::session::{Queued, SessionId, Sessions};
use crate::shared::{Group, GroupId};
use crate::{Effects, Event, Limits, Moment};

/// Members looked at for one message; the search goes on in the next entry.
const LOOKS: usize = 256;
/// Messages handed out in one entry.
const HAND_OUT_SLICE: usize = 256;

impl Broker {
    pub(super) fn join_group(&mut self, filter: &Filter, member: Subscriber, persistent: bool) {
        let Some(joined) = self.groups.join(filter, member) else {
            return;
        };
        if joined.begun {
            self.routes.insert_group(filter, joined.group);
        }
        if let Some(group) = self.groups.get_mut(joined.group) {
            group.durable |= persistent;
        }
        if let Some(session) = self
            .sessions
            .get_mut(member.session)
            .filter(|_| joined.parked)
        {
            session.parked_in.push_back(joined.group);
        }
    }

    /// Ends a subscription, shared or not; what a member has in flight is completed. [MQTT-3.10.4-3]
    pub(super) fn remove_route(&mut self, filter: &Filter, session: SessionId, fx: &mut Effects) {
        if filter.share().is_none() {
            return self.routes.remove(filter, session);
        }
        let Some((id, ended)) = self.groups.leave(filter, session) else {
            return;
        };
        if let Some(session) = self.sessions.get_mut(session) {
            session.parked_in.retain(|group| *group != id);
        }
        if let Some(group) = ended {
            self.routes.remove_group(filter, id);
            self.forget_waiting(group, fx);
        }
    }

    fn forget_waiting(&mut self, mut group: Group, fx: &mut Effects) {
        self.stats.queued_messages -= group.queue.len() as u64;
        self.tell_dropped_shared(&group.filter, group.dropped, fx);
        for entry in group.queue.take_all() {
            self.settle_entry(entry.stored, None, fx);
        }
    }

    /// Gives a message to one member.
    pub(super) fn send_to_group(
        &mut self,
        now: Moment,
        id: GroupId,
        carrier: &mut Carrier,
        fx: &mut Effects,
    ) {
        let qos = carrier.message().qos;
        let waits = |group: &Group| qos > QoS::AtMostOnce && !group.queue.is_empty();
        if !self.groups.get(id).is_some_and(waits) {
            if let Some(member) = self.choose(id, qos) {
                return self.send_to_member(now, id, member, carrier, fx);
            }
        }
        if qos > QoS::AtMostOnce {
            self.hold(id, carrier, fx);
            self.hand_out_later(id);
        } else if let Some(member) = self.any_connected(id) {
            self.send_to_member(now, id, member, carrier, fx);
        }
    }

    /// Gives a message to the member whose turn it is, or to another if that one may not have it.
    fn send_to_member(
        &mut self,
        now: Moment,
        id: GroupId,
        member: Subscriber,
        carrier: &mut Carrier,
        fx: &mut Effects,
    ) {
        let member = self.entitled(id, member, carrier);
        let terms = terms(id, member, carrier);
        self.send_to(now, member.session, carrier, terms, fx);
    }

    /// The member, if it may have the message; or else another that may, best one with room; or else the member itself, and
    /// the message is withheld.
    fn entitled(&self, id: GroupId, member: Subscriber, carrier: &Carrier) -> Subscriber {
        let message = carrier.message();
        let may = |member: &Subscriber| {
            let session = self.sessions.get(member.session);
            let permit = session.and_then(|session| session.may(&message.topic));
            permit.is_some_and(|_: Permit<ToReceive>| true)
        };
        let Some(group) = self.groups.get(id).filter(|_| !may(&member)) else {
            return member;
        };
        let limits = &self.params.limits;
        let has_room = |member: &Subscriber| {
            can_take(
                &self.sessions,
                &self.connections,
                limits,
                member,
                message.qos,
            )
        };
        let others = || group.members().take(LOOKS).filter(may);
        let other = others().find(has_room).or_else(|| others().next());
        other.unwrap_or(member)
    }

    /// The member whose turn it is to take a message of this quality; those without room are parked.
    fn choose(&mut self, id: GroupId, qos: QoS) -> Option<Subscriber> {
        let group = self.groups.get_mut(id)?;
        for _ in 0..LOOKS {
            let member = group.take_next()?;
            let limits = &self.params.limits;
            if can_take(&self.sessions, &self.connections, limits, &member, qos) {
                group.put_last(member);
                return Some(member);
            }
            group.park(member);
            if let Some(session) = self.sessions.get_mut(member.session) {
                session.parked_in.push_back(id);
            }
        }
        None
    }

    /// A member for a QoS 0 message when all are parked: one whose socket has room, or else one where the loss is counted.
    fn any_connected(&self, id: GroupId) -> Option<Subscriber> {
        let limits = &self.params.limits;
        let has_room = |member: &Subscriber| {
            let qos = QoS::AtMostOnce;
            can_take(&self.sessions, &self.connections, limits, member, qos)
        };
        let connected = |member: &Subscriber| {
            let session = self.sessions.get(member.session);
            session.is_some_and(|session| session.connection.is_some())
        };
        let parked = || {
            self.groups
                .get(id)
                .into_iter()
                .flat_map(Group::all_parked)
                .take(LOOKS)
        };
        parked().find(has_room).or_else(|| parked().find(connected))
    }

    /// Has a message wait for a member; the newest is dropped at the limits.
    fn hold(&mut self, id: GroupId, carrier: &mut Carrier, fx: &mut Effects) {
        let full = self.is_memory_full();
        let Some(entry) = self.waiting(id, carrier, fx) else {
            return;
        };
        let Some(group) = self.groups.get_mut(id) else {
            return;
        };
        let (location, record) = (entry.location(), waiting_of(group, &entry));
        let queued = match full {
            true => Err("memory_limit"),
            false => {
                let pushed = group.queue.push(entry, &self.params.limits);
                pushed.map_err(|(_, limit)| limit)
            }
        };
        if let Err(limit) = queued {
            group.dropped += 1;
            let first = (group.dropped == 1).then(|| Event::DroppingShared {
                filter: group.filter.clone(),
                limit,
                topic: carrier.message().topic.detached(),
            });
            self.release(location, fx);
            return self.drop_message(first, fx);
        }
        self.stats.queued_messages += 1;
        self.record(record, fx);
    }

    /// Takes back what a member whose session has ended did not acknowledge: it was held before, so the limits do not count.
    pub(super) fn give_back(&mut self, id: GroupId, entry: Queued, fx: &mut Effects) {
        let mut carrier = Carrier::of(entry.message, entry.stored);
        if let Some(entry) = self.waiting(id, &mut carrier, fx) {
            let group = self.groups.get_mut(id);
            let record = group.and_then(|group| {
                let record = waiting_of(group, &entry);
                group.queue.push_front(entry);
                record
            });
            self.stats.queued_messages += 1;
            self.record(record, fx);
            self.hand_out_later(id);
        }
        self.finish(&carrier, fx);
    }

    /// The queue entry for a message that waits, as it was published; its payload is stored if it must be durable.
    fn waiting(&mut self, id: GroupId, carrier: &mut Carrier, fx: &mut Effects) -> Option<Queued> {
        let group = self.groups.get(id)?;
        let (durable, behind) = (group.durable, group.queue.len() >= KEPT_IN_MEMORY);
        let stored = durable.then(|| self.store_entry(carrier, fx));
        let message = match stored.filter(|_| behind) {
            Some(stored) => carrier.without_payload(stored.location),
            None => Arc::clone(carrier.kept()),
        };
        message.hold(&self.memory);
        Some(Queued {
            qos: message.qos,
            retain: message.retain,
            message,
            identifiers: Box::default(),
            stored,
            fetched: None,
            group: Some(Box::new(id)),
            charge: Some(self.memory.charge(memory::ENTRY)),
        })
    }

    /// The queue has come to its end: tells how many messages found no room in it.
    fn tell_dropped_shared(&mut self, filter: &Filter, count: u64, fx: &mut Effects) {
        if count > 0 {
            let filter = filter.clone();
            self.tell(Event::DroppedShared { filter, count }, fx);
        }
    }

    /// Has the next entry hand out what waits, if a member has a turn.
    pub(super) fn hand_out_later(&mut self, id: GroupId) {
        let due = |group: &&mut Group| !group.queue.is_empty() && group.has_turns();
        if let Some(group) = self.groups.get_mut(id).filter(due) {
            if !std::mem::replace(&mut group.work_is_due, true) {
                self.work.push_back(Work::Share(id));
            }
        }
    }

    /// Gives what waits to members that have room.
    pub(super) fn hand_out(&mut self, now: Moment, id: GroupId, fx: &mut Effects) {
        if let Some(group) = self.groups.get_mut(id) {
            group.work_is_due = false;
        }
        for _ in 0..HAND_OUT_SLICE {
            let qos = self.groups.get(id).and_then(|g| Some(g.queue.front()?.qos));
            let Some(member) = qos.and_then(|qos| self.choose(id, qos)) else {
                break;
            };
            self.hand_oldest(now, id, member, fx);
            self.pump(now, member.session, fx);
        }
        self.hand_out_later(id);
    }

    /// A session that was passed over and has room again takes what waits, one message from each group in turn.
    pub(super) fn pump_group(&mut self, now: Moment, id: SessionId, fx: &mut Effects) -> Step {
        let limits = &self.params.limits;
        let Some((session, _)) = ready(&mut self.sessions, &mut self.connections, limits, id)
        else {
            return Step::Blocked;
        };
        let Some(group_id) = session.parked_in.pop_front() else {
            return Step::Blocked;
        };
        let Some(group) = self.groups.get_mut(group_id) else {
            return Step::Again;
        };
        if group.queue.is_empty() {
            group.unpark(id);
        } else if let Some(member) = group.parked(id) {
            session.parked_in.push_back(group_id);
            self.hand_oldest(now, group_id, member, fx);
        }
        Step::Again
    }

    /// Moves the oldest message that waits into a member's queue.
    fn hand_oldest(&mut self, now: Moment, id: GroupId, member: Subscriber, fx: &mut Effects) {
        let Some(group) = self.groups.get_mut(id) else {
            return;
        };
        let Some(entry) = group.queue.pop() else {
            return;
        };
        let emptied = group.queue.is_empty();
        let dropped = emptied.then(|| std::mem::take(&mut group.dropped));
        let filter = group.filter.clone();
        self.stats.queued_messages -= 1;
        let expired = entry.message.is_expired(now);
        let mut carrier = Carrier::of(entry.message, entry.stored);
        if expired {
            self.stats.publish_dropped += 1;
        } else {
            let member = self.entitled(id, member, &carrier);
            let terms = terms(id, member, &carrier);
            self.send_one(now, member.session, &mut carrier, terms, fx);
        }
        self.tell_dropped_shared(&filter, dropped.unwrap_or(0), fx);
        self.finish(&carrier, fx);
    }
}

/// How a member gets a message: by its own subscription. [MQTT-4.8.2-3]
fn terms(group: GroupId, member: Subscriber, carrier: &Carrier) -> Terms {
    Terms {
        qos: member.qos,
        retain: member.retain_as_published && carrier.message().retain, // [MQTT-3.3.1-12]
        identifiers: member.identifier.into_iter().collect(),
        group: Some(group),
    }
}

/// Whether a member would send the message at once: it is connected, and socket and window have room.
fn can_take(
    sessions: &Sessions,
    connections: &Connections,
    limits: &Limits,
    member: &Subscriber,
    qos: QoS,
) -> bool {
    let Some(session) = sessions.get(member.session) else {
        return false;
    };
    let Some(c) = session.connection.and_then(|conn| connections.get(conn)) else {
        return false;
    };
    let socket = c.outbox.pending_bytes() < limits.max_pending_bytes;
    socket && (qos.min(member.qos) == QoS::AtMostOnce || session.outbound.is_free())
}
