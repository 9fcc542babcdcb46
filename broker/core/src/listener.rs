// SPDX-License-Identifier: Apache-2.0 OR MIT
//! What each of the broker's listeners grants to those who connect through it.

use std::collections::BTreeMap;

use bytestring::ByteString;
use mqtt_proto::Version;

/// The broker's listeners by the name that [`crate::Peer::listener`] carries.
pub type Listeners = BTreeMap<ByteString, Terms>;

/// The terms of one listener.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Terms {
    /// Connections through it; one more is closed at once. Default: no bound of its own.
    pub max_connections: usize,
    /// The protocol versions it accepts; a CONNECT of another is refused (0x84). Default: all.
    pub versions: Vec<Version>,
    /// Whether clients without a user name are let in; default false.
    pub allow_anonymous: bool,
    /// Whether the name in the client's certificate is its user name, and no password is asked; default false.
    pub certificate_login: bool,
}

impl Default for Terms {
    fn default() -> Self {
        Self {
            max_connections: usize::MAX,
            versions: Version::ALL.to_vec(),
            allow_anonymous: false,
            certificate_login: false,
        }
    }
}
