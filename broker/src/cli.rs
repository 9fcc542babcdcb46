// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The commands beside `broker run`; each module is one of them, and what they share stands here.

mod arguments;
pub mod backup;
pub mod cert;
pub mod check;
mod client;
mod device;
pub mod health;
pub mod passwd;
pub mod publish;
pub mod reload;
pub mod restore;
mod socket;
pub mod status;
pub mod store;
pub mod subscribe;

use std::fmt::Display;
use std::process::ExitCode;

/// The arguments are wrong: says so on standard error.
fn misused(command: &str, fault: impl Display) -> ExitCode {
    eprintln!("broker {command}: {fault}\nTry `broker {command} --help`.");
    ExitCode::from(2)
}

/// The command failed: says so on standard error.
fn failed(command: &str, fault: impl Display, status: u8) -> ExitCode {
    eprintln!("broker {command}: {fault}");
    ExitCode::from(status)
}

fn help(text: &str) -> ExitCode {
    println!("{text}");
    ExitCode::SUCCESS
}
