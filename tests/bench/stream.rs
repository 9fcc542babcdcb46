// SPDX-License-Identifier: Apache-2.0 OR MIT
//! One turn of the load generator on a fresh broker, and what the broker took for it.

use std::io;
use std::time::Duration;

use crate::contestant::Running;
use crate::experiment::Stage;
use crate::figure::*;
use crate::load::scenarios::Scenario;
use crate::load::{self, Outcome, Target};

/// Figures of every message that was delivered; CPU time is the broker's between first and last of them.
pub fn run(scenario: &Scenario, stage: &Stage) -> Result<Figures, String> {
    let mut running = stage.start()?;
    let mut spent = Vec::new();
    let ran = load::run(
        &scenario.work,
        &target(scenario, stage, &running),
        stage.length,
        &mut || spent.push(running.process.cpu()),
    );
    let outcome = ran.map_err(|error| match running.process.end() {
        Some(end) => end,
        None => error.to_string(),
    })?;
    let spent: Vec<Duration> = spent
        .into_iter()
        .collect::<io::Result<_>>()
        .map_err(|error| error.to_string())?;
    let [begin, end] = spent[..] else {
        return Err("it was not measured from begin to end".to_owned());
    };
    let memory = running
        .process
        .memory()
        .map_err(|error| error.to_string())?;
    let mut figures = figures(&outcome, end - begin, memory);
    figures.extend(running.longest_entry().map(|micros| (&ENTRY, micros)));
    Ok(figures)
}

/// Where the running broker is reached for a scenario.
pub fn target(scenario: &Scenario, stage: &Stage, running: &Running) -> Target {
    Target {
        address: running.address,
        transport: scenario.transport,
        version: scenario.version,
        authority: Some(stage.ground.identity.authority.clone()),
    }
}

fn figures(outcome: &Outcome, cpu: Duration, memory: u64) -> Figures {
    let count = outcome.delivered as f64;
    let mut figures: Figures = vec![
        (&CPU, cpu.as_secs_f64() * 1e6 / count),
        (&RATE, count / outcome.elapsed.as_secs_f64()),
        (
            &GENERATOR,
            outcome.generator_cpu.as_secs_f64() * 1e6 / count,
        ),
        (&MEMORY, memory as f64 / 1e6),
        (&LOST, outcome.lost as f64),
        (&DUPLICATED, outcome.duplicated as f64),
        (&REORDERED, outcome.reordered as f64),
    ];
    if let Some(latency) = &outcome.latency {
        let micros = |time: Duration| time.as_secs_f64() * 1e6;
        figures.extend([
            (&P50, micros(latency.quantile(0.5))),
            (&P99, micros(latency.quantile(0.99))),
            (&P999, micros(latency.quantile(0.999))),
            (&LONGEST, micros(latency.highest())),
        ] as [(&'static Figure, f64); 4]);
    }
    figures
}
