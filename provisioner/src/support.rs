// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The bundle for somebody who helps: one text file on the boot partition that says how the device is, without a secret.
//!
//! It is asked for by the command or by a file `support` on the boot partition, and written whole or not at all.

mod gathered;
mod secrets;

use std::error::Error;
use std::fmt;
use std::io;
use std::path::PathBuf;

use crate::provision::World;
use crate::report::{Line, Urgency, chain};
use crate::requests::{self, Kind};
use crate::system::{Access, Witnesses, files};
use secrets::Secrets;

/// Why there is no bundle.
#[derive(Debug)]
pub enum SupportError {
    /// The boot partition cannot be looked at for a request.
    Look(PathBuf, io::Error),
    Write(PathBuf, io::Error),
    /// The bundle stands there; the request does so too, and counts again at the next start.
    Withdraw(PathBuf, io::Error),
}

/// Writes the bundle, if a file on the card asks for it or `always`: the journal's lines, and whether all went well.
pub fn support(world: &World, witnesses: Option<&Witnesses>, always: bool) -> (Vec<Line>, bool) {
    match write(world, witnesses, always) {
        Ok(None) => (Vec::new(), true),
        Ok(Some(length)) => {
            let text = format!(
                "{} is written ({} KiB); it holds no password and no key",
                world.places.support.display(),
                length.div_ceil(1024)
            );
            (vec![(Urgency::Notice, text)], true)
        }
        Err(error) => (vec![(Urgency::Error, chain(&error))], false),
    }
}

/// The length in bytes of what was written.
fn write(
    world: &World,
    witnesses: Option<&Witnesses>,
    always: bool,
) -> Result<Option<usize>, SupportError> {
    let (files, places) = (world.files, &world.places);
    let asked = requests::find(files, &places.boot, Kind::Support);
    let asked = match asked {
        Err(_) if always => Vec::new(),
        asked => asked.map_err(|error| SupportError::Look(places.boot.clone(), error))?,
    };
    if asked.is_empty() && !always {
        return Ok(None);
    }
    let text = bundle(world, witnesses);
    let access = Access::EVERYBODYS;
    if let Err(error) = files::replace(files, &places.support, text.as_bytes(), access) {
        // Half a bundle would take the room that is missing; the first error is the one to be told.
        drop(files.remove(&places.support.with_extension("new")));
        return Err(SupportError::Write(places.support.clone(), error));
    }
    for request in &asked {
        requests::withdraw(files, &places.boot, request)
            .map_err(|error| SupportError::Withdraw(request.path.clone(), error))?;
    }
    Ok(Some(text.len()))
}

/// The whole text, at most 512 KiB, lines ended as every editor shows them.
fn bundle(world: &World, witnesses: Option<&Witnesses>) -> String {
    let secrets = Secrets::of(world);
    let mut text = INTRODUCTION.replace('\n', "\r\n");
    for section in gathered::sections(world, witnesses) {
        let body = secrets.without(&section.body);
        let heading = format!(
            "\r\n{}\r\n{}\r\n",
            section.title,
            "=".repeat(section.title.len())
        );
        text.push_str(&heading);
        text.push_str(&section.end_or_beginning(&body));
    }
    text
}

impl fmt::Display for SupportError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Look(path, _) => write!(f, "looking at {} for a file `support`", path.display()),
            Self::Write(path, error) => {
                let remedy = match error.kind() {
                    io::ErrorKind::StorageFull => {
                        " (the boot partition is full: delete on a computer what is not of the Pi's own start)"
                    }
                    io::ErrorKind::ReadOnlyFilesystem => {
                        " (the boot partition is read-only, as after an error of the card: check the card on a computer)"
                    }
                    _ => "",
                };
                write!(f, "writing {}{remedy}", path.display())
            }
            Self::Withdraw(path, _) => {
                write!(
                    f,
                    "the bundle is written, but not removing {}",
                    path.display()
                )
            }
        }
    }
}

impl Error for SupportError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Look(_, error) | Self::Write(_, error) | Self::Withdraw(_, error) => Some(error),
        }
    }
}

const INTRODUCTION: &str = "\
MQTT broker: how this device is, for somebody who helps
=======================================================

It holds no password, no hash of one and no key. It does name users, clients, topics that the log mentions and addresses
of your network: look through it before you hand it to strangers.
";
