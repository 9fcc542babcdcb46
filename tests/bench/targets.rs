// SPDX-License-Identifier: Apache-2.0 OR MIT
//! What ours is to reach, and whether it does: one table.

use crate::figure::*;
use crate::kind::Kind;
use crate::results::{OURS, Results};

/// A goal for one figure of one experiment.
pub struct Target {
    experiment: &'static str,
    figure: &'static Figure,
    goal: Goal,
}

/// What the figure of ours is held against.
enum Goal {
    /// At most so many times the ceiling's, pair by pair.
    TimesNull(f64),
    AtMost(f64),
    AtLeast(f64),
    /// At most that of the newest Mosquitto, pair by pair.
    Mosquitto,
    /// At most so many times ours in another experiment.
    Times(f64, &'static str),
}

/// How far a figure is from its goal.
pub struct Verdict {
    /// The goal in words.
    pub goal: String,
    /// What was reached for each of what was to be reached: at most 1 is met. None where a figure is missing.
    pub reached: Option<f64>,
}

impl Verdict {
    pub fn is_met(&self) -> bool {
        self.reached.is_some_and(|reached| reached <= 1.0)
    }

    /// `met`, or by how much it is not.
    pub fn words(&self) -> String {
        match self.reached {
            Some(reached) if reached <= 1.0 => "met".to_owned(),
            Some(reached) => format!("missed by {:.0} %", ((reached - 1.0) * 100.0).max(1.0)),
            None => "no figure".to_owned(),
        }
    }
}

/// The goal for a figure, judged; none where there is no goal.
pub fn judge(results: &Results, experiment: &str, figure: &Figure) -> Option<Verdict> {
    let mut targets = TARGETS.iter();
    let target = targets.find(|t| t.experiment == experiment && t.figure == figure)?;
    let ours = results.spread(experiment, figure, OURS);
    let ours = ours.map(|spread| spread.median);
    let ratio = |other| Some(results.ratio(experiment, figure, other?)?.median);
    let (goal, reached) = match target.goal {
        Goal::TimesNull(most) => {
            let ratio = ratio(results.newest(Kind::Null));
            (format!("≤ {most} × null"), ratio.map(|ratio| ratio / most))
        }
        Goal::AtMost(most) => (format!("≤ {most}"), ours.map(|ours| ours / most)),
        Goal::AtLeast(least) => (format!("≥ {least}"), ours.map(|ours| least / ours)),
        Goal::Mosquitto => {
            let newest = results.newest(Kind::Mosquitto);
            let name = newest.map_or("mosquitto", |n| &results.field.contestants[n].name);
            (format!("≤ {name}"), ratio(newest))
        }
        Goal::Times(most, other) => {
            let base = results.spread(other, figure, OURS);
            let reached = ours.zip(base).map(|(ours, base)| ours / base.median / most);
            (format!("≤ {most} × {other}"), reached)
        }
    };
    Some(Verdict { goal, reached })
}

macro_rules! targets {
    ($($experiment:literal $figure:ident $goal:expr;)*) => {
        static TARGETS: &[Target] = &[
            $(Target { experiment: $experiment, figure: &$figure, goal: $goal },)*
        ];
    };
}

use Goal::{AtLeast, AtMost, Mosquitto, Times, TimesNull};

targets! {
    "p2p-q0-64-closed" CPU TimesNull(3.8);
    "p2p-q1-64" CPU TimesNull(3.2);
    "p2p-q2-64" CPU TimesNull(3.6);
    "p2p-q0-64k" CPU TimesNull(1.2);
    "p2p-q0-100x1" CPU TimesNull(1.2);
    "p2p-q1-100x1" CPU TimesNull(1.2);
    "fan1000-q0" CPU TimesNull(1.4);
    "fan1000-q1" CPU TimesNull(3.0);
    "fanin1000-q0" CPU TimesNull(1.8);
    "fanin1000-q1" CPU TimesNull(1.5);
    "lat-q0-2k" P50 Mosquitto;
    "lat-q0-2k" P99 Mosquitto;
    "lat-q1-2k" P50 Mosquitto;
    "lat-q1-2k" P99 Mosquitto;
    "calls-q0-100x1" CALLS AtMost(4.0);
    "idle-10k" PER_CONNECTION AtMost(1_500.0);
    "wild-1m" PER_SUBSCRIPTION AtMost(400.0);
    "wild-1m" MATCH2 Times(1.2, "wild-10k");
    "wild-1m" NOMATCH Times(1.2, "wild-10k");
    "retained-100k" PER_RETAINED AtMost(300.0);
    "retained-100k" FETCH AtMost(0.6);
    "backlog-1000x100" PER_QUEUED AtMost(250.0);
    "durable-q1-50x20" ACKNOWLEDGED AtLeast(10_000.0);
    "start" START AtMost(10.0);
    "start" IDLE_MEMORY AtMost(4.0);
    "start" BINARY AtMost(6.0);
}
