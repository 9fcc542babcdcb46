// SPDX-License-Identifier: Apache-2.0 OR MIT
//! What the card was made to write, in the words of those who are told: `$SYS`, the status, the log.

use std::fmt::Write;

use broker_config::{Mode, Persistence};
use mqtt_core::{Moment, StorageState, StoreFigures, WrittenBytes};
use mqtt_store::{Wear, Written};

use super::figures::Report;
use crate::logging::Field;

/// For `$SYS`; a store in memory writes to no card.
pub fn figures(report: &Report, now: Moment) -> StoreFigures {
    let Report {
        wear, persistence, ..
    } = report;
    let figures = StoreFigures {
        state: name(report.state),
        mode: persistence.mode.name(),
        flush_ms: report.flush_ms,
        bytes_live: report.live,
        bytes_total: report.total,
        ..StoreFigures::default()
    };
    if persistence.mode == Mode::Memory {
        return figures;
    }
    StoreFigures {
        total: bytes(&wear.total()),
        today: bytes(&today(wear, now)),
        start: bytes(&wear.since_start()),
        per_day: wear.rate(now),
        life_days: life_days(wear.rate(now), persistence),
        ..figures
    }
}

/// For a program.
fn name(state: StorageState) -> &'static str {
    match state {
        StorageState::Ok => "ok",
        StorageState::Full => "full",
        StorageState::Failed => "failed",
    }
}

fn bytes(written: &Written) -> WrittenBytes {
    WrittenBytes {
        all: written.device_bytes(),
        retained: written.bytes.retained,
        queue: written.bytes.queue,
        session: written.bytes.session,
        overhead: written.overhead(),
    }
}

fn today(wear: &Wear, now: Moment) -> Written {
    let today = wear.days(now).find(|(age, _)| *age == 0);
    today.map(|(_, written)| written).unwrap_or_default()
}

/// Days for which a card lasts at that rate.
fn life_days(rate: Option<u64>, persistence: &Persistence) -> Option<u64> {
    let rate = rate.filter(|rate| *rate > 0)?;
    Some(persistence.card_endurance() / rate)
}

/// Such as `more than 100 years`, `about 3 years`, `about 7 months`.
pub fn in_words(days: u64) -> String {
    match days {
        36_525.. => "more than 100 years".to_owned(),
        730.. => format!("about {} years", days / YEAR),
        60.. => format!("about {} months", (days * 12 + YEAR / 2) / YEAR),
        _ => "less than two months".to_owned(),
    }
}

/// Bytes as people say them, rounded down: `812 MB`.
pub fn amount(bytes: u64) -> String {
    match bytes {
        0..1_000 => format!("{bytes} bytes"),
        1_000..10_000_000 => tenths(bytes, 1_000, "KB", "MB"),
        10_000_000..10_000_000_000 => tenths(bytes, 1_000_000, "MB", "GB"),
        _ => tenths(bytes, 1_000_000_000, "GB", "TB"),
    }
}

fn tenths(bytes: u64, unit: u64, name: &str, next: &str) -> String {
    match bytes / unit {
        small @ 0..1_000 => format!("{small} {name}"),
        large => format!("{}.{} {next}", large / 1_000, large % 1_000 / 100),
    }
}

/// The topics that write most, for people.
pub fn most(wear: &Wear) -> String {
    let mut text = String::new();
    for (topic, bytes) in wear.topics.most().into_iter().take(NAMED) {
        let comma = if text.is_empty() { "" } else { ", " };
        // Writing to a string cannot fail.
        let _ = write!(text, "{comma}{} ({})", Field(topic), amount(bytes));
    }
    text
}

/// Says once a day of running time that the card is written too much.
#[derive(Debug, Default)]
pub struct Overuse {
    told: Option<u64>,
}

impl Overuse {
    pub fn look(&mut self, report: &Report, now: Moment) -> Option<String> {
        let day = now.as_millis() / DAY;
        if self.told == Some(day) {
            return None;
        }
        let line = overuse(report, now)?;
        self.told = Some(day);
        Some(line)
    }
}

fn overuse(report: &Report, now: Moment) -> Option<String> {
    let Report {
        wear, persistence, ..
    } = report;
    if persistence.mode == Mode::Memory {
        return None;
    }
    let written = today(wear, now).device_bytes();
    let budget = persistence.sd_budget_mb_per_day;
    let exceeded = budget.filter(|megabytes| written > u64::from(*megabytes) * 1_000_000);
    let rate = wear.rate(now);
    let life = life_days(rate, persistence).filter(|days| *days < YEAR);
    let mut line = match (exceeded, life, rate) {
        (Some(megabytes), ..) => format!(
            "the card was written {} today, more than sd_budget_mb_per_day = {megabytes}",
            amount(written)
        ),
        (None, Some(life), Some(rate)) => format!(
            "at {} a day the card lasts {} (card_endurance_tb); it is written less with mode = \"group\" under \
             [persistence]",
            amount(rate),
            in_words(life)
        ),
        _ => return None,
    };
    match most(wear).as_str() {
        "" => {}
        most => line += &format!("; since the start most was written for {most}"),
    }
    Some(line)
}

/// For the status line; none while the card lasts for a year.
pub fn trouble(figures: &StoreFigures) -> Option<String> {
    let life = figures.life_days.filter(|days| *days < YEAR)?;
    Some(format!("the card lasts {} at this rate", in_words(life)))
}

/// Topics that a line names.
const NAMED: usize = 3;
/// Days.
const YEAR: u64 = 365;
/// Milliseconds.
const DAY: u64 = 86_400_000;

#[cfg(test)]
mod tests;
