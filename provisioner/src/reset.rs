// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The factory reset: a file `factory-reset` with the device's host name makes the next start erase what the device keeps.
//!
//! ```text
//!  asked for ─▶ marked ─▶ request withdrawn ─▶ erased ─▶ mark removed
//!                  └─────────── a power cut: the next start goes on here
//! ```
//!
//! The request is withdrawn before anything is erased, so that a card that cannot be written is never a reset at every
//! start. While the mark stands, the broker's unit does not start and no `broker.toml` is taken.

mod erase;
mod words;

use std::io;

use crate::desired::Desired;
use crate::provision::World;
use crate::requests::{self, Kind, Request};
use crate::system::{Access, files};

/// What came of it.
#[derive(Debug)]
pub enum Reset {
    Done {
        /// Whether an earlier start began it, so that the broker was kept from starting.
        was_begun: bool,
        /// The log of this start is lost where journald could not be told to begin a new one.
        log: io::Result<()>,
    },
    /// Nothing was changed.
    NotDone(Obstacle),
    /// The next start goes on; until then nothing is taken and the broker does not start.
    Unfinished(Obstacle),
}

/// Why it was not done, or not to its end.
#[derive(Debug)]
pub enum Obstacle {
    /// The file of this name does not hold the host name.
    OtherText {
        file: String,
        host: String,
    },
    /// It would go on with what is erased below it.
    BrokerRuns,
    /// The mark could not be kept.
    Mark(io::Error),
    /// A request that stays on the card would count at every start.
    Withdraw(io::Error),
    Erase(io::Error),
}

/// Does what was asked for, or goes on with what was begun; `None` if neither is so.
pub fn run(world: &World) -> Option<Reset> {
    let requests = requests(world);
    let was_begun = is_begun(world);
    if !was_begun && requests.is_empty() {
        return done_at_this_start(world);
    }
    Some(match begin(world, &requests, was_begun) {
        Err(obstacle) if was_begun => Reset::Unfinished(obstacle),
        Err(obstacle) => Reset::NotDone(obstacle),
        Ok(()) => match finish(world) {
            Ok(log) => {
                remember(world);
                Reset::Done { was_begun, log }
            }
            Err(error) => Reset::Unfinished(Obstacle::Erase(error)),
        },
    })
}

/// Whether `run` would erase everything, if the broker does not run.
pub fn is_due(world: &World) -> bool {
    let requests = requests(world);
    is_begun(world) || (!requests.is_empty() && judge(world, &requests).is_ok())
}

/// Lets the broker start that was kept from it, once its new configuration is written.
pub fn let_broker_start(world: &World, reset: Option<&Reset>) {
    if let (
        Some(Reset::Done {
            was_begun: true, ..
        }),
        Some(machine),
    ) = (reset, world.machine)
    {
        // In a boot its start is waiting anyway; it begins when this program's unit is done.
        let _ = machine.broker.start();
    }
}

/// Everything up to the point from which there is no way back.
fn begin(world: &World, requests: &[Request], was_begun: bool) -> Result<(), Obstacle> {
    if !was_begun {
        judge(world, requests)?;
    }
    if broker_runs(world) {
        return Err(Obstacle::BrokerRuns);
    }
    if !was_begun {
        mark(world).map_err(Obstacle::Mark)?;
    }
    match withdraw(world, requests) {
        Err(error) if !was_begun => {
            unmark(world).map_err(Obstacle::Mark)?;
            Err(Obstacle::Withdraw(error))
        }
        // What is begun is finished; a request that stays is told at the next start.
        _ => Ok(()),
    }
}

fn finish(world: &World) -> io::Result<io::Result<()>> {
    erase::everything(world)?;
    let log = erase::log(world)?;
    unmark(world)?;
    Ok(log)
}

/// What an earlier run since the machine was switched on did: reports are written anew, and nobody may have read it yet.
fn done_at_this_start(world: &World) -> Option<Reset> {
    let is_done = matches!(world.files.len(&world.places.reset_done), Ok(Some(_)));
    is_done.then_some(Reset::Done {
        was_begun: false,
        log: Ok(()),
    })
}

/// Until the machine is switched off; where that fails, later reports do not tell of it.
fn remember(world: &World) {
    let (files, places) = (world.files, &world.places);
    let access = Access::EVERYBODYS;
    // Below `--root` nothing is switched off.
    if world.machine.is_none() {
        return;
    }
    let _ = files
        .make_folder(&places.runtime, 0o755)
        .and_then(|()| files.create(&places.reset_done, b"", access));
}

/// Whether one of the requests holds the host name, with or without `.local`, in any case.
fn judge(world: &World, requests: &[Request]) -> Result<(), Obstacle> {
    let host = host(world);
    let is_host = |request: &Request| {
        let text = request.text.as_deref().unwrap_or_default();
        let text = text.to_ascii_lowercase();
        text.strip_suffix(".local").unwrap_or(&text) == host.to_ascii_lowercase()
    };
    match requests.first() {
        Some(first) if !requests.iter().any(is_host) => Err(Obstacle::OtherText {
            file: first.name.clone(),
            host,
        }),
        _ => Ok(()),
    }
}

/// What the report calls this device: the name that was set last, or the kernel's.
fn host(world: &World) -> String {
    let desired = Desired::load(world.files, &world.places).ok().flatten();
    let set = desired.and_then(|desired| Some(desired.machine.hostname?.to_string()));
    let name = set.or_else(|| world.network.host_name());
    let name = name.unwrap_or_default();
    let label = name.split('.').next().unwrap_or_default();
    match label {
        "" => "localhost".to_owned(),
        label => label.to_owned(),
    }
}

/// None where the boot partition cannot be read, which the report tells.
fn requests(world: &World) -> Vec<Request> {
    requests::find(world.files, &world.places.boot, Kind::FactoryReset).unwrap_or_default()
}

fn is_begun(world: &World) -> bool {
    matches!(world.files.len(&world.places.reset_mark), Ok(Some(_)))
}

/// Whether it runs, or is about to; where nobody answers, its folder for sockets tells.
fn broker_runs(world: &World) -> bool {
    let is_there = || !matches!(world.files.len(&world.places.broker_runtime), Ok(None));
    world.machine.is_some_and(|machine| {
        let stopped = machine.broker.is_stopped();
        stopped.map_or_else(|_| is_there(), |stopped| !stopped)
    })
}

fn mark(world: &World) -> io::Result<()> {
    let places = &world.places;
    let access = Access::ROOTS;
    world.files.make_folder(&places.state, 0o700)?;
    files::replace(world.files, &places.reset_mark, MARK, access)
}

fn unmark(world: &World) -> io::Result<()> {
    world.files.remove(&world.places.reset_mark)?;
    world.files.sync(&world.places.state)
}

fn withdraw(world: &World, requests: &[Request]) -> io::Result<()> {
    requests
        .iter()
        .try_for_each(|request| requests::withdraw(world.files, &world.places.boot, request))
}

/// For whoever looks.
const MARK: &[u8] =
    b"A factory reset is under way; broker-provision finishes it at the next start.\n";
