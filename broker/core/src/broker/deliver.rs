// SPDX-License-Identifier: Apache-2.0 OR MIT
//! From a matched message to a session: into its queue, or at QoS 0 straight into its connection's outbox.

use std::sync::Arc;

use mqtt_proto::{PacketId, Property, QoS, Version};

use super::durable::entry_of;
use super::{Broker, wake};
use crate::authz::{Permit, ToReceive};
use crate::connection::Connection;
use crate::memory::{self, Charge};
use crate::session::{Queued, SessionId, Stored};
use crate::shared::GroupId;
use crate::{
    Body, CommitSeq, ConnectionId, Delivery, Effects, EntryId, Event, Location, Message, Moment,
    Progress, Record, SessionKey,
};

/// Bytes for a socket above which what waits for it is counted: a client that reads at all has fewer.
const SLOW: usize = 64 * 1024;
/// Durable messages at the head of a queue whose payloads stay in memory; those behind them are left to the store.
pub(super) const KEPT_IN_MEMORY: usize = 64;

/// A stored payload.
pub(super) struct Reference {
    /// How many queue entries and carriers name it.
    pub count: u32,
    _charge: Charge,
}

impl Reference {
    /// One claim on a message whose payload is counted with `charge`.
    pub fn new(charge: Charge) -> Self {
        Self {
            count: 1,
            ..Self::unclaimed(charge)
        }
    }

    pub fn unclaimed(charge: Charge) -> Self {
        Self {
            count: 0,
            _charge: charge,
        }
    }
}

/// A message on its way to its receivers, with the place of its payload in the store once it has one.
pub(super) struct Carrier {
    message: Arc<Message>,
    pub location: Option<Location>,
    /// The queue entry that it comes from, until another takes its place.
    pub moved: Option<EntryId>,
    /// The same message without its payload in memory.
    stored: Option<Arc<Message>>,
}

impl Carrier {
    pub fn new(message: Arc<Message>) -> Self {
        Self::of(message, None)
    }

    /// One that takes over a queue entry's claim on the stored message.
    pub fn of(message: Arc<Message>, stored: Option<Stored>) -> Self {
        Self {
            message,
            location: stored.map(|stored| stored.location),
            moved: stored.map(|stored| stored.id),
            stored: None,
        }
    }

    pub fn message(&self) -> &Arc<Message> {
        &self.message
    }

    /// For a queue in which it will wait behind others: the payload is left to the store.
    pub fn without_payload(&mut self, location: Location) -> Arc<Message> {
        let message = &self.message;
        let stored = self.stored.get_or_insert_with(|| {
            let len = message.body.len();
            Arc::new(Message::new(
                message.topic.clone(),
                (message.qos, message.retain),
                message.properties.clone(),
                Body::Stored { location, len },
                message.expires,
            ))
        });
        Arc::clone(stored)
    }
}

/// How one receiver gets a message.
pub(super) struct Terms {
    pub qos: QoS,
    pub retain: bool,
    pub identifiers: Vec<u32>,
    pub group: Option<GroupId>,
}

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
        let Some(permit) = session.may(&carrier.message.topic) else {
            self.withhold(id, &carrier.message.topic, fx);
            return false;
        };
        let mut entry = Queued {
            message: Arc::clone(&carrier.message),
            qos: terms.qos.min(carrier.message.qos), // [MQTT-3.8.4-8], in 3.1.1 [MQTT-3.8.4-6]
            retain: terms.retain,
            identifiers: terms.identifiers,
            stored: None,
            fetched: None,
            charge: None,
            group: terms.group,
        };
        let (connection, durable) = (session.connection, session.durable);
        let behind = connection.is_none() || session.outbound.queue.len() >= KEPT_IN_MEMORY;
        if entry.qos == QoS::AtMostOnce && entry.payload().is_some() {
            self.deliver_at_most_once(now, connection, &entry, &permit, fx);
            return false;
        }
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
        let topic = entry.message.topic.clone();
        let queued = match full && session.outbound.would_wait(session.connection) {
            true => Err("memory_limit"),
            false => session.outbound.queue.push(entry, &self.params.limits),
        };
        if let Err(limit) = queued {
            session.outbound.dropped += 1;
            session.outbound.dropped_in_all += 1;
            let first = (session.outbound.dropped == 1).then(|| Event::DroppingMessages {
                client: session.key.clone(),
                limit,
                topic,
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

    pub(super) fn deliver_at_most_once(
        &mut self,
        now: Moment,
        connection: Option<ConnectionId>,
        entry: &Queued,
        permit: &Permit<ToReceive>,
        fx: &mut Effects,
    ) {
        let Some(c) = connection.and_then(|conn| self.connections.get_mut(conn)) else {
            return;
        };
        if entry.message.is_expired(now) {
            self.stats.publish_dropped += 1;
            return;
        }
        let slow = c.outbox.pending_bytes() > SLOW;
        let full = slow && self.memory.held() >= self.params.limits.memory_limit;
        if full || c.outbox.pending_bytes() >= self.params.limits.max_pending_bytes {
            c.dropped += 1;
            c.dropped_in_all += 1;
            let live = c.live().filter(|_| c.dropped == 1);
            let first = live.map(|live| Event::DroppingMessages {
                client: live.client.session.clone(),
                limit: if full {
                    "memory_limit"
                } else {
                    "max_pending_bytes"
                },
                topic: entry.message.topic.clone(),
            });
            return self.drop_message(first, fx);
        }
        match delivery(c, entry, None, now) {
            Some(delivery) => {
                if slow {
                    entry.message.hold(&self.memory);
                }
                c.outbox.deliver(permit, delivery, CommitSeq::default());
                wake(c, fx);
            }
            None => {
                let conn = c.id;
                self.drop_oversize(conn, &entry.message, fx);
            }
        }
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
            topic: message.topic.clone(),
        });
        self.drop_message(first, fx);
    }
}

/// The PUBLISH for one client; none if it is larger than the client accepts. [MQTT-3.1.2-25]
pub(super) fn delivery(
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
        extra.extend(
            entry
                .message
                .remaining(now)
                .map(Property::MessageExpiryInterval),
        );
    }
    let delivery = Delivery {
        message: Arc::clone(&entry.message),
        payload: entry.payload()?.clone(),
        qos: entry.qos,
        dup: false, // [MQTT-4.3.1-1], [MQTT-4.3.2-2], [MQTT-4.3.3-2]
        retain: entry.retain,
        packet_id,
        extra,
        unnamed: false,
    };
    let fits = c.max_packet_size == usize::MAX || delivery.packet_len(version) <= c.max_packet_size;
    fits.then_some(delivery)
}
