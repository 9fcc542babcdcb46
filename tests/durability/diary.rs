// SPDX-License-Identifier: Apache-2.0 OR MIT
//! What a client remembers, kept outside the broker so that no crash touches it, and what it remembered at any earlier
//! position of the disk's log.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// How much the disk below the broker has logged; stays 0 where nothing logs.
pub type Position = Arc<AtomicU64>;

/// What a client knows as a sum of events.
pub trait Memory: Clone {
    type Event: Clone;
    fn apply(&mut self, event: &Self::Event);
}

/// A memory, and the events that made it with the position at which each was noted.
#[derive(Clone)]
pub struct Diary<M: Memory> {
    now: M,
    first: M,
    history: Vec<(u64, M::Event)>,
    position: Option<Position>,
}

impl<M: Memory> Diary<M> {
    /// Without a position no history is kept.
    pub fn new(memory: M, position: Option<Position>) -> Self {
        Self {
            first: memory.clone(),
            now: memory,
            history: Vec::new(),
            position,
        }
    }

    /// Notes what was done or seen: what arrived after it arrived, what is sent before it is sent.
    pub fn note(&mut self, event: M::Event) {
        self.now.apply(&event);
        if let Some(position) = &self.position {
            self.history.push((position.load(Ordering::SeqCst), event));
        }
    }

    pub fn now(&self) -> &M {
        &self.now
    }

    /// What was remembered when the log had this length.
    pub fn at(&self, position: u64) -> M {
        let mut memory = self.first.clone();
        let before = self
            .history
            .iter()
            .take_while(|(noted, _)| *noted <= position);
        before.for_each(|(_, event)| memory.apply(event));
        memory
    }
}
