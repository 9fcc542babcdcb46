// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Units of the running machine, by way of systemd; nothing here waits for a unit to start or stop.

use zbus::zvariant::OwnedObjectPath;

use super::bus::{Bus, CallError, Peer};

/// The daemon's unit.
pub trait BrokerService {
    /// Whether it runs now, so that a changed configuration must be reloaded; early in a boot it does not.
    fn is_running(&self) -> Result<bool, CallError>;
    /// Asks it to read its configuration again, without waiting until it has.
    fn reload(&self) -> Result<(), CallError>;
    /// Whether it neither runs nor is about to, except for a start that still waits for its turn.
    fn is_stopped(&self) -> Result<bool, CallError>;
    /// Asks for its start, without waiting for it: in a boot it waits for this program.
    fn start(&self) -> Result<(), CallError>;
}

/// Any unit, by its full name such as `ssh.service`.
///
/// Each change only queues a job: whoever runs before a unit in the boot would wait for ever for that unit's start.
pub trait Units {
    /// What is known of it now.
    fn state(&self, unit: &str) -> Result<UnitState, CallError>;
    fn start(&self, unit: &str) -> Result<(), CallError>;
    fn stop(&self, unit: &str) -> Result<(), CallError>;
    /// Starts it anew if it runs.
    fn try_restart(&self, unit: &str) -> Result<(), CallError>;
    /// Lets it start with every boot from now on; does not start it.
    fn enable(&self, unit: &str) -> Result<(), CallError>;
    /// The reverse; does not stop it.
    fn disable(&self, unit: &str) -> Result<(), CallError>;
}

/// What systemd says about a unit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct UnitState {
    pub is_installed: bool,
    pub is_enabled: bool,
    /// Also while a job to start it waits.
    pub runs: bool,
    /// It ended by itself, with a failure.
    pub has_failed: bool,
}

/// systemd on a bus.
pub struct Systemd<'a>(pub &'a Bus);

impl BrokerService for Systemd<'_> {
    fn is_running(&self) -> Result<bool, CallError> {
        let state = active_state(self.0, BROKER)?;
        Ok(matches!(state.as_str(), "active" | "reloading"))
    }

    fn reload(&self) -> Result<(), CallError> {
        self.0.call(&MANAGER, "ReloadUnit", &(BROKER, MODE))
    }

    fn is_stopped(&self) -> Result<bool, CallError> {
        let state = active_state(self.0, BROKER)?;
        Ok(matches!(state.as_str(), "inactive" | "failed"))
    }

    fn start(&self) -> Result<(), CallError> {
        Units::start(self, BROKER)
    }
}

impl Units for Systemd<'_> {
    fn state(&self, unit: &str) -> Result<UnitState, CallError> {
        let path = object_path(unit);
        let peer = unit_at(&path);
        let load: String = self.0.property(&peer, "LoadState")?;
        if load == "not-found" {
            return Ok(UnitState::default());
        }
        let active = active_state(self.0, unit)?;
        let job: (u32, OwnedObjectPath) = self.0.property(&peer, "Job")?;
        let file: String = self.0.ask(&MANAGER, "GetUnitFileState", &unit)?;
        let runs = matches!(active.as_str(), "active" | "activating" | "reloading");
        Ok(UnitState {
            is_installed: load != "masked",
            is_enabled: file == "enabled",
            has_failed: active == "failed",
            runs: runs || (active == "inactive" && job.0 != NO_JOB),
        })
    }

    fn start(&self, unit: &str) -> Result<(), CallError> {
        self.0.call(&MANAGER, "StartUnit", &(unit, MODE))
    }

    fn stop(&self, unit: &str) -> Result<(), CallError> {
        self.0.call(&MANAGER, "StopUnit", &(unit, MODE))
    }

    fn try_restart(&self, unit: &str) -> Result<(), CallError> {
        self.0.call(&MANAGER, "TryRestartUnit", &(unit, MODE))
    }

    fn enable(&self, unit: &str) -> Result<(), CallError> {
        let (runtime, force) = (false, false);
        self.0
            .call(&MANAGER, "EnableUnitFiles", &(vec![unit], runtime, force))
    }

    fn disable(&self, unit: &str) -> Result<(), CallError> {
        let runtime = false;
        self.0
            .call(&MANAGER, "DisableUnitFiles", &(vec![unit], runtime))
    }
}

fn active_state(bus: &Bus, unit: &str) -> Result<String, CallError> {
    bus.property(&unit_at(&object_path(unit)), "ActiveState")
}

/// The object of a unit, also of one that is not installed: bytes other than letters and digits as `_` and two
/// hexadecimal digits.
pub(super) fn object_path(unit: &str) -> String {
    let escaped = unit.bytes().map(|byte| match byte.is_ascii_alphanumeric() {
        true => char::from(byte).to_string(),
        false => format!("_{byte:02x}"),
    });
    format!(
        "/org/freedesktop/systemd1/unit/{}",
        escaped.collect::<String>()
    )
}

fn unit_at(path: &str) -> Peer<'_> {
    Peer {
        name: "org.freedesktop.systemd1",
        path,
        interface: "org.freedesktop.systemd1.Unit",
    }
}

const MANAGER: Peer = Peer {
    name: "org.freedesktop.systemd1",
    path: "/org/freedesktop/systemd1",
    interface: "org.freedesktop.systemd1.Manager",
};
const BROKER: &str = "broker.service";
/// A job takes the place of one that contradicts it.
const MODE: &str = "replace";
/// The number of a unit's job while it has none.
const NO_JOB: u32 = 0;
