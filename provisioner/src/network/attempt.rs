// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Carries out the network's part of a plan: a profile is tried in memory, and on the disk only once it is up.
//!
//! ```text
//! checkpoint → try out → activate ─┬─ up, or what it needs is not there now → confirm, keep
//!                                  ├─ failed, and something worked before    → roll back, restore
//!                                  └─ failed, and nothing did                → confirm, keep
//! ```
//!
//! NetworkManager itself rolls a checkpoint back that nobody ends, so a program that dies meanwhile cuts nobody off.

use std::error::Error;
use std::fmt;
use std::io;

use super::cause::Cause;
use super::due::{SetUp, Work, choose};
use super::profile;
use crate::system::network_manager::{Arrival, Device, DeviceState, Medium, NetworkManager};
use crate::system::{CallError, Machine};

/// Why a step of the network failed.
#[derive(Debug)]
pub enum NetworkError {
    /// NetworkManager did not do it.
    Call(CallError),
    /// It tried, in vain; whether what worked before is in force again.
    Failed {
        cause: Cause,
        is_restored: bool,
    },
    Country(io::Error),
}

/// Does one piece of work.
pub fn carry_out(machine: Machine, work: &Work) -> Result<(), NetworkError> {
    let network = machine.network;
    match work {
        Work::Remove(medium) => remove(network, *medium).map_err(NetworkError::Call),
        Work::SetCountry(country) => machine
            .rules
            .set_country(country.as_str())
            .map_err(NetworkError::Country),
        Work::SwitchRadioOn => network.switch_radio_on().map_err(NetworkError::Call),
        Work::SetUp(setup) => match set_up(network, setup).map_err(NetworkError::Call)? {
            Some((cause, is_restored)) if !cause.may_pass() => {
                Err(NetworkError::Failed { cause, is_restored })
            }
            _ => Ok(()),
        },
    }
}

/// A cable goes back to what NetworkManager does with one by itself; a radio needs to be told a network.
fn remove(network: &dyn NetworkManager, medium: Medium) -> Result<(), CallError> {
    network.remove(profile::uuid(medium))?;
    let devices = network.devices()?;
    let plugged_in = |device: &&Device| device.state != DeviceState::Unavailable;
    match choose(&devices, medium).filter(plugged_in) {
        Some(device) if medium == Medium::Cable => network.choose_freely(device),
        _ => Ok(()),
    }
}

/// Why it did not come up, and whether the earlier state was restored.
fn set_up(network: &dyn NetworkManager, setup: &SetUp) -> Result<Option<(Cause, bool)>, CallError> {
    let devices = network.devices()?;
    let usable = |device: &&Device| device.state != DeviceState::Unavailable;
    let Some(device) = choose(&devices, setup.medium).filter(usable) else {
        network.try_out(&setup.wanted)?;
        return network.keep(profile::uuid(setup.medium)).map(|()| None);
    };
    let checkpoint = network.checkpoint(device)?;
    let cause = match attempt(network, setup, device) {
        Ok(arrival) => Cause::of(arrival, setup.medium),
        Err(error) => {
            network.roll_back(&checkpoint)?;
            restore(network, setup)?;
            return Err(error);
        }
    };
    let goes_back = cause.is_some_and(|cause| !cause.may_pass()) && worked_before(setup, device);
    if goes_back {
        network.roll_back(&checkpoint)?;
        restore(network, setup)?;
    } else {
        network.confirm(&checkpoint)?;
        network.keep(profile::uuid(setup.medium))?;
    }
    Ok(cause.map(|cause| (cause, goes_back)))
}

fn attempt(
    network: &dyn NetworkManager,
    setup: &SetUp,
    device: &Device,
) -> Result<Arrival, CallError> {
    if !is_unchanged(setup) {
        network.try_out(&setup.wanted)?;
    }
    network.activate(profile::uuid(setup.medium), device)
}

/// Whether there is something to go back to: the device is in use, or this program's profile was once up as it was.
fn worked_before(setup: &SetUp, device: &Device) -> bool {
    let once = setup.earlier.as_ref().is_some_and(profile::has_worked);
    device.state == DeviceState::Active || once && !is_unchanged(setup)
}

fn is_unchanged(setup: &SetUp) -> bool {
    let earlier = setup.earlier.as_ref();
    earlier.is_some_and(|there| profile::is_same(there, &setup.wanted))
}

/// A checkpoint brings a profile back only if it was in use.
fn restore(network: &dyn NetworkManager, setup: &SetUp) -> Result<(), CallError> {
    let uuid = profile::uuid(setup.medium);
    let Some(earlier) = &setup.earlier else {
        return network.remove(uuid);
    };
    let there = network.profile(uuid)?;
    if !there.is_some_and(|there| profile::is_same(&there, earlier)) {
        network.try_out(earlier)?;
    }
    network.keep(uuid)
}

impl fmt::Display for NetworkError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Call(_) => f.write_str("asking NetworkManager"),
            Self::Failed { cause, is_restored } => {
                cause.fmt(f)?;
                f.write_str(match is_restored {
                    true => "; what worked before is in use again",
                    false => "",
                })
            }
            Self::Country(_) => f.write_str("telling the kernel the country"),
        }
    }
}

impl Error for NetworkError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Call(source) => Some(source),
            Self::Failed { .. } => None,
            Self::Country(source) => Some(source),
        }
    }
}
