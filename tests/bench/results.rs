// SPDX-License-Identifier: Apache-2.0 OR MIT
//! What all turns gave: medians, ratios within a turn, and who is best.

use std::fmt;

use crate::field::Field;
use crate::figure::*;
use crate::kind::Kind;

/// All turns of a run.
pub struct Results {
    pub field: Field,
    pub runs: Vec<Run>,
    pub failures: Vec<Failure>,
    /// The busy share of the machine in each turn of each experiment.
    pub busy: Vec<f64>,
}

/// One turn of one broker; brokers are counted as in the field.
pub struct Run {
    pub experiment: &'static str,
    pub broker: usize,
    pub turn: usize,
    pub figures: Figures,
}

/// A turn that gave nothing.
pub struct Failure {
    pub experiment: &'static str,
    pub broker: usize,
    pub reason: String,
}

/// Several turns of one figure.
#[derive(Debug, Clone, Copy)]
pub struct Spread {
    pub median: f64,
    pub lowest: f64,
    pub highest: f64,
}

/// Messages that did not come as they should.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Faults {
    pub lost: u64,
    pub duplicated: u64,
    pub reordered: u64,
}

/// The number of ours in every field.
pub const OURS: usize = 0;

impl Results {
    pub fn new(field: Field) -> Self {
        Self {
            field,
            runs: Vec::new(),
            failures: Vec::new(),
            busy: Vec::new(),
        }
    }

    /// All turns of a figure.
    pub fn spread(&self, experiment: &str, figure: &Figure, broker: usize) -> Option<Spread> {
        Spread::of(
            self.values(experiment, figure, broker)
                .map(|(_, value)| value),
        )
    }

    /// What ours takes for each of what the other takes, pair by pair inside a turn: below 1 is in our favour.
    pub fn ratio(&self, experiment: &str, figure: &Figure, other: usize) -> Option<Spread> {
        let theirs: Vec<_> = self.values(experiment, figure, other).collect();
        let ours = self.values(experiment, figure, OURS);
        Spread::of(ours.filter_map(|(turn, ours)| {
            let (_, theirs) = theirs.iter().find(|(other, _)| *other == turn)?;
            let ratio = if figure.more_is_better {
                theirs / ours
            } else {
                ours / theirs
            };
            ratio.is_finite().then_some(ratio)
        }))
    }

    /// The peer with the best median among those that did all of it.
    pub fn best_peer(&self, experiment: &str, figure: &Figure) -> Option<usize> {
        let medians = self.peers().filter_map(|broker| {
            let is_whole = self.faults(experiment, broker) == Faults::default();
            let spread = self
                .spread(experiment, figure, broker)
                .filter(|_| is_whole)?;
            let cost = if figure.more_is_better {
                -spread.median
            } else {
                spread.median
            };
            Some((broker, cost))
        });
        let best = medians.min_by(|one, other| one.1.total_cmp(&other.1))?;
        Some(best.0)
    }

    /// Everybody but ours and the ceiling.
    fn peers(&self) -> impl Iterator<Item = usize> + '_ {
        let all = self.field.contestants.iter().enumerate().skip(OURS + 1);
        all.filter(|(_, peer)| peer.kind != Kind::Null)
            .map(|(number, _)| number)
    }

    /// The newest broker of a kind; versions are compared as numbers.
    pub fn newest(&self, kind: Kind) -> Option<usize> {
        let version = |name: &str| -> Vec<u32> {
            let numbers = name.split(|c: char| !c.is_ascii_digit());
            numbers.filter_map(|number| number.parse().ok()).collect()
        };
        let all = self.field.contestants.iter().enumerate().skip(OURS + 1);
        let found = all.filter(|(_, broker)| broker.kind == kind);
        found
            .max_by_key(|(_, broker)| version(&broker.name))
            .map(|(number, _)| number)
    }

    /// The sum of all turns.
    pub fn faults(&self, experiment: &str, broker: usize) -> Faults {
        let sum = |figure| {
            let values = self.values(experiment, figure, broker);
            values.map(|(_, value)| value).sum::<f64>() as u64
        };
        Faults {
            lost: sum(&LOST),
            duplicated: sum(&DUPLICATED),
            reordered: sum(&REORDERED),
        }
    }

    /// The turns that have this figure, and its value in each.
    pub fn values<'a>(
        &'a self,
        experiment: &'a str,
        figure: &'a Figure,
        broker: usize,
    ) -> impl Iterator<Item = (usize, f64)> + 'a {
        let runs = self.runs.iter();
        let own = runs.filter(move |run| run.experiment == experiment && run.broker == broker);
        own.filter_map(move |run| {
            let found = run.figures.iter().find(|(other, _)| *other == figure)?;
            found.1.is_finite().then_some((run.turn, found.1))
        })
    }
}

impl Spread {
    /// None of no values.
    pub fn of(values: impl Iterator<Item = f64>) -> Option<Self> {
        let mut values: Vec<f64> = values.collect();
        values.sort_by(f64::total_cmp);
        Some(Self {
            median: *values.get(values.len() / 2)?,
            lowest: *values.first()?,
            highest: *values.last()?,
        })
    }
}

impl fmt::Display for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            lost,
            duplicated,
            reordered,
        } = self;
        write!(
            f,
            "{lost} lost, {duplicated} twice, {reordered} out of order"
        )
    }
}
