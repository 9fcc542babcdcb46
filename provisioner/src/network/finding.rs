// SPDX-License-Identifier: Apache-2.0 OR MIT
//! How the network is, in words for the report; kept in memory until the next start, because the report is written by
//! another run.

use std::fmt;
use std::io;

use broker_config::MachineSettings;
use serde::{Deserialize, Serialize};

use super::attempt::NetworkError;
use super::due::{Seen, State, Work};
use crate::provision::World;
use crate::report::{Line, Urgency, chain};
use crate::system::network_manager::{DeviceState, Medium};
use crate::system::{Access, files};

/// What is to be said of one table of the file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    pub table: Table,
    pub code: Code,
    /// One sentence without its full stop.
    pub text: String,
}

/// The table of the file that it is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Table {
    Ethernet,
    Wlan,
}

/// The finding in one word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Code {
    /// Nobody has looked yet.
    Pending,
    Connected,
    /// The settings are in place; what they need is not there.
    Waiting,
    Failed,
}

impl Finding {
    /// The finding for the journal.
    pub fn line(&self) -> Line {
        let urgency = match self.code {
            Code::Pending | Code::Connected => Urgency::Info,
            Code::Waiting => Urgency::Warning,
            Code::Failed => Urgency::Error,
        };
        (urgency, self.text.clone())
    }

    fn of(medium: Medium, code: Code, text: &str) -> Self {
        Self {
            table: Table::of(medium),
            code,
            text: format!("{medium}: {text}"),
        }
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let medium = match self {
            Self::Ethernet => Medium::Cable,
            Self::Wlan => Medium::Radio,
        };
        medium.fmt(f)
    }
}

impl Table {
    fn of(medium: Medium) -> Self {
        match medium {
            Medium::Cable => Self::Ethernet,
            Medium::Radio => Self::Wlan,
        }
    }
}

/// What is to be said after the work was done; `failures` are the pieces of it that failed.
pub fn find(
    wanted: &MachineSettings,
    seen: &Seen,
    failures: &[(&Work, &NetworkError)],
) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (work, error) in failures {
        let (medium, prefix) = match work {
            Work::SetUp(setup) => (setup.medium, "not as broker.toml says: "),
            Work::Remove(medium) => (*medium, "the earlier settings could not be removed: "),
            Work::SetCountry(_) => (Medium::Radio, "the country could not be set: "),
            Work::SwitchRadioOn => (Medium::Radio, "the radio could not be switched on: "),
        };
        let text = format!("{prefix}{}", chain(*error));
        findings.push(Finding::of(medium, Code::Failed, &text));
    }
    for medium in media(wanted) {
        let is_told = findings
            .iter()
            .any(|finding| finding.table == Table::of(medium));
        if !is_told {
            let (code, text) = state(seen, medium);
            findings.push(Finding::of(medium, code, &text));
        }
    }
    findings
}

fn media(wanted: &MachineSettings) -> impl Iterator<Item = Medium> {
    let cable = wanted.ethernet.as_ref().map(|_| Medium::Cable);
    let radio = wanted.wlan.as_ref().map(|_| Medium::Radio);
    cable.into_iter().chain(radio)
}

fn state(seen: &Seen, medium: Medium) -> (Code, String) {
    let table = match medium {
        Medium::Cable => "[ethernet]",
        Medium::Radio => "[wlan]",
    };
    match seen {
        Seen::NotAsked => (Code::Pending, BELOW_ROOT.to_owned()),
        Seen::Absent => (
            Code::Failed,
            format!(
                "{table} has no effect, because NetworkManager does not run on this machine: install network-manager, or remove the table"
            ),
        ),
        Seen::Unreachable(cause) => (
            Code::Failed,
            format!(
                "NetworkManager could not be asked: {cause}; it is tried again at the next start"
            ),
        ),
        Seen::Here(state) => here(state, medium, table),
    }
}

fn here(state: &State, medium: Medium, table: &str) -> (Code, String) {
    let switches = state.switches;
    let waits = |text: &str| (Code::Waiting, text.to_owned());
    match (state.device(medium), medium) {
        (None, Medium::Cable) => waits(&format!(
            "{table} has no effect, because this machine has no Ethernet port; it counts as soon as there is one"
        )),
        (None, Medium::Radio) => waits(&format!(
            "{table} has no effect, because this machine has no radio that works; it counts as soon as there is one"
        )),
        (Some(device), _) if state.is_up(medium) => {
            let addresses = match device.addresses.join(", ") {
                none if none.is_empty() => "without an address".to_owned(),
                addresses => addresses,
            };
            (
                Code::Connected,
                format!("connected on {}, {addresses}", device.interface),
            )
        }
        (Some(_), Medium::Radio) if !switches.may_be_on => waits(
            "a switch of this machine keeps its radio off; it connects as soon as that is moved",
        ),
        (Some(device), Medium::Radio) if device.state == DeviceState::Unavailable => {
            waits("the radio is not ready; is wpasupplicant installed?")
        }
        (Some(_), Medium::Radio) => waits(
            "no network of this name is in the air; it connects as soon as there is one. Compare `ssid` with it letter \
             by letter, and set `hidden = true` if it does not tell its name",
        ),
        (Some(device), Medium::Cable) if device.state == DeviceState::Unavailable => waits(
            "there is no cable, or nothing that is switched on at its other end; it connects as soon as there is",
        ),
        (Some(_), Medium::Cable) => waits("it is still coming up"),
    }
}

/// Keeps them for the report.
pub fn keep(world: &World, findings: &[Finding]) -> io::Result<()> {
    let places = &world.places;
    let text = serde_json::to_vec(findings)?;
    let access = Access::ROOTS;
    world.files.make_folder(&places.runtime, 0o755)?;
    files::replace(world.files, &places.network, &text, access)
}

/// What is known of the tables that the file has.
pub fn known(world: &World, wanted: &MachineSettings) -> Vec<Finding> {
    let unknown = |medium| Finding::of(medium, Code::Pending, PENDING);
    match (world.machine, load(world)) {
        (None, _) => find(wanted, &Seen::NotAsked, &[]),
        (Some(_), Some(findings)) => findings,
        (Some(_), None) => media(wanted).map(unknown).collect(),
    }
}

fn load(world: &World) -> Option<Vec<Finding>> {
    let bytes = world.files.read(&world.places.network, LIMIT).ok()??;
    serde_json::from_slice(&bytes).ok()
}

/// Forgets what was found for an earlier file; whether there was something.
pub fn forget(world: &World) -> bool {
    let found = &world.places.network;
    let is_there = matches!(world.files.len(found), Ok(Some(_)));
    // What cannot be removed in memory cannot be written there either.
    is_there && world.files.remove(found).is_ok()
}

const BELOW_ROOT: &str = "left to you: with --root the machine itself is not changed";
const PENDING: &str =
    "not set up yet; that follows soon after the start, and then this report is written anew";
/// Bytes of what is kept.
const LIMIT: u64 = 64 * 1024;
