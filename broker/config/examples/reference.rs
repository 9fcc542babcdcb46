// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Prints what is generated from the table of keys: `reference sample` or `reference man`.
#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_macros,
    reason = "it is a program"
)]

use std::process::ExitCode;

fn main() -> ExitCode {
    match std::env::args().nth(1).as_deref() {
        Some("sample") => print!("{}", broker_config::sample()),
        Some("man") => print!("{}", broker_config::manual()),
        Some("limits") => print!("{}", broker_config::limit_table()),
        _ => {
            eprintln!("usage: reference sample | man | limits");
            return ExitCode::from(2);
        }
    }
    ExitCode::SUCCESS
}
