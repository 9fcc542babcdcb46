// SPDX-License-Identifier: Apache-2.0 OR MIT
//! A table of what happened lately: bounded, and what was asked for least recently goes first.

use std::collections::HashMap;
use std::hash::Hash;

/// Entries in two halves; when the recent half is full it becomes the former one, whose content is forgotten.
pub struct Recent<K, V> {
    recent: HashMap<K, V>,
    former: HashMap<K, V>,
}

impl<K, V> Default for Recent<K, V> {
    fn default() -> Self {
        Self {
            recent: HashMap::new(),
            former: HashMap::new(),
        }
    }
}

impl<K: Eq + Hash, V> Recent<K, V> {
    /// The entry, if there is one; asking makes it recent.
    pub fn get(&mut self, key: &K) -> Option<&mut V> {
        if !self.recent.contains_key(key) {
            let (key, value) = self.former.remove_entry(key)?;
            self.insert(key, value);
        }
        self.recent.get_mut(key)
    }

    /// The entry, made if there is none.
    pub fn entry(&mut self, key: K, make: impl FnOnce() -> V) -> &mut V {
        let known = self.recent.contains_key(&key);
        let former = if known {
            None
        } else {
            self.former.remove(&key)
        };
        if !known && self.recent.len() >= MAX_RECENT {
            self.former = std::mem::take(&mut self.recent);
        }
        self.recent
            .entry(key)
            .or_insert_with(|| former.unwrap_or_else(make))
    }

    pub fn insert(&mut self, key: K, value: V) {
        if self.recent.len() >= MAX_RECENT {
            self.former = std::mem::take(&mut self.recent);
        }
        self.recent.insert(key, value);
    }

    pub fn remove(&mut self, key: &K) {
        self.recent.remove(key);
        self.former.remove(key);
    }

    #[cfg(test)]
    pub fn len(&self) -> usize {
        self.recent.len() + self.former.len()
    }
}

/// Half of the 4,096 entries that are kept at most.
const MAX_RECENT: usize = 2_048;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_least_recent_entries_are_forgotten_first() {
        let mut table = Recent::default();
        for number in 0..2 * MAX_RECENT {
            table.insert(number, ());
        }
        assert!(table.get(&0).is_some(), "4,096 are remembered");
        assert!(
            table.get(&MAX_RECENT).is_some(),
            "asking for one does not forget the recent half"
        );
        assert!(
            table.get(&1).is_none(),
            "asking for one more forgets the oldest half"
        );
    }

    #[test]
    fn an_entry_that_is_asked_for_again_and_again_is_never_forgotten() {
        let mut table = Recent::default();
        table.insert(0, ());
        for number in 1..10 * MAX_RECENT {
            table.entry(number, || ());
            assert!(table.get(&0).is_some());
            assert!(table.len() <= 2 * MAX_RECENT);
        }
    }

    #[test]
    fn an_entry_that_was_removed_is_made_anew() {
        let mut table = Recent::default();
        table.insert(1, 7);
        assert_eq!(*table.entry(1, || 8), 7);
        table.remove(&1);
        assert_eq!(*table.entry(1, || 8), 8);
    }
}
