// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The activity LED as a sign for somebody who has neither screen nor computer: blinks are counted, a fault each.
//!
//! What it shows is decided here, from the last report and from what systemd says of the broker; `light` makes the
//! kernel blink, so nothing runs between two looks.

mod light;

use std::error::Error;
use std::fmt;
use std::time::Duration;

use serde_json::Value;

pub use light::{Light, LightError};

use crate::places::Places;
use crate::system::{CallError, Files, UnitView, UnitViews};

/// What the LED says; of several faults the last one of this list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sign {
    /// Nothing is wrong: the LED shows the card's activity.
    Well,
    /// The file was refused or could not be applied as a whole, or a listener is closed: the report says why.
    SeeReport,
    /// Nobody gets in.
    Locked,
    /// What has to be stored is refused.
    Store,
    /// The broker does not run.
    Down,
}

/// What can be seen of the device at one moment.
#[derive(Default)]
pub struct Sight {
    /// The word for the result in the last report; `None` without a report.
    pub result: Option<String>,
    pub provisioner: UnitView,
    pub broker: UnitView,
}

/// Why the LED cannot follow any more.
#[derive(Debug)]
pub enum LedError {
    Light(LightError),
    Systemd(CallError),
}

impl Sign {
    /// What to say about the device.
    pub fn of(sight: &Sight) -> Self {
        let status = sight.broker.status.as_str();
        let is_down = matches!(sight.broker.active.as_str(), "inactive" | "failed")
            || sight.broker.sub == "auto-restart";
        // The words are those of `broker/src/systemd/status.rs`.
        if is_down {
            Self::Down
        } else if status.contains("; the store is full")
            || status.contains("; the store has FAILED")
        {
            Self::Store
        } else if status.starts_with("locked: ") {
            Self::Locked
        } else if sight.provisioner.active == "failed"
            || sight
                .result
                .as_ref()
                .is_some_and(|result| result != "applied")
            || status.contains(" is closed: ")
        {
            Self::SeeReport
        } else {
            Self::Well
        }
    }

    /// How often the LED blinks before it pauses; `None` where it does not.
    pub fn blinks(self) -> Option<usize> {
        match self {
            Self::Well => None,
            Self::SeeReport => Some(2),
            Self::Locked => Some(3),
            Self::Store => Some(4),
            Self::Down => Some(5),
        }
    }
}

/// For the journal.
impl fmt::Display for Sign {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Well => "all is well, the LED shows the card's activity",
            Self::SeeReport => "2 blinks: broker-report.txt says what is to be done",
            Self::Locked => "3 blinks: the broker is locked and lets nobody in",
            Self::Store => "4 blinks: the store is full or has failed",
            Self::Down => "5 blinks: the broker does not run",
        })
    }
}

/// Lets the LED follow the device until `pause` returns false, and then gives it back; `tell` gets each new sign.
///
/// Without an LED there is nothing to do, which is told, too.
pub fn follow(
    files: &dyn Files,
    places: &Places,
    units: &dyn UnitViews,
    pause: &mut dyn FnMut(Duration) -> bool,
    tell: &mut dyn FnMut(&str),
) -> Result<(), LedError> {
    let Some(light) = Light::find(files, places) else {
        tell("this machine has no activity LED (ACT or led0), so nothing blinks");
        return Ok(());
    };
    let mut shown = None;
    loop {
        let sign = Sign::of(&look(files, places, units).map_err(LedError::Systemd)?);
        if shown != Some(sign) {
            light.show(sign.blinks()).map_err(LedError::Light)?;
            tell(&sign.to_string());
            shown = Some(sign);
        }
        if !pause(INTERVAL) {
            return light.give_back().map_err(LedError::Light);
        }
    }
}

fn look(files: &dyn Files, places: &Places, units: &dyn UnitViews) -> Result<Sight, CallError> {
    let report = files.read(&places.report_json, LIMIT).ok().flatten();
    let report: Option<Value> = report.and_then(|bytes| serde_json::from_slice(&bytes).ok());
    let result = report.and_then(|report| Some(report.get("result")?.as_str()?.to_owned()));
    Ok(Sight {
        result,
        provisioner: units.view("broker-provision.service")?,
        broker: units.view("broker.service")?,
    })
}

impl fmt::Display for LedError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Light(error) => error.fmt(f),
            Self::Systemd(_) => f.write_str("asking systemd how the broker is"),
        }
    }
}

impl Error for LedError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Light(error) => error.source(),
            Self::Systemd(error) => Some(error),
        }
    }
}

/// Between two looks.
const INTERVAL: Duration = Duration::from_secs(5);
/// Bytes of a report.
const LIMIT: u64 = 1024 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_worst_fault_is_shown() {
        let well = "3 clients on 2 listeners, 12 msg/s";
        let closed = "0 clients on 1 of 2 listeners, 0 msg/s; port 8083 is closed: in use";
        let full =
            "0 clients on 1 listener, 0 msg/s; the store is full: what must be stored is refused";
        let failed = "0 clients on 1 listener, 0 msg/s; the store has FAILED: nothing is kept; port 1 is closed: x";
        let locked = "locked: /etc/broker/broker.toml is missing";
        let cases = [
            (
                Some("applied"),
                "active",
                "active",
                "running",
                well,
                Sign::Well,
            ),
            (None, "active", "active", "running", well, Sign::Well),
            (
                Some("applied"),
                "active",
                "activating",
                "start",
                "reading the store",
                Sign::Well,
            ),
            (
                Some("partly"),
                "active",
                "active",
                "running",
                well,
                Sign::SeeReport,
            ),
            (
                Some("refused"),
                "active",
                "active",
                "running",
                well,
                Sign::SeeReport,
            ),
            (
                Some("missing"),
                "active",
                "active",
                "running",
                well,
                Sign::SeeReport,
            ),
            (
                Some("applied"),
                "failed",
                "active",
                "running",
                well,
                Sign::SeeReport,
            ),
            (
                Some("applied"),
                "active",
                "active",
                "running",
                closed,
                Sign::SeeReport,
            ),
            (
                Some("refused"),
                "active",
                "active",
                "running",
                locked,
                Sign::Locked,
            ),
            (
                Some("refused"),
                "active",
                "active",
                "running",
                full,
                Sign::Store,
            ),
            (
                Some("applied"),
                "active",
                "active",
                "running",
                failed,
                Sign::Store,
            ),
            (
                Some("applied"),
                "active",
                "failed",
                "failed",
                failed,
                Sign::Down,
            ),
            (
                Some("applied"),
                "active",
                "inactive",
                "dead",
                "",
                Sign::Down,
            ),
            (
                Some("applied"),
                "active",
                "activating",
                "auto-restart",
                "",
                Sign::Down,
            ),
        ];
        for (result, provisioner, active, sub, status, expected) in cases {
            let sight = Sight {
                result: result.map(str::to_owned),
                provisioner: UnitView {
                    active: provisioner.to_owned(),
                    ..UnitView::default()
                },
                broker: UnitView {
                    active: active.to_owned(),
                    sub: sub.to_owned(),
                    status: status.to_owned(),
                    ..UnitView::default()
                },
            };
            assert_eq!(
                Sign::of(&sight),
                expected,
                "{result:?} {provisioner} {active} {status}"
            );
        }
    }
}
