// SPDX-License-Identifier: Apache-2.0 OR MIT
//! `durable`: what it costs to keep every acknowledged message, on a real file system, beside Mosquitto in one run.
//!
//! Usage: `durable [SECONDS] --disk FOLDER`; FOLDER is an empty file system of its own on a device that counts what is
//! written. Every message is published at QoS 1 by one of N publishers, each with one message in flight, and retained under a topic of its own, so
//! that each must be written. First, how long a start takes with very much in the store.

mod contestant;
mod device;
mod load;
mod recovery;

use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use contestant::{Contestant, SETTINGS};
use device::Device;

/// Publishers of a turn.
const PUBLISHERS: [usize; 4] = [1, 10, 100, 1_000];
/// Turns of each setting; the middle one counts.
const TURNS: usize = 3;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let (seconds, folder) = match arguments[..] {
        ["--disk", folder] => (Some(3), folder),
        [seconds, "--disk", folder] => (seconds.parse().ok(), folder),
        _ => (None, ""),
    };
    let (Some(seconds), folder) = (seconds, Path::new(folder)) else {
        eprintln!("usage: durable [SECONDS] --disk FOLDER");
        return ExitCode::from(2);
    };
    recovery::measure(folder);
    let device = Device::below(folder);
    println!(
        "| broker | publishers | acknowledged/s | CPU µs each | flushes/s | messages per flush | bytes written each |"
    );
    println!("| --- | --- | --- | --- | --- | --- | --- |");
    for publishers in PUBLISHERS {
        for setting in &SETTINGS {
            let turn = |_| run(setting, publishers, folder, &device, seconds);
            let mut turns: Vec<_> = (0..TURNS).map(turn).collect();
            turns.sort_by(|one, two| one.rate.total_cmp(&two.rate));
            println!("| {} | {publishers} | {} |", setting.name, turns[TURNS / 2]);
        }
    }
    ExitCode::SUCCESS
}

fn run(
    setting: &contestant::Setting,
    publishers: usize,
    folder: &Path,
    device: &Device,
    seconds: u64,
) -> load::Measured {
    let contestant = Contestant::start(setting, folder);
    load::run(
        &contestant,
        publishers,
        device,
        Duration::from_secs(seconds),
    )
}
