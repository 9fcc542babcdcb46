// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Which messages of one lane a subscriber has taken.

use std::collections::BTreeSet;

/// The numbers taken, kept small while they come in order.
#[derive(Debug, Clone)]
pub struct Intake {
    /// What comes before the subscription counts may come or not.
    from: u32,
    /// Everything from `from` up to here has been taken or is accounted for.
    low: u32,
    beyond: BTreeSet<u32>,
    highest: Option<u32>,
}

/// What a message was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Seen {
    New,
    Repeated,
    /// New, but behind one that was sent after it.
    Late,
    /// From before the subscription counts.
    Early,
}

impl Intake {
    pub fn new(from: u32) -> Self {
        Self {
            from,
            low: from,
            beyond: BTreeSet::new(),
            highest: None,
        }
    }

    pub fn from(&self) -> u32 {
        self.from
    }

    /// The first number that is neither taken nor accounted for.
    pub fn open(&self) -> u32 {
        self.low
    }

    /// What a message with this number is if it comes now.
    pub fn judge(&self, sequence: u32) -> Seen {
        if sequence < self.from {
            Seen::Early
        } else if self.holds(sequence) {
            Seen::Repeated
        } else if self.highest.is_some_and(|highest| sequence < highest) {
            Seen::Late
        } else {
            Seen::New
        }
    }

    pub fn take(&mut self, sequence: u32) -> Seen {
        let seen = self.judge(sequence);
        if matches!(seen, Seen::New | Seen::Late) {
            self.highest = self.highest.max(Some(sequence));
            self.beyond.insert(sequence);
            while self.beyond.remove(&self.low) {
                self.low += 1;
            }
        }
        seen
    }

    pub fn holds(&self, sequence: u32) -> bool {
        sequence < self.low || self.beyond.contains(&sequence)
    }

    /// What of the numbers below `next` is not there.
    pub fn missing(&self, next: u32) -> Vec<u32> {
        let open = self.low..next;
        open.filter(|number| !self.holds(*number)).collect()
    }

    /// Everything below `next` is accounted for.
    pub fn close(&mut self, next: u32) {
        self.low = self.low.max(next);
        self.beyond = self.beyond.split_off(&self.low);
        self.highest = self.highest.max(self.low.checked_sub(1));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gaps_repeats_and_latecomers_are_told_apart() {
        let mut intake = Intake::new(3);
        let seen = [2, 3, 4, 4, 7, 5, 5, 8].map(|number| intake.take(number));
        use Seen::*;
        assert_eq!(seen, [Early, New, New, Repeated, New, Late, Repeated, New]);
        assert_eq!(intake.missing(11), [6, 9, 10]);
        intake.close(11);
        assert_eq!(
            (intake.missing(11), intake.take(6)),
            (vec![], Seen::Repeated)
        );
    }
}
