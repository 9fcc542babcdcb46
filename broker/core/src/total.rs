// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Sums over all connections or sessions that are always known, so that nobody has to go through them.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// The sum of all parts.
#[derive(Clone, Debug, Default)]
pub(crate) struct Total(Arc<AtomicUsize>);

/// What one owner contributes, until it is dropped.
#[derive(Debug)]
pub(crate) struct Part {
    total: Total,
    amount: usize,
}

impl Total {
    pub fn get(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }

    /// A part of nothing yet.
    pub fn part(&self) -> Part {
        Part {
            total: self.clone(),
            amount: 0,
        }
    }

    /// Parts change inside the core only, one entry after the other: load and store cost what a plain number does.
    fn set(&self, amount: usize) {
        self.0.store(amount, Ordering::Relaxed);
    }
}

impl Part {
    pub fn get(&self) -> usize {
        self.amount
    }

    pub fn add(&mut self, amount: usize) {
        self.total.set(self.total.get() + amount);
        self.amount += amount;
    }

    /// Takes away at most what was added.
    pub fn subtract(&mut self, amount: usize) {
        let amount = amount.min(self.amount);
        self.total.set(self.total.get() - amount);
        self.amount -= amount;
    }
}

impl Drop for Part {
    fn drop(&mut self) {
        self.subtract(self.amount);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_that_ends_is_taken_out_of_the_total() {
        let total = Total::default();
        let (mut first, mut second) = (total.part(), total.part());
        first.add(3);
        second.add(4);
        first.subtract(1);
        assert_eq!((total.get(), first.get(), second.get()), (6, 2, 4));
        second.subtract(100);
        assert_eq!(total.get(), 2);
        drop(first);
        assert_eq!(total.get(), 0);
    }
}
