// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Every experiment with every broker in turns, so that all see the same machine; who begins changes with every turn.

use std::path::Path;
use std::time::{Duration, Instant};

use crate::contestant::Ground;
use crate::experiment::{Experiment, Stage};
use crate::field::Field;
use crate::kind::Kind;
use crate::process::Ticks;
use crate::results::{Failure, Results, Run};

/// How often and how long.
pub struct Plan<'a> {
    pub turns: usize,
    pub length: Duration,
    pub ground: &'a Ground,
    pub disk: Option<&'a Path>,
}

/// Runs them all; a broker that fails has a failure in its place, and the others go on.
pub fn run(experiments: &[Experiment], field: Field, plan: &Plan) -> Results {
    let mut results = Results::new(field);
    for (number, experiment) in experiments.iter().enumerate() {
        let turns = if experiment.once { 1 } else { plan.turns };
        let begin = Instant::now();
        for turn in 0..turns {
            let before = Ticks::now();
            one_turn(experiment, turn, plan, &mut results);
            let busy = before.and_then(|before| Ok(Ticks::now()?.busy_since(&before)));
            results.busy.extend(busy);
        }
        let (name, seconds) = (experiment.name, begin.elapsed().as_secs());
        eprintln!(
            "{} of {}: {name} in {seconds} s",
            number + 1,
            experiments.len()
        );
    }
    results
}

/// Each broker once.
fn one_turn(experiment: &Experiment, turn: usize, plan: &Plan, results: &mut Results) {
    let count = results.field.contestants.len();
    for broker in (0..count).map(|n| (n + turn) % count) {
        let contestant = &results.field.contestants[broker];
        if contestant.kind == Kind::Null && !experiment.has_ceiling {
            continue;
        }
        let stage = Stage {
            contestant,
            ground: plan.ground,
            wish: &experiment.wish,
            length: plan.length,
            disk: plan.disk,
        };
        match experiment.run(&stage) {
            Ok(figures) => results.runs.push(Run {
                experiment: experiment.name,
                broker,
                turn,
                figures,
            }),
            Err(reason) => results.failures.push(Failure {
                experiment: experiment.name,
                broker,
                reason,
            }),
        }
    }
}
