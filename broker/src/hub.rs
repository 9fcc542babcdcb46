// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The one way into the core, shared by all tasks.

use std::sync::Arc;

use mqtt_core::{ClientStatus, Command, Moment, Params, Stats};

use crate::auth::Authenticator;
use crate::logging::Log;
use crate::storage::Store;

/// The core, its store, and the connections it speaks to.
pub struct Hub {
    log: Log,
    authenticator: Authenticator,
}

impl Hub {
    pub fn new(params: Params, store: Box<dyn Store>, log: Log, authenticator: Authenticator) -> Arc<Self> {
        let _ = (params, store);
        Arc::new(Self { log, authenticator })
    }

    /// Carries out the commands in order, emptying the list, and acts on what follows from them; never waits.
    pub fn enter(self: &Arc<Self>, commands: &mut Vec<Command>) {
        let _ = (&self.log, &self.authenticator);
        commands.clear();
    }

    /// The clock of every entry, from the start of the process.
    pub fn now(&self) -> Moment {
        Moment::default()
    }

    /// A copy of the counters.
    pub fn stats(&self) -> Stats {
        Stats::default()
    }

    /// The connected clients, at most `max`.
    pub fn clients(&self, max: usize) -> Vec<ClientStatus> {
        let _ = max;
        Vec::new()
    }
}
