// SPDX-License-Identifier: Apache-2.0 OR MIT
//! What the device was made to write: since the store was made, since this start, in the last days, and by topic.
//!
//! A day is 24 hours of the broker's running time. The totals lie in the journal itself, as a value that is written with a
//! batch of something else: after a power cut up to ten minutes of them are missing.

use std::collections::VecDeque;

use mqtt_core::{Moment, Record};

use crate::ClassBytes;
use crate::batch::Net;
use crate::cursor::{Cursor, put_number};
use crate::segment::BODY;
use crate::topics::Topics;

/// The meter.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Wear {
    /// When the meter of this store began.
    began: Moment,
    total: Written,
    since_start: Written,
    /// Days in which something was written, the oldest first.
    days: VecDeque<(u64, Written)>,
    /// The topics that write most, since this start.
    pub topics: Topics,
    /// When the value was last written.
    saved: Moment,
}

/// Bytes by class, and what they come to in pages.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Written {
    pub bytes: ClassBytes,
    /// Of 4,096 bytes.
    pub pages: u64,
}

impl Written {
    /// Bytes that reach the device: it writes whole pages.
    pub fn device_bytes(&self) -> u64 {
        self.pages.saturating_mul(PAGE)
    }

    /// What pages are filled up with, headers, and copies made by compaction.
    pub fn overhead(&self) -> u64 {
        let ClassBytes {
            retained,
            queue,
            session,
            ..
        } = self.bytes;
        let said = retained.saturating_add(queue).saturating_add(session);
        self.device_bytes().saturating_sub(said)
    }

    fn add(&mut self, more: &Self) {
        self.bytes.add(&more.bytes);
        self.pages = self.pages.saturating_add(more.pages);
    }
}

impl Wear {
    /// Counts a write.
    pub fn add(&mut self, now: Moment, written: Written) {
        if self.days.is_empty() {
            self.began = now;
        }
        let day = day(now);
        self.total.add(&written);
        self.since_start.add(&written);
        match self.days.back_mut() {
            Some((last, sum)) if *last >= day => sum.add(&written),
            _ => self.days.push_back((day, written)),
        }
        let kept = day.saturating_sub(DAYS);
        self.days.retain(|(day, _)| *day >= kept);
    }

    /// Since the store was made.
    pub fn total(&self) -> Written {
        self.total
    }

    /// Since the journal was opened.
    pub fn since_start(&self) -> Written {
        self.since_start
    }

    /// Today and the seven days before it, as far as something was written; 0 is today.
    pub fn days(&self, now: Moment) -> impl Iterator<Item = (u64, Written)> + '_ {
        let today = day(now);
        let rows = self.days.iter().rev();
        rows.map(move |(day, written)| (today.saturating_sub(*day), *written))
            .filter(|(age, _)| *age <= DAYS)
    }

    /// Bytes a day that reach the device, of today and the seven days before it; none in the first hour of a store.
    pub fn rate(&self, now: Moment) -> Option<u64> {
        let first = Moment::from_millis(day(now).saturating_sub(DAYS).saturating_mul(DAY));
        let span = now.since(first.max(self.began)).as_millis();
        let span = u64::try_from(span).unwrap_or(u64::MAX);
        if self.days.is_empty() || span < HOUR {
            return None;
        }
        let bytes: u64 = self
            .days(now)
            .map(|(_, written)| written.device_bytes())
            .sum();
        let rate = u128::from(bytes) * u128::from(DAY) / u128::from(span);
        Some(u64::try_from(rate).unwrap_or(u64::MAX))
    }

    /// Counts the messages of a batch by topic; `ends` is where each operation ends behind `BODY` bytes of room.
    pub(crate) fn count_topics(&mut self, net: &[Net<'_>], ends: &[usize]) {
        let mut start = BODY;
        for ((_, put, _), end) in net.iter().zip(ends) {
            if let Some(Record::Retained(message) | Record::Message { message, .. }) = put {
                self.topics.add(&message.topic, (end - start) as u64);
            }
            start = *end;
        }
    }

    /// Whether the value may be written with the next batch.
    pub(crate) fn is_due(&self, now: Moment) -> bool {
        let since = now.since(self.saved).as_millis();
        since >= u128::from(SAVE_EVERY) || self.saved == Moment::default()
    }

    /// The value was written.
    pub(crate) fn saved(&mut self, now: Moment) {
        self.saved = now;
    }

    /// The value, without what the batch that brings it comes to.
    pub(crate) fn save(&self, out: &mut Vec<u8>) {
        out.push(VERSION);
        put_number(self.began.as_millis(), out);
        put_written(&self.total, out);
        put_number(self.days.len() as u64, out);
        for (day, written) in &self.days {
            put_number(*day, out);
            put_written(written, out);
        }
    }

    /// Goes on from a value; one of a version that is not known says nothing.
    pub(crate) fn restored(value: &[u8]) -> Option<Self> {
        let mut cursor = Cursor::new(value);
        if cursor.u8()? != VERSION {
            return None;
        }
        let mut wear = Self {
            began: Moment::from_millis(cursor.number()?),
            total: written(&mut cursor)?,
            ..Self::default()
        };
        for _ in 0..cursor.number()?.min(DAYS + 1) {
            wear.days
                .push_back((cursor.number()?, written(&mut cursor)?));
        }
        Some(wear)
    }
}

fn put_written(written: &Written, out: &mut Vec<u8>) {
    let bytes = &written.bytes;
    put_number(bytes.retained, out);
    put_number(bytes.queue, out);
    put_number(bytes.session, out);
    put_number(bytes.framing, out);
    put_number(bytes.compaction, out);
    put_number(written.pages, out);
}

fn written(cursor: &mut Cursor<'_>) -> Option<Written> {
    Some(Written {
        bytes: ClassBytes {
            retained: cursor.number()?,
            queue: cursor.number()?,
            session: cursor.number()?,
            framing: cursor.number()?,
            compaction: cursor.number()?,
        },
        pages: cursor.number()?,
    })
}

fn day(now: Moment) -> u64 {
    now.as_millis() / DAY
}

/// Of the value.
const VERSION: u8 = 1;
/// What a device writes at least, in bytes.
pub(crate) const PAGE: u64 = 4_096;
/// Days before today that are kept.
const DAYS: u64 = 7;
/// Milliseconds.
const HOUR: u64 = 3_600_000;
const DAY: u64 = 24 * HOUR;
const SAVE_EVERY: u64 = 600_000;

#[cfg(test)]
mod tests {
    use super::*;

    fn at(hours: u64) -> Moment {
        Moment::from_millis(hours * HOUR)
    }

    fn retained(bytes: u64, pages: u64) -> Written {
        let bytes = ClassBytes {
            retained: bytes,
            framing: 60,
            ..ClassBytes::default()
        };
        Written { bytes, pages }
    }

    #[test]
    fn bytes_are_whole_pages_and_what_says_nothing_is_overhead() {
        let mut wear = Wear::default();
        wear.add(at(1), retained(100, 1));
        wear.add(at(2), retained(5_000, 2));
        assert_eq!(wear.total().device_bytes(), 3 * 4_096);
        assert_eq!(wear.total().overhead(), 3 * 4_096 - 5_100);
        assert_eq!(wear.since_start(), wear.total());
    }

    #[test]
    fn days_are_of_running_time_and_seven_are_kept_beside_today() {
        let mut wear = Wear::default();
        for hour in 0..24 * 20 {
            wear.add(at(hour), retained(1, 1));
        }
        assert_eq!(wear.days.len(), 8);
        let days: Vec<_> = wear.days(at(24 * 20 - 1)).collect();
        assert_eq!(days.len(), 8);
        assert!(days.iter().all(|(_, written)| written.pages == 24));
        let ages: Vec<u64> = days.iter().map(|(age, _)| *age).collect();
        assert_eq!(ages, [0, 1, 2, 3, 4, 5, 6, 7]);
        // A week later nothing of it is in the rate.
        assert_eq!(wear.days(at(24 * 28)).count(), 0);
        assert_eq!(wear.rate(at(24 * 28)), Some(0));
    }

    #[test]
    fn the_rate_is_over_the_time_that_was_measured() {
        let mut wear = Wear::default();
        assert_eq!(wear.rate(at(100)), None);
        wear.add(at(30), retained(1, 10));
        assert_eq!(wear.rate(at(30)), None);
        assert_eq!(wear.rate(at(36)), Some(10 * 4_096 * 4));
        for hour in 31..=24 * 10 {
            wear.add(at(hour), retained(1, 1));
        }
        assert_eq!(wear.rate(at(24 * 10)), Some(24 * 4_096 + 4_096 / 7));
    }

    #[test]
    fn the_value_goes_on_where_it_was_but_for_this_start() {
        let mut wear = Wear::default();
        for hour in 20..80 {
            wear.add(at(hour), retained(300, 2));
        }
        let mut value = Vec::new();
        wear.save(&mut value);
        let restored = Wear::restored(&value).unwrap();
        assert_eq!(restored.total(), wear.total());
        assert_eq!(restored.since_start(), Written::default());
        assert!(restored.days(at(80)).eq(wear.days(at(80))));
        assert_eq!(restored.rate(at(80)), wear.rate(at(80)));
        assert!(value.len() < 100, "{}", value.len());
    }

    #[test]
    fn a_value_that_is_cut_or_newer_says_nothing() {
        let mut value = Vec::new();
        Wear::default().save(&mut value);
        for len in 0..value.len() {
            assert_eq!(Wear::restored(&value[..len]), None);
        }
        value[0] = 2;
        assert_eq!(Wear::restored(&value), None);
    }

    #[test]
    fn the_value_is_due_every_ten_minutes() {
        let mut wear = Wear::default();
        assert!(wear.is_due(at(1)));
        wear.saved(at(1));
        assert!(!wear.is_due(Moment::from_millis(HOUR + 599_999)));
        assert!(wear.is_due(Moment::from_millis(HOUR + 600_000)));
    }
}
