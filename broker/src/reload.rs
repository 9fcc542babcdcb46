// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The configuration's way into the running broker: read, checked as a whole, then taken over or refused as a whole.
//!
//! The same way at the start, on SIGHUP and on `broker reload`, one at a time. A refused file changes nothing.

mod changes;
pub mod files;
mod source;

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use broker_config::BrokerSettings;
use mqtt_core::{Access, Command};
use tokio::signal::unix::{SignalKind, signal};

use crate::access::access;
use crate::app;
use crate::auth::Authenticator;
use crate::descriptors;
use crate::hub::Hub;
use crate::listener::Listeners;
use crate::logging::Log;
use crate::storage::Handle;
use crate::systemd;
pub use source::{Refusal, folder, load, read_bounded};

/// Hands an accepted configuration to the parts that live by it.
pub struct Reloader {
    config: PathBuf,
    authenticator: Authenticator,
    listeners: Arc<Listeners>,
    hub: Arc<Hub>,
    store: Handle,
    log: Log,
    /// What the broker runs now; held over a whole reload, so that two never mix.
    running: tokio::sync::Mutex<Option<Running>>,
    /// Why the broker is locked, until a first configuration is accepted.
    locked: Mutex<Option<String>>,
}

/// What is in force.
struct Running {
    settings: BrokerSettings,
    access: Arc<Access>,
}

/// What came of a reload.
pub struct Outcome {
    /// Whether the broker now runs what the file says.
    pub accepted: bool,
    /// Sentences as they stand in the log; the first says the outcome.
    pub lines: Vec<String>,
}

impl Reloader {
    pub fn new(
        config: PathBuf,
        authenticator: Authenticator,
        listeners: Arc<Listeners>,
        hub: Arc<Hub>,
        store: Handle,
        log: Log,
    ) -> Arc<Self> {
        let locked = Mutex::new(Some("no configuration was read yet".to_owned()));
        Arc::new(Self {
            config,
            authenticator,
            listeners,
            hub,
            store,
            log,
            running: tokio::sync::Mutex::default(),
            locked,
        })
    }

    /// Reads the file for the first time; a refused one leaves the broker locked, and is logged.
    pub async fn start(&self) -> Result<(), Refusal> {
        let mut running = self.running.lock().await;
        match self.take_over(&mut running).await {
            Ok(lines) => {
                lines.into_iter().for_each(|line| self.log.notice(line));
                Ok(())
            }
            Err(refusal) => {
                self.set_locked(Some(refusal.to_string()));
                refusal
                    .lines()
                    .into_iter()
                    .for_each(|line| self.log.error(line));
                Err(refusal)
            }
        }
    }

    /// Reads the file again and logs what came of it.
    pub async fn reload(&self) -> Outcome {
        let mut running = self.running.lock().await;
        systemd::reloading();
        self.log.notice("Reloading config.");
        let outcome = match self.take_over(&mut running).await {
            Ok(lines) => {
                lines.iter().for_each(|line| self.log.notice(line));
                Outcome {
                    accepted: true,
                    lines,
                }
            }
            Err(refusal) => {
                let mut lines = refusal.lines();
                if running.is_some() {
                    lines.push("the former configuration stays in force".to_owned());
                } else {
                    self.set_locked(Some(refusal.to_string()));
                }
                lines.iter().for_each(|line| self.log.error(line));
                Outcome {
                    accepted: false,
                    lines,
                }
            }
        };
        systemd::ready();
        outcome
    }

    /// Reloads on every SIGHUP.
    pub async fn serve_hangups(self: Arc<Self>) {
        match signal(SignalKind::hangup()) {
            Ok(mut hangups) => {
                while hangups.recv().await.is_some() {
                    self.reload().await;
                }
            }
            Err(error) => self
                .log
                .error(format!("SIGHUP cannot be received: {error}")),
        }
    }

    /// Why the broker is locked; none once a configuration was accepted.
    pub fn locked(&self) -> Option<String> {
        self.locked
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// All or nothing: what can be refused comes before the first change.
    async fn take_over(&self, running: &mut Option<Running>) -> Result<Vec<String>, Refusal> {
        let loaded = source::load(self.config.clone()).await?;
        let settings = loaded.settings;
        let access = Arc::new(access(&settings, loaded.acl.as_ref()));
        self.authenticator
            .replace(settings.users.clone())
            .await
            .map_err(|error| Refusal::Accounts(self.config.clone(), error))?;
        let params = app::params(&settings.limits);
        descriptors::provide_for(params.limits.max_connections, &self.log);
        self.hub.reconfigure(params);
        // Rights come before those who might use them.
        let mut commands = vec![Command::Access(Arc::clone(&access))];
        if let Some(before) = running.as_ref() {
            let users = changes::withdrawn(&before.settings, &settings);
            commands.push(Command::Withdraw { users });
        }
        commands.push(Command::Listeners(app::listeners(&settings)));
        self.hub.enter(&mut commands);
        self.listeners.apply(&settings.listeners).await;
        let restart = self.store.reconfigure(settings.persistence);
        self.set_locked(None);
        let mut lines = vec![format!("Config loaded from {}.", self.config.display())];
        lines.extend(loaded.notes);
        let now = Running { settings, access };
        lines.extend(changes::between(running.as_ref(), &now));
        lines.extend(restart.map(str::to_owned));
        lines.extend(self.listeners.states().iter().filter_map(systemd::trouble));
        *running = Some(now);
        Ok(lines)
    }

    fn set_locked(&self, reason: Option<String>) {
        *self.locked.lock().unwrap_or_else(PoisonError::into_inner) = reason;
    }
}

#[cfg(test)]
mod tests;
