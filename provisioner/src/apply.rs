// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Carries out a plan, step by step, without any decision of its own; a failed step does not stop the next.

use std::error::Error;
use std::fmt;
use std::io;

use crate::certificates::{self, CertificateError, Work};
use crate::discovery;
use crate::firewall::Openings;
use crate::network::{self, NetworkError};
use crate::plan::{Plan, Step};
use crate::provision::World;
use crate::ssh::{self, SshError};
use crate::system::{Access, CallError, Group, Machine, files};
use crate::time_servers;

/// What became of a step.
#[derive(Debug)]
pub enum Outcome {
    Done,
    /// Below `--root` the machine itself is not touched.
    BelowRoot,
    /// It depends on a step that failed.
    Pointless,
    Failed(StepError),
}

/// Why a step failed.
#[derive(Debug)]
pub enum StepError {
    Write(io::Error),
    /// There is no group `broker` to give the configuration to.
    NoGroup,
    HostName(CallError),
    /// What stands in `/etc/hosts` is not known, so it cannot be kept.
    UnknownHosts,
    TimeZone(CallError),
    TimeServers(CallError),
    Systemd(CallError),
    Ssh(SshError),
    Certificates(CertificateError),
    Network(NetworkError),
}

/// Does every step and says what became of it.
pub fn carry_out(world: &World, plan: Plan) -> Vec<(Step, Outcome)> {
    let mut done: Vec<(Step, Outcome)> = Vec::with_capacity(plan.steps.len());
    for step in plan.steps {
        let failed = |(before, outcome): &(Step, Outcome)| {
            matches!(outcome, Outcome::Failed(_)) && needs(&step, before)
        };
        let outcome = match done.iter().any(failed) {
            true => Outcome::Pointless,
            false => attempt(world, &step),
        };
        done.push((step, outcome));
    }
    done
}

/// Whether a step is pointless where an earlier one failed.
fn needs(step: &Step, earlier: &Step) -> bool {
    matches!(
        (step, earlier),
        (
            Step::Certificates(_),
            Step::Certificates(Work::MakeAuthority { .. })
        ) | (
            Step::NameInHosts { .. } | Step::AnnounceName(_),
            Step::SetHostName { .. }
        ) | (
            Step::Ssh(ssh::Work::Open { .. }),
            Step::Ssh(ssh::Work::Admit(_))
        ) | (Step::ReloadBroker, Step::WriteConfiguration(_))
    )
}

fn attempt(world: &World, step: &Step) -> Outcome {
    match step {
        Step::Certificates(work) => {
            outcome(certificates::carry_out(world, work).map_err(StepError::Certificates))
        }
        Step::WriteConfiguration(text) => outcome(write_configuration(world, text)),
        Step::WriteFirewall(openings) => outcome(write_firewall(world, openings)),
        Step::Announce(work) => {
            outcome(discovery::carry_out(world, work).map_err(StepError::Write))
        }
        Step::SetHostName { to, .. } => on_machine(world, |machine| {
            machine.host_name.set(to).map_err(StepError::HostName)
        }),
        Step::AnnounceName(_) => on_machine(world, |machine| {
            let again = machine.units.try_restart(discovery::ANNOUNCER);
            again.map_err(StepError::Systemd)
        }),
        Step::NameInHosts { contents, .. } => {
            on_machine(world, |_| write_hosts(world, contents.as_deref()))
        }
        Step::SetTimeZone { to, .. } => on_machine(world, |machine| {
            machine.local_time.set_zone(to).map_err(StepError::TimeZone)
        }),
        Step::Network(work) => on_machine(world, |machine| {
            network::carry_out(machine, work).map_err(StepError::Network)
        }),
        Step::TimeServers(work) => on_machine(world, |machine| {
            time_servers::carry_out(world, machine, work)
        }),
        Step::Ssh(work) => on_machine(world, |machine| {
            ssh::carry_out(world, machine, work).map_err(StepError::Ssh)
        }),
        Step::ReloadBroker => on_machine(world, |machine| {
            machine.broker.reload().map_err(StepError::Systemd)
        }),
    }
}

/// Readable by the daemon's group, writable by root only.
fn write_configuration(world: &World, text: &str) -> Result<(), StepError> {
    let group = match world.accounts.configuration_group {
        Group::Id(group) => Some(group),
        Group::Callers => None,
        Group::Missing => return Err(StepError::NoGroup),
    };
    let places = &world.places;
    world
        .files
        .make_folder(&places.configuration_folder, 0o755)
        .map_err(StepError::Write)?;
    let access = Access { mode: 0o640, group };
    files::replace(world.files, &places.configuration, text.as_bytes(), access)
        .map_err(StepError::Write)
}

/// For root alone, who loads it.
fn write_firewall(world: &World, openings: &Openings) -> Result<(), StepError> {
    let places = &world.places;
    let access = Access::ROOTS;
    let text = openings.to_nft();
    world
        .files
        .make_folder(&places.configuration_folder, 0o755)
        .and_then(|()| files::replace(world.files, &places.firewall, text.as_bytes(), access))
        .map_err(StepError::Write)
}

/// Readable by everybody.
fn write_hosts(world: &World, contents: Option<&[u8]>) -> Result<(), StepError> {
    let contents = contents.ok_or(StepError::UnknownHosts)?;
    let access = Access::EVERYBODYS;
    files::replace(world.files, &world.places.hosts, contents, access).map_err(StepError::Write)
}

fn on_machine(world: &World, act: impl FnOnce(Machine) -> Result<(), StepError>) -> Outcome {
    world
        .machine
        .map_or(Outcome::BelowRoot, |machine| outcome(act(machine)))
}

fn outcome(result: Result<(), StepError>) -> Outcome {
    result.map_or_else(Outcome::Failed, |()| Outcome::Done)
}

impl fmt::Display for StepError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Write(_) => "the file could not be written",
            Self::NoGroup => "there is no group `broker`; install the package mqtt-broker",
            Self::HostName(_) => "asking systemd-hostnamed",
            Self::UnknownHosts => {
                "the file cannot be read, or is longer than 1 MiB; correct it, or remove it"
            }
            Self::TimeZone(_) | Self::TimeServers(_) => "asking systemd-timedated",
            Self::Ssh(error) => return error.fmt(f),
            Self::Systemd(_) => "asking systemd",
            Self::Certificates(error) => return error.fmt(f),
            Self::Network(error) => return error.fmt(f),
        })
    }
}

impl Error for StepError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Write(source) => Some(source),
            Self::NoGroup | Self::UnknownHosts => None,
            Self::Certificates(error) => error.source(),
            Self::Network(error) => error.source(),
            Self::Ssh(error) => error.source(),
            Self::HostName(source)
            | Self::TimeZone(source)
            | Self::TimeServers(source)
            | Self::Systemd(source) => Some(source),
        }
    }
}
