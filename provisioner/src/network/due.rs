// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Looks at NetworkManager and decides what is missing: profiles wanted minus profiles that are up.

use std::fmt;

use broker_config::{Country, Ethernet, MachineSettings, Wlan};

use super::profile;
use crate::provision::World;
use crate::report::chain;
use crate::system::network_manager::{Device, DeviceState, Medium, Profile, Radio};
use crate::system::{CallError, Machine};

/// NetworkManager as it is now.
pub enum Seen {
    /// Below `--root` nobody is asked.
    NotAsked,
    /// It is not installed or does not run.
    Absent,
    /// Why it could not be asked, in words.
    Unreachable(String),
    Here(State),
}

/// What it has.
pub struct State {
    pub devices: Vec<Device>,
    /// This program's profiles.
    pub cable: Option<Profile>,
    pub radio: Option<Profile>,
    pub switches: Radio,
    /// Whose rules the kernel keeps; `None` where it was not asked or has no Wi-Fi.
    pub country: Option<String>,
}

/// One change.
#[derive(Clone, PartialEq, Eq)]
pub enum Work {
    /// A table that is no longer in the file.
    Remove(Medium),
    SetCountry(Country),
    SwitchRadioOn,
    SetUp(SetUp),
}

/// A profile to be brought up.
#[derive(Clone, PartialEq, Eq)]
pub struct SetUp {
    pub medium: Medium,
    pub wanted: Profile,
    /// What has its UUID now.
    pub earlier: Option<Profile>,
    /// For people.
    pub words: String,
}

/// Waits until NetworkManager has done what it does by itself; what hinders that, `see` will say.
pub fn settle(world: &World, wanted: &MachineSettings) {
    let is_wanted = wanted.ethernet.is_some() || wanted.wlan.is_some();
    if let Some(machine) = world.machine.filter(|_| is_wanted) {
        let _ = machine.network.settle(wanted.wlan.is_some());
    }
}

/// Looks at what the desired state concerns.
pub fn see(world: &World, wanted: &MachineSettings) -> Seen {
    let Some(machine) = world.machine else {
        return Seen::NotAsked;
    };
    match look(machine, wanted) {
        Ok(state) => Seen::Here(state),
        Err(error) if error.is_absence() => Seen::Absent,
        Err(error) => Seen::Unreachable(chain(&error)),
    }
}

fn look(machine: Machine, wanted: &MachineSettings) -> Result<State, CallError> {
    let network = machine.network;
    let country = wanted.wlan.as_ref();
    let country = country.and_then(|_| machine.rules.country().ok());
    Ok(State {
        devices: network.devices()?,
        cable: network.profile(profile::uuid(Medium::Cable))?,
        radio: network.profile(profile::uuid(Medium::Radio))?,
        switches: network.radio()?,
        country,
    })
}

/// What is missing, in order.
pub fn work(wanted: &MachineSettings, seen: &Seen) -> Vec<Work> {
    match seen {
        Seen::Absent | Seen::Unreachable(_) => Vec::new(),
        Seen::NotAsked => {
            let cable = wanted.ethernet.as_ref().map(|table| of_cable(table, None));
            let radio = wanted.wlan.as_ref().map(|table| of_radio(table, None));
            cable.into_iter().chain(radio).map(Work::SetUp).collect()
        }
        Seen::Here(state) => {
            let mut works = Vec::new();
            match &wanted.ethernet {
                Some(table) => works.extend(state.missing(of_cable(table, state.cable.as_ref()))),
                None => works.extend(state.cable.as_ref().map(|_| Work::Remove(Medium::Cable))),
            }
            match &wanted.wlan {
                Some(table) => works.extend(work_of_radio(table, state)),
                None => works.extend(state.radio.as_ref().map(|_| Work::Remove(Medium::Radio))),
            }
            works
        }
    }
}

/// The country comes first, so that the radio never sends by other rules.
fn work_of_radio(table: &Wlan, state: &State) -> Vec<Work> {
    let mut works = Vec::new();
    if state.device(Medium::Radio).is_some() {
        if state.country.as_deref() != Some(table.country.as_str()) {
            works.push(Work::SetCountry(table.country.clone()));
        }
        if !state.switches.is_on && state.switches.may_be_on {
            works.push(Work::SwitchRadioOn);
        }
    }
    works.extend(state.missing(of_radio(table, state.radio.as_ref())));
    works
}

impl State {
    /// The device that has the profile, or that would take it.
    pub fn device(&self, medium: Medium) -> Option<&Device> {
        choose(&self.devices, medium)
    }

    /// Whether this program's profile is up.
    pub fn is_up(&self, medium: Medium) -> bool {
        self.device(medium).is_some_and(is_up)
    }

    /// Nothing for a profile that is there, and is up or has nothing to come up on.
    fn missing(&self, setup: SetUp) -> Option<Work> {
        let device = self.device(setup.medium);
        let is_there = setup
            .earlier
            .as_ref()
            .is_some_and(|there| profile::is_same(there, &setup.wanted));
        let radio_stays_off = !self.switches.is_on && !self.switches.may_be_on;
        let rests = match (device, setup.medium) {
            (None, _) => true,
            (Some(device), Medium::Cable) => {
                is_up(device) || device.state == DeviceState::Unavailable
            }
            (Some(device), Medium::Radio) => is_up(device) || radio_stays_off,
        };
        (!is_there || !rests).then_some(Work::SetUp(setup))
    }
}

/// The device of a medium that has this program's profile, or that would take it: one that is up before one that is not.
pub fn choose(devices: &[Device], medium: Medium) -> Option<&Device> {
    let rank = |device: &&Device| match device.state {
        _ if device.profile.as_deref() == Some(profile::uuid(medium)) => 0,
        DeviceState::Active => 1,
        DeviceState::Busy | DeviceState::Idle => 2,
        DeviceState::Unavailable | DeviceState::Unmanaged => 3,
    };
    let usable =
        |device: &&Device| device.medium == medium && device.state != DeviceState::Unmanaged;
    devices.iter().filter(usable).min_by_key(rank)
}

fn is_up(device: &Device) -> bool {
    let ours = Some(profile::uuid(device.medium));
    device.state == DeviceState::Active && device.profile.as_deref() == ours
}

fn of_cable(table: &Ethernet, there: Option<&Profile>) -> SetUp {
    let words = match table {
        Ethernet::Auto => "addresses from the network".to_owned(),
        Ethernet::Static(wanted) => {
            let gateway = wanted.gateway.map(|gateway| format!(", gateway {gateway}"));
            let servers: Vec<_> = wanted.dns.iter().map(ToString::to_string).collect();
            let servers = (!servers.is_empty()).then(|| format!(", dns {}", servers.join(" ")));
            let more: String = gateway.into_iter().chain(servers).collect();
            format!("{}/{}{more}", wanted.address, wanted.prefix)
        }
    };
    SetUp {
        medium: Medium::Cable,
        wanted: profile::of_ethernet(table),
        earlier: there.cloned(),
        words,
    }
}

fn of_radio(table: &Wlan, there: Option<&Profile>) -> SetUp {
    SetUp {
        medium: Medium::Radio,
        wanted: profile::of_wlan(table),
        earlier: there.cloned(),
        words: table.ssid.to_string(),
    }
}

impl fmt::Display for Work {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Remove(medium) => write!(
                f,
                "leave {medium} to NetworkManager: remove the profile {}",
                profile::name(*medium)
            ),
            Self::SetCountry(country) => write!(f, "let the radio keep the rules of {country}"),
            Self::SwitchRadioOn => f.write_str("switch the radio on"),
            Self::SetUp(setup) => match setup.medium {
                Medium::Cable => write!(f, "set up Ethernet: {}", setup.words),
                Medium::Radio => write!(f, "join the Wi-Fi network `{}`", setup.words),
            },
        }
    }
}

impl fmt::Display for Medium {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Cable => "Ethernet",
            Self::Radio => "Wi-Fi",
        })
    }
}
