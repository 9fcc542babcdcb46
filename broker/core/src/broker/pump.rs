// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Moves messages from a session's queue to its connection's outbox, as the window, the socket and the store allow.

use bytes::Bytes;
use mqtt_proto::QoS;

use super::carrier::{Carrier, Terms};
use super::connections::Connections;
use super::durable::entry_of;
use super::parcel::{Form, Parcel};
use super::work::Work;
use super::{Broker, wake};
use crate::connection::Connection;
use crate::session::{Queued, Replay, Session, SessionId, Sessions};
use crate::{ConnectionId, Effects, FetchRequest, Limits, Location, Moment};

/// Steps of one session in one entry; more wait for the next.
const PUMP_SLICE: usize = 256;
/// Stored payloads asked for at once.
const FETCH_AHEAD: usize = 16;
/// Retained topics looked at in one step.
const REPLAY_STEPS: usize = 64;

pub(super) enum Step {
    Again,
    Blocked,
}

impl Broker {
    /// Moves what waits for a session into its connection's outbox, as far as there is room.
    pub(super) fn pump(&mut self, now: Moment, id: SessionId, fx: &mut Effects) {
        for _ in 0..PUMP_SLICE {
            let step = match self.sessions.get(id) {
                Some(session) if session.outbound.must_resend() => self.pump_again(now, id, fx),
                Some(session) if !session.outbound.queue.is_empty() => self.pump_queue(now, id, fx),
                Some(session) if session.outbound.dropped > 0 => self.pump_dropped(id, fx),
                Some(session) if !session.replays.is_empty() => self.pump_replay(now, id, fx),
                Some(session) if !session.parked_in.is_empty() => self.pump_group(now, id, fx),
                _ => return,
            };
            if let Step::Blocked = step {
                return;
            }
        }
        if let Some(session) = self.sessions.get_mut(id) {
            if !std::mem::replace(&mut session.pump_is_due, true) {
                self.work.push_back(Work::Pump(id));
            }
        }
    }

    /// Sends the oldest PUBLISH in flight again.
    fn pump_again(&mut self, now: Moment, id: SessionId, fx: &mut Effects) -> Step {
        let limits = &self.params.limits;
        let Some((session, c)) = ready(&mut self.sessions, &mut self.connections, limits, id)
        else {
            return Step::Blocked;
        };
        if request_payloads(session, c.id, fx) {
            return Step::Blocked;
        }
        let Some((packet_id, entry)) = session.outbound.resend() else {
            return Step::Blocked;
        };
        let Some(permit) = session.may(&entry.message.topic) else {
            self.revoke_in_flight(id, packet_id, &entry.message.topic, fx);
            return Step::Again;
        };
        match Parcel::queued(&entry).again(c, packet_id, now) {
            Some(again) => {
                c.outbox.redeliver(&permit, again);
                wake(c, fx);
            }
            None => {
                session.outbound.abandon(packet_id);
                let conn = c.id;
                self.drop_oversize(conn, &entry.message, fx);
                self.settle_stored(id, entry.stored, fx);
            }
        }
        Step::Again
    }

    /// The queue has become empty after messages were dropped.
    fn pump_dropped(&mut self, id: SessionId, fx: &mut Effects) -> Step {
        let Some(session) = self.sessions.get_mut(id) else {
            return Step::Blocked;
        };
        let dropped = std::mem::take(&mut session.outbound.dropped);
        let client = session.key.clone();
        self.tell_dropped(&client, dropped, fx);
        Step::Again
    }

    fn pump_queue(&mut self, now: Moment, id: SessionId, fx: &mut Effects) -> Step {
        let limits = &self.params.limits;
        let Some((session, c)) = ready(&mut self.sessions, &mut self.connections, limits, id)
        else {
            return Step::Blocked;
        };
        let conn = c.id;
        if request_payloads(session, conn, fx) {
            return Step::Blocked;
        }
        let Some(entry) = session.outbound.queue.pop() else {
            return Step::Blocked;
        };
        self.stats.queued_messages -= 1;
        let stored = entry.stored;
        if entry.message.is_expired(now) {
            self.stats.publish_dropped += 1;
            self.settle_stored(id, stored, fx);
            return Step::Again;
        }
        let Some(permit) = session.may(&entry.message.topic) else {
            self.revoke_waiting(id, entry, fx);
            return Step::Again;
        };
        let parcel = Parcel::queued(&entry);
        if entry.qos == QoS::AtMostOnce {
            self.send_at_most_once(now, Some(conn), &parcel, &permit, fx);
            self.settle_stored(id, stored, fx);
            return Step::Again;
        }
        let Some(form) = parcel.form(c, &mut self.encoded, now) else {
            self.drop_oversize(conn, &entry.message, fx);
            self.settle_stored(id, stored, fx);
            return Step::Again;
        };
        // At QoS 1 what a member that ends with its connection has in flight goes back to the group.
        let recorded = session.durable || entry.qos == QoS::ExactlyOnce;
        let qos = entry.qos;
        let packet_id = Some(session.outbound.launch(entry));
        wake(c, fx);
        let mut delivery = match form {
            Form::Ready => {
                let (spares, encoded) = (&mut self.spares, &self.encoded);
                c.outbox.push(&permit, encoded, qos, packet_id, spares);
                None
            }
            Form::Later(delivery) => Some(delivery),
        };
        let launched = session.outbound.newest().filter(|_| recorded);
        let record = launched.and_then(|m| entry_of(session, &self.groups, &m.entry, m.progress()));
        let before = self.committed;
        self.record(record, fx);
        let after = self.commits_since(before);
        if let (Some(c), Some(mut delivery)) = (self.connections.get_mut(conn), delivery.take()) {
            delivery.packet_id = packet_id;
            c.outbox.deliver(&permit, delivery, after);
        }
        Step::Again
    }

    /// Sends the next retained message of the oldest new subscription. [MQTT-3.3.1-9]
    fn pump_replay(&mut self, now: Moment, id: SessionId, fx: &mut Effects) -> Step {
        let Some(session) = self.sessions.get_mut(id) else {
            return Step::Blocked;
        };
        let Some(c) = session
            .connection
            .and_then(|conn| self.connections.get(conn))
        else {
            return Step::Blocked;
        };
        if c.outbox.pending_bytes() >= self.params.limits.max_pending_bytes {
            return Step::Blocked;
        }
        let Some(Replay { walk, subscriber }) = session.replays.front_mut() else {
            return Step::Blocked;
        };
        let message = self.retained.next(walk, now, &mut { REPLAY_STEPS });
        let unstored = session.durable && !self.storage.is_ok();
        let terms = Terms {
            qos: match unstored {
                true => QoS::AtMostOnce,
                false => subscriber.qos,
            },
            retain: true, // [MQTT-3.3.1-8]
            identifiers: subscriber.identifier.into_iter().collect(),
            group: None,
        };
        if walk.is_done() {
            session.replays.pop_front();
        }
        if let Some(message) = message {
            let mut carrier = Carrier::new(message);
            self.send_one(now, id, &mut carrier, terms, fx);
            self.finish(&carrier, fx);
        }
        Step::Again
    }

    /// The store's answer to a fetch.
    pub(super) fn fetched(
        &mut self,
        now: Moment,
        conn: ConnectionId,
        location: Location,
        payload: Option<Bytes>,
        fx: &mut Effects,
    ) {
        let live = self.connections.get(conn).and_then(Connection::live);
        let Some(id) = live.map(|live| live.session) else {
            return;
        };
        let Some(session) = self.sessions.get_mut(id) else {
            return;
        };
        session.outbound.fetching = session.outbound.fetching.saturating_sub(1);
        if payload.is_none() {
            // The store lost it: an empty entry would be a lie, so it goes.
            for (entry, waited) in session.outbound.discard(location) {
                self.stats.queued_messages -= u64::from(waited);
                self.stats.publish_dropped += 1;
                self.settle_stored(id, entry.stored, fx);
            }
        } else {
            for entry in session.outbound.next_to_send(FETCH_AHEAD) {
                if entry.location() == Some(location) {
                    entry.fetched = payload.clone().map(Box::new);
                }
            }
        }
        self.pump(now, id, fx);
    }
}

/// A session and its connection, if there is one whose window and outbox have room. [MQTT-3.3.4-9]
pub(super) fn ready<'a>(
    sessions: &'a mut Sessions,
    connections: &'a mut Connections,
    limits: &Limits,
    id: SessionId,
) -> Option<(&'a mut Session, &'a mut Connection)> {
    let session = sessions.get_mut(id).filter(|s| s.outbound.has_room())?;
    let c = connections.get_mut(session.connection?)?;
    let room = c.outbox.pending_bytes() < limits.max_pending_bytes;
    room.then_some((session, c))
}

/// Asks the store for the payloads of what is to be sent next, unless it was asked already; true if the first is missing.
fn request_payloads(session: &mut Session, conn: ConnectionId, fx: &mut Effects) -> bool {
    let outbound = &mut session.outbound;
    let is_missing = |entry: &&mut Queued| entry.payload().is_none();
    if !outbound.next_to_send(1).any(|entry| is_missing(&entry)) {
        return false;
    }
    if outbound.fetching == 0 {
        let missing = outbound.next_to_send(FETCH_AHEAD).filter(is_missing);
        let mut locations: Vec<Location> = missing.filter_map(|entry| entry.location()).collect();
        locations.dedup();
        outbound.fetching = locations.len();
        let request = |location| FetchRequest { conn, location };
        fx.fetch.extend(locations.into_iter().map(request));
    }
    true
}
