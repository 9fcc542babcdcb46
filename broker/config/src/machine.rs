// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The machine's part of a checked `broker.toml`.

use crate::{Hostname, TimeZone};

/// What the machine is to be; the default leaves everything as it is.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct MachineSettings {
    /// The machine's name; `None` leaves it as it is.
    pub hostname: Option<Hostname>,
    /// The machine's time zone; `None` leaves it as it is.
    pub timezone: Option<TimeZone>,
}
