// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Values by number, in pieces of 4,096 that are given back when they are empty; nothing moves when there are more.

use slab::Slab;

/// Values by number; a number is used again once its value is removed.
pub(super) struct Arena<T> {
    pieces: Vec<Slab<T>>,
    /// Pieces with room, one that is not full last.
    open: Vec<usize>,
}

impl<T> Arena<T> {
    pub fn new() -> Self {
        Self {
            pieces: Vec::new(),
            open: Vec::new(),
        }
    }

    pub fn get(&self, id: u32) -> Option<&T> {
        let (piece, key) = place(id);
        self.pieces.get(piece)?.get(key)
    }

    pub fn get_mut(&mut self, id: u32) -> Option<&mut T> {
        let (piece, key) = place(id);
        self.pieces.get_mut(piece)?.get_mut(key)
    }

    /// None when every number is taken.
    pub fn insert(&mut self, value: T) -> Option<u32> {
        let index = match self.open.last() {
            Some(index) => *index,
            None => {
                self.pieces.push(Slab::new());
                self.open.push(self.pieces.len() - 1);
                self.pieces.len() - 1
            }
        };
        let piece = self.pieces.get_mut(index)?;
        let id = u32::try_from(index * PIECE + piece.vacant_key()).ok()?;
        piece.insert(value);
        if piece.len() == PIECE {
            self.open.pop();
        }
        Some(id)
    }

    pub fn remove(&mut self, id: u32) {
        let (index, key) = place(id);
        let Some(piece) = self.pieces.get_mut(index) else {
            return;
        };
        let was_full = piece.len() == PIECE;
        if piece.try_remove(key).is_none() {
            return;
        }
        if was_full {
            self.open.push(index);
        }
        if piece.is_empty() {
            *piece = Slab::new();
        }
    }

    #[cfg(test)]
    pub fn len(&self) -> usize {
        self.pieces.iter().map(Slab::len).sum()
    }
}

fn place(id: u32) -> (usize, usize) {
    (id as usize / PIECE, id as usize % PIECE)
}

const PIECE: usize = 4_096;
