// SPDX-License-Identifier: Apache-2.0 OR MIT
//! `broker store`: looks at what is kept on the disk, takes it out and puts it in, while no broker has it open.

mod census;
mod check;
mod decode;
mod encode;
mod export;
mod folder;
mod import;
mod index;
mod line;
mod stats;

use std::fs::{File, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use super::{failed, help, misused};
use folder::Store;
pub use import::{Done, Failure, Prepared, prepare};

/// Runs the command with the arguments that follow its name.
pub fn run(arguments: lexopt::Parser) -> ExitCode {
    let arguments = match Arguments::parse(arguments) {
        Ok(Some(arguments)) => arguments,
        Ok(None) => return help(HELP),
        Err(error) => return misused("store", error),
    };
    let status = arguments.run(&mut io::stdout().lock(), &mut io::stderr().lock());
    match status {
        Ok(status) => ExitCode::from(status),
        // Whoever read the output has gone.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => ExitCode::from(UNREADABLE),
        Err(error) => failed("store", error, UNREADABLE),
    }
}

/// Exports the store below a state folder for a backup: what of it is lost, or `None` if there is no store.
pub fn back_up(state: &Path, file: &Path) -> Result<Option<Vec<String>>, String> {
    let store = match Store::read(state) {
        Ok(store) => store,
        Err(folder::Fault::Absent(_)) => return Ok(None),
        Err(fault) => return Err(fault.to_string()),
    };
    let mut notes = Vec::new();
    export_file(&store, file, &mut notes)
        .map_err(|error| format!("{} cannot be written: {error}", file.display()))?;
    let notes = String::from_utf8_lossy(&notes);
    Ok(Some(notes.lines().map(str::to_owned).collect()))
}

struct Arguments {
    action: Action,
    state: PathBuf,
    /// Import: what to read. Export: where to, standard output without it.
    file: Option<PathBuf>,
    json: bool,
    replace: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Action {
    Check,
    Stats,
    Export,
    Import,
}

impl Arguments {
    fn parse(mut arguments: lexopt::Parser) -> Result<Option<Self>, lexopt::Error> {
        let action = match arguments.next()? {
            Some(lexopt::Arg::Value(name)) => match name.to_str() {
                Some("check") => Action::Check,
                Some("stats") => Action::Stats,
                Some("export") => Action::Export,
                Some("import") => Action::Import,
                _ => return Err(lexopt::Arg::Value(name).unexpected()),
            },
            Some(lexopt::Arg::Long("help") | lexopt::Arg::Short('h')) => return Ok(None),
            Some(other) => return Err(other.unexpected()),
            None => return Err("check, stats, export or import is missing".into()),
        };
        let mut told = Self {
            action,
            state: PathBuf::from(STATE),
            file: None,
            json: false,
            replace: false,
        };
        while let Some(argument) = arguments.next()? {
            match argument {
                lexopt::Arg::Long("state") => told.state = arguments.value()?.into(),
                lexopt::Arg::Long("json") if action == Action::Stats => told.json = true,
                lexopt::Arg::Long("replace") if action == Action::Import => told.replace = true,
                lexopt::Arg::Value(file) if told.takes_file() => told.file = Some(file.into()),
                lexopt::Arg::Long("help") | lexopt::Arg::Short('h') => return Ok(None),
                other => return Err(other.unexpected()),
            }
        }
        match (action, &told.file) {
            (Action::Import, None) => Err("the FILE to import is missing".into()),
            _ => Ok(Some(told)),
        }
    }

    fn takes_file(&self) -> bool {
        self.file.is_none() && matches!(self.action, Action::Export | Action::Import)
    }

    /// Returns the exit status; an error is one of writing.
    fn run(&self, out: &mut impl Write, notes: &mut impl Write) -> io::Result<u8> {
        if let (Action::Import, Some(file)) = (self.action, &self.file) {
            return import_file(file, &self.state, self.replace, out, notes);
        }
        let store = match Store::read(&self.state) {
            Ok(store) => store,
            Err(fault) => {
                writeln!(notes, "broker store: {fault}")?;
                return Ok(UNREADABLE);
            }
        };
        let whole = match self.action {
            Action::Check => check::check(&store, out)?,
            Action::Stats => stats::stats(&store, self.json, out)?,
            Action::Export | Action::Import => match &self.file {
                None => export::export(&store, BufWriter::new(out), notes)?,
                Some(file) => match export_file(&store, file, notes) {
                    Ok(whole) => whole,
                    Err(error) => {
                        let file = file.display();
                        writeln!(
                            notes,
                            "broker store export: {file} cannot be written: {error}"
                        )?;
                        return Ok(UNREADABLE);
                    }
                },
            },
        };
        Ok(if whole { 0 } else { DAMAGED })
    }
}

/// The file is there whole or not at all, and for nobody else to read.
fn export_file(store: &Store, file: &Path, notes: &mut impl Write) -> io::Result<bool> {
    let mut name = file.as_os_str().to_owned();
    name.push(".new");
    let new = PathBuf::from(name);
    let opened = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&new)?;
    let whole = export::export(store, BufWriter::new(&opened), notes)?;
    opened.sync_all()?;
    std::fs::rename(&new, file)?;
    let folder = file.parent().filter(|path| !path.as_os_str().is_empty());
    File::open(folder.unwrap_or(Path::new(".")))?.sync_all()?;
    Ok(whole)
}

fn import_file(
    file: &Path,
    state: &Path,
    replace: bool,
    out: &mut impl Write,
    notes: &mut impl Write,
) -> io::Result<u8> {
    let name = file.display();
    match import::import(file, state, replace) {
        Ok(done) => {
            writeln!(out, "{} records are in the store", done.records)?;
            if let Some(aside) = done.set_aside {
                writeln!(out, "what was there is kept in {}", aside.display())?;
            }
            Ok(0)
        }
        Err(Failure::Faults(faults)) => {
            for (line, fault) in &faults {
                writeln!(notes, "{name}:{line}: {fault}")?;
            }
            let more = match faults.len() {
                import::MAX_FAULTS.. => ", and maybe more",
                _ => "",
            };
            let count = faults.len();
            writeln!(
                notes,
                "broker store import: {count} faults{more}: nothing was imported"
            )?;
            Ok(DAMAGED)
        }
        Err(failure) => {
            writeln!(
                notes,
                "broker store import: {failure}; nothing was imported"
            )?;
            Ok(UNREADABLE)
        }
    }
}

/// Where the packaged daemon keeps state.
const STATE: &str = "/var/lib/broker";
/// Exit status where something is lost, or a file to import has faults.
const DAMAGED: u8 = 1;
/// Exit status where nothing could be done.
const UNREADABLE: u8 = 2;

const HELP: &str = "\
Look at what the broker keeps on the disk, take it out, or put it in.

Usage: broker store check  [--state FOLDER]
       broker store stats  [--state FOLDER] [--json]
       broker store export [--state FOLDER] [FILE]
       broker store import [--state FOLDER] [--replace] FILE

  check    Read everything, change nothing, and say what the broker would make of it
  stats    Sessions, subscriptions, messages, bytes, and the longest queues
  export   Print all of it, also of a damaged store, as one JSON object a line; FILE is
           replaced and readable for its owner only
  import   Make an export the store; a FILE with a fault changes nothing

      --state FOLDER   The broker's state folder (default: /var/lib/broker); a copy of it will do
      --json           Print one JSON object for a program instead
      --replace        Set the store aside that is there

The broker must be stopped (systemctl stop broker): while it runs it changes the store under the reader's eyes. A copy must
be made while it is stopped, too. The format of an export is described in docs/store-export.md.

Exit status: 0 done, 1 something is damaged or FILE has faults, 2 wrong arguments, no store, or a broker has it.";

#[cfg(test)]
mod tests;
