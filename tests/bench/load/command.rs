// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The generator alone, against a broker that runs already: `load at ADDRESS [--authority FILE] [--seconds N] [NAME...]`.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use mqtt_proto::Version;

use super::scenarios::{SCENARIOS, Scenario, find};
use super::stall::{STALLS, Stall};
use super::{Outcome, Target, Transport, run};

struct Options {
    address: SocketAddr,
    authority: Option<PathBuf>,
    length: Duration,
    /// Of scenarios and slow consumers; none means all scenarios.
    names: Vec<String>,
}

/// Runs what is named and prints what came of it; fails if anything was lost, duplicated or reordered.
pub fn at(arguments: &[String]) -> ExitCode {
    let Some(options) = parse(arguments) else {
        eprintln!(
            "usage: load at ADDRESS [--authority FILE] [--seconds N] [NAME...]; the names are:"
        );
        let names = SCENARIOS.iter().map(|scenario| scenario.name);
        names
            .chain(STALLS.iter().map(|stall| stall.name))
            .for_each(|name| eprintln!("  {name}"));
        return ExitCode::from(2);
    };
    println!(
        "{:<18}{:>12}{:>12}{:>8}{:>8}{:>8}{:>12}  latency",
        "", "sent", "delivered/s", "lost", "twice", "order", "own us/msg"
    );
    let mut is_whole = true;
    for name in &options.names {
        is_whole &= match (find(name), Stall::find(name)) {
            (Some(scenario), _) => measure(scenario, &options),
            (None, Some(stall)) => stall_at(stall, &options),
            (None, None) => false,
        };
    }
    ExitCode::from(u8::from(!is_whole))
}

fn parse(arguments: &[String]) -> Option<Options> {
    let (address, rest) = arguments.split_first()?;
    let mut options = Options {
        address: address.parse().ok()?,
        authority: None,
        length: Duration::from_secs(2),
        names: Vec::new(),
    };
    let mut rest = rest.iter();
    while let Some(argument) = rest.next() {
        match argument.as_str() {
            "--authority" => options.authority = Some(rest.next()?.into()),
            "--seconds" => options.length = Duration::from_secs(rest.next()?.parse().ok()?),
            name if find(name).is_some() || Stall::find(name).is_some() => {
                options.names.push(argument.clone());
            }
            _ => return None,
        }
    }
    if options.names.is_empty() {
        options.names = SCENARIOS.iter().map(|s| s.name.to_owned()).collect();
    }
    Some(options)
}

/// Runs one scenario; tells whether everything came once and in order.
fn measure(scenario: &Scenario, options: &Options) -> bool {
    let target = Target {
        address: options.address,
        transport: scenario.transport,
        version: scenario.version,
        authority: options.authority.clone(),
    };
    match run(&scenario.work, &target, options.length, &mut || {}) {
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

/// Runs one slow consumer; tells whether the others lost nothing.
fn stall_at(stall: &Stall, options: &Options) -> bool {
    let target = Target {
        address: options.address,
        transport: Transport::Tcp,
        version: Version::V311,
        authority: None,
    };
    match stall.run(&target, &mut |_| {}) {
        Ok(outcome) => {
            print(stall.name, &outcome.others);
            println!(
                "  before {:?}\n  during {:?}",
                outcome.before, outcome.during
            );
            let (slow, closed) = (outcome.slow, outcome.closed);
            let closed = closed.unwrap_or_else(|| "still connected".to_owned());
            println!(
                "  the slow one got {} and lost {}: {closed}",
                slow.delivered, slow.lost
            );
            outcome.others.lost == 0
        }
        Err(error) => {
            println!("{:<18}{error}", stall.name);
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
