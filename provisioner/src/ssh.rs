// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The way in for people: sshd, which runs only while `broker.toml` names keys, and lets in nobody else.
//!
//! That sshd takes nothing but these keys is the appliance package's part; without its settings no key is taken. Where
//! neither that package nor a key of ours is, SSH is somebody else's and left alone.

mod door;

use std::error::Error;
use std::fmt;
use std::io;

use broker_config::AuthorizedKey;

use crate::desired::Desired;
use crate::provision::World;
use crate::system::{Access, CallError, Machine, UnitState, files};

pub use door::{Door, Key};

/// What was seen.
#[derive(Default)]
pub struct Seen {
    /// The file of keys; `None` also if it cannot be read, so that it is written anew.
    pub keys: Option<Vec<u8>>,
    /// Whether the settings stand that keep everybody else out.
    pub is_guarded: bool,
    /// `None` if nobody wants to know, or nobody says.
    pub unit: Option<UnitState>,
}

/// One change.
#[derive(Clone, PartialEq, Eq)]
pub enum Work {
    /// Lets these in and none else.
    Admit(Vec<AuthorizedKey>),
    /// Starts it now and with every boot.
    Open {
        /// What was started before.
        has_failed: bool,
    },
    /// Lets nobody in.
    Forget,
    /// Stops it, now and with every boot.
    Close,
}

/// Why it could not be done.
#[derive(Debug)]
pub enum SshError {
    /// Without them sshd might take passwords.
    NoSettings,
    NotInstalled,
    Write(io::Error),
    Systemd(CallError),
}

/// Looks at the machine; changes nothing.
pub fn see(world: &World, desired: &Desired) -> Seen {
    let places = &world.places;
    let keys = world.files.read(&places.authorized_keys, LIMIT);
    let keys = keys.ok().flatten();
    let is_guarded = is_guarded(world);
    let is_ours = is_guarded || keys.is_some() || !desired.machine.authorized_keys.is_empty();
    let machine = world.machine.filter(|_| is_ours);
    Seen {
        keys,
        is_guarded,
        unit: machine.and_then(|machine| machine.units.state(UNIT).ok()),
    }
}

fn is_guarded(world: &World) -> bool {
    matches!(world.files.len(&world.places.sshd_settings), Ok(Some(_)))
}

/// What is missing. Pure.
pub fn work(keys: &[AuthorizedKey], seen: &Seen) -> Vec<Work> {
    let unit = seen.unit.unwrap_or_default();
    let mut work = Vec::new();
    if keys.is_empty() {
        work.extend(seen.keys.as_ref().map(|_| Work::Forget));
        let is_ours = seen.is_guarded || seen.keys.is_some();
        work.extend((is_ours && (unit.runs || unit.is_enabled)).then_some(Work::Close));
        return work;
    }
    if seen.keys.as_deref() != Some(lines(keys).as_bytes()) {
        work.push(Work::Admit(keys.to_vec()));
    }
    if !(unit.runs && unit.is_enabled) {
        work.push(Work::Open {
            has_failed: unit.has_failed,
        });
    }
    work
}

/// Does one change.
pub fn carry_out(world: &World, machine: Machine, work: &Work) -> Result<(), SshError> {
    match work {
        Work::Admit(keys) if is_guarded(world) => admit(world, keys).map_err(SshError::Write),
        Work::Admit(_) => Err(SshError::NoSettings),
        Work::Open { .. } => open(machine),
        Work::Forget => {
            files::discard(world.files, &world.places.authorized_keys).map_err(SshError::Write)
        }
        Work::Close => {
            let stopped = machine.units.stop(UNIT);
            machine.units.disable(UNIT).map_err(SshError::Systemd)?;
            stopped.map_err(SshError::Systemd)
        }
    }
}

/// For root alone, who reads it at every login.
fn admit(world: &World, keys: &[AuthorizedKey]) -> io::Result<()> {
    let places = &world.places;
    let access = Access::ROOTS;
    world
        .files
        .make_folder(&places.configuration_folder, 0o755)?;
    let text = lines(keys);
    files::replace(
        world.files,
        &places.authorized_keys,
        text.as_bytes(),
        access,
    )
}

fn open(machine: Machine) -> Result<(), SshError> {
    let state = machine.units.state(UNIT).map_err(SshError::Systemd)?;
    if !state.is_installed {
        return Err(SshError::NotInstalled);
    }
    machine.units.enable(UNIT).map_err(SshError::Systemd)?;
    machine.units.start(UNIT).map_err(SshError::Systemd)
}

/// The file of keys.
fn lines(keys: &[AuthorizedKey]) -> String {
    let lines = keys.iter().map(|key| format!("{}\n", key.as_str()));
    HEADER.to_owned() + &lines.collect::<String>()
}

impl fmt::Display for Work {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Admit(keys) if keys.len() == 1 => f.write_str("let 1 key log in over SSH"),
            Self::Admit(keys) => write!(f, "let {} keys log in over SSH", keys.len()),
            Self::Open { has_failed: false } => f.write_str("start SSH, now and at every start"),
            Self::Open { has_failed: true } => {
                f.write_str("start SSH again, which failed (`journalctl -u ssh` says why)")
            }
            Self::Forget => f.write_str("let no key log in over SSH any more"),
            Self::Close => f.write_str("stop SSH, now and at every start"),
        }
    }
}

impl fmt::Display for SshError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NoSettings => {
                "the settings that let in keys only are missing; install the package mqtt-broker-appliance and \
                 start the machine again"
            }
            Self::NotInstalled => {
                "there is no ssh.service that could be started; install the package openssh-server"
            }
            Self::Write(_) => "the file of keys could not be written",
            Self::Systemd(_) => "asking systemd",
        })
    }
}

impl Error for SshError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::NoSettings | Self::NotInstalled => None,
            Self::Write(source) => Some(source),
            Self::Systemd(source) => Some(source),
        }
    }
}

/// Where sshd listens.
pub const PORT: u16 = 22;
const UNIT: &str = "ssh.service";
const HEADER: &str = "# Written by broker-provision from broker.toml; changed again with it.\n";
/// Bytes of a file written by this program.
const LIMIT: u64 = 1024 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str =
        "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIB+XqylKywY4P6kvF1qaNqLSnyUsBENKBRgq47iG3Pbk me";
    const ADMIT: &str = "let 1 key log in over SSH";
    const OPEN: &str = "start SSH, now and at every start";
    const AGAIN: &str = "start SSH again, which failed (`journalctl -u ssh` says why)";
    const FORGET: &str = "let no key log in over SSH any more";
    const CLOSE: &str = "stop SSH, now and at every start";

    /// The keys wanted, the file of keys, whether our settings count, the unit; and what is to be done.
    type Case<'a> = (
        &'a [AuthorizedKey],
        Option<&'a str>,
        bool,
        Option<UnitState>,
        &'a [&'a str],
    );

    #[test]
    fn what_is_missing_follows_from_the_keys_and_what_stands() {
        let keys = [AuthorizedKey::parse(KEY).unwrap()];
        let ours = lines(&keys);
        let idle = UnitState {
            is_installed: true,
            ..UnitState::default()
        };
        let enabled = UnitState {
            is_enabled: true,
            ..idle
        };
        let failed = UnitState {
            has_failed: true,
            ..enabled
        };
        let runs = UnitState {
            runs: true,
            ..enabled
        };
        let cases: [Case; 13] = [
            (&[], None, true, Some(idle), &[]),
            (&[], None, true, None, &[]),
            (&[], None, true, Some(enabled), &[CLOSE]),
            (&[], None, true, Some(runs), &[CLOSE]),
            (&[], None, false, Some(runs), &[]),
            (&[], Some("x"), false, Some(runs), &[FORGET, CLOSE]),
            (&[], Some("x"), true, Some(idle), &[FORGET]),
            (&keys, None, true, Some(idle), &[ADMIT, OPEN]),
            (&keys, Some(&ours), true, Some(enabled), &[OPEN]),
            (&keys, Some(&ours), true, Some(runs), &[]),
            (&keys, Some(&ours), true, Some(failed), &[AGAIN]),
            (&keys, Some("x"), true, Some(runs), &[ADMIT]),
            (&keys, Some(&ours), true, None, &[OPEN]),
        ];
        for (number, (keys, file, is_guarded, unit, expected)) in cases.into_iter().enumerate() {
            let seen = Seen {
                keys: file.map(|text| text.as_bytes().to_vec()),
                is_guarded,
                unit,
            };
            let work = work(keys, &seen);
            let work: Vec<_> = work.iter().map(ToString::to_string).collect();
            assert_eq!(work, expected, "case {number}");
        }
    }
}
