// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Keep Alive under a ceiling: which interval a connection is held to.

use mqtt_proto::{Connect, Version};

/// What became of the keep alive a client asked for, in seconds; 0 is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum KeepAlive {
    /// What CONNECT says. [MQTT-3.2.2-22]
    AsAsked(u16),
    /// Version 5: the ceiling, which CONNACK tells. [MQTT-3.1.2-21]
    Lowered(u16),
    /// Earlier versions cannot be told another value.
    Tolerated(u16),
}

impl KeepAlive {
    /// `maximum` is the ceiling in seconds, 0 for none.
    pub fn grant(connect: &Connect, maximum: u16) -> Self {
        let asked = connect.keep_alive;
        let above = maximum > 0 && (asked == 0 || asked > maximum);
        match connect.version {
            _ if !above => Self::AsAsked(asked),
            Version::V5 => Self::Lowered(maximum),
            Version::V31 | Version::V311 => Self::Tolerated(asked),
        }
    }

    /// The interval in force.
    pub fn seconds(self) -> u16 {
        match self {
            Self::AsAsked(seconds) | Self::Lowered(seconds) | Self::Tolerated(seconds) => seconds,
        }
    }
}
