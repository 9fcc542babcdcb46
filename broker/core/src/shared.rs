// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Shared subscriptions: groups of sessions of which one gets each message.
//!
//! A message goes to the member whose turn it is among those that are connected and have room in window and socket; one without room
//! is parked until it has. What nobody has room for waits at QoS 1 and 2 in the group's own queue, bounded like a session's, also while
//! no member is connected, and the first with room takes the oldest; at QoS 0 it is dropped. A message whose member's session ends goes
//! back to the front of that queue unless QoS 2 has begun with that client. A group ends with its last member, and so does its queue.

use std::collections::{HashMap, VecDeque};

use mqtt_proto::Filter;
use slab::Slab;

use crate::routes::Subscriber;
use crate::session::{Queue, SessionId};
use crate::total::Total;

/// Names a group; a serial number is never used twice, so an old name finds nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct GroupId {
    pub index: u32,
    pub serial: u64,
}

/// The sessions that subscribed to one `$share/group/filter`.
pub(crate) struct Group {
    pub id: GroupId,
    pub filter: Filter,
    /// Members that had room when last looked at, the next one first.
    ring: VecDeque<Subscriber>,
    /// Members without room; each session knows that it is parked here.
    parked: HashMap<SessionId, Subscriber>,
    /// Messages of QoS 1 and 2 that wait for a member; while there are any, the ring is empty or work on it is due.
    pub queue: Queue,
    /// A persistent session joined: what waits is durable.
    pub durable: bool,
    /// Messages dropped since the queue was last empty.
    pub dropped: u64,
    /// The next entry goes on with handing out what waits.
    pub work_is_due: bool,
}

/// What became of a session that subscribed.
pub(crate) struct Joined {
    pub group: GroupId,
    /// The group did not exist.
    pub begun: bool,
    /// Messages wait already: the session must be told that it is parked here.
    pub parked: bool,
}

impl Group {
    /// Takes the member whose turn it is out of the ring.
    pub fn take_next(&mut self) -> Option<Subscriber> {
        self.ring.pop_front()
    }

    /// Gives a member the last turn.
    pub fn put_last(&mut self, member: Subscriber) {
        self.ring.push_back(member);
    }

    /// Passes over a member until [`Group::unpark`].
    pub fn park(&mut self, member: Subscriber) {
        self.parked.insert(member.session, member);
    }

    pub fn unpark(&mut self, session: SessionId) {
        self.ring.extend(self.parked.remove(&session));
    }

    pub fn parked(&self, session: SessionId) -> Option<Subscriber> {
        self.parked.get(&session).copied()
    }

    pub fn all_parked(&self) -> impl Iterator<Item = Subscriber> {
        self.parked.values().copied()
    }

    /// All of them, those that had room when last looked at first.
    pub fn members(&self) -> impl Iterator<Item = Subscriber> {
        self.ring.iter().copied().chain(self.all_parked())
    }

    pub fn has_turns(&self) -> bool {
        !self.ring.is_empty()
    }

    fn is_empty(&self) -> bool {
        self.ring.is_empty() && self.parked.is_empty()
    }

    /// The terms of a member.
    pub fn member(&self, session: SessionId) -> Option<Subscriber> {
        let turn = self.ring.iter().find(|m| m.session == session).copied();
        turn.or_else(|| self.parked(session))
    }

    fn find(&mut self, session: SessionId) -> Option<&mut Subscriber> {
        let turn = self.ring.iter_mut().find(|m| m.session == session);
        turn.or_else(|| self.parked.get_mut(&session))
    }

    fn remove(&mut self, session: SessionId) -> bool {
        let turn = self.ring.iter().position(|m| m.session == session);
        match turn {
            Some(index) => self.ring.remove(index).is_some(),
            None => self.parked.remove(&session).is_some(),
        }
    }
}

/// All groups, by name and by filter.
#[derive(Default)]
pub(crate) struct Groups {
    table: Slab<Group>,
    by_filter: HashMap<Filter, GroupId>,
    last_serial: u64,
    memberships: usize,
    queued_bytes: Total,
}

impl Groups {
    /// Adds a member, or replaces the terms of its earlier subscription with the same filter. [MQTT-3.8.4-3]
    pub fn join(&mut self, filter: &Filter, member: Subscriber) -> Option<Joined> {
        let found = self.find(filter);
        let id = found.unwrap_or_else(|| self.begin(filter));
        let group = self.get_mut(id)?;
        let mut joined = Joined {
            group: id,
            begun: found.is_none(),
            parked: false,
        };
        if let Some(earlier) = group.find(member.session) {
            *earlier = member;
            return Some(joined);
        }
        joined.parked = !group.queue.is_empty();
        if joined.parked {
            group.park(member);
        } else {
            group.put_last(member);
        }
        self.memberships += 1;
        Some(joined)
    }

    /// Removes a member; the group itself after the last one.
    pub fn leave(
        &mut self,
        filter: &Filter,
        session: SessionId,
    ) -> Option<(GroupId, Option<Group>)> {
        let id = self.find(filter)?;
        let group = self.get_mut(id)?;
        if !group.remove(session) {
            return None;
        }
        let ends = group.is_empty();
        self.memberships -= 1;
        if !ends {
            return Some((id, None));
        }
        self.by_filter.remove(filter);
        Some((id, self.table.try_remove(id.index as usize)))
    }

    pub fn find(&self, filter: &Filter) -> Option<GroupId> {
        self.by_filter.get(filter).copied()
    }

    pub fn iter(&self) -> impl Iterator<Item = &Group> {
        self.table.iter().map(|(_, group)| group)
    }

    pub fn get(&self, id: GroupId) -> Option<&Group> {
        self.table.get(id.index as usize).filter(|g| g.id == id)
    }

    pub fn get_mut(&mut self, id: GroupId) -> Option<&mut Group> {
        self.table.get_mut(id.index as usize).filter(|g| g.id == id)
    }

    /// Number of subscriptions, each member of each group counted.
    pub fn memberships(&self) -> usize {
        self.memberships
    }

    /// Bytes of the messages in the groups' queues.
    pub fn queued_bytes(&self) -> usize {
        self.queued_bytes.get()
    }

    fn begin(&mut self, filter: &Filter) -> GroupId {
        self.last_serial += 1;
        let entry = self.table.vacant_entry();
        let id = GroupId {
            index: u32::try_from(entry.key()).unwrap_or(u32::MAX),
            serial: self.last_serial,
        };
        entry.insert(Group {
            id,
            filter: filter.clone(),
            ring: VecDeque::new(),
            parked: HashMap::new(),
            queue: Queue::new(&self.queued_bytes),
            durable: false,
            dropped: 0,
            work_is_due: false,
        });
        self.by_filter.insert(filter.clone(), id);
        id
    }
}
