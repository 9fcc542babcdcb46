// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The machine's part of a checked `broker.toml`.

mod ethernet;
mod ntp;
mod ssh;
mod wlan;

pub use ethernet::{Ethernet, StaticAddress};
pub use ntp::NtpServer;
pub use ssh::{AuthorizedKey, InvalidKey};
pub use wlan::{Country, Ssid, Wlan, WlanKey};

use crate::{Hostname, TimeZone};

/// What the machine is to be; the default leaves everything as it is.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct MachineSettings {
    /// The machine's name; `None` leaves it as it is.
    pub hostname: Option<Hostname>,
    /// The machine's time zone; `None` leaves it as it is.
    pub timezone: Option<TimeZone>,
    /// At most 8; none leaves the system's own.
    pub ntp_servers: Vec<NtpServer>,
    /// `None`: no network of ours.
    pub wlan: Option<Wlan>,
    /// `None`: no connection of ours.
    pub ethernet: Option<Ethernet>,
    /// Who may log in over SSH, at most 64; none closes it.
    pub authorized_keys: Vec<AuthorizedKey>,
}
