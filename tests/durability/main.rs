// SPDX-License-Identifier: Apache-2.0 OR MIT
//! `durability`: real brokers, killed and cut from the power under load, and held against everything they acknowledged.
//!
//! Usage: `durability [--seed N] [--kills N] [--cuts N] [--only ours|mosquitto|control] [--control NAME=BROKER]...`; the
//! broker is the one built beside this program or `BROKER_BIN`. A control is a broken build that must lose something; it gets
//! power cuts only, and like Mosquitto a twentieth of the rounds.
//! Prints a table in Markdown; fails if a row of ours has anything but zeros, or a control has nothing but zeros.

mod card;
mod changer;
mod contestant;
mod crowd;
mod diary;
mod findings;
mod fleet;
mod fuse;
mod group;
mod image;
mod inbox;
mod intake;
mod kill;
mod lane;
mod link;
mod power;
mod publisher;
mod retained;
mod scene;
mod subscriber;
mod table;

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{SystemTime, UNIX_EPOCH};

use contestant::Contestant;
use tests::{free_ports, tools};

struct Options {
    seed: u64,
    kills: u32,
    cuts: u32,
    only: Option<String>,
    /// Names and programs.
    controls: Vec<(String, PathBuf)>,
}

fn main() -> ExitCode {
    let Some(options) = options(std::env::args().skip(1)) else {
        eprintln!("{USAGE}");
        return ExitCode::from(2);
    };
    let entered = if options.cuts > 0 {
        card::enter()
    } else {
        Ok(())
    };
    if let Err(error) = entered {
        eprintln!("durability mounts file systems: please run it as root ({error})");
        return ExitCode::from(2);
    }
    println!("seed {}", options.seed);
    let (port, _) = free_ports();
    let mut rows = Vec::new();
    for contestant in contestants(&options) {
        // What loses something takes long to wait for it, and a few rounds show it.
        let share = |rounds: u32| match contestant.is_ours() && !contestant.is_control {
            true => rounds,
            false => rounds.div_ceil(20),
        };
        // A kill alone takes nothing from who leaves out the flushes.
        if options.kills > 0 && !contestant.is_control {
            rows.push(kill::run(
                &contestant,
                share(options.kills),
                options.seed,
                port,
            ));
        }
        if options.cuts > 0 {
            rows.push(power::run(
                &contestant,
                share(options.cuts),
                options.seed,
                port,
            ));
        }
    }
    if table::print(&rows) {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

fn contestants(options: &Options) -> Vec<Contestant> {
    let wanted = |kind: &str| options.only.as_deref().is_none_or(|only| only == kind);
    let mut contestants = Vec::new();
    if wanted("ours") {
        contestants.push(Contestant::ours("broker", tools::program(), false));
    }
    if wanted("control") {
        let controls = options.controls.iter();
        contestants
            .extend(controls.map(|(name, broker)| Contestant::ours(name, broker.clone(), true)));
    }
    if wanted("mosquitto") {
        contestants.extend(Contestant::mosquittos());
    }
    contestants
}

fn options(mut arguments: impl Iterator<Item = String>) -> Option<Options> {
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    let mut options = Options {
        seed: now.as_secs(),
        kills: 200,
        cuts: 200,
        only: None,
        controls: Vec::new(),
    };
    while let Some(argument) = arguments.next() {
        let value = arguments.next()?;
        match argument.as_str() {
            "--seed" => options.seed = value.parse().ok()?,
            "--kills" => options.kills = value.parse().ok()?,
            "--cuts" => options.cuts = value.parse().ok()?,
            "--only" => options.only = Some(value),
            "--control" => {
                let (name, broker) = value.split_once('=')?;
                options.controls.push((name.to_owned(), broker.into()));
            }
            _ => return None,
        }
    }
    Some(options)
}

const USAGE: &str = "usage: durability [--seed N] [--kills N] [--cuts N] [--only ours|mosquitto|control] [--control NAME=BROKER]...";
