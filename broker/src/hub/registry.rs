// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Which link belongs to which connection; an index is used again only with a new generation.

use std::sync::Arc;

use mqtt_core::ConnectionId;

use crate::link::Link;

/// All open connections; grows to the most that were ever open at one time.
#[derive(Default)]
pub struct Registry {
    slots: Vec<Slot>,
    free: Vec<u32>,
}

#[derive(Default)]
struct Slot {
    generation: u32,
    link: Option<Arc<Link>>,
}

impl Registry {
    /// Gives a new connection its name.
    pub fn insert(&mut self, link: impl FnOnce(ConnectionId) -> Link) -> Arc<Link> {
        let index = self.vacancy();
        let slot = &mut self.slots[index as usize];
        let link = Arc::new(link(ConnectionId {
            index,
            generation: slot.generation,
        }));
        slot.link = Some(link.clone());
        link
    }

    /// Forgets a connection.
    pub fn remove(&mut self, conn: ConnectionId) {
        let Some(slot) = self.slots.get_mut(conn.index as usize) else {
            return;
        };
        if slot.generation != conn.generation || slot.link.take().is_none() {
            return;
        }
        slot.generation = slot.generation.wrapping_add(1);
        self.free.push(conn.index);
    }

    /// The link of a connection that is still open.
    pub fn get(&self, conn: ConnectionId) -> Option<&Arc<Link>> {
        let slot = self.slots.get(conn.index as usize)?;
        slot.link
            .as_ref()
            .filter(|_| slot.generation == conn.generation)
    }

    /// Empties the list and appends the links of those that are still open to `links`.
    pub fn find(&self, conns: &mut Vec<ConnectionId>, links: &mut Vec<Arc<Link>>) {
        for conn in conns.drain(..) {
            if let Some(link) = self.get(conn) {
                links.push(link.clone());
            }
        }
    }

    /// Whether no connection is open.
    pub fn is_empty(&self) -> bool {
        self.free.len() == self.slots.len()
    }

    fn vacancy(&mut self) -> u32 {
        self.free.pop().unwrap_or_else(|| {
            self.slots.push(Slot::default());
            // File descriptors run out long before.
            u32::try_from(self.slots.len() - 1).unwrap_or(u32::MAX)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::transport::Transport;

    fn open(registry: &mut Registry) -> ConnectionId {
        let (near, _far) = tokio::net::UnixStream::pair().unwrap();
        let (_source, sink, layer) = Transport::Unix(near).split();
        registry.insert(|id| Link::new(id, sink, layer)).id
    }

    fn found(registry: &Registry, conns: &[ConnectionId]) -> Vec<ConnectionId> {
        let mut links = Vec::new();
        registry.find(&mut conns.to_vec(), &mut links);
        links.iter().map(|link| link.id).collect()
    }

    #[tokio::test]
    async fn an_index_comes_back_with_another_generation() {
        let mut registry = Registry::default();
        let (first, second) = (open(&mut registry), open(&mut registry));
        assert_eq!(found(&registry, &[first, second]), [first, second]);

        registry.remove(first);
        registry.remove(first);
        let third = open(&mut registry);
        assert_eq!(third.index, first.index);
        assert_ne!(third, first);
        assert_eq!(found(&registry, &[first, second, third]), [second, third]);
    }

    #[tokio::test]
    async fn it_is_empty_when_the_last_connection_is_gone() {
        let mut registry = Registry::default();
        assert!(registry.is_empty());
        let conn = open(&mut registry);
        assert!(!registry.is_empty());
        registry.remove(conn);
        assert!(registry.is_empty());
    }
}
