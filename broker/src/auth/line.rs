// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The line of logins that wait for their hash: addresses take turns, so that one with many does not delay another.
//!
//! Every other turn belongs to known addresses, and one in four each to unknown ones and to those that failed lately;
//! a turn that nobody of that rank wants goes to the best rank that waits.

use std::collections::{HashMap, VecDeque};

use super::backoff::{Origin, Rank};

/// What waits; at most 512, then the address with most of them loses its newest.
pub struct Line<T> {
    lanes: [Lane<T>; 3],
    length: usize,
    turn: usize,
}

/// The logins of one rank.
struct Lane<T> {
    /// Addresses in the order of their turns; each has a queue that is not empty.
    turns: VecDeque<Origin>,
    queues: HashMap<Origin, VecDeque<T>>,
    /// Of all queues together.
    length: usize,
}

impl<T> Default for Line<T> {
    fn default() -> Self {
        Self {
            lanes: std::array::from_fn(|_| Lane {
                turns: VecDeque::new(),
                queues: HashMap::new(),
                length: 0,
            }),
            length: 0,
            turn: 0,
        }
    }
}

impl<T> Line<T> {
    /// Adds one; returns what has no room any more: the newest of the address with most, which may be this one.
    pub fn push(&mut self, rank: Rank, origin: Origin, item: T) -> Option<T> {
        let mut lost = None;
        if self.length >= MAX_WAITING {
            let own = self.lanes[place(rank)].waiting(&origin);
            let longest = self.longest();
            let Some((lane, other, _)) = longest.filter(|(_, _, length)| *length > own) else {
                return Some(item);
            };
            lost = self.lanes[lane].drop_newest(&other);
            self.length -= usize::from(lost.is_some());
        }
        self.lanes[place(rank)].push(origin, item);
        self.length += 1;
        lost
    }

    /// The one whose turn it is.
    pub fn pop(&mut self) -> Option<T> {
        let first = TURNS[self.turn % TURNS.len()];
        self.turn = self.turn.wrapping_add(1);
        let lanes = [first, Rank::Known, Rank::Unknown, Rank::Suspect];
        let item = lanes
            .into_iter()
            .find_map(|rank| self.lanes[place(rank)].pop())?;
        self.length -= 1;
        Some(item)
    }

    /// Lane, address and length of the longest queue; of several the one of the lowest rank.
    fn longest(&self) -> Option<(usize, Origin, usize)> {
        let lanes = self.lanes.iter().enumerate();
        let queues = lanes.filter_map(|(lane, waiting)| {
            let (origin, length) = waiting.longest()?;
            Some((lane, origin, length))
        });
        queues.max_by_key(|(lane, _, length)| (*length, *lane))
    }
}

impl<T> Lane<T> {
    /// The address with most, and how many.
    fn longest(&self) -> Option<(Origin, usize)> {
        if self.queues.len() == self.length {
            // Nobody has more than one: a flood of addresses is no reason to look at all of them.
            return Some((*self.turns.back()?, 1));
        }
        let lengths = self.queues.iter();
        let lengths = lengths.map(|(origin, queue)| (*origin, queue.len()));
        lengths.max_by_key(|(_, length)| *length)
    }

    fn waiting(&self, origin: &Origin) -> usize {
        self.queues.get(origin).map_or(0, VecDeque::len)
    }

    fn push(&mut self, origin: Origin, item: T) {
        let queue = self.queues.entry(origin).or_default();
        if queue.is_empty() {
            self.turns.push_back(origin);
        }
        queue.push_back(item);
        self.length += 1;
    }

    fn pop(&mut self) -> Option<T> {
        let origin = self.turns.pop_front()?;
        let queue = self.queues.get_mut(&origin)?;
        let item = queue.pop_front();
        self.length -= usize::from(item.is_some());
        if queue.is_empty() {
            self.queues.remove(&origin);
        } else {
            self.turns.push_back(origin);
        }
        item
    }

    fn drop_newest(&mut self, origin: &Origin) -> Option<T> {
        let queue = self.queues.get_mut(origin)?;
        let item = queue.pop_back();
        self.length -= usize::from(item.is_some());
        if queue.is_empty() {
            self.queues.remove(origin);
            self.turns.retain(|other| other != origin);
        }
        item
    }
}

fn place(rank: Rank) -> usize {
    match rank {
        Rank::Known => 0,
        Rank::Unknown => 1,
        Rank::Suspect => 2,
    }
}

/// Whose turn it is.
const TURNS: [Rank; 4] = [Rank::Known, Rank::Unknown, Rank::Known, Rank::Suspect];
/// Different logins that wait for their hash.
const MAX_WAITING: usize = 512;

#[cfg(test)]
mod tests {
    use std::net::{IpAddr, Ipv4Addr};

    use super::*;

    fn host(number: u8) -> Origin {
        Some(IpAddr::V4(Ipv4Addr::new(203, 0, 113, number)))
    }

    fn all<T>(line: &mut Line<T>) -> Vec<T> {
        std::iter::from_fn(|| line.pop()).collect()
    }

    #[test]
    fn addresses_take_turns() {
        let mut line = Line::default();
        for (address, item) in [
            (1, "a1"),
            (1, "a2"),
            (1, "a3"),
            (2, "b1"),
            (3, "c1"),
            (2, "b2"),
        ] {
            assert_eq!(line.push(Rank::Unknown, host(address), item), None);
        }
        assert_eq!(all(&mut line), ["a1", "b1", "c1", "a2", "b2", "a3"]);
        assert_eq!(line.length, 0);
    }

    #[test]
    fn one_address_with_five_hundred_delays_another_by_one() {
        for rank in [Rank::Known, Rank::Unknown, Rank::Suspect] {
            let mut line = Line::default();
            for number in 0..500 {
                assert_eq!(line.push(rank, host(1), number), None);
            }
            assert_eq!(line.push(rank, host(2), 1_000), None);
            let order = all(&mut line);
            assert_eq!(order.iter().position(|item| *item == 1_000), Some(1));
        }
    }

    #[test]
    fn every_rank_has_its_share_while_others_wait() {
        let mut line = Line::default();
        for number in 0..40 {
            line.push(Rank::Suspect, host(1), (Rank::Suspect, number));
            line.push(Rank::Unknown, host(2), (Rank::Unknown, number));
            line.push(Rank::Known, host(3), (Rank::Known, number));
        }
        let first: Vec<_> = (0..40).filter_map(|_| line.pop()).collect();
        let share = |rank| first.iter().filter(|(other, _)| *other == rank).count();
        assert_eq!(
            [Rank::Known, Rank::Unknown, Rank::Suspect].map(share),
            [20, 10, 10]
        );
    }

    #[test]
    fn at_the_bound_the_longest_queue_loses_its_newest_and_never_a_newcomer() {
        let mut line = Line::default();
        for number in 0..MAX_WAITING - 1 {
            assert_eq!(line.push(Rank::Known, host(1), number), None);
        }
        assert_eq!(line.push(Rank::Suspect, host(2), 1_000), None);
        assert_eq!(line.push(Rank::Unknown, host(3), 2_000), Some(510));
        assert_eq!(line.push(Rank::Suspect, host(2), 1_001), Some(509));
        assert_eq!(
            line.push(Rank::Known, host(1), 511),
            Some(511),
            "who has most makes room for himself only"
        );
        assert_eq!(line.length, MAX_WAITING);
        assert_eq!(all(&mut line).len(), MAX_WAITING);
    }

    #[test]
    fn where_everybody_has_one_a_newcomer_takes_the_place_of_one_who_failed() {
        let mut line = Line::default();
        for number in 0..MAX_WAITING {
            let rank = if number == 7 {
                Rank::Suspect
            } else {
                Rank::Unknown
            };
            let address = Ipv4Addr::from(0xCB00_0000 + u32::try_from(number).unwrap());
            assert_eq!(line.push(rank, Some(IpAddr::V4(address)), number), None);
        }
        assert_eq!(line.push(Rank::Unknown, host(1), 1_000), Some(7));
    }
}
