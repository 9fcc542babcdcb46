// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Units as `systemctl status` shows them, by way of systemd; nothing is changed here.

use super::bus::{Bus, CallError, Peer};
use super::systemd::object_path;

/// Looks at units, by their full names such as `broker.service`.
pub trait UnitViews {
    /// How the unit is now; one that is not installed is inactive.
    fn view(&self, unit: &str) -> Result<UnitView, CallError>;
}

/// One unit at one moment, in systemd's own words.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UnitView {
    /// Such as `active`, `inactive`, `failed`.
    pub active: String,
    /// Such as `running`, `auto-restart`.
    pub sub: String,
    /// Of a service: `success` or how it failed.
    pub result: String,
    /// Of a service: what it says about itself.
    pub status: String,
    /// Of a service: how often it was started again.
    pub restarts: u32,
}

/// systemd on a bus.
pub struct Viewer<'a>(pub &'a Bus);

impl UnitViews for Viewer<'_> {
    fn view(&self, unit: &str) -> Result<UnitView, CallError> {
        let path = object_path(unit);
        let peer = |interface| Peer {
            name: "org.freedesktop.systemd1",
            path: &path,
            interface,
        };
        let of_unit = peer("org.freedesktop.systemd1.Unit");
        let mut view = UnitView {
            active: self.0.property(&of_unit, "ActiveState")?,
            sub: self.0.property(&of_unit, "SubState")?,
            ..UnitView::default()
        };
        if unit.ends_with(".service") {
            let of_service = peer("org.freedesktop.systemd1.Service");
            view.result = self.0.property(&of_service, "Result")?;
            view.status = self.0.property(&of_service, "StatusText")?;
            view.restarts = self.0.property(&of_service, "NRestarts")?;
        }
        Ok(view)
    }
}
