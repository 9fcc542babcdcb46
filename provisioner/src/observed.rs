// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The machine as it is now, as far as the desired state concerns it.

use crate::certificates;
use crate::desired::Desired;
use crate::discovery;
use crate::hosts;
use crate::provision::World;
use crate::system::{CallError, Machine};
use crate::{ssh, time_servers};

/// What was seen.
pub struct Observed {
    /// The daemon's configuration; `None` if there is none or it cannot be read, so that it is written anew.
    pub configuration: Option<Vec<u8>>,
    /// The same of the ports that the firewall opens.
    pub firewall: Option<Vec<u8>>,
    /// The services that are announced; `None` where avahi is not installed.
    pub services: Option<discovery::Files>,
    pub host_name: Seen,
    /// Whether avahi is there, which asks for the host name when it starts and never again.
    pub has_announcer: bool,
    /// `/etc/hosts`, if the host name is wanted; `None` also if it cannot be read.
    pub hosts: Option<Vec<u8>>,
    pub time_zone: Seen,
    pub time_servers: time_servers::Seen,
    pub ssh: ssh::Seen,
    /// Whether the broker runs with the configuration it read earlier.
    pub broker_runs: bool,
    /// `None` if no listener needs a certificate of this device's.
    pub certificates: Option<certificates::Seen>,
}

/// One text about the machine.
#[derive(Debug)]
pub enum Seen {
    Text(String),
    /// Nothing wants to change it, or there is nobody to ask below `--root`.
    NotAsked,
    Unknown,
}

/// Looks at what the desired state wants to have a say in; asks nobody about the rest.
pub fn observe(world: &World, desired: &Desired) -> Observed {
    let (files, machine) = (world.files, world.machine);
    let ask = |wanted: bool, question: &dyn Fn(Machine) -> Result<String, CallError>| match machine
    {
        Some(machine) if wanted => question(machine).map_or(Seen::Unknown, Seen::Text),
        _ => Seen::NotAsked,
    };
    let read = |path| files.read(path, LIMIT).ok().flatten();
    Observed {
        configuration: read(&world.places.configuration),
        firewall: read(&world.places.firewall),
        services: discovery::see(world),
        host_name: ask(desired.machine.hostname.is_some(), &|machine| {
            machine.host_name.current()
        }),
        has_announcer: machine.is_some_and(|machine| {
            let state = machine.units.state(discovery::ANNOUNCER);
            state.is_ok_and(|state| state.is_installed)
        }),
        hosts: desired
            .machine
            .hostname
            .as_ref()
            .and_then(|_| hosts::see(world)),
        time_zone: ask(desired.machine.timezone.is_some(), &|machine| {
            machine.local_time.zone()
        }),
        time_servers: time_servers::see(world, desired),
        ssh: ssh::see(world, desired),
        broker_runs: machine.is_some_and(|machine| machine.broker.is_running().unwrap_or(false)),
        certificates: certificates::are_wanted(desired)
            .then(|| certificates::see(world, Some(desired))),
    }
}

impl Seen {
    /// Whether it is known to be this already.
    pub fn is(&self, text: &str) -> bool {
        matches!(self, Self::Text(seen) if seen == text)
    }
}

/// Bytes of a file written by this program.
const LIMIT: u64 = 4 * 1024 * 1024;
