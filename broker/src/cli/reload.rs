// SPDX-License-Identifier: Apache-2.0 OR MIT
//! `broker reload`: lets the running broker read its configuration again and says what came of it.

use std::process::ExitCode;

use super::socket::Socket;
use super::{failed, help, misused};
use crate::control::client::ask;
use crate::control::protocol::{Action, Body};

/// Runs the command with the arguments that follow its name; 0 if the configuration was accepted, else 1.
pub fn run(arguments: lexopt::Parser) -> ExitCode {
    let socket = match Socket::parse(arguments, false) {
        Ok(Some(socket)) => socket,
        Ok(None) => return help(HELP),
        Err(error) => return misused("reload", error),
    };
    match ask(&socket.path, Action::Reload) {
        Ok(Body::Reload(outcome)) => {
            outcome.lines.iter().for_each(|line| println!("{line}"));
            ExitCode::from(u8::from(!outcome.accepted))
        }
        Ok(Body::Error(fault)) => failed("reload", fault, 1),
        Ok(Body::Status(_)) => failed("reload", "the broker answered something else", 1),
        Err(error) => failed("reload", error, 1),
    }
}

const HELP: &str = "\
Let the running broker read its configuration again. A file with a mistake changes nothing.

Usage: broker reload [--control PATH]

      --control PATH   The control socket of the broker (default: /run/broker/control)

Exit status: 0 the configuration is accepted and in force, 1 it is refused or no broker is running.";
