// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The running broker, by way of systemd.

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

/// The unit that writes the report anew.
pub trait ReportService {
    /// Starts it, without waiting until it has.
    fn write_anew(&self) -> Result<(), CallError>;
}

/// systemd on a bus.
pub struct Systemd<'a>(pub &'a Bus);

impl BrokerService for Systemd<'_> {
    fn is_running(&self) -> Result<bool, CallError> {
        let state: String = self.0.property(&UNIT, "ActiveState")?;
        Ok(matches!(state.as_str(), "active" | "reloading"))
    }

    fn reload(&self) -> Result<(), CallError> {
        let mode = "replace";
        self.0
            .call(&MANAGER, "ReloadUnit", &("broker.service", mode))
    }

    fn is_stopped(&self) -> Result<bool, CallError> {
        let state: String = self.0.property(&UNIT, "ActiveState")?;
        Ok(matches!(state.as_str(), "inactive" | "failed"))
    }

    fn start(&self) -> Result<(), CallError> {
        let mode = "replace";
        self.0
            .call(&MANAGER, "StartUnit", &("broker.service", mode))
    }
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

impl ReportService for Systemd<'_> {
    fn write_anew(&self) -> Result<(), CallError> {
        let (unit, mode) = ("broker-provision-report.service", "replace");
        self.0.call(&MANAGER, "StartUnit", &(unit, mode))
    }
}

const MANAGER: Peer = Peer {
    name: "org.freedesktop.systemd1",
    path: "/org/freedesktop/systemd1",
    interface: "org.freedesktop.systemd1.Manager",
};
/// broker.service; a unit that is not installed is one that is inactive.
const UNIT: Peer = Peer {
    name: "org.freedesktop.systemd1",
    path: "/org/freedesktop/systemd1/unit/broker_2eservice",
    interface: "org.freedesktop.systemd1.Unit",
};
