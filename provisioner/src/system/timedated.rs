// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The machine's time zone and whether its clock is right, kept by systemd-timedated.

use super::bus::{Bus, CallError, Peer};

/// The time zone local time is told in, and the clock behind it.
pub trait LocalTime {
    /// The zone's name in the tz database.
    fn zone(&self) -> Result<String, CallError>;
    /// Sets it now and for the next boots; a name this machine does not know is refused.
    fn set_zone(&self, name: &str) -> Result<(), CallError>;
    /// Whether time servers are to set the clock.
    fn follows_servers(&self) -> Result<bool, CallError>;
    /// Lets them set it, now and with the next boots.
    fn follow_servers(&self) -> Result<(), CallError>;
    /// Whether a time server has set the clock since the machine was started.
    fn is_synchronised(&self) -> Result<bool, CallError>;
}

/// systemd-timedated on a bus.
pub struct Timedated<'a>(pub &'a Bus);

impl LocalTime for Timedated<'_> {
    fn zone(&self) -> Result<String, CallError> {
        self.0.property(&TIMEDATED, "Timezone")
    }

    fn set_zone(&self, name: &str) -> Result<(), CallError> {
        let interactive = false;
        self.0.call(&TIMEDATED, "SetTimezone", &(name, interactive))
    }

    fn follows_servers(&self) -> Result<bool, CallError> {
        self.0.property(&TIMEDATED, "NTP")
    }

    fn follow_servers(&self) -> Result<(), CallError> {
        let (on, interactive) = (true, false);
        self.0.call(&TIMEDATED, "SetNTP", &(on, interactive))
    }

    fn is_synchronised(&self) -> Result<bool, CallError> {
        self.0.property(&TIMEDATED, "NTPSynchronized")
    }
}

const TIMEDATED: Peer = Peer {
    name: "org.freedesktop.timedate1",
    path: "/org/freedesktop/timedate1",
    interface: "org.freedesktop.timedate1",
};
