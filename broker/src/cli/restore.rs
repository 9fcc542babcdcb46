// SPDX-License-Identifier: Apache-2.0 OR MIT
//! `broker restore`: makes a device what a backup says, whole or not at all.

mod apply;
mod archive;

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use nix::errno::Errno;
use nix::fcntl::{Flock, FlockArg};

use super::backup::manifest::Manifest;
use super::backup::places::{Places, Target};
use super::store::{self, Done, Failure, Prepared};
use super::{failed, help, misused};
use crate::storage::{self, Lock, Locked};
use apply::Changes;
use archive::Archive;

/// Runs the command with the arguments that follow its name; 1 where nothing was changed.
pub fn run(arguments: lexopt::Parser) -> ExitCode {
    let (file, root) = match parse(arguments) {
        Ok(Some(told)) => told,
        Ok(None) => return help(HELP),
        Err(error) => return misused("restore", error),
    };
    let places = Places::below(&root);
    let staged = places.state.join("restore.jsonl");
    let outcome = restore(&file, &places, &staged);
    // It is in the store now, or of no use.
    let _ = fs::remove_file(&staged);
    match outcome {
        Ok(told) => help(&told.join("\n")),
        Err(fault) => failed("restore", fault, 1),
    }
}

fn parse(mut arguments: lexopt::Parser) -> Result<Option<(PathBuf, PathBuf)>, lexopt::Error> {
    let (mut file, mut root) = (None, PathBuf::from("/"));
    while let Some(argument) = arguments.next()? {
        match argument {
            lexopt::Arg::Long("root") => root = arguments.value()?.into(),
            lexopt::Arg::Long("help") | lexopt::Arg::Short('h') => return Ok(None),
            lexopt::Arg::Value(value) if file.is_none() => file = Some(value.into()),
            other => return Err(other.unexpected()),
        }
    }
    let file = file.ok_or("the FILE to restore is missing")?;
    Ok(Some((file, root)))
}

/// What is to be told, a line each.
fn restore(file: &Path, places: &Places, staged: &Path) -> Result<Vec<String>, String> {
    let _provisioner = keep_out_provisioner(places)?;
    let _broker = keep_out_broker(places)?;
    let wrong = |wrong: archive::Wrong| format!("{}: {wrong}; nothing was changed", file.display());
    let archive = archive::read(file, places, staged).map_err(wrong)?;
    drop(_broker);
    let store = archive
        .has_store
        .then(|| store::prepare(staged, &places.state, true));
    let store = store.transpose().map_err(|failure| told(&failure))?;
    let stamp = Target {
        path: places.stamp(),
        is_roots: true,
        limit: 0,
    };
    let begun = Changes::begin(places);
    let mut changes = begun.map_err(|error| {
        format!(
            "{} cannot be written: {error}; nothing was changed",
            places.state.display()
        )
    })?;
    let done = put_all(places, &archive, &stamp, &mut changes).and_then(|()| commit(store));
    match done {
        Ok(done) => {
            changes.finish()?;
            Ok(words(places, &archive, done))
        }
        Err(fault) => match changes.undo() {
            Ok(()) => Err(format!("{fault}; nothing was changed")),
            Err(worse) => Err(format!(
                "{fault}; and {worse}: do it once more before the broker starts"
            )),
        },
    }
}

fn put_all<'a>(
    places: &Places,
    archive: &'a Archive,
    stamp: &'a Target,
    changes: &mut Changes<'a>,
) -> Result<(), String> {
    for (target, contents) in &archive.files {
        if is_for(places, &archive.manifest, target) {
            changes.put(target, Some(contents))?;
        }
    }
    match fs::exists(&stamp.path) {
        Ok(true) => changes.put(stamp, None),
        _ => Ok(()),
    }
}

/// With a provisioner, settings without hashes are its business, which knows those that this device has.
fn is_for(places: &Places, manifest: &Manifest, target: &Target) -> bool {
    let is_settings = target.path == places.configuration.join("broker.toml");
    let on_card = target.path.starts_with(&places.card);
    match places.device.is_dir() {
        true => !is_settings || manifest.with_secrets,
        false => !on_card && !target.is_roots,
    }
}

fn commit(store: Option<Prepared>) -> Result<Option<Done>, String> {
    store
        .map(Prepared::commit)
        .transpose()
        .map_err(|failure| failure.to_string())
}

fn told(failure: &Failure) -> String {
    match failure {
        Failure::Faults(faults) => {
            let first = faults
                .first()
                .map(|(line, fault)| format!(", the first in line {line}: {fault}"));
            format!(
                "the store in it has faults{}; nothing was changed",
                first.unwrap_or_default()
            )
        }
        other => format!("{other}; nothing was changed"),
    }
}

fn words(places: &Places, archive: &Archive, done: Option<Done>) -> Vec<String> {
    let manifest = &archive.manifest;
    let (host, made) = (manifest.host.escape_debug(), manifest.made.escape_debug());
    let mut lines = vec![format!(
        "the backup of {host}, made {made}, is restored: {} files",
        archive.files.len()
    )];
    if let Some(done) = done {
        lines.push(format!("{} records are in the store", done.records));
        let aside = done.set_aside;
        lines.extend(aside.map(|aside| format!("what was there is kept in {}", aside.display())));
    }
    if !manifest.with_secrets {
        lines.push(WITHOUT_SECRETS.to_owned());
    }
    lines.push(match places.device.is_dir() {
        true => "now restart the device: broker.toml on the boot partition is taken anew, and the report says what came of it".to_owned(),
        false => "now start the broker (systemctl start broker)".to_owned(),
    });
    lines
}

/// Held while a broker must not start on the store; it must not run now.
fn keep_out_broker(places: &Places) -> Result<Option<Lock>, String> {
    let store = storage::folder(&places.state);
    match Lock::share(&store) {
        Ok(lock) => Ok(lock),
        Err(Locked::By(who)) => Err(format!(
            "{} is in use ({who}); stop it first, as with `systemctl stop broker`",
            store.display()
        )),
        Err(Locked::Unknown(error)) => Err(format!(
            "{} cannot be read: {error}; use sudo",
            store.display()
        )),
    }
}

/// Waits for no other run of `broker-provision`; `None` where it is not installed.
fn keep_out_provisioner(places: &Places) -> Result<Option<Flock<File>>, String> {
    let path = places.device.join("lock");
    if !places.device.is_dir() {
        return Ok(None);
    }
    let file = File::create(&path)
        .map_err(|error| format!("{} cannot be written: {error}; use sudo", path.display()))?;
    match Flock::lock(file, FlockArg::LockExclusiveNonblock) {
        Ok(lock) => Ok(Some(lock)),
        Err((_, Errno::EWOULDBLOCK)) => {
            Err("broker-provision is at work; try again in a minute".to_owned())
        }
        Err((_, error)) => Err(format!("{} cannot be locked: {error}", path.display())),
    }
}

const WITHOUT_SECRETS: &str = "\
passwords and private keys are not in it: those that this device has stay, the others are to be written into broker.toml";

const HELP: &str = "\
Make this device what a backup says: settings, sessions and messages, and what secrets are in it. Only root can.

Usage: broker restore FILE

      --root DIR   The device's root file system (default: /)

The broker must be stopped (systemctl stop broker). Everything is checked first; a FILE with a fault changes nothing. The
store that was there is set aside. After a power cut the broker does not start until the same command is done again.

Exit status: 0 done, 1 nothing was changed, 2 the arguments are wrong.";
