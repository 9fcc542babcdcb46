// SPDX-License-Identifier: Apache-2.0 OR MIT
//! From a session's queue to its connection's outbox.

use std::sync::Arc;

use bytes::Bytes;
use mqtt_proto::{PacketId, Property, QoS, Version};

use super::work::Work;
use super::{Broker, wake};
use crate::connection::Connection;
use crate::session::{Queued, Replay, Session, SessionId};
use crate::{
    Body, CommitSeq, ConnectionId, Delivery, Effects, Event, FetchRequest, Frame, Location,
    Message, Moment, Record, SessionKey,
};

/// Steps of one session in one entry; more wait for the next.
const PUMP_SLICE: usize = 256;
/// Stored payloads asked for at once.
const FETCH_AHEAD: usize = 16;
/// Retained topics looked at in one step.
const REPLAY_STEPS: usize = 64;

/// A message on its way to its receivers, with the place of its payload in the store once it has one.
pub(super) struct Carrier {
    message: Arc<Message>,
    location: Option<Location>,
    /// The same message without its payload in memory.
    stored: Option<Arc<Message>>,
}

impl Carrier {
    pub fn new(message: Arc<Message>) -> Self {
        Self {
            message,
            location: None,
            stored: None,
        }
    }

    /// The publisher's retain flag.
    pub fn is_retained(&self) -> bool {
        self.message.retain
    }

    fn without_payload(&mut self, location: Location) -> Arc<Message> {
        let message = &self.message;
        let stored = self.stored.get_or_insert_with(|| {
            Arc::new(Message {
                topic: message.topic.clone(),
                qos: message.qos,
                retain: message.retain,
                properties: message.properties.clone(),
                body: Body::Stored(location),
                expires: message.expires,
            })
        });
        Arc::clone(stored)
    }
}

/// How one receiver gets a message.
pub(super) struct Terms {
    pub qos: QoS,
    pub retain: bool,
    pub identifiers: Vec<u32>,
}

enum Step {
    Again,
    Blocked,
}

impl Broker {
    /// Gives a session a message: QoS 0 if it is connected, QoS 1 and 2 through its queue.
    pub(super) fn send_to(
        &mut self,
        now: Moment,
        id: SessionId,
        carrier: &mut Carrier,
        terms: Terms,
        fx: &mut Effects,
    ) {
        if self.send_one(now, id, carrier, terms, fx) {
            self.pump(now, id, fx);
        }
    }

    /// Returns whether the message was queued.
    fn send_one(
        &mut self,
        now: Moment,
        id: SessionId,
        carrier: &mut Carrier,
        terms: Terms,
        fx: &mut Effects,
    ) -> bool {
        let Some(session) = self.sessions.get(id) else {
            return false;
        };
        let mut entry = Queued {
            message: Arc::clone(&carrier.message),
            qos: terms.qos.min(carrier.message.qos), // [MQTT-3.8.4-8]
            retain: terms.retain,
            identifiers: terms.identifiers,
            location: None,
            fetched: None,
        };
        let (connection, persistent) = (session.connection, session.is_persistent());
        if entry.qos == QoS::AtMostOnce {
            self.deliver_at_most_once(now, connection, &entry, fx);
            return false;
        }
        if persistent {
            let location = self.store_payload(carrier, fx);
            entry.location = Some(location);
            if connection.is_none() {
                entry.message = carrier.without_payload(location);
            }
        }
        self.enqueue(id, entry, fx);
        true
    }

    /// Ends the carrier's own claim on the stored payload.
    pub(super) fn finish(&mut self, carrier: &Carrier, fx: &mut Effects) {
        self.release(carrier.location, fx);
    }

    /// Where the store has the payload; the first persistent session brings it there.
    fn store_payload(&mut self, carrier: &mut Carrier, fx: &mut Effects) -> Location {
        if let Some(location) = carrier.location {
            return location;
        }
        let location = Location(self.committed.0 + 1);
        let payload = match &carrier.message.body {
            Body::Inline(payload) => payload.clone(),
            Body::Stored(_) => Bytes::new(),
        };
        self.commit(Record::Payload { location, payload }, fx);
        self.references.insert(location, 1);
        carrier.location = Some(location);
        location
    }

    fn enqueue(&mut self, id: SessionId, entry: Queued, fx: &mut Effects) {
        let Some(session) = self.sessions.get_mut(id) else {
            return;
        };
        let (location, topic, qos) = (entry.location, entry.message.topic.clone(), entry.qos);
        if let Err((limit, _)) = session.outbound.queue.push(entry, &self.params.limits) {
            let told = std::mem::replace(&mut session.outbound.dropping, true);
            let client = session.key.clone();
            return self.drop_message(client, limit, told, fx);
        }
        self.stats.queued_messages += 1;
        if let Some(location) = location {
            let session = session.key.clone();
            *self.references.entry(location).or_default() += 1;
            self.commit(
                Record::Queued {
                    session,
                    location,
                    topic,
                    qos,
                },
                fx,
            );
        }
    }

    fn drop_message(
        &mut self,
        client: SessionKey,
        limit: &'static str,
        told: bool,
        fx: &mut Effects,
    ) {
        self.stats.publish_dropped += 1;
        if !told {
            self.tell(Event::DroppingMessages { client, limit }, fx);
        }
    }

    fn deliver_at_most_once(
        &mut self,
        now: Moment,
        connection: Option<ConnectionId>,
        entry: &Queued,
        fx: &mut Effects,
    ) {
        let Some(c) = connection.and_then(|conn| self.connections.get_mut(conn)) else {
            return;
        };
        if is_expired(entry, now) {
            return;
        }
        if c.outbox.pending_bytes() >= self.params.limits.max_pending_bytes {
            let told = std::mem::replace(&mut c.dropping, true);
            let Some(client) = c.live().map(|live| live.client.session.clone()) else {
                return;
            };
            return self.drop_message(client, "max_pending_bytes", told, fx);
        }
        match delivery(c, entry, None, now) {
            Some(delivery) => {
                c.outbox.deliver(delivery, CommitSeq::default());
                wake(c, fx);
            }
            None => self.stats.publish_dropped += 1,
        }
    }

    /// Moves what waits for a session into its connection's outbox, as far as there is room.
    pub(super) fn pump(&mut self, now: Moment, id: SessionId, fx: &mut Effects) {
        for _ in 0..PUMP_SLICE {
            let step = match self.sessions.get(id) {
                Some(session) if session.outbound.must_resend() => self.pump_again(now, id, fx),
                Some(session) if !session.outbound.queue.is_empty() => self.pump_queue(now, id, fx),
                Some(session) if !session.replays.is_empty() => self.pump_replay(now, id, fx),
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

    /// Sends the oldest PUBLISH in flight again, in the lane that keeps QoS 1 and 2 in one order.
    fn pump_again(&mut self, now: Moment, id: SessionId, fx: &mut Effects) -> Step {
        let Some(session) = self.sessions.get_mut(id) else {
            return Step::Blocked;
        };
        let Some(c) = session
            .connection
            .and_then(|conn| self.connections.get_mut(conn))
        else {
            return Step::Blocked;
        };
        let full = c.outbox.pending_bytes() >= self.params.limits.max_pending_bytes;
        if full || !session.outbound.has_room() {
            return Step::Blocked; // [MQTT-3.3.4-9]
        }
        let Some((packet_id, entry)) = session.outbound.resend() else {
            return Step::Blocked;
        };
        match delivery(c, &entry, Some(packet_id), now) {
            Some(delivery) => {
                let again = Delivery {
                    dup: true, // [MQTT-3.3.1-1]
                    ..delivery
                };
                c.outbox.reply(Frame::Deliver(again), CommitSeq::default());
                wake(c, fx);
            }
            None => {
                session.outbound.abandon(packet_id);
                let stored = entry.location.map(|at| (at, session.key.clone()));
                self.stats.publish_dropped += 1;
                self.settle_stored(stored, fx);
            }
        }
        Step::Again
    }

    fn pump_queue(&mut self, now: Moment, id: SessionId, fx: &mut Effects) -> Step {
        let Some(session) = self.sessions.get_mut(id) else {
            return Step::Blocked;
        };
        let Some(conn) = session.connection else {
            return Step::Blocked;
        };
        let Some(c) = self.connections.get_mut(conn) else {
            return Step::Blocked;
        };
        let full = c.outbox.pending_bytes() >= self.params.limits.max_pending_bytes;
        if full || !session.outbound.has_room() {
            return Step::Blocked; // [MQTT-3.3.4-9]
        }
        if session
            .outbound
            .queue
            .front()
            .is_some_and(|entry| entry.payload().is_none())
        {
            request_payloads(session, conn, fx);
            return Step::Blocked;
        }
        let Some(entry) = session.outbound.queue.pop() else {
            return Step::Blocked;
        };
        self.stats.queued_messages -= 1;
        session.outbound.dropping &= !session.outbound.queue.is_empty();
        let qos = entry.qos;
        let stored = entry
            .location
            .map(|location| (location, session.key.clone()));
        let candidate = (!is_expired(&entry, now))
            .then(|| delivery(c, &entry, Some(PacketId::MIN), now))
            .flatten();
        let Some(mut delivery) = candidate else {
            self.stats.publish_dropped += 1;
            self.settle_stored(stored, fx);
            return Step::Again;
        };
        let packet_id = session.outbound.launch(entry);
        delivery.packet_id = Some(packet_id);
        wake(c, fx);
        let mut after = CommitSeq::default();
        if let Some((location, session)) = stored {
            let record = Record::Sent {
                session,
                location,
                packet_id,
            };
            self.commit(record, fx);
            if qos == QoS::ExactlyOnce {
                after = self.committed;
            }
        }
        if let Some(c) = self.connections.get_mut(conn) {
            c.outbox.deliver(delivery, after);
        }
        Step::Again
    }

    /// A session is done with an entry whose payload is stored.
    pub(super) fn settle_stored(
        &mut self,
        stored: Option<(Location, SessionKey)>,
        fx: &mut Effects,
    ) {
        if let Some((location, session)) = stored {
            self.commit(Record::Delivered { session, location }, fx);
            self.release(Some(location), fx);
        }
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
        let terms = Terms {
            qos: subscriber.qos,
            retain: true, // [MQTT-3.3.1-8]
            identifiers: subscriber.identifier.into_iter().collect(),
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
            let lost = session.outbound.queue.discard(location);
            let key = session.key.clone();
            self.stats.queued_messages -= lost as u64;
            self.stats.publish_dropped += lost as u64;
            self.settle_stored((lost > 0).then_some((location, key)), fx);
        } else {
            for entry in session.outbound.queue.head_mut(FETCH_AHEAD) {
                if entry.location == Some(location) {
                    entry.fetched.clone_from(&payload);
                }
            }
        }
        self.pump(now, id, fx);
    }
}

/// Asks the store for the payloads at the head of the queue, unless it was asked already.
fn request_payloads(session: &mut Session, conn: ConnectionId, fx: &mut Effects) {
    if session.outbound.fetching > 0 {
        return;
    }
    let missing = session
        .outbound
        .queue
        .head_mut(FETCH_AHEAD)
        .filter(|entry| entry.payload().is_none());
    let mut locations: Vec<Location> = missing.filter_map(|entry| entry.location).collect();
    locations.dedup();
    session.outbound.fetching = locations.len();
    fx.fetch.extend(
        locations
            .into_iter()
            .map(|location| FetchRequest { conn, location }),
    );
}

fn is_expired(entry: &Queued, now: Moment) -> bool {
    entry.message.expires.is_some_and(|at| at <= now) // [MQTT-3.3.2-5]
}

/// The PUBLISH for one client; none if it is larger than the client accepts. [MQTT-3.1.2-25]
fn delivery(
    c: &Connection,
    entry: &Queued,
    packet_id: Option<PacketId>,
    now: Moment,
) -> Option<Delivery> {
    c.live()?;
    let version = c.version?;
    let mut extra = Vec::new();
    if version == Version::V5 {
        extra.extend(
            entry
                .identifiers
                .iter()
                .map(|&id| Property::SubscriptionIdentifier(id)),
        ); // [MQTT-3.3.4-3]
        if let Some(at) = entry.message.expires {
            let left = at.since(now).as_secs().max(1);
            extra.push(Property::MessageExpiryInterval(
                u32::try_from(left).unwrap_or(u32::MAX),
            )); // [MQTT-3.3.2-6]
        }
    }
    let delivery = Delivery {
        message: Arc::clone(&entry.message),
        payload: entry.payload()?.clone(),
        qos: entry.qos,
        dup: false,
        retain: entry.retain,
        packet_id,
        extra,
    };
    let fits = c.max_packet_size == usize::MAX || delivery.packet_len(version) <= c.max_packet_size;
    fits.then_some(delivery)
}
