// SPDX-License-Identifier: Apache-2.0 OR MIT
//! From a matched message to a session: into its queue, or at QoS 0 straight into its connection's outbox.

use std::sync::Arc;

use mqtt_proto::QoS;

use super::carrier::{Carrier, Terms};
use super::durable::entry_of;
use super::parcel::{Form, Parcel, SLOW};
use super::{Broker, wake};
use crate::authz::{Permit, ToReceive};
use crate::memory;
use crate::session::{Queued, SessionId};
use crate::{
    Body, CommitSeq, ConnectionId, Effects, Event, Message, Moment, Progress, Record, SessionKey,
};

/// Durable messages at the head of a queue whose payloads stay in memory; those behind them are left to the store.
pub(super) const KEPT_IN_MEMORY: usize = 64;

impl Broker {
    /// Gives a session a message: QoS 0 if it is connected, QoS 1 and 2 through its queue. In 3.1.1 [MQTT-3.1.2-5]
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
    pub(super) fn send_one(
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
        let Some(permit) = session.may(&carrier.message().topic) else {
            self.withhold(id, &carrier.message().topic, fx);
            return false;
        };
        let (connection, durable) = (session.connection, session.durable);
        let behind = connection.is_none() || session.outbound.queue.len() >= KEPT_IN_MEMORY;
        let qos = terms.qos.min(carrier.message().qos); // [MQTT-3.8.4-8], in 3.1.1 [MQTT-3.8.4-6]
        if qos == QoS::AtMostOnce && matches!(carrier.message().body, Body::Inline(_)) {
            self.deliver_at_most_once(now, connection, carrier, &terms, &permit, fx);
            return false;
        }
        let mut entry = Queued {
            message: Arc::clone(carrier.kept()),
            qos,
            retain: terms.retain,
            identifiers: terms.identifiers.into(),
            stored: None,
            fetched: None,
            charge: None,
            group: terms.group.map(Box::new),
        };
        let of_durable_group = || self.groups.get(terms.group?).filter(|g| g.durable);
        if !durable && of_durable_group().is_none() {
            return self.enqueue(id, entry, &permit, fx);
        }
        let moved = carrier.moved;
        let stored = self.store_entry(carrier, fx);
        entry.stored = Some(stored);
        if behind {
            entry.message = carrier.without_payload(stored.location);
        }
        // A member that ends with its connection takes an entry that stays the group's.
        let unchanged = moved.is_some() && !durable;
        let session = self.sessions.get(id).filter(|_| !unchanged);
        let record = session.and_then(|s| entry_of(s, &self.groups, &entry, Progress::Waiting));
        let queued = self.enqueue(id, entry, &permit, fx);
        if queued {
            self.record(record, fx);
        } else {
            carrier.moved = moved;
            self.release(Some(stored.location), fx);
        }
        queued
    }

    /// Ends the carrier's own claim on the stored message, and the queue entry that it comes from if none took its place.
    pub(super) fn finish(&mut self, carrier: &Carrier, fx: &mut Effects) {
        if let Some(id) = carrier.moved {
            self.commit(Record::Done { id, session: None }, fx);
        }
        self.release(carrier.location, fx);
    }

    /// Appends to a session's queue; false when it found no room.
    fn enqueue(
        &mut self,
        id: SessionId,
        mut entry: Queued,
        _: &Permit<ToReceive>,
        fx: &mut Effects,
    ) -> bool {
        let full = self.is_memory_full();
        let Some(session) = self.sessions.get_mut(id) else {
            return false;
        };
        entry.message.hold(&self.memory);
        entry.charge = Some(self.memory.charge(memory::ENTRY));
        let queued = match full && session.outbound.would_wait(session.connection) {
            true => Err((entry, "memory_limit")),
            false => session.outbound.queue.push(entry, &self.params.limits),
        };
        if let Err((entry, limit)) = queued {
            session.outbound.dropped += 1;
            session.outbound.dropped_in_all += 1;
            let first = (session.outbound.dropped == 1).then(|| Event::DroppingMessages {
                client: session.key.clone(),
                limit,
                topic: entry.message.topic.clone(),
            });
            self.drop_message(first, fx);
            return false;
        }
        self.stats.queued_messages += 1;
        true
    }

    /// Counts a message that is dropped; the first of several is told.
    pub(super) fn drop_message(&mut self, first: Option<Event>, fx: &mut Effects) {
        self.stats.publish_dropped += 1;
        if let Some(event) = first {
            self.tell(event, fx);
        }
    }

    /// A queue has come to its end: tells how many messages found no room in it.
    pub(super) fn tell_dropped(&mut self, client: &SessionKey, count: u64, fx: &mut Effects) {
        if count > 0 {
            let client = client.clone();
            self.tell(Event::DroppedMessages { client, count }, fx);
        }
    }

    fn deliver_at_most_once(
        &mut self,
        now: Moment,
        connection: Option<ConnectionId>,
        carrier: &mut Carrier,
        terms: &Terms,
        permit: &Permit<ToReceive>,
        fx: &mut Effects,
    ) {
        let Some(c) = connection.and_then(|conn| self.connections.get_mut(conn)) else {
            return;
        };
        let parcel = Parcel::new(carrier.message(), QoS::AtMostOnce, terms);
        if !parcel.is_ready_for(c) {
            carrier.kept();
        }
        let parcel = Parcel::new(carrier.message(), QoS::AtMostOnce, terms);
        self.send_at_most_once(now, connection, &parcel, permit, fx);
    }

    pub(super) fn send_at_most_once(
        &mut self,
        now: Moment,
        connection: Option<ConnectionId>,
        parcel: &Parcel<'_>,
        permit: &Permit<ToReceive>,
        fx: &mut Effects,
    ) {
        let Some(c) = connection.and_then(|conn| self.connections.get_mut(conn)) else {
            return;
        };
        if parcel.message.is_expired(now) {
            self.stats.publish_dropped += 1;
            return;
        }
        let pending = c.outbox.pending_bytes();
        let slow = pending > SLOW;
        let full = slow && self.memory.held() >= self.params.limits.memory_limit;
        if full || pending >= self.params.limits.max_pending_bytes {
            let limit = if full {
                "memory_limit"
            } else {
                "max_pending_bytes"
            };
            let conn = c.id;
            return self.drop_pending(conn, parcel.message, limit, fx);
        }
        match parcel.form(c, &mut self.encoded, now) {
            Some(Form::Ready) => {
                let (spares, encoded) = (&mut self.spares, &self.encoded);
                c.outbox.push(permit, encoded, parcel.qos, None, spares);
                if slow {
                    c.outbox.charge(&self.memory, encoded.len());
                }
                wake(c, fx);
            }
            Some(Form::Later(delivery)) => {
                if slow {
                    parcel.message.hold(&self.memory);
                }
                c.outbox.deliver(permit, delivery, CommitSeq::default());
                wake(c, fx);
            }
            None => {
                let conn = c.id;
                self.drop_oversize(conn, parcel.message, fx);
            }
        }
    }

    /// A QoS 0 message for a client that does not read; the first since its outbox was empty is told.
    fn drop_pending(
        &mut self,
        conn: ConnectionId,
        message: &Message,
        limit: &'static str,
        fx: &mut Effects,
    ) {
        let Some(c) = self.connections.get_mut(conn) else {
            return;
        };
        c.dropped += 1;
        c.dropped_in_all += 1;
        let live = c.live().filter(|_| c.dropped == 1);
        let first = live.map(|live| Event::DroppingMessages {
            client: live.client.session.clone(),
            limit,
            topic: message.topic.detached(),
        });
        self.drop_message(first, fx);
    }

    /// A message larger than the client takes; the first of a connection is told. [MQTT-3.1.2-25]
    pub(super) fn drop_oversize(
        &mut self,
        conn: ConnectionId,
        message: &Message,
        fx: &mut Effects,
    ) {
        let Some(c) = self.connections.get_mut(conn) else {
            return;
        };
        let told = std::mem::replace(&mut c.oversize_told, true);
        let live = c.live().filter(|_| !told);
        let first = live.map(|live| Event::DroppingMessages {
            client: live.client.session.clone(),
            limit: "the client's Maximum Packet Size",
            topic: message.topic.detached(),
        });
        self.drop_message(first, fx);
    }
}
