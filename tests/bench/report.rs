// SPDX-License-Identifier: Apache-2.0 OR MIT
//! What is told of a run: rows of the table with their verdicts, and the sentences around them.

mod grid;
pub mod json;
pub mod page;
mod plot;
pub mod table;

use crate::experiment::Experiment;
use crate::figure::{ENTRY, Figure};
use crate::kind::Kind;
use crate::results::{Faults, OURS, Results, Spread};
use crate::targets::{self, Verdict};

/// A run with all that is told about it.
pub struct Report<'a> {
    pub results: &'a Results,
    pub experiments: &'a [Experiment],
    pub about: About,
}

/// Where, when and how it was measured.
pub struct About {
    /// Day of the run, as `2026-11-28`.
    pub date: String,
    /// What git calls the state of the sources.
    pub commit: String,
    /// Kind and number of the machine's processors.
    pub machine: String,
    /// Processors that the broker had.
    pub cores: usize,
    pub turns: usize,
    /// Seconds of a stream.
    pub length: f64,
    /// Minutes that the whole run took.
    pub minutes: f64,
}

/// One figure of one experiment.
pub struct Row<'a> {
    pub experiment: &'a Experiment,
    pub figure: &'static Figure,
    /// One for each broker of the field.
    pub cells: Vec<Cell>,
    pub to_null: Option<Spread>,
    /// The best peer, and what ours takes for each of what it takes.
    pub to_best: Option<(usize, Spread)>,
    pub verdict: Option<Verdict>,
}

/// What one broker reached.
pub struct Cell {
    pub spread: Option<Spread>,
    pub faults: Faults,
}

impl<'a> Report<'a> {
    /// The rows of an experiment in their order.
    pub fn rows(&self, experiment: &'a Experiment) -> Vec<Row<'a>> {
        let figures = experiment.rows.iter();
        figures.map(|figure| self.row(experiment, figure)).collect()
    }

    fn row(&self, experiment: &'a Experiment, figure: &'static Figure) -> Row<'a> {
        let (results, name) = (self.results, experiment.name);
        let cell = |broker| Cell {
            spread: results.spread(name, figure, broker),
            faults: results.faults(name, broker),
        };
        let null = results.newest(Kind::Null);
        let best = results.best_peer(name, figure);
        Row {
            experiment,
            figure,
            cells: (0..results.field.contestants.len()).map(cell).collect(),
            to_null: null.and_then(|null| results.ratio(name, figure, null)),
            to_best: best.and_then(|best| Some((best, results.ratio(name, figure, best)?))),
            verdict: targets::judge(results, name, figure),
        }
    }

    /// The name of a broker's column.
    pub fn name(&self, broker: usize) -> &str {
        &self.results.field.contestants[broker].name
    }

    /// When, where and how, in one line.
    pub fn title(&self) -> String {
        let About {
            date,
            commit,
            machine,
            cores,
            turns,
            length,
            minutes,
        } = &self.about;
        format!(
            "{date}, {commit}, {machine}; {cores} of them for the broker, one for the generator; {turns} turns of {length} s \
             in {minutes:.0} min, machine busy {}",
            self.busy()
        )
    }

    fn busy(&self) -> String {
        match Spread::of(self.results.busy.iter().copied()) {
            Some(Spread {
                median,
                lowest,
                highest,
            }) => format!(
                "{:.0} % ({:.0} to {:.0})",
                median * 100.0,
                lowest * 100.0,
                highest * 100.0
            ),
            None => "unknown".to_owned(),
        }
    }

    /// Everything that has to be known to read the table, a sentence each.
    pub fn notes(&self) -> Vec<String> {
        let mut notes = self.versions();
        notes.extend(self.absent());
        notes.extend(self.changed());
        notes.extend(self.longest_entries());
        notes.extend(self.misses());
        notes.extend(self.faulty());
        notes.extend(self.failed());
        notes
    }

    fn versions(&self) -> Vec<String> {
        let all = self.results.field.contestants.iter();
        all.map(|broker| format!("{} is {}", broker.name, broker.version))
            .collect()
    }

    fn absent(&self) -> Vec<String> {
        let absent = self.results.field.absent.iter();
        absent
            .map(|(name, reason)| format!("{name} is not there: {reason}"))
            .collect()
    }

    /// Where ours has other limits than it ships with.
    fn changed(&self) -> Vec<String> {
        let changed = self
            .experiments
            .iter()
            .filter(|e| !e.wish.limits.is_empty());
        changed
            .map(|experiment| {
                let limits = experiment.wish.limits.replace('\n', ", ");
                format!("ours in {}: {limits}; else as shipped", experiment.name)
            })
            .collect()
    }

    /// How long everybody else waited at most while ours was in its core, where that was longest.
    fn longest_entries(&self) -> Option<String> {
        let longest = |experiment: &Experiment| {
            let spread = self.results.spread(experiment.name, &ENTRY, OURS)?;
            Some((spread.highest, experiment.name))
        };
        let mut all: Vec<_> = self.experiments.iter().filter_map(longest).collect();
        all.sort_by(|one, other| other.0.total_cmp(&one.0));
        let told: Vec<_> = all
            .iter()
            .take(LONGEST_ENTRIES)
            .map(|(micros, name)| format!("{} µs in {name}", digits(*micros)))
            .collect();
        let told = told.join(", ");
        (!told.is_empty()).then(|| format!("the longest entries into the core of ours: {told}"))
    }

    /// What was not reached, by how much, and where another broker is ahead.
    fn misses(&self) -> Vec<String> {
        let rows = self
            .experiments
            .iter()
            .flat_map(|experiment| self.rows(experiment));
        rows.filter_map(|row| {
            let mut parts = Vec::new();
            let missed = row.verdict.as_ref().filter(|verdict| !verdict.is_met());
            parts.extend(missed.map(|verdict| format!("{}: {}", verdict.goal, verdict.words())));
            if let Some((best, ratio)) = &row.to_best {
                if ratio.median > 1.0 {
                    let percent = (ratio.median - 1.0) * 100.0;
                    parts.push(format!("{} is ahead by {percent:.0} %", self.name(*best)));
                }
            }
            let what = format!("{}, {}", row.experiment.name, row.figure.title);
            (!parts.is_empty()).then(|| format!("{what}: {}", parts.join("; ")))
        })
        .collect()
    }

    fn faulty(&self) -> Vec<String> {
        let mut notes = Vec::new();
        for experiment in self.experiments {
            for broker in 0..self.results.field.contestants.len() {
                let faults = self.results.faults(experiment.name, broker);
                if faults != Faults::default() {
                    notes.push(format!(
                        "! {}, {}: {faults}",
                        experiment.name,
                        self.name(broker)
                    ));
                }
            }
        }
        notes
    }

    /// Turns that gave nothing, each reason once.
    fn failed(&self) -> Vec<String> {
        let mut notes: Vec<String> = Vec::new();
        for failure in &self.results.failures {
            let name = self.name(failure.broker);
            let note = format!("- {}, {name}: {}", failure.experiment, failure.reason);
            if !notes.contains(&note) {
                notes.push(note);
            }
        }
        notes
    }
}

/// How many of the longest entries are told.
const LONGEST_ENTRIES: usize = 5;

/// A number with as many digits as mean something.
pub fn digits(value: f64) -> String {
    let decimals = match value.abs() {
        x if x >= 100.0 => 0,
        x if x >= 10.0 => 1,
        x if x >= 0.1 => 2,
        _ => 3,
    };
    let text = format!("{value:.decimals$}");
    let (whole, rest) = text.split_once('.').unwrap_or((&text, ""));
    let mut grouped = String::new();
    for (at, digit) in whole.chars().enumerate() {
        if at > 0 && (whole.len() - at) % 3 == 0 && digit.is_ascii_digit() {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    match rest {
        "" => grouped,
        rest => format!("{grouped}.{rest}"),
    }
}
