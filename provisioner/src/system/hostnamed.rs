// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The machine's name, kept by systemd-hostnamed.

use super::bus::{Bus, CallError, Peer};

/// The machine's own name.
pub trait HostName {
    /// The configured name; empty if there is none.
    fn current(&self) -> Result<String, CallError>;
    /// Sets the name now and for the next boots.
    fn set(&self, name: &str) -> Result<(), CallError>;
}

/// systemd-hostnamed on a bus.
pub struct Hostnamed<'a>(pub &'a Bus);

impl HostName for Hostnamed<'_> {
    fn current(&self) -> Result<String, CallError> {
        self.0.property(&HOSTNAMED, "StaticHostname")
    }

    fn set(&self, name: &str) -> Result<(), CallError> {
        let interactive = false;
        self.0
            .call(&HOSTNAMED, "SetStaticHostname", &(name, interactive))
    }
}

const HOSTNAMED: Peer = Peer {
    name: "org.freedesktop.hostname1",
    path: "/org/freedesktop/hostname1",
    interface: "org.freedesktop.hostname1",
};
