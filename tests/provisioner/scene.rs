// SPDX-License-Identifier: Apache-2.0 OR MIT
//! One device in a test: storage, a machine that answers or does not, a network, and a random source that counts.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::io;
use std::net::IpAddr;
use std::path::{Path, PathBuf};

use provisioner::system::{
    Accounts, BrokerService, CallError, Files, Group, HostName, Listening, LocalTime, Log, Machine,
    Network, Randomness, Screen, UnitState, Units,
};
use provisioner::{Dry, Moment, Places, Urgency, World};

use crate::card::Card;
use crate::manager::Manager;

/// A device that can be started again and again.
pub struct Scene {
    pub card: Card,
    pub machine: Device,
    pub manager: Manager,
    pub network: Surroundings,
    pub random: Counter,
    pub now: Moment,
    pub group: Group,
}

/// Another program of the machine: what it was told, and whether it answers.
#[derive(Default)]
pub struct Device {
    pub host_name: RefCell<String>,
    pub time_zone: RefCell<String>,
    pub broker_runs: Cell<bool>,
    pub reloads: Cell<usize>,
    /// What stands above the login prompt.
    pub screen: RefCell<String>,
    /// How often the broker's start was asked for.
    pub starts: Cell<usize>,
    /// How often a new log was begun.
    pub logs_begun: Cell<usize>,
    /// The units that are installed.
    pub units: RefCell<BTreeMap<String, UnitState>>,
    /// What was done to units, in order, such as `start ssh.service`.
    pub done_to_units: RefCell<Vec<String>>,
    pub is_silent: Cell<bool>,
    /// Whether time servers are not to set the clock.
    pub ignores_time_servers: Cell<bool>,
    /// Whether a time server has set the clock.
    pub is_synchronised: Cell<bool>,
}

/// The network around the machine.
pub struct Surroundings {
    pub addresses: Vec<IpAddr>,
    pub listening: Vec<Listening>,
}

/// Bytes that differ from call to call and are the same in every run.
#[derive(Clone, Default)]
pub struct Counter(Cell<u8>);

impl Scene {
    /// A device that was never started, without a file on its card.
    pub fn new() -> Self {
        let machine = Device::default();
        machine.host_name.replace("raspberrypi".to_owned());
        machine.time_zone.replace("Etc/UTC".to_owned());
        machine.is_synchronised.set(true);
        machine.units.replace(units());
        let card = Card::with_folder(&places().boot);
        card.make_folder(Path::new("/etc"), 0o755).unwrap();
        card.make_folder(Path::new("/etc/ssh"), 0o755).unwrap();
        card.make_folder(&places().services, 0o755).unwrap();
        card.put(&places().hosts, HOSTS.as_bytes());
        card.put(
            &places().sshd_settings,
            b"AuthenticationMethods publickey\n",
        );
        Self {
            card,
            machine,
            manager: Manager::new(),
            network: Surroundings {
                addresses: ["127.0.0.1", "::1", "192.168.1.20", "fe80::1"]
                    .map(|text| text.parse().unwrap())
                    .to_vec(),
                listening: Vec::new(),
            },
            random: Counter::default(),
            now: Moment(1_800_000_000),
            group: Group::Id(990),
        }
    }

    /// The same with this `broker.toml`.
    pub fn with_file(text: &str) -> Self {
        let scene = Self::new();
        scene.edit(text);
        scene
    }

    /// Writes `broker.toml` as an editor does: a new file in place of the old one.
    pub fn edit(&self, text: &str) {
        self.card.put(&file(), text.as_bytes());
    }

    /// One start: the journal's lines, and whether the report was written.
    pub fn boot(&self) -> (Vec<(Urgency, String)>, io::Result<()>) {
        provisioner::apply(&self.world(&self.card))
    }

    /// The run that is about the network: the journal's lines, and whether what came of it was kept for the report.
    pub fn set_up_network(&self) -> (Vec<(Urgency, String)>, bool) {
        provisioner::set_up_network(&self.world(&self.card))
    }

    pub fn plan(&self) -> Dry {
        provisioner::plan(&self.world(&self.card))
    }

    pub fn status(&self) -> provisioner::Status {
        provisioner::status(&self.world(&self.card))
    }

    pub fn world<'a>(&'a self, files: &'a dyn Files) -> World<'a> {
        let machine = Machine {
            host_name: &self.machine,
            local_time: &self.machine,
            broker: &self.machine,
            screen: &self.machine,
            log: &self.machine,
            network: &self.manager,
            rules: &self.manager,
            units: &self.machine,
        };
        World {
            places: places(),
            files,
            machine: Some(machine),
            network: &self.network,
            random: &self.random,
            accounts: Accounts {
                broker_user: Some(990),
                configuration_group: self.group,
            },
            now: self.now,
        }
    }

    /// The report, with `\n` at the end of lines.
    pub fn report(&self) -> String {
        self.card
            .text(&places().report_text)
            .unwrap_or_default()
            .replace("\r\n", "\n")
    }

    /// The daemon's settings, if the daemon would take them.
    pub fn settings(&self) -> Option<broker_config::BrokerSettings> {
        let text = self.card.text(&places().configuration)?;
        Some(broker_config::read(text.as_bytes()).verdict.ok()?.broker)
    }

    /// Whether the daemon would let this user in.
    pub fn admits(&self, username: &str, password: &str) -> bool {
        let users = self
            .settings()
            .map(|settings| settings.users)
            .unwrap_or_default();
        users
            .iter()
            .filter(|user| user.username == username)
            .any(|user| match &user.credential {
                broker_config::Credential::Hash(hash) => hash.verify(password.as_bytes()),
                _ => false,
            })
    }

    /// The password shown in the report.
    pub fn shown_password(&self) -> Option<String> {
        let report = self.report();
        let line = report
            .lines()
            .find_map(|line| line.trim().strip_prefix("password   "))?;
        Some(line.to_owned())
    }
}

/// What Debian writes at the installation, and a line of the owner's.
pub const HOSTS: &str = "127.0.0.1\tlocalhost\n127.0.1.1\traspberrypi\n192.0.2.7 plc\n";

/// Where the files of every scene are.
pub fn places() -> Places {
    Places::below(Path::new("/"), None)
}

/// The file on the card.
pub fn file() -> PathBuf {
    places().boot.join("broker.toml")
}

/// Those of an appliance that was never started.
fn units() -> BTreeMap<String, UnitState> {
    let ssh = UnitState {
        is_installed: true,
        ..UnitState::default()
    };
    let timesyncd = UnitState {
        is_enabled: true,
        runs: true,
        ..ssh
    };
    [("ssh", ssh), ("systemd-timesyncd", timesyncd)]
        .map(|(name, state)| (format!("{name}.service"), state))
        .into()
}

impl Device {
    fn answer<T>(&self, value: T) -> Result<T, CallError> {
        if self.is_silent.get() {
            Err(CallError::TimedOut)
        } else {
            Ok(value)
        }
    }
}

impl HostName for Device {
    fn current(&self) -> Result<String, CallError> {
        self.answer(self.host_name.borrow().clone())
    }

    fn set(&self, name: &str) -> Result<(), CallError> {
        self.answer(())?;
        self.host_name.replace(name.to_owned());
        Ok(())
    }
}

impl LocalTime for Device {
    fn zone(&self) -> Result<String, CallError> {
        self.answer(self.time_zone.borrow().clone())
    }

    fn set_zone(&self, name: &str) -> Result<(), CallError> {
        self.answer(())?;
        self.time_zone.replace(name.to_owned());
        Ok(())
    }

    fn follows_servers(&self) -> Result<bool, CallError> {
        self.answer(!self.ignores_time_servers.get())
    }

    fn follow_servers(&self) -> Result<(), CallError> {
        self.answer(())?;
        self.ignores_time_servers.set(false);
        Ok(())
    }

    fn is_synchronised(&self) -> Result<bool, CallError> {
        self.answer(self.is_synchronised.get())
    }
}

impl BrokerService for Device {
    fn is_running(&self) -> Result<bool, CallError> {
        self.answer(self.broker_runs.get())
    }

    fn reload(&self) -> Result<(), CallError> {
        self.answer(())?;
        self.reloads.set(self.reloads.get() + 1);
        Ok(())
    }

    fn is_stopped(&self) -> Result<bool, CallError> {
        self.answer(!self.broker_runs.get())
    }

    fn start(&self) -> Result<(), CallError> {
        self.answer(())?;
        self.starts.set(self.starts.get() + 1);
        Ok(())
    }
}

impl Log for Device {
    fn begin_anew(&self) -> io::Result<()> {
        self.answer(()).map_err(io::Error::other)?;
        self.logs_begun.set(self.logs_begun.get() + 1);
        Ok(())
    }
}

impl Screen for Device {
    fn show(&self, text: &str) -> io::Result<()> {
        self.screen.replace(text.to_owned());
        Ok(())
    }
}

impl Device {
    fn change(&self, verb: &str, unit: &str, change: fn(&mut UnitState)) -> Result<(), CallError> {
        self.answer(())?;
        let mut units = self.units.borrow_mut();
        change(units.entry(unit.to_owned()).or_default());
        self.done_to_units
            .borrow_mut()
            .push(format!("{verb} {unit}"));
        Ok(())
    }
}

impl Units for Device {
    fn state(&self, unit: &str) -> Result<UnitState, CallError> {
        self.answer(self.units.borrow().get(unit).copied().unwrap_or_default())
    }

    fn start(&self, unit: &str) -> Result<(), CallError> {
        self.change("start", unit, |state| state.runs = true)
    }

    fn stop(&self, unit: &str) -> Result<(), CallError> {
        self.change("stop", unit, |state| state.runs = false)
    }

    fn try_restart(&self, unit: &str) -> Result<(), CallError> {
        self.change("try-restart", unit, |_| ())
    }

    fn enable(&self, unit: &str) -> Result<(), CallError> {
        self.change("enable", unit, |state| state.is_enabled = true)
    }

    fn disable(&self, unit: &str) -> Result<(), CallError> {
        self.change("disable", unit, |state| state.is_enabled = false)
    }
}

impl Network for Surroundings {
    fn host_name(&self) -> Option<String> {
        Some("raspberrypi".to_owned())
    }

    fn addresses(&self) -> Vec<IpAddr> {
        self.addresses.clone()
    }

    fn listening(&self) -> Vec<Listening> {
        self.listening.clone()
    }
}

impl Randomness for Counter {
    fn fill(&self, buffer: &mut [u8]) -> io::Result<()> {
        for byte in buffer {
            self.0.set(self.0.get().wrapping_add(7));
            *byte = self.0.get();
        }
        Ok(())
    }
}
