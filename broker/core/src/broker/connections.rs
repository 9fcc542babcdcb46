// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Open connections by the index the driver gave them.

use std::collections::BTreeMap;

use bytestring::ByteString;

use crate::ConnectionId;
use crate::connection::Connection;

#[derive(Default)]
pub(super) struct Connections {
    table: Vec<Option<Connection>>,
    open: usize,
    /// Admitted ones of each listener that has any.
    through: BTreeMap<ByteString, usize>,
}

impl Connections {
    pub fn insert(&mut self, connection: Connection) {
        let index = connection.id.index as usize;
        if connection.admitted {
            *self
                .through
                .entry(connection.peer.listener.clone())
                .or_default() += 1;
        }
        if self.table.len() <= index {
            self.table.resize_with(index + 1, || None);
        }
        if let Some(place) = self.table.get_mut(index) {
            self.open += usize::from(place.is_none());
            *place = Some(connection);
        }
    }

    pub fn remove(&mut self, id: ConnectionId) -> Option<Connection> {
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
        }
        removed
    }

    /// How many came through this listener.
    pub fn through(&self, listener: &str) -> usize {
        self.through.get(listener).copied().unwrap_or_default()
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

    pub fn len(&self) -> usize {
        self.open
    }
}
