// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Records of queue entries and their messages, of sessions, and of retained messages.

use std::sync::Arc;

use mqtt_proto::{Filter, PacketId};

use super::Broker;
use super::carrier::{Carrier, Reference};
use crate::memory::{self, Charge};
use crate::session::{Queued, Session, SessionId, Stored};
use crate::shared::{Group, Groups};
use crate::{
    CommitSeq, Effects, Entry, EntryId, Location, Message, Owner, Progress, Record, SessionKey,
};

impl Broker {
    /// Number of the newest record.
    pub fn committed(&self) -> CommitSeq {
        self.committed
    }

    /// Appends a durable change.
    pub(super) fn commit(&mut self, record: Record, fx: &mut Effects) {
        self.committed.0 += 1;
        fx.records.push(record);
    }

    /// What a reply waits for: the commits since `before`, nothing where there were none.
    pub(super) fn commits_since(&self, before: CommitSeq) -> CommitSeq {
        if self.committed == before {
            CommitSeq::default()
        } else {
            self.committed
        }
    }

    /// Where the store has the message, or will have it after this; the first durable receiver brings it there.
    pub(super) fn store_message(&mut self, carrier: &mut Carrier, fx: &mut Effects) -> Location {
        if let Some(location) = carrier.location {
            return location;
        }
        let location = Location(self.committed.0 + 1);
        let message = Arc::clone(carrier.kept());
        let charge = self.charge_stored(message.body.len());
        self.commit(Record::Message { location, message }, fx);
        self.references.insert(location, Reference::new(charge));
        carrier.location = Some(location);
        location
    }

    /// What a message is counted with that the store has, whatever else holds it.
    pub(super) fn charge_stored(&self, len: usize) -> Charge {
        let payload = if self.stores_in_memory { len } else { 0 };
        self.memory.charge(memory::STORED + payload)
    }

    /// A place in the store for a new queue entry; one that moves keeps its name.
    pub(super) fn store_entry(&mut self, carrier: &mut Carrier, fx: &mut Effects) -> Stored {
        let location = self.store_message(carrier, fx);
        if let Some(reference) = self.references.get_mut(&location) {
            reference.count += 1;
        }
        let id = carrier.moved.take();
        Stored {
            id: id.unwrap_or(EntryId(self.committed.0 + 1)),
            location,
        }
    }

    /// Records an entry that was put into a queue or has come further; none where it is not durable.
    pub(super) fn record(&mut self, entry: Option<Entry>, fx: &mut Effects) {
        if let Some(entry) = entry {
            self.commit(Record::Entry(Box::new(entry)), fx);
        }
    }

    /// A PUBREC was the first for this message: only PUBREL and PUBCOMP are left.
    pub(super) fn record_confirmed(
        &mut self,
        id: SessionId,
        packet_id: PacketId,
        fx: &mut Effects,
    ) {
        let Some(session) = self.sessions.get(id) else {
            return;
        };
        let message = session.outbound.in_flight(packet_id);
        let entry = message.and_then(|m| entry_of(session, &self.groups, &m.entry, m.progress()));
        self.record(entry, fx);
    }

    /// A queue is done with an entry; `session` is that whose queue it was, if it is durable.
    pub(super) fn settle_entry(
        &mut self,
        stored: Option<Stored>,
        session: Option<SessionKey>,
        fx: &mut Effects,
    ) {
        if let Some(Stored { id, location }) = stored {
            self.commit(Record::Done { id, session }, fx);
            self.release(Some(location), fx);
        }
    }

    /// The same for an entry of this session.
    pub(super) fn settle_stored(
        &mut self,
        id: SessionId,
        stored: Option<Stored>,
        fx: &mut Effects,
    ) {
        if stored.is_some() {
            let session = self.sessions.get(id).filter(|session| session.durable);
            let key = session.map(|session| session.key.clone());
            self.settle_entry(stored, key, fx);
        }
    }

    /// One claim less on this message; the store may forget it after the last.
    pub(super) fn release(&mut self, location: Option<Location>, fx: &mut Effects) {
        let Some(location) = location else { return };
        if let Some(reference) = self.references.get_mut(&location) {
            reference.count -= 1;
            if reference.count == 0 {
                self.references.remove(&location);
                self.commit(Record::Forget { location }, fx);
            }
        }
    }

    /// Records that a session has a client, on these terms.
    pub(super) fn record_session(&mut self, id: SessionId, fx: &mut Effects) {
        let Some(session) = self.sessions.get(id).filter(|session| session.durable) else {
            return;
        };
        let record = session_of(session);
        self.commit(record, fx);
    }

    /// Records that a session has no client, and what is due when.
    pub(super) fn record_absence(&mut self, id: SessionId, fx: &mut Effects) {
        let session = self.sessions.get(id).filter(|session| session.durable);
        let Some(record) = session.and_then(absence_of) else {
            return;
        };
        self.commit(record, fx);
    }

    /// Records the retained message of a topic, or that there is none any more; those of `$` topics are never stored.
    pub(super) fn record_retained(&mut self, message: &Arc<Message>, kept: bool, fx: &mut Effects) {
        if message.topic.as_str().starts_with('$') {
            return;
        }
        let record = match kept {
            true => Record::Retained(Arc::clone(message)),
            false => Record::Unretained(message.topic.clone()),
        };
        self.commit(record, fx);
    }
}

/// A session and its client's terms.
pub(super) fn session_of(session: &Session) -> Record {
    let will = session.will.as_ref();
    Record::Session {
        session: session.key.clone(),
        expiry_seconds: session.expiry_seconds,
        will: will.map(|pending| Box::new(pending.will.clone())),
    }
}

/// What is due when for a session without a client.
pub(super) fn absence_of(session: &Session) -> Option<Record> {
    session.connection.is_none().then(|| Record::Absent {
        session: session.key.clone(),
        expires: session.expires_at,
        will_due: session.will.as_ref().and_then(|will| will.due),
    })
}

/// An entry of a session's queue, or in flight; what a member that ends with its connection has from a durable group stays the
/// group's.
pub(super) fn entry_of(
    session: &Session,
    groups: &Groups,
    queued: &Queued,
    progress: Progress,
) -> Option<Entry> {
    queued.stored?;
    let group = queued.group.as_deref().and_then(|group| groups.get(*group));
    let group = group.map(|group| group.filter.clone());
    let owner = match (session.durable, &group) {
        (true, _) => Owner::Session(session.key.clone()),
        (false, Some(filter)) => Owner::Group(filter.clone()),
        (false, None) => return None,
    };
    entry(owner, group, queued, progress)
}

/// An entry of a group's own queue.
pub(super) fn waiting_of(group: &Group, queued: &Queued) -> Option<Entry> {
    let owner = Owner::Group(group.filter.clone());
    entry(owner, None, queued, Progress::Waiting)
}

fn entry(
    owner: Owner,
    group: Option<Filter>,
    queued: &Queued,
    progress: Progress,
) -> Option<Entry> {
    let Stored { id, location } = queued.stored?;
    Some(Entry {
        id,
        owner,
        location,
        qos: queued.qos,
        retain: queued.retain,
        identifiers: queued.identifiers.to_vec(),
        group,
        progress,
    })
}
