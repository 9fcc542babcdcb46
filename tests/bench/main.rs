// SPDX-License-Identifier: Apache-2.0 OR MIT
//! `load`: the broker and its peers under the same work in one run, in turns, so that all see the same machine.
//!
//! Every turn has a fresh process on processors of its own; CPU time is that of the broker's process. Prints a table, and writes
//! every figure to target/bench/bench.json and a page with plots to target/bench/bench.html.

mod client;
mod contestant;
mod costs;
mod experiment;
mod field;
mod figure;
mod kind;
mod load;
mod null;
mod options;
mod process;
mod report;
mod results;
mod stream;
mod targets;
mod turns;

use std::path::PathBuf;
use std::process::{Command, ExitCode};
use std::time::Instant;

use nix::sys::resource::{Resource, getrlimit, setrlimit};
use tests::tools;

use contestant::Ground;
use experiment::Experiment;
use field::Field;
use options::{Choice, Options, USAGE};
use report::{About, Report};
use results::{Faults, OURS, Results};
use turns::Plan;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let ended = match arguments.split_first() {
        Some((first, rest)) if first == "at" => return load::command::at(rest),
        Some((first, _)) if first == "ceiling" => return load::ceiling::command(),
        Some((first, rest)) if first == "null" => return null::command(rest),
        Some((first, _)) if first == "list" => {
            let all = experiment::all();
            all.iter()
                .for_each(|experiment| println!("{}", experiment.name));
            Ok(true)
        }
        _ => match Options::parse(arguments.into_iter()) {
            Some(options) => measure(&options),
            None => Err(USAGE.to_owned()),
        },
    };
    match ended {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::from(2)
        }
    }
}

/// Measures and tells; false where messages of ours did not come as they should.
fn measure(options: &Options) -> Result<bool, String> {
    let experiments = wanted(options)?;
    let field = match &options.field {
        Choice::All(given) => Field::complete(given),
        Choice::Beside(program) => Field::beside(program),
        Choice::Quick => Field::small(),
    }?;
    // Ten thousand clients need as many descriptors, here and in the brokers.
    let (_, most) = getrlimit(Resource::RLIMIT_NOFILE).map_err(|error| error.to_string())?;
    setrlimit(Resource::RLIMIT_NOFILE, most, most).map_err(|error| error.to_string())?;
    let ground = Ground::new(options.cores).map_err(|error| error.to_string())?;
    let plan = Plan {
        turns: options.turns,
        length: options.length,
        ground: &ground,
        disk: options.disk.as_deref(),
    };
    // What is said of the sources is said of those that were built.
    let mut about = about(options, &ground);
    let begin = Instant::now();
    let results = turns::run(&experiments, field, &plan);
    about.minutes = begin.elapsed().as_secs_f64() / 60.0;
    let report = Report {
        results: &results,
        experiments: &experiments,
        about,
    };
    tell(&report, options).map_err(|error| format!("writing the results: {error}"))?;
    Ok(is_whole(&experiments, &results))
}

/// The experiments of these names; the names of a quick run where none is given.
fn wanted(options: &Options) -> Result<Vec<Experiment>, String> {
    let all = experiment::all();
    let names: Vec<&str> = match options.field {
        Choice::Quick if options.wanted.is_empty() => QUICK.to_vec(),
        _ => options.wanted.iter().map(String::as_str).collect(),
    };
    let is_known = |name: &&&str| !all.iter().any(|experiment| experiment.name == **name);
    if let Some(unknown) = names.iter().find(is_known) {
        return Err(format!(
            "{unknown}: there is no such experiment; `load list` names them"
        ));
    }
    let is_wanted = |e: &Experiment| names.is_empty() || names.contains(&e.name);
    Ok(all.into_iter().filter(is_wanted).collect())
}

/// Before a run.
fn about(options: &Options, ground: &Ground) -> About {
    let said = |program: &str, arguments: &[&str]| {
        let output = Command::new(program)
            .args(arguments)
            .current_dir(tools::top())
            .output();
        let text = output.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned());
        text.unwrap_or_default()
    };
    About {
        date: said("date", &["-u", "+%F"]),
        commit: said("git", &["describe", "--always", "--dirty"]),
        machine: format!(
            "{}, {} processors",
            said("uname", &["-m"]),
            said("nproc", &["--all"])
        ),
        cores: ground.cores.count,
        turns: options.turns,
        length: options.length.as_secs_f64(),
        minutes: 0.0,
    }
}

fn tell(report: &Report, options: &Options) -> std::io::Result<()> {
    let folder = folder();
    std::fs::create_dir_all(&folder)?;
    std::fs::write(folder.join("bench.json"), report::json::text(report))?;
    std::fs::write(folder.join("bench.html"), report::page::text(report))?;
    if options.markdown {
        print!("{}", report::table::markdown(report));
    } else {
        print!("{}", report::table::text(report));
    }
    eprintln!(
        "also in {0}/bench.json and {0}/bench.html",
        folder.display()
    );
    Ok(())
}

/// Where results and fetched peers are: `bench` below cargo's folder, in which this program is two levels down.
fn folder() -> PathBuf {
    let program = std::env::current_exe().unwrap_or_default();
    let target = program.ancestors().nth(2);
    target.unwrap_or(&program).join("bench")
}

/// Whether ours took part in every experiment, and every message of it came once and in order.
fn is_whole(experiments: &[Experiment], results: &Results) -> bool {
    let fails = results
        .failures
        .iter()
        .any(|failure| failure.broker == OURS);
    let faulty = |e: &Experiment| results.faults(e.name, OURS) != Faults::default();
    !fails && !experiments.iter().any(faulty)
}

/// What a quick run does.
const QUICK: [&str; 8] = [
    "p2p-q0-64-closed",
    "p2p-q1-64",
    "p2p-q2-64",
    "p2p-q0-100x1",
    "fan1000-q0",
    "fanin1000-q1",
    "lat-q0-2k",
    "start",
];
