// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The edge to the world: narrow traits, each named by what it does for the provisioner.
//!
//! Beside each trait stands its real side; the doubles are with the tests. Below `--root` there is no [`Machine`],
//! hence no D-Bus.

mod bus;
pub mod files;
pub mod hostnamed;
pub mod journald;
pub mod network;
pub mod network_manager;
pub mod radio_rules;
pub mod random;
pub mod screen;
pub mod systemd;
pub mod termination;
pub mod timedated;
pub mod unit_view;
pub mod witnesses;

pub use bus::{Bus, CallError};
pub use files::{Access, Disk, Files};
pub use hostnamed::{HostName, Hostnamed};
pub use journald::{Journald, Log};
pub use network::{Kernel, Listening, Network};
pub use network_manager::{Client, NetworkManager};
pub use radio_rules::{Nl80211, RadioRules};
pub use random::{Entropy, Randomness};
pub use screen::{Agetty, Screen};
pub use systemd::{BrokerService, Systemd, UnitState, Units};
pub use termination::Termination;
pub use timedated::{LocalTime, Timedated};
pub use unit_view::{UnitView, UnitViews, Viewer};
pub use witnesses::{
    ControlSocket, Daemon, Journal, Journalctl, Mounted, Of, Space, Storage, Witnesses,
};

/// The parts of the running machine that are changed by asking another program.
#[derive(Clone, Copy)]
pub struct Machine<'a> {
    pub host_name: &'a dyn HostName,
    pub local_time: &'a dyn LocalTime,
    pub broker: &'a dyn BrokerService,
    pub screen: &'a dyn Screen,
    pub log: &'a dyn Log,
    pub network: &'a dyn NetworkManager,
    pub rules: &'a dyn RadioRules,
    pub units: &'a dyn Units,
}

/// Who may read the daemon's configuration, and whose sockets are the daemon's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Accounts {
    /// The user the daemon runs as; `None` if there is no such user.
    pub broker_user: Option<u32>,
    pub configuration_group: Group,
}

/// The group given to the daemon's configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Group {
    /// The group `broker`, by its number.
    Id(u32),
    /// Whatever the caller's files get, as below `--root`.
    Callers,
    /// There is no group `broker`.
    Missing,
}
