// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Which events become lines: fights are recognised, repeats folded, floods held back.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use log::Level;
use mqtt_core::Event;

use super::entry::Entry;
use super::fights::Fights;
use super::folds::Folds;
use super::kind::Kind;
use super::rate::{Rates, Subject};

/// What the logger thread remembers of earlier lines; its memory is bounded by that of its parts.
pub struct Selection {
    fights: Fights,
    folds: Folds,
    rates: Rates,
}

impl Selection {
    pub fn new(now: Instant) -> Self {
        Self {
            fights: Fights::default(),
            folds: Folds::new(),
            rates: Rates::new(now),
        }
    }

    /// The lines for an event, which are none where it only adds to a count.
    pub fn take(&mut self, now: Instant, event: &Event) -> Vec<Entry> {
        let subject = Subject::of(event);
        let mut lines = Vec::new();
        for entry in Entry::of(event)
            .into_iter()
            .chain(self.fights.watch(now, event))
        {
            self.folds.offer(now, &subject, entry, &mut lines);
        }
        lines.retain(|entry| self.admit(subject.clone(), entry));
        lines
    }

    /// The lines that are due without an event: what was held back, and counts of repeats.
    pub fn turn(&mut self, now: Instant) -> Vec<Entry> {
        let held_back = self.rates.turn(now).into_iter().map(|(subject, lines)| {
            let text = format!("{lines} more lines about {subject} in one second are not shown");
            Entry::own(&Kind::LINES_HELD_BACK, &text)
        });
        held_back.chain(self.folds.turn(now)).collect()
    }

    /// How long until [`Selection::turn`] may have something to tell; none if nothing waits.
    pub fn due(&self, now: Instant) -> Option<Duration> {
        let both = [self.rates.due(now), self.folds.due(now)];
        both.into_iter().flatten().min()
    }

    fn admit(&mut self, subject: Subject, entry: &Entry) -> bool {
        let address: Option<SocketAddr> = entry.field("REMOTE_ADDR").and_then(|a| a.parse().ok());
        let crowd = match subject {
            Subject::Client(_) => address.map(|address| Subject::Crowd(address.ip())),
            _ => None,
        };
        let warning = entry.kind.level <= Level::Warn;
        self.rates.admit(subject, warning)
            && crowd.is_none_or(|crowd| self.rates.admit(crowd, warning))
    }
}

#[cfg(test)]
mod tests;
