// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The generator alone, against a broker that runs already: `load at ADDRESS [SECONDS [SCENARIO...]]`.

use std::process::ExitCode;
use std::time::Duration;

use super::scenarios::{self, SCENARIOS, Scenario};
use super::{Outcome, Target, run};

/// Runs the scenarios of these names, or all, and prints what came of each.
pub fn at(arguments: &[String]) -> ExitCode {
    let Some((address, seconds, names)) = parse(arguments) else {
        eprintln!("usage: load at ADDRESS [SECONDS [SCENARIO...]]");
        return ExitCode::from(2);
    };
    let all = || SCENARIOS.iter().collect::<Vec<_>>();
    let wanted = names.iter().map(|name| scenarios::find(name));
    let Some(wanted) = wanted.collect::<Option<Vec<_>>>() else {
        eprintln!("no such scenario; there are:");
        all().iter().for_each(|s| eprintln!("  {}", s.name));
        return ExitCode::from(2);
    };
    println!(
        "{:<18}{:>12}{:>12}{:>8}{:>8}{:>8}{:>12}  latency",
        "", "sent", "delivered/s", "lost", "twice", "order", "own us/msg"
    );
    let wanted = if wanted.is_empty() { all() } else { wanted };
    let mut is_whole = true;
    for scenario in wanted {
        is_whole &= measure(scenario, address, seconds);
    }
    ExitCode::from(u8::from(!is_whole))
}

fn parse(arguments: &[String]) -> Option<(std::net::SocketAddr, Duration, &[String])> {
    let (address, rest) = arguments.split_first()?;
    let (seconds, names) = match rest.split_first() {
        Some((seconds, names)) => (seconds.parse().ok()?, names),
        None => (2, rest),
    };
    Some((address.parse().ok()?, Duration::from_secs(seconds), names))
}

/// Runs one scenario; tells whether everything came once and in order.
fn measure(scenario: &Scenario, address: std::net::SocketAddr, seconds: Duration) -> bool {
    let target = Target {
        address,
        transport: scenario.transport,
        version: scenario.version,
        authority: None,
    };
    match run(&scenario.work, &target, seconds, &mut || {}) {
        Ok(outcome) => {
            print(scenario.name, &outcome);
            outcome.lost + outcome.duplicated + outcome.reordered == 0
        }
        Err(error) => {
            println!("{:<18}{error}", scenario.name);
            false
        }
    }
}

fn print(name: &str, outcome: &Outcome) {
    let count = outcome.delivered as f64;
    println!(
        "{name:<18}{:>12}{:>12.0}{:>8}{:>8}{:>8}{:>12.3}  {:?}",
        outcome.sent,
        count / outcome.elapsed.as_secs_f64(),
        outcome.lost,
        outcome.duplicated,
        outcome.reordered,
        outcome.generator_cpu.as_secs_f64() * 1e6 / count,
        outcome.latency,
    );
}
