// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The machine's time zone, kept by systemd-timedated.

use super::bus::{Bus, CallError, Peer};

/// The time zone local time is told in.
pub trait LocalTime {
    /// Its name in the tz database.
    fn zone(&self) -> Result<String, CallError>;
    /// Sets it now and for the next boots; a name this machine does not know is refused.
    fn set_zone(&self, name: &str) -> Result<(), CallError>;
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
}

const TIMEDATED: Peer = Peer {
    name: "org.freedesktop.timedate1",
    path: "/org/freedesktop/timedate1",
    interface: "org.freedesktop.timedate1",
};
