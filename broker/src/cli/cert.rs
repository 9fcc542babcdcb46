// SPDX-License-Identifier: Apache-2.0 OR MIT
//! `broker cert`: makes, lists and revokes clients' certificates, by way of `broker-provision`, which has the authority.

use std::io;
use std::os::unix::process::CommandExt;
use std::process::{Command, ExitCode};

use super::{failed, help, misused};

/// Becomes `broker-provision cert` with the arguments that follow; 1 if that is not installed.
pub fn run(mut arguments: lexopt::Parser) -> ExitCode {
    let arguments: Vec<_> = match arguments.raw_args() {
        Ok(arguments) => arguments.collect(),
        Err(error) => return misused("cert", error),
    };
    match arguments.first().and_then(|first| first.to_str()) {
        None => return misused("cert", "what is to be done: client, list or revoke?"),
        Some("--help" | "-h") => return help(HELP),
        Some(_) => (),
    }
    let beside = std::env::current_exe().map(|program| program.with_file_name(PROVISIONER));
    let error = match beside {
        Ok(program) =>
        {
            #[expect(
                clippy::disallowed_methods,
                reason = "this command, which serves nobody, becomes the other program"
            )]
            Command::new(program).arg("cert").args(arguments).exec()
        }
        Err(error) => error,
    };
    match error.kind() {
        io::ErrorKind::NotFound => failed(
            "cert",
            "broker-provision, which has this device's certification authority, is not here; \
             install the package mqtt-broker-provisioner",
            1,
        ),
        _ => failed("cert", format!("starting {PROVISIONER}: {error}"), 1),
    }
}

/// The program beside this one.
const PROVISIONER: &str = "broker-provision";

const HELP: &str = "\
Make, list and revoke certificates with which clients log in. Only root can.

Usage: broker cert client NAME [--days N] [--out FOLDER]
       broker cert list
       broker cert revoke NAME|SERIAL

  client   Make NAME.crt and NAME.key, and say what to do with them
  list     Show every certificate that was made
  revoke   Let nobody in any more with those of a name, or with one by its serial number

      --days N       How long it counts (default: 730 days)
      --out FOLDER   Where to write the files (default: the current folder)

Exit status: 0 done, 1 not done, 2 the arguments are wrong.";
