// SPDX-License-Identifier: Apache-2.0 OR MIT
//! What survives a connection, and the table of all sessions.

mod inbound;
mod outbound;
mod queue;
mod will;

use std::collections::{HashMap, HashSet, VecDeque};

use mqtt_proto::Filter;
use slab::Slab;

use crate::authz::{Permit, Right, Rights, Who, authorize};
use crate::memory::{self, Charge};
use crate::retained::Walk;
use crate::routes::Subscriber;
use crate::shared::GroupId;
use crate::total::Total;
use crate::{ConnectionId, Moment, SessionKey};

pub(crate) use inbound::Inbound;
pub(crate) use outbound::{AckOutcome, Outbound, Stage};
pub(crate) use queue::{Queue, Queued, Stored};
pub(crate) use will::PendingWill;

/// The user name of internal clients, which no other client can have.
pub(crate) const INTERNAL_USER: &str = "\0";

/// Names a session; a serial number is never used twice, so an old name finds nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct SessionId {
    pub index: u32,
    pub serial: u64,
}

/// One client's session.
pub(crate) struct Session {
    pub id: SessionId,
    pub key: SessionKey,
    /// What its client may do.
    pub rights: Rights,
    /// Messages that it was not given for want of rights, since these changed.
    pub withheld: u64,
    pub connection: Option<ConnectionId>,
    /// Its changes are records: it outlives its connection.
    pub durable: bool,
    /// Seconds it is kept without a connection; 0 ends it with the connection, `u32::MAX` never.
    pub expiry_seconds: u32,
    /// When it ends unless the client comes back.
    pub expires_at: Option<Moment>,
    pub subscriptions: HashSet<Filter>,
    pub inbound: Inbound,
    pub outbound: Outbound,
    /// Retained messages still to be sent for new subscriptions.
    pub replays: VecDeque<Replay>,
    /// Groups that pass over it until it has room.
    pub parked_in: VecDeque<GroupId>,
    pub will: Option<Box<PendingWill>>,
    /// What it is counted with, its subscriptions included.
    pub charge: Charge,
    /// The next entry goes on with moving its messages.
    pub pump_is_due: bool,
    /// The last publication that found this session, and its place among the targets.
    pub mark: (u64, usize),
}

impl Session {
    /// The permit for something, if its client may do it.
    pub fn may<R: Right>(&self, what: &R::Of) -> Option<Permit<R>> {
        let who = Who {
            rights: &self.rights,
            key: &self.key,
        };
        authorize(who, what)
    }

    /// Takes a filter out of its subscriptions, and gives back the memory; false if it is none of them.
    pub fn drop_subscription(&mut self, filter: &Filter) -> bool {
        if !self.subscriptions.remove(filter) {
            return false;
        }
        self.charge.shrink(memory::of_subscription(filter));
        let left = self.subscriptions.len();
        if left * 4 <= self.subscriptions.capacity() {
            self.subscriptions.shrink_to(left * 2);
        }
        true
    }
}

/// A walk over retained messages for one new subscription.
pub(crate) struct Replay {
    pub walk: Walk,
    pub subscriber: Subscriber,
}

/// All sessions, by name and by key.
#[derive(Default)]
pub(crate) struct Sessions {
    table: Slab<Session>,
    by_key: HashMap<SessionKey, SessionId>,
    /// Those of the broker's own clients.
    internal: Vec<SessionId>,
    queued_bytes: Total,
    last_serial: u64,
}

impl Sessions {
    pub fn create(
        &mut self,
        (key, rights): (SessionKey, Rights),
        expiry_seconds: u32,
        window: u16,
        charge: Charge,
    ) -> SessionId {
        self.last_serial += 1;
        let entry = self.table.vacant_entry();
        let index = u32::try_from(entry.key()).unwrap_or(u32::MAX);
        let id = SessionId {
            index,
            serial: self.last_serial,
        };
        self.by_key.insert(key.clone(), id);
        if key.user == INTERNAL_USER {
            self.internal.push(id);
        }
        entry.insert(Session {
            id,
            key,
            rights,
            withheld: 0,
            connection: None,
            durable: expiry_seconds > 0,
            expiry_seconds,
            expires_at: None,
            subscriptions: HashSet::new(),
            inbound: Inbound::default(),
            outbound: Outbound::new(window, Queue::new(&self.queued_bytes)),
            replays: VecDeque::new(),
            parked_in: VecDeque::new(),
            pump_is_due: false,
            will: None,
            charge,
            mark: (0, 0),
        });
        id
    }

    pub fn find(&self, key: &SessionKey) -> Option<SessionId> {
        self.by_key.get(key).copied()
    }

    pub fn get(&self, id: SessionId) -> Option<&Session> {
        self.table.get(id.index as usize).filter(|s| s.id == id)
    }

    pub fn get_mut(&mut self, id: SessionId) -> Option<&mut Session> {
        self.table.get_mut(id.index as usize).filter(|s| s.id == id)
    }

    pub fn iter(&self) -> impl Iterator<Item = &Session> {
        self.table.iter().map(|(_, session)| session)
    }

    pub fn remove(&mut self, id: SessionId) -> Option<Session> {
        self.get(id)?;
        let session = self.table.try_remove(id.index as usize)?;
        self.by_key.remove(&session.key);
        self.internal.retain(|internal| *internal != id);
        Some(session)
    }

    /// Bytes that wait in the queues of all of them.
    pub fn queued_bytes(&self) -> usize {
        self.queued_bytes.get()
    }

    /// Subscriptions of the broker's own clients.
    pub fn internal_subscriptions(&self) -> usize {
        let internal = self.internal.iter().filter_map(|id| self.get(*id));
        internal.map(|session| session.subscriptions.len()).sum()
    }

    pub fn len(&self) -> usize {
        self.table.len()
    }
}
