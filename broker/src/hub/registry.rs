// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Which link belongs to which connection; an index is used again only with a new generation.

use std::sync::{Arc, PoisonError, RwLock};

use mqtt_core::ConnectionId;
use tokio::sync::Notify;

use crate::link::Link;

/// All open connections; grows to the most that were ever open at one time.
#[derive(Default)]
pub struct Registry {
    slots: RwLock<Slots>,
    emptied: Notify,
}

#[derive(Default)]
struct Slots {
    all: Vec<Slot>,
    free: Vec<u32>,
}

#[derive(Default)]
struct Slot {
    generation: u32,
    link: Option<Arc<Link>>,
}

impl Registry {
    /// Gives a new connection its name.
    pub fn insert(&self, link: impl FnOnce(ConnectionId) -> Link) -> Arc<Link> {
        let mut slots = self.slots.write().unwrap_or_else(PoisonError::into_inner);
        let index = slots.vacancy();
        let slot = &mut slots.all[index as usize];
        let link = Arc::new(link(ConnectionId {
            index,
            generation: slot.generation,
        }));
        slot.link = Some(link.clone());
        link
    }

    /// Forgets a connection.
    pub fn remove(&self, conn: ConnectionId) {
        let mut slots = self.slots.write().unwrap_or_else(PoisonError::into_inner);
        let Some(slot) = slots.all.get_mut(conn.index as usize) else {
            return;
        };
        if slot.generation != conn.generation || slot.link.take().is_none() {
            return;
        }
        slot.generation = slot.generation.wrapping_add(1);
        slots.free.push(conn.index);
        if slots.free.len() == slots.all.len() {
            self.emptied.notify_waiters();
        }
    }

    /// The link of a connection that is still open.
    pub fn get(&self, conn: ConnectionId) -> Option<Arc<Link>> {
        self.slots
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .get(conn)
            .cloned()
    }

    /// Moves the links of the first `most` connections to `links` and wakes the tasks of the others.
    pub fn find(&self, conns: &mut Vec<ConnectionId>, most: usize, links: &mut Vec<Arc<Link>>) {
        let slots = self.slots.read().unwrap_or_else(PoisonError::into_inner);
        for link in conns.drain(..).filter_map(|conn| slots.get(conn)) {
            if links.len() < most {
                links.push(link.clone());
            } else {
                link.wake();
            }
        }
    }

    /// Waits until no connection is open.
    pub async fn empty(&self) {
        loop {
            let emptied = self.emptied.notified();
            if self.is_empty() {
                return;
            }
            emptied.await;
        }
    }

    fn is_empty(&self) -> bool {
        let slots = self.slots.read().unwrap_or_else(PoisonError::into_inner);
        slots.free.len() == slots.all.len()
    }
}

impl Slots {
    fn vacancy(&mut self) -> u32 {
        self.free.pop().unwrap_or_else(|| {
            self.all.push(Slot::default());
            // File descriptors run out long before.
            u32::try_from(self.all.len() - 1).unwrap_or(u32::MAX)
        })
    }

    fn get(&self, conn: ConnectionId) -> Option<&Arc<Link>> {
        let slot = self.all.get(conn.index as usize)?;
        slot.link
            .as_ref()
            .filter(|_| slot.generation == conn.generation)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::transport::Transport;

    fn open(registry: &Registry) -> ConnectionId {
        let (near, _far) = tokio::net::UnixStream::pair().unwrap();
        let (_source, sink, layer) = Transport::Unix(near).split();
        registry.insert(|id| Link::new(id, sink, layer)).id
    }

    fn found(registry: &Registry, conns: &[ConnectionId]) -> Vec<ConnectionId> {
        let mut links = Vec::new();
        registry.find(&mut conns.to_vec(), usize::MAX, &mut links);
        links.iter().map(|link| link.id).collect()
    }

    #[tokio::test]
    async fn an_index_comes_back_with_another_generation() {
        let registry = Registry::default();
        let (first, second) = (open(&registry), open(&registry));
        assert_eq!(found(&registry, &[first, second]), [first, second]);

        registry.remove(first);
        registry.remove(first);
        let third = open(&registry);
        assert_eq!(third.index, first.index);
        assert_ne!(third, first);
        assert_eq!(found(&registry, &[first, second, third]), [second, third]);
    }

    #[tokio::test]
    async fn it_is_empty_when_the_last_connection_is_gone() {
        let registry = Registry::default();
        registry.empty().await;
        let conn = open(&registry);
        let (empty, ()) = tokio::join!(registry.empty(), async {
            assert!(!registry.is_empty());
            registry.remove(conn);
        });
        empty
    }
}
