// SPDX-License-Identifier: Apache-2.0 OR MIT
//! `broker check`: the verdict on a broker.toml, the same that the daemon and the provisioner come to.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use broker_config::Reading;

use super::{failed, help, misused};
use crate::reload::files::{self, FileTrouble};
use crate::reload::{self, read_bounded};

/// Runs the command with the arguments that follow its name; 0 for a valid file, 1 for problems, 2 if it cannot be read.
pub fn run(arguments: lexopt::Parser) -> ExitCode {
    match Arguments::parse(arguments) {
        Ok(Some(arguments)) => check(&arguments),
        Ok(None) => help(HELP),
        Err(error) => misused("check", error),
    }
}

struct Arguments {
    file: PathBuf,
    json: bool,
}

impl Arguments {
    fn parse(mut arguments: lexopt::Parser) -> Result<Option<Self>, lexopt::Error> {
        let (mut file, mut json) = (None, false);
        while let Some(argument) = arguments.next()? {
            match argument {
                lexopt::Arg::Long("json") => json = true,
                lexopt::Arg::Long("help") | lexopt::Arg::Short('h') => return Ok(None),
                lexopt::Arg::Value(value) if file.is_none() => file = Some(value.into()),
                other => return Err(other.unexpected()),
            }
        }
        let file = file.ok_or("the FILE to check is missing")?;
        Ok(Some(Self { file, json }))
    }
}

fn check(Arguments { file, json }: &Arguments) -> ExitCode {
    let bytes = match read_bounded(file) {
        Ok(bytes) => bytes,
        Err(error) => {
            return failed(
                "check",
                format_args!("{} cannot be read: {error}", file.display()),
                2,
            );
        }
    };
    let reading = broker_config::read(&bytes);
    let name = file.display().to_string();
    let troubles = troubles(&reading, file);
    let faulty = troubles.iter().any(|trouble| !trouble.is_missing());
    let told: Vec<String> = troubles.iter().flat_map(FileTrouble::lines).collect();
    if *json {
        let mut object = reading.to_json(&name);
        object["files"] = told.into();
        object["valid"] = (reading.verdict.is_ok() && !faulty).into();
        println!("{object:#}");
    } else {
        if faulty {
            println!("{name}: refused because of a file that it names");
        } else {
            print!("{}", reading.to_text(&name));
        }
        told.iter().for_each(|line| println!("  {line}"));
    }
    ExitCode::from(u8::from(reading.verdict.is_err() || faulty))
}

/// What is wrong with the files that a valid configuration names; one that is not there may be where the broker runs.
fn troubles(reading: &Reading, file: &Path) -> Vec<FileTrouble> {
    let Ok(settings) = &reading.verdict else {
        return Vec::new();
    };
    let mut settings = settings.broker.clone();
    files::read(reload::folder(file), &mut settings)
        .err()
        .unwrap_or_default()
}

const HELP: &str = "\
Say whether a broker.toml is valid: every problem with its line and how to mend it, or what the file would open.

Usage: broker check FILE [--json]

      --json   Print one JSON object for a program instead

Exit status: 0 valid, 1 problems, 2 the file cannot be read.";
