// SPDX-License-Identifier: Apache-2.0 OR MIT
//! What a store brings back, put where it was when the broker ended.
//!
//! A client that was connected then has lost its connection now: its will is published after its delay and its session
//! expires after its interval, both counted from now. What has expired meanwhile goes by the deadlines, in slices. What
//! a limit that was lowered since would refuse is kept: limits count for what is new.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use super::Broker;
use super::carrier::Reference;
use crate::authz::Permit;
use crate::routes::Subscriber;
use crate::session::{PendingWill, Queued, SessionId, Stored};
use crate::timers::Timer;
use crate::{
    CommitSeq, Effects, Entry, Location, Message, Moment, Owner, Progress, Record, SessionKey,
    memory,
};
use mqtt_proto::{QoS, RetainHandling, Will};

/// What is known only while the store is read.
#[derive(Default)]
struct Reading {
    messages: HashMap<Location, Arc<Message>>,
    /// Sessions whose client was connected when the broker ended.
    connected: BTreeSet<SessionId>,
}

impl Broker {
    /// Takes over what a store brings back: once, on a new broker, before anything but
    /// [`crate::Command::Access`] enters it.
    ///
    /// A `Session` comes before all that belongs to it, every `Subscribed` and `Message` before the first `Entry`, and those
    /// in the order of their names. `committed` is the number of the newest record that was ever appended. The effects are
    /// those of an entry; a record that names what is not there is answered by the one that takes it out of the store.
    pub fn restore(
        &mut self,
        now: Moment,
        records: impl IntoIterator<Item = Record>,
        committed: CommitSeq,
        fx: &mut Effects,
    ) {
        self.committed = committed;
        let mut reading = Reading::default();
        for record in records {
            if let Some(refused) = self.restore_one(now, record, &mut reading) {
                self.commit(refused, fx);
            }
        }
        for location in reading.messages.into_keys() {
            self.forget_unused(location, fx);
        }
        let waiting = self.groups.iter().filter(|group| !group.queue.is_empty());
        for group in waiting.map(|group| group.id).collect::<Vec<_>>() {
            self.hand_out_later(group);
        }
        for id in reading.connected {
            self.detach(now, id, true, fx);
        }
        self.stats.clients_maximum = self.stats.clients_total();
        self.leave(now, fx);
    }

    /// The store itself is in memory, so the payloads that it has count; before [`Broker::restore`].
    pub fn count_stored_payloads(&mut self) {
        self.stores_in_memory = true;
    }

    /// Returns what takes the record out of the store where nothing can be made of it.
    fn restore_one(
        &mut self,
        now: Moment,
        record: Record,
        reading: &mut Reading,
    ) -> Option<Record> {
        match record {
            Record::Session {
                session,
                expiry_seconds,
                will,
            } => {
                let id = self.restore_session(session, expiry_seconds, will);
                reading.connected.insert(id);
            }
            Record::Absent {
                session,
                expires,
                will_due,
            } => {
                let Some(id) = self.sessions.find(&session) else {
                    return Some(Record::SessionEnded { session });
                };
                if reading.connected.remove(&id) {
                    self.restore_absence(id, expires, will_due);
                }
            }
            Record::Subscribed {
                session,
                filter,
                options,
                identifier,
            } => {
                let Some(id) = self.sessions.find(&session) else {
                    return Some(Record::Unsubscribed { session, filter });
                };
                let subscriber = Subscriber::new(id, options, identifier);
                let permit = Permit::of_the_broker();
                self.add_subscription(&permit, &filter, subscriber, RetainHandling::DoNotSend);
            }
            Record::Received { session, packet_id } => {
                let id = self.sessions.find(&session);
                let Some(found) = id.and_then(|id| self.sessions.get_mut(id)) else {
                    return Some(Record::Released { session, packet_id });
                };
                found.inbound.receive(packet_id);
            }
            Record::Retained(message) => {
                self.retained.restore(&message);
            }
            Record::Message { location, message } => {
                let charge = self.charge_stored(message.body.len());
                self.references
                    .insert(location, Reference::unclaimed(charge));
                reading.messages.insert(location, message);
            }
            Record::Entry(entry) => return self.restore_entry(now, *entry, reading),
            // What ends something is never in a store.
            Record::SessionEnded { .. }
            | Record::Unsubscribed { .. }
            | Record::Forget { .. }
            | Record::Done { .. }
            | Record::Released { .. }
            | Record::Unretained(_) => {}
        }
        None
    }

    fn restore_session(
        &mut self,
        key: SessionKey,
        expiry_seconds: u32,
        will: Option<Box<Will>>,
    ) -> SessionId {
        let window = self.params.limits.max_inflight_messages;
        let charge = self.memory.charge(memory::SESSION);
        let rights = self.access.rights_of(&key);
        let id = self
            .sessions
            .create((key, rights), expiry_seconds, window, charge);
        if let Some(session) = self.sessions.get_mut(id) {
            session.durable = true;
            session.will = will.map(|will| Box::new(PendingWill::new(*will, &self.memory)));
        }
        id
    }

    fn restore_absence(
        &mut self,
        id: SessionId,
        expires: Option<Moment>,
        will_due: Option<Moment>,
    ) {
        let Some(session) = self.sessions.get_mut(id) else {
            return;
        };
        self.stats.clients_disconnected += 1;
        session.expires_at = expires;
        if let Some(at) = expires {
            self.timers.set(at, Timer::SessionExpiry(id));
        }
        session.will.take_if(|_| will_due.is_none());
        if let (Some(will), Some(due)) = (&mut session.will, will_due) {
            will.due = Some(due);
            self.timers.set(due, Timer::WillDelay(id));
        }
    }

    /// Puts an entry back into its queue or in flight, unless nobody waits for it any more.
    fn restore_entry(&mut self, now: Moment, entry: Entry, reading: &Reading) -> Option<Record> {
        let (id, location) = (entry.id, entry.location);
        let session = match &entry.owner {
            Owner::Session(key) => Some(key.clone()),
            Owner::Group(_) => None,
        };
        let done = Some(Record::Done { id, session });
        let waits = entry.progress == Progress::Waiting;
        let message = match reading.messages.get(&location) {
            Some(message) if !(waits && message.is_expired(now)) => Arc::clone(message),
            Some(_) => {
                self.stats.publish_dropped += 1;
                return done;
            }
            None => return done,
        };
        message.hold(&self.memory);
        let queued = Queued {
            message,
            qos: entry.qos,
            retain: entry.retain,
            identifiers: entry.identifiers.into(),
            stored: Some(Stored { id, location }),
            fetched: None,
            charge: Some(self.memory.charge(memory::ENTRY)),
            group: entry
                .group
                .and_then(|filter| self.groups.find(&filter))
                .map(Box::new),
        };
        if !self.put_back(&entry.owner, queued, entry.progress) {
            return done;
        }
        self.stats.queued_messages += u64::from(waits);
        if let Some(reference) = self.references.get_mut(&location) {
            reference.count += 1;
        }
        None
    }

    /// False when the owner is gone, or what it had is.
    fn put_back(&mut self, owner: &Owner, mut queued: Queued, progress: Progress) -> bool {
        match owner {
            // It may have been sent, and at QoS 0 nothing is sent twice.
            Owner::Session(_) if queued.qos == QoS::AtMostOnce => false,
            Owner::Session(key) => {
                let id = self.sessions.find(key);
                let session = id.and_then(|id| self.sessions.get_mut(id));
                session.is_some_and(|session| {
                    session.outbound.restore(queued, progress);
                    true
                })
            }
            // A member that ended with its connection had begun QoS 2 with it. [MQTT-4.8.2-5]
            Owner::Group(_) if progress != Progress::Waiting => false,
            Owner::Group(filter) => {
                queued.group = self.groups.find(filter).map(Box::new);
                let group = queued.group.as_deref();
                let group = group.and_then(|id| self.groups.get_mut(*id));
                group.is_some_and(|group| {
                    group.queue.push_back(queued);
                    true
                })
            }
        }
    }

    /// A message that no entry names any more.
    fn forget_unused(&mut self, location: Location, fx: &mut Effects) {
        if self.references.get(&location).is_some_and(|r| r.count == 0) {
            self.references.remove(&location);
            self.commit(Record::Forget { location }, fx);
        }
    }
}
