// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The three protocol versions and the complete list of what differs between them on the wire.

/// A version of the MQTT protocol; later versions compare greater.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Version {
    /// MQTT 3.1, protocol name `MQIsdp`, level 3.
    V31,
    /// MQTT 3.1.1, protocol name `MQTT`, level 4.
    V311,
    /// MQTT 5.0, protocol name `MQTT`, level 5.
    V5,
}

impl Version {
    /// Every version, the earliest first.
    pub const ALL: [Self; 3] = [Self::V31, Self::V311, Self::V5];

    /// The protocol name a CONNECT of this version carries.
    pub const fn protocol_name(self) -> &'static str {
        match self {
            Self::V31 => "MQIsdp",
            Self::V311 | Self::V5 => "MQTT",
        }
    }

    /// The protocol level byte a CONNECT of this version carries.
    pub const fn level(self) -> u8 {
        match self {
            Self::V31 => 3,
            Self::V311 => 4,
            Self::V5 => 5,
        }
    }

    /// The name people use: `3.1`, `3.1.1` or `5.0`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::V31 => "3.1",
            Self::V311 => "3.1.1",
            Self::V5 => "5.0",
        }
    }

    /// Whether packets carry properties, acknowledgements carry reason codes, AUTH exists, and the
    /// server may send DISCONNECT.
    pub(crate) const fn has_properties(self) -> bool {
        matches!(self, Self::V5)
    }

    /// Whether reserved bits must have their fixed value; in 3.1 they are "not used".
    pub(crate) const fn fixes_reserved_bits(self) -> bool {
        !matches!(self, Self::V31)
    }

    /// Whether a length must be written in as few bytes as possible. `[MQTT-1.5.5-1]`
    pub(crate) const fn needs_shortest_lengths(self) -> bool {
        matches!(self, Self::V5)
    }

    /// Whether a CONNECT may carry a password without a user name.
    pub(crate) const fn allows_lone_password(self) -> bool {
        matches!(self, Self::V5)
    }

    /// Whether a CONNECT may announce a user name or password and end before it, as 3.1 permits.
    pub(crate) const fn allows_absent_credentials(self) -> bool {
        matches!(self, Self::V31)
    }

    /// Whether a CONNACK says that a session was present.
    pub(crate) const fn tells_session_present(self) -> bool {
        !matches!(self, Self::V31)
    }
}

impl std::fmt::Display for Version {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}
