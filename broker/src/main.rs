// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The `broker` program: the daemon (`broker run`) and the commands around it.

mod access;
mod app;
mod auth;
mod canary;
mod cli;
mod connection;
mod control;
mod descriptors;
#[cfg(test)]
mod dialogue;
mod hub;
mod link;
mod listener;
mod lobby;
mod local_socket;
mod logging;
mod memory;
mod options;
mod outgoing;
mod reload;
mod storage;
mod supervisor;
mod systemd;
mod tls;
mod transport;

use std::process::ExitCode;

use listener::Passed;
use options::RunOptions;

fn main() -> ExitCode {
    let mut arguments = lexopt::Parser::from_env();
    let command = match arguments.next() {
        Ok(Some(lexopt::Arg::Value(name))) => name,
        Ok(Some(lexopt::Arg::Long("version") | lexopt::Arg::Short('V'))) => return say(VERSION),
        Ok(Some(lexopt::Arg::Long("help") | lexopt::Arg::Short('h'))) | Ok(None) => {
            return say(HELP);
        }
        Ok(Some(other)) => return misused(&other.unexpected().to_string()),
        Err(error) => return misused(&error.to_string()),
    };
    match command.to_str() {
        Some("run") => run(arguments),
        Some("check") => cli::check::run(arguments),
        Some("passwd") => cli::passwd::run(arguments),
        Some("cert") => cli::cert::run(arguments),
        Some("status") => cli::status::run(arguments),
        Some("health") => cli::health::run(arguments),
        Some("reload") => cli::reload::run(arguments),
        Some("store") => cli::store::run(arguments),
        Some("backup") => cli::backup::run(arguments),
        Some("restore") => cli::restore::run(arguments),
        Some("pub") => cli::publish::run(arguments),
        Some("sub") => cli::subscribe::run(arguments),
        Some("help") => say(HELP),
        _ => misused(&format!("there is no command {command:?}")),
    }
}

/// `broker run`: the daemon, on at most four worker threads.
fn run(arguments: lexopt::Parser) -> ExitCode {
    let options = match RunOptions::parse(arguments) {
        Ok(Some(options)) => options,
        Ok(None) => return say(options::HELP),
        Err(error) => return misused(&error.to_string()),
    };
    let passed = Passed::from_environment();
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(cores.min(MAX_WORKERS))
        .thread_name("broker-worker")
        .enable_all()
        .build();
    match runtime {
        Ok(runtime) => {
            let code = runtime.block_on(app::run(options, passed));
            runtime.shutdown_background();
            code
        }
        Err(error) => {
            eprintln!("broker: the worker threads cannot be started: {error}");
            ExitCode::FAILURE
        }
    }
}

fn say(text: &str) -> ExitCode {
    println!("{text}");
    ExitCode::SUCCESS
}

fn misused(fault: &str) -> ExitCode {
    eprintln!("broker: {fault}\nTry `broker --help`.");
    ExitCode::from(EXIT_USAGE)
}

/// More workers than a Pi has cores gain nothing.
const MAX_WORKERS: usize = 4;
/// Exit status of a command that was given wrong arguments.
const EXIT_USAGE: u8 = 2;

const VERSION: &str = concat!("broker ", env!("CARGO_PKG_VERSION"));

const HELP: &str = "\
An MQTT broker (MQTT 3.1, 3.1.1 and 5.0, over TCP and WebSocket).

Usage: broker COMMAND [OPTIONS]

  run      Start the broker in the foreground
  check    Say whether a broker.toml is valid, and what it would open
  passwd   Turn a password into a password_hash line for broker.toml
  cert     Make, list and revoke clients' certificates of this device's authority
  status   Show the running broker's listeners, clients and counters
  health   Say whether the running broker is ready and every listener answers
  reload   Let the running broker read its configuration again
  store    Check, count, export or import what is kept on the disk
  backup   Write settings and store of this device into one file
  restore  Make this device what such a file says
  pub      Publish a message to any MQTT broker
  sub      Print the messages of a topic of any MQTT broker

`broker COMMAND --help` explains each of them; `broker --version` prints the version.";
