// SPDX-License-Identifier: Apache-2.0 OR MIT
//! `load`: the broker and a peer under the same load in one run, in turns, so that both see the same machine.
//!
//! Usage: `load [SECONDS [SCENARIO...]]`; the seconds are the length of each turn (default 2). Rates are of
//! delivered messages; CPU time is the broker process's own, user and system. On a busy machine trust CPU time and ratios.

mod contestant;
mod scenario;

use std::process::ExitCode;
use std::time::Duration;

use contestant::Contestant;
use scenario::{Measured, SCENARIOS, Scenario};

/// Turns of each contestant in each scenario; the middle one counts.
const TURNS: usize = 3;

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let seconds = arguments.next().map_or(Ok(2), |seconds| seconds.parse());
    let Ok(seconds) = seconds else {
        eprintln!("usage: load [SECONDS [SCENARIO...]]");
        return ExitCode::from(2);
    };
    let wanted: Vec<String> = arguments.collect();
    let ours = Contestant::ours();
    let peer = Contestant::mosquitto();
    println!(
        "{} and {}, {TURNS} turns of {seconds} s each",
        ours.version, peer.version
    );
    println!(
        "{:<14}{:>12}{:>12}{:>8}{:>12}{:>12}{:>8}",
        "", "msgs/s", "peer", "ratio", "CPU us/msg", "peer", "ratio"
    );
    let is_wanted =
        |scenario: &&Scenario| wanted.is_empty() || wanted.iter().any(|name| name == scenario.name);
    for scenario in SCENARIOS.iter().filter(is_wanted) {
        let (ours, peer) = compare(scenario, [&ours, &peer], Duration::from_secs(seconds));
        println!(
            "{:<14}{:>12.0}{:>12.0}{:>8.2}{:>12.2}{:>12.2}{:>8.2}",
            scenario.name,
            ours.rate,
            peer.rate,
            ours.rate / peer.rate,
            ours.cpu_micros,
            peer.cpu_micros,
            peer.cpu_micros / ours.cpu_micros,
        );
    }
    println!("A ratio above 1 is in our favour.");
    ExitCode::SUCCESS
}

/// The middle results of both contestants, who take turns.
fn compare(
    scenario: &Scenario,
    contestants: [&Contestant; 2],
    length: Duration,
) -> (Measured, Measured) {
    let mut results = [Vec::new(), Vec::new()];
    for _ in 0..TURNS {
        for (contestant, results) in contestants.iter().zip(&mut results) {
            results.push(scenario.run(contestant, length));
        }
    }
    let [ours, peer] = results.map(middle);
    (ours, peer)
}

/// Rate and CPU time each at its median.
fn middle(results: Vec<Measured>) -> Measured {
    let median = |value: fn(&Measured) -> f64| {
        let mut values: Vec<f64> = results.iter().map(value).collect();
        values.sort_by(f64::total_cmp);
        values[values.len() / 2]
    };
    Measured {
        rate: median(|m| m.rate),
        cpu_micros: median(|m| m.cpu_micros),
    }
}
