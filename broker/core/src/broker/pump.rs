// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Moves messages from a session's queue to its connection's outbox, as the window, the socket and the store allow.

use std::sync::Arc;

use bytes::Bytes;
use mqtt_proto::QoS;

use super::carrier::{Carrier, Terms};
use super::connections::Connections;
use super::durable::entry_of;
use super::parcel::{Form, Parcel};
use super::work::Work;
use super::{Broker, wake};
use crate::connection::Connection;
use crate::routes::Subscriber;
use crate::session::{Queued, Replay, Session, SessionId, Sessions};
use crate::{ConnectionId, Effects, FetchRequest, Limits, Location, Message, Moment};

/// Steps of one session in one entry; more wait for the next.
const PUMP_SLICE: usize = 256;
/// Stored payloads asked for at once.
const FETCH_AHEAD: usize = 16;
/// Retained topics looked at in one step.
const REPLAY_STEPS: usize = 64;
/// Retained messages sent in one step.
const REPLAY_SLICE: usize = 64;

pub(super) enum Step {
    Again,
    /// The same after so many messages at once.
    Many(usize),
    Blocked,
}

impl Broker {
    /// Moves what waits for a session into its connection's outbox, as far as there is room.
    pub(super) fn pump(&mut self, now: Moment, id: SessionId, fx: &mut Effects) {
        let mut left = PUMP_SLICE;
        while left > 0 {
            let step = match self.sessions.get(id) {
                Some(session) if session.outbound.must_resend() => self.pump_again(now, id, fx),
                Some(session) if !session.outbound.queue.is_empty() => self.pump_queue(now, id, fx),
                Some(session) if session.outbound.dropped > 0 => self.pump_dropped(id, fx),
                Some(session) if !session.replays.is_empty() => self.pump_replay(now, id, fx),
                Some(session) if !session.parked_in.is_empty() => self.pump_group(now, id, fx),
                _ => return,
            };
            match step {
                Step::Again => left -= 1,
                Step::Many(count) => left = left.saturating_sub(count),
                Step::Blocked => return,
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
        let delivery = match form {
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
        if let (Some(c), Some(mut delivery)) = (self.connections.get_mut(conn), delivery) {
            delivery.packet_id = packet_id;
            c.outbox.deliver(&permit, delivery, after);
        }
        Step::Again
    }

    /// Sends the next retained messages of the oldest new subscription. [MQTT-3.3.1-9]
    fn pump_replay(&mut self, now: Moment, id: SessionId, fx: &mut Effects) -> Step {
        if !self.has_socket_room(id) {
            return Step::Blocked;
        }
        let Some(session) = self.sessions.get_mut(id) else {
            return Step::Blocked;
        };
        let unstored = session.durable && !self.storage.is_ok();
        let Some(Replay { walk, subscriber }) = session.replays.front_mut() else {
            return Step::Blocked;
        };
        let mut subscriber = *subscriber;
        if unstored {
            subscriber.qos = QoS::AtMostOnce;
        }
        // What may be queued goes on from there before the next one comes.
        let most = match subscriber.qos {
            QoS::AtMostOnce => REPLAY_SLICE,
            _ => 1,
        };
        let mut found = std::mem::take(&mut self.replayed);
        self.retained
            .next(walk, now, (REPLAY_STEPS, most), &mut found);
        let count = found.len().max(1);
        let stopped_at = self.send_retained(now, subscriber, &mut found, fx);
        self.replayed = found;
        self.go_on_with_replay(id, stopped_at);
        Step::Many(count)
    }

    /// Sends these as far as the socket has room; returns the last one that was sent if it had not room for all.
    fn send_retained(
        &mut self,
        now: Moment,
        subscriber: Subscriber,
        found: &mut Vec<Arc<Message>>,
        fx: &mut Effects,
    ) -> Option<Arc<Message>> {
        let mut last = None;
        for message in found.drain(..) {
            if !self.has_socket_room(subscriber.session) {
                return last;
            }
            let terms = Terms {
                qos: subscriber.qos,
                retain: true, // [MQTT-3.3.1-8]
                identifiers: subscriber.identifier.into_iter().collect(),
                group: None,
            };
            last = Some(Arc::clone(&message));
            let mut carrier = Carrier::new(message);
            self.send_one(now, subscriber.session, &mut carrier, terms, fx);
            self.finish(&carrier, fx);
        }
        None
    }

    /// Ends the replay that comes first if it is done, or takes it back to the last topic that was sent.
    fn go_on_with_replay(&mut self, id: SessionId, stopped_at: Option<Arc<Message>>) {
        let Some(session) = self.sessions.get_mut(id) else {
            return;
        };
        let Some(Replay { walk, .. }) = session.replays.front_mut() else {
            return;
        };
        match stopped_at {
            Some(message) => walk.return_to(&message.topic),
            None if walk.is_done() => drop(session.replays.pop_front()),
            None => {}
        }
    }

    fn has_socket_room(&self, id: SessionId) -> bool {
        let connection = self.sessions.get(id).and_then(|session| session.connection);
        let c = connection.and_then(|conn| self.connections.get(conn));
        c.is_some_and(|c| c.outbox.pending_bytes() < self.params.limits.max_pending_bytes)
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
