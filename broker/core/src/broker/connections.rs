// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Open connections by the index the driver gave them.

use crate::ConnectionId;
use crate::connection::Connection;

#[derive(Default)]
pub(super) struct Connections {
    table: Vec<Option<Connection>>,
    open: usize,
}

impl Connections {
    pub fn insert(&mut self, connection: Connection) {
        let index = connection.id.index as usize;
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
        removed
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
