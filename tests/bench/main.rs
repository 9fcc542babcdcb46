// SPDX-License-Identifier: Apache-2.0 OR MIT
//! `load`: the broker and a peer under the same load in one run, in turns, so that both see the same machine.
//!
//! `load at` runs the load generator alone, `load null PORT` a broker without any state, `load ceiling` tells what
//! the kernel takes.
//!
//! Usage: `load [--beside BROKER] [--turns N] [SECONDS [SCENARIO...]]`; the peer is Mosquitto or another build of `broker`, N the turns
//! of each (default 3), the seconds the length of a turn (default 2). Rates are of delivered messages; CPU time is the broker
//! process's own, user and system. On a busy machine trust CPU time and ratios.

mod contestant;
mod group;
mod load;
mod null;
mod scenario;

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use contestant::Contestant;
use scenario::{Measured, SCENARIOS, Scenario};

struct Options {
    beside: Option<PathBuf>,
    turns: usize,
    length: Duration,
    /// Names of scenarios; none means all.
    wanted: Vec<String>,
}

fn main() -> ExitCode {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    match arguments.split_first() {
        Some((first, rest)) if first == "at" => return load::command::at(rest),
        Some((first, _)) if first == "ceiling" => return load::ceiling::command(),
        Some((first, rest)) if first == "null" => return null::command(rest),
        _ => {}
    }
    let Some(options) = options(arguments.into_iter()) else {
        eprintln!("usage: load [--beside BROKER] [--turns N] [SECONDS [SCENARIO...]]");
        return ExitCode::from(2);
    };
    let Options { turns, length, .. } = options;
    let ours = Contestant::ours();
    let peer = match &options.beside {
        Some(program) => Contestant::broker(program),
        None => Contestant::mosquitto(),
    };
    println!(
        "{} and {}, {turns} turns of {length:?} each",
        ours.version, peer.version
    );
    println!(
        "{:<14}{:>12}{:>12}{:>8}{:>12}{:>12}{:>8}{:>16}",
        "", "msgs/s", "peer", "ratio", "CPU us/msg", "peer", "ratio", "lowest-highest"
    );
    let is_wanted = |scenario: &&Scenario| {
        options.wanted.is_empty() || options.wanted.iter().any(|name| name == scenario.name)
    };
    for scenario in SCENARIOS.iter().filter(is_wanted) {
        let pairs: Vec<_> = (0..turns)
            .map(|turn| pair(scenario, &ours, &peer, length, turn))
            .collect();
        print(scenario.name, &pairs);
    }
    println!("A ratio above 1 is in our favour.");
    ExitCode::SUCCESS
}

fn options(mut arguments: impl Iterator<Item = String>) -> Option<Options> {
    let mut options = Options {
        beside: None,
        turns: 3,
        length: Duration::from_secs(2),
        wanted: Vec::new(),
    };
    let mut seconds = None;
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--beside" => options.beside = Some(arguments.next()?.into()),
            "--turns" => options.turns = arguments.next()?.parse().ok().filter(|n| *n > 0)?,
            other if other.starts_with('-') => return None,
            other if seconds.is_none() => seconds = Some(other.parse().ok()?),
            _ => options.wanted.push(argument),
        }
    }
    options.length = seconds.map_or(options.length, Duration::from_secs);
    Some(options)
}

/// One turn of each; who begins changes every time.
fn pair(
    scenario: &Scenario,
    ours: &Contestant,
    peer: &Contestant,
    length: Duration,
    turn: usize,
) -> (Measured, Measured) {
    if turn % 2 == 0 {
        let first = scenario.run(ours, length);
        (first, scenario.run(peer, length))
    } else {
        let first = scenario.run(peer, length);
        (scenario.run(ours, length), first)
    }
}

/// Medians of each side, and of the ratios of the pairs.
fn print(name: &str, pairs: &[(Measured, Measured)]) {
    let sorted = |value: &dyn Fn(&(Measured, Measured)) -> f64| {
        let mut values: Vec<f64> = pairs.iter().map(value).collect();
        values.sort_by(f64::total_cmp);
        values
    };
    let median = |value: &dyn Fn(&(Measured, Measured)) -> f64| sorted(value)[pairs.len() / 2];
    let ratios = sorted(&|(ours, peer)| peer.cpu_micros / ours.cpu_micros);
    println!(
        "{name:<14}{:>12.0}{:>12.0}{:>8.2}{:>12.2}{:>12.2}{:>8.2}{:>16}",
        median(&|(ours, _)| ours.rate),
        median(&|(_, peer)| peer.rate),
        median(&|(ours, peer)| ours.rate / peer.rate),
        median(&|(ours, _)| ours.cpu_micros),
        median(&|(_, peer)| peer.cpu_micros),
        ratios[pairs.len() / 2],
        format!("{:.2}-{:.2}", ratios[0], ratios[pairs.len() - 1]),
    );
}
