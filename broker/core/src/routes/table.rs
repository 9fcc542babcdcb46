// SPDX-License-Identifier: Apache-2.0 OR MIT
//! A hash table in 256 parts, each of which grows by itself: no insertion moves more than a 256th of it.

use hashbrown::HashTable;

/// Values found by a hash that their owner works out; gives back memory as values are removed.
pub(super) struct Table<T> {
    parts: Vec<HashTable<T>>,
    len: usize,
}

impl<T> Table<T> {
    pub fn new() -> Self {
        Self {
            parts: (0..PARTS).map(|_| HashTable::new()).collect(),
            len: 0,
        }
    }

    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    pub fn find(&self, hash: u64, is_it: impl FnMut(&T) -> bool) -> Option<&T> {
        self.parts.get(part(hash))?.find(hash, is_it)
    }

    pub fn find_mut(&mut self, hash: u64, is_it: impl FnMut(&T) -> bool) -> Option<&mut T> {
        self.parts.get_mut(part(hash))?.find_mut(hash, is_it)
    }

    /// Adds a value that is not there yet; `hash_of` is asked for others of its part when that grows.
    pub fn insert(&mut self, hash: u64, value: T, hash_of: impl Fn(&T) -> u64) {
        if let Some(part) = self.parts.get_mut(part(hash)) {
            part.insert_unique(hash, value, hash_of);
            self.len += 1;
        }
    }

    pub fn remove(
        &mut self,
        hash: u64,
        is_it: impl FnMut(&T) -> bool,
        hash_of: impl Fn(&T) -> u64,
    ) -> Option<T> {
        let part = self.parts.get_mut(part(hash))?;
        let (value, _) = part.find_entry(hash, is_it).ok()?.remove();
        self.len -= 1;
        if part.len() * 4 <= part.capacity() {
            part.shrink_to(part.len() * 2, hash_of);
        }
        Some(value)
    }
}

/// Bits that neither choose the place within a part nor tell its values apart.
fn part(hash: u64) -> usize {
    (hash >> 40) as usize % PARTS
}

const PARTS: usize = 256;
