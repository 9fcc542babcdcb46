// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Folds what happens again and again: a few lines one by one, then one line for many, ever more rarely.
//!
//! Two entries are the same if kind, subject, user name, address and reason are, and of a denied message its topic,
//! figures in reason and topic aside; so a change of any of them is a new line. A day is the 24 hours that begin with the first line.

use std::collections::HashMap;
use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hash, Hasher};
use std::time::{Duration, Instant};

use super::entry::Entry;
use super::kind::Kind;
use super::rate::Subject;

/// What happened lately; at most 1,024 kinds of thing, beyond that the one quiet for longest is told and forgotten.
pub struct Folds {
    stories: HashMap<u64, Story>,
    keys: RandomState,
    /// No waiting entry is due before.
    next: Option<Instant>,
}

/// One thing that happens repeatedly.
struct Story {
    /// Start of its day.
    began: Instant,
    last: Instant,
    /// How often in its day.
    times: u64,
    /// Lines shown one by one since it was last quiet.
    shown: usize,
    /// Summaries since then, each of which makes the next one wait longer.
    summaries: usize,
    /// When the next summary may be shown.
    due: Instant,
    /// The newest entry that no line has told yet.
    waiting: Option<Entry>,
}

impl Folds {
    pub fn new() -> Self {
        Self {
            stories: HashMap::new(),
            keys: RandomState::new(),
            next: None,
        }
    }

    /// Adds to `lines` the entry if it is to be shown now, after any other that must make room for it.
    pub fn offer(&mut self, now: Instant, subject: &Subject, entry: Entry, lines: &mut Vec<Entry>) {
        let key = self.key(subject, &entry);
        if !self.stories.contains_key(&key) {
            self.make_room(now, lines);
        }
        let story = self.stories.entry(key).or_insert_with(|| Story::new(now));
        lines.extend(story.go_on(now, entry));
        if story.waiting.is_some() {
            let due = story.due();
            self.next = Some(self.next.map_or(due, |next| next.min(due)));
        }
    }

    /// The summaries that are due.
    pub fn turn(&mut self, now: Instant) -> Vec<Entry> {
        if self.next.is_none_or(|next| next > now) {
            return Vec::new();
        }
        let due = self.stories.values_mut().filter(|story| story.due() <= now);
        let lines = due.filter_map(|story| story.summary(now)).collect();
        let waiting = self
            .stories
            .values()
            .filter(|story| story.waiting.is_some());
        self.next = waiting.map(Story::due).min();
        lines
    }

    /// How long until [`Folds::turn`] may have something to tell; none if nothing waits.
    pub fn due(&self, now: Instant) -> Option<Duration> {
        self.next.map(|next| next.saturating_duration_since(now))
    }

    fn key(&self, subject: &Subject, entry: &Entry) -> u64 {
        let mut key = self.keys.build_hasher();
        (entry.kind.message_id, subject).hash(&mut key);
        for (name, value) in &entry.fields {
            match *name {
                "USERNAME" | "LISTENER_PORT" => value.hash(&mut key),
                "REMOTE_ADDR" => host(value).hash(&mut key),
                "REASON" => words(value).for_each(|character| character.hash(&mut key)),
                // A denied client that turns to another topic has another fault.
                "TOPIC" if entry.kind == &Kind::PUBLISH_DENIED => {
                    words(value).for_each(|character| character.hash(&mut key));
                }
                _ => {}
            }
        }
        key.finish()
    }

    fn make_room(&mut self, now: Instant, lines: &mut Vec<Entry>) {
        if self.stories.len() < MAX_STORIES {
            return;
        }
        self.stories
            .retain(|_, story| story.waiting.is_some() || now < story.began + DAY);
        if self.stories.len() < MAX_STORIES {
            return;
        }
        let quietest = self.stories.iter().min_by_key(|(_, story)| story.last);
        let key = quietest.map(|(key, _)| *key);
        let story = key.and_then(|key| self.stories.remove(&key));
        lines.extend(story.and_then(|mut story| story.summary(now)));
    }
}

impl Story {
    fn new(now: Instant) -> Self {
        Self {
            began: now,
            last: now,
            times: 0,
            shown: 0,
            summaries: 0,
            due: now,
            waiting: None,
        }
    }

    /// One more time; returns the line if there is to be one now.
    fn go_on(&mut self, now: Instant, entry: Entry) -> Option<Entry> {
        if self.waiting.is_none() && now >= self.began + DAY {
            *self = Self::new(now);
        }
        if now >= self.last + QUIET {
            (self.shown, self.summaries) = (0, 0);
        }
        self.last = now;
        self.times += 1;
        if self.shown < SHOWN {
            self.shown += 1;
            self.due = now + spacing(0);
            return Some(entry.counted(self.times));
        }
        // What becomes of the connection is told, and counted, in a line of its own.
        if entry.kind != &Kind::CONNECTION_OPENED {
            self.waiting = Some(entry);
        }
        if now >= self.due {
            self.summary(now)
        } else {
            None
        }
    }

    fn summary(&mut self, now: Instant) -> Option<Entry> {
        let entry = self.waiting.take()?;
        self.summaries += 1;
        self.due = now + spacing(self.summaries);
        Some(entry.folded(self.times))
    }

    /// When what waits is told: after its pause, when it has become quiet, or when its day ends.
    fn due(&self) -> Instant {
        self.due.min(self.last + QUIET).min(self.began + DAY)
    }
}

/// The pause before a summary, by the number of those before it.
fn spacing(summaries: usize) -> Duration {
    let last = SPACINGS.len() - 1;
    SPACINGS[summaries.min(last)]
}

/// An address without its port.
fn host(address: &str) -> &str {
    address.rsplit_once(':').map_or(address, |(host, _)| host)
}

/// A reason or topic without its figures, which differ each time.
fn words(text: &str) -> impl Iterator<Item = char> {
    text.chars().filter(|character| !character.is_ascii_digit())
}

/// Lines shown one by one before repeats are folded.
const SHOWN: usize = 5;
/// Pauses between summaries; the last one stays.
const SPACINGS: [Duration; 6] = [
    Duration::from_secs(60),
    Duration::from_secs(5 * 60),
    Duration::from_secs(15 * 60),
    Duration::from_secs(60 * 60),
    Duration::from_secs(3 * 60 * 60),
    Duration::from_secs(6 * 60 * 60),
];
/// After so long without it, repeats are shown one by one again.
const QUIET: Duration = Duration::from_secs(60 * 60);
const DAY: Duration = Duration::from_secs(24 * 60 * 60);
const MAX_STORIES: usize = 1_024;

#[cfg(test)]
mod tests;
