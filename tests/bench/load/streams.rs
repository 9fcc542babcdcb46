// SPDX-License-Identifier: Apache-2.0 OR MIT
//! What became of the messages of one publisher at one subscriber: counted one by one, exactly.

use std::collections::BTreeMap;

/// Messages of a stream, by their sequence numbers.
#[derive(Default)]
pub struct Stream {
    /// The number after the highest that came.
    next: u64,
    /// Numbers below `next` that have not come, as begin and end of each gap.
    gaps: BTreeMap<u64, u64>,
    pub duplicated: u64,
    /// Messages that came after one with a higher number.
    pub reordered: u64,
}

impl Stream {
    /// Takes a message into account; tells whether it came for the first time.
    pub fn arrived(&mut self, sequence: u64) -> bool {
        if sequence == self.next {
            self.next += 1;
            return true;
        }
        if sequence > self.next {
            self.gaps.insert(self.next, sequence);
            self.next = sequence + 1;
            return true;
        }
        let is_late = self.fill(sequence);
        if is_late {
            self.reordered += 1;
        } else {
            self.duplicated += 1;
        }
        is_late
    }

    /// How many of the first `sent` messages have not come.
    pub fn missing(&self, sent: u64) -> u64 {
        let gaps: u64 = self.gaps.iter().map(|(begin, end)| end - begin).sum();
        gaps + sent.saturating_sub(self.next)
    }

    /// Takes a number out of the gap that it is in.
    fn fill(&mut self, sequence: u64) -> bool {
        let Some((&begin, &end)) = self.gaps.range(..=sequence).next_back() else {
            return false;
        };
        if sequence >= end {
            return false;
        }
        self.gaps.remove(&begin);
        if begin < sequence {
            self.gaps.insert(begin, sequence);
        }
        if sequence + 1 < end {
            self.gaps.insert(sequence + 1, end);
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::Stream;

    /// Lost, duplicated and reordered of `sent` messages that came in this order.
    fn judged(sent: u64, came: &[u64]) -> (u64, u64, u64) {
        let mut stream = Stream::default();
        for sequence in came {
            stream.arrived(*sequence);
        }
        (stream.missing(sent), stream.duplicated, stream.reordered)
    }

    #[test]
    fn what_comes_once_and_in_order_is_whole() {
        assert_eq!((0, 0, 0), judged(0, &[]));
        assert_eq!((0, 0, 0), judged(4, &[0, 1, 2, 3]));
    }

    #[test]
    fn what_does_not_come_is_lost_wherever_it_was() {
        assert_eq!((1, 0, 0), judged(4, &[1, 2, 3]));
        assert_eq!((2, 0, 0), judged(4, &[0, 3]));
        assert_eq!((3, 0, 0), judged(4, &[0]));
        assert_eq!((4, 0, 0), judged(4, &[]));
    }

    #[test]
    fn what_comes_twice_is_a_duplicate_also_within_a_former_gap() {
        assert_eq!((0, 1, 0), judged(3, &[0, 1, 1, 2]));
        assert_eq!((0, 2, 0), judged(3, &[0, 1, 2, 0, 2]));
        assert_eq!((1, 1, 1), judged(4, &[0, 3, 1, 1]));
    }

    #[test]
    fn what_comes_after_a_later_one_is_out_of_order_and_not_lost() {
        assert_eq!((0, 0, 1), judged(4, &[0, 2, 1, 3]));
        assert_eq!((0, 0, 3), judged(4, &[3, 0, 1, 2]));
        assert_eq!((1, 0, 3), judged(5, &[4, 2, 0, 3]));
    }
}
