// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Open connections by the index the driver gave them.

use std::collections::{BTreeMap, HashMap};
use std::net::IpAddr;

use bytestring::ByteString;

use crate::connection::{Connection, Waiting};
use crate::{ConnectionId, Peer};

#[derive(Default)]
pub(super) struct Connections {
    table: Vec<Option<Connection>>,
    open: usize,
    /// Admitted ones of each listener that has any.
    through: BTreeMap<ByteString, usize>,
    /// Admitted ones from each address that has any.
    from: HashMap<IpAddr, usize>,
    waiting: Waiting,
    /// Those that have not said who they are, the oldest first.
    strangers: BTreeMap<u64, ConnectionId>,
    /// How many there were.
    arrivals: u64,
}

impl Connections {
    pub fn insert(&mut self, mut connection: Connection) {
        let index = connection.id.index as usize;
        if connection.admitted {
            if !connection.is_internal() {
                self.arrivals += 1;
                self.strangers.insert(self.arrivals, connection.id);
                connection.stranger = Some(self.arrivals);
            }
            *self
                .through
                .entry(connection.peer.listener.clone())
                .or_default() += 1;
            if let Some(origin) = counted(&connection.peer) {
                *self.from.entry(origin).or_default() += 1;
            }
        }
        if self.table.len() <= index {
            self.table.resize_with(index + 1, || None);
        }
        if let Some(place) = self.table.get_mut(index) {
            self.open += usize::from(place.is_none());
            *place = Some(connection);
        }
    }

    /// It has said who it is, or will not any more.
    pub fn is_no_stranger(&mut self, id: ConnectionId) {
        let number = self.get_mut(id).and_then(|c| c.stranger.take());
        if let Some(number) = number {
            self.strangers.remove(&number);
        }
    }

    /// The one that has been silent for longest.
    pub fn oldest_stranger(&self) -> Option<ConnectionId> {
        self.strangers.values().next().copied()
    }

    pub fn remove(&mut self, id: ConnectionId) -> Option<Connection> {
        self.is_no_stranger(id);
        let removed = self
            .table
            .get_mut(id.index as usize)?
            .take_if(|c| c.id == id);
        self.open -= usize::from(removed.is_some());
        if let Some(gone) = removed.as_ref().filter(|c| c.admitted) {
            let listener = &gone.peer.listener;
            match self.through.get_mut(listener) {
                Some(count @ 2..) => *count -= 1,
                _ => drop(self.through.remove(listener)),
            }
            if let Some(origin) = counted(&gone.peer) {
                match self.from.get_mut(&origin) {
                    Some(count @ 2..) => *count -= 1,
                    _ => drop(self.from.remove(&origin)),
                }
            }
        }
        removed
    }

    /// How many came through this listener.
    pub fn through(&self, listener: &str) -> usize {
        self.through.get(listener).copied().unwrap_or_default()
    }

    /// How many came from the peer's address; 0 for one that is not counted.
    pub fn of_address(&self, peer: &Peer) -> usize {
        let count = counted(peer).and_then(|origin| self.from.get(&origin));
        count.copied().unwrap_or_default()
    }

    pub fn get(&self, id: ConnectionId) -> Option<&Connection> {
        self.table
            .get(id.index as usize)?
            .as_ref()
            .filter(|c| c.id == id)
    }

    pub fn get_mut(&mut self, id: ConnectionId) -> Option<&mut Connection> {
        self.table
            .get_mut(id.index as usize)?
            .as_mut()
            .filter(|c| c.id == id)
    }

    pub fn iter(&self) -> impl Iterator<Item = &Connection> {
        self.table.iter().flatten()
    }

    /// What all of them have to send.
    pub fn waiting(&self) -> &Waiting {
        &self.waiting
    }

    pub fn len(&self) -> usize {
        self.open
    }
}

/// The address that a peer is counted with; none for this machine, whose programs may speak for many clients.
pub(super) fn counted(peer: &Peer) -> Option<IpAddr> {
    peer.network().filter(|address| !address.is_loopback())
}
