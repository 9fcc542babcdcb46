// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Builds every part of the daemon in order and takes them down again.

use std::io;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use broker_config::{self as config, BrokerSettings, LimitSettings, Listener};
use mqtt_core::{Access, Command, Limits, Params, Terms};
use mqtt_proto::Version;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::time::timeout;

use crate::access::access;
use crate::auth::Authenticator;
use crate::control::Control;
use crate::hub::{self, Hub};
use crate::listener::{self, Listeners, Passed};
use crate::logging::Log;
use crate::options::{DEFAULT_CONFIG, RunOptions};
use crate::reload::{self, Reloader};
use crate::storage::{self, Handle, Place, Storage};
use crate::supervisor::{Failures, Supervisor};
use crate::{canary, descriptors, local_socket, memory, systemd};

/// Runs the daemon until it is told to stop.
pub async fn run(options: RunOptions, passed: Passed) -> ExitCode {
    let (log, stops) = match Log::start().and_then(|log| Ok((log, Stops::catch()?))) {
        Ok(parts) => parts,
        Err(error) => {
            eprintln!("broker: cannot start: {error}");
            return ExitCode::FAILURE;
        }
    };
    log.notice(format!("{VERSION} starting"));
    let code = match Daemon::start(options, passed, &log).await {
        Ok(daemon) => daemon.serve(stops, &log).await,
        Err(code) => code,
    };
    log.flush();
    code
}

/// What the core works with under these settings.
pub fn params(settings: &LimitSettings) -> Params {
    let count = |limit| usize::try_from(settings.value(limit)).unwrap_or(usize::MAX);
    let wide = |limit| u32::try_from(settings.value(limit)).unwrap_or(u32::MAX);
    let narrow = |limit| u16::try_from(settings.value(limit)).unwrap_or(u16::MAX);
    let limits = Limits {
        sys_interval: Duration::from_secs(settings.value(&config::SYS_INTERVAL)),
        max_packet_size: wide(&config::MAX_PACKET_SIZE),
        max_connections: count(&config::MAX_CONNECTIONS),
        max_connections_per_address: count(&config::MAX_CONNECTIONS_PER_ADDRESS),
        max_connect_rate: wide(&config::MAX_CONNECT_RATE),
        max_connect_rate_per_address: wide(&config::MAX_CONNECT_RATE_PER_ADDRESS),
        room: descriptors::room(),
        connect_timeout: Duration::from_secs(settings.value(&config::CONNECT_TIMEOUT)),
        max_keepalive: narrow(&config::MAX_KEEPALIVE),
        receive_maximum: narrow(&config::RECEIVE_MAXIMUM),
        max_inflight_messages: narrow(&config::MAX_INFLIGHT_MESSAGES),
        max_topic_alias: narrow(&config::MAX_TOPIC_ALIAS),
        max_topic_alias_broker: narrow(&config::MAX_TOPIC_ALIAS_BROKER),
        max_queued_messages: count(&config::MAX_QUEUED_MESSAGES),
        max_queued_bytes: count(&config::MAX_QUEUED_BYTES),
        max_pending_bytes: count(&config::MAX_PENDING_BYTES),
        max_message_rate: wide(&config::MAX_MESSAGE_RATE),
        max_subscriptions: count(&config::MAX_SUBSCRIPTIONS),
        max_topic_levels: count(&config::MAX_TOPIC_LEVELS),
        max_topic_length: count(&config::MAX_TOPIC_LENGTH),
        max_retained_messages: count(&config::MAX_RETAINED_MESSAGES),
        max_retained_bytes: count(&config::MAX_RETAINED_BYTES),
        max_sessions: count(&config::MAX_SESSIONS),
        max_session_expiry: wide(&config::MAX_SESSION_EXPIRY),
        memory_limit: match count(&config::MEMORY_LIMIT) {
            0 => memory::budget(),
            bytes => bytes,
        },
        persistent_client_expiration: wide(&config::PERSISTENT_CLIENT_EXPIRATION),
    };
    Params {
        limits,
        version: VERSION.into(),
    }
}

/// What each listener of a configuration grants, by the name its connections carry.
pub fn listeners(settings: &BrokerSettings) -> mqtt_core::Listeners {
    let terms = |listener: &Listener| {
        let accepted = &listener.accept_protocol_versions;
        let versions = Version::ALL
            .into_iter()
            .filter(|v| accepted.contains(&v.level()));
        Terms {
            max_connections: listener
                .max_connections
                .and_then(|limit| usize::try_from(limit).ok())
                .unwrap_or(usize::MAX),
            versions: versions.collect(),
            allow_anonymous: settings.allows_anonymous(listener),
            certificate_login: listener.tls.as_ref().is_some_and(config::Tls::identifies),
        }
    };
    let named = |listener| (listener::name(listener), terms(listener));
    settings.listeners.iter().map(named).collect()
}

/// The parts that the end of the daemon is about.
struct Daemon {
    hub: Arc<Hub>,
    listeners: Arc<Listeners>,
    store: Handle,
    failures: Failures,
}

impl Daemon {
    /// Starts every part; a configuration named on the command line must be valid.
    async fn start(options: RunOptions, passed: Passed, log: &Log) -> Result<Self, ExitCode> {
        let (supervisor, failures) = Supervisor::new();
        let named = options.config.is_some();
        let config = options.config.unwrap_or_else(|| DEFAULT_CONFIG.into());
        // What is wrong with it is said when it is taken over.
        let loaded = reload::load(config.clone()).await.ok();
        // Without a configuration nobody may anything, and that goes for what the store brings back, too.
        let rights = loaded
            .as_ref()
            .map(|loaded| access(&loaded.settings, loaded.acl.as_ref()));
        let rights = rights.unwrap_or_else(Access::nothing);
        let settings = loaded.map(|loaded| loaded.settings);
        let place = Place {
            persistence: settings
                .as_ref()
                .map(|settings| settings.persistence)
                .unwrap_or_default(),
            state: options.state.clone(),
            runtime: options.runtime.clone(),
        };
        let storage = open_store(place, log).await?;
        let store = storage.handle.clone();
        let authenticator = Authenticator::new(options.state, log.clone());
        let limits = settings.map(|settings| settings.limits).unwrap_or_default();
        let params = (params(&limits), rights);
        let hub = restored(storage, params, &authenticator, &supervisor, log);

        let listeners = Listeners::new(hub.clone(), supervisor.clone(), log.clone());
        listeners.adopt(passed);
        listeners.look_in(reload::folder(&config).to_owned());
        let reloader = Reloader::new(
            config,
            authenticator,
            listeners.clone(),
            hub.clone(),
            store.clone(),
            log.clone(),
        );
        supervisor.essential("reload", reloader.clone().serve_hangups());
        match reloader.start().await {
            Err(refusal) if named => {
                close(&store, log).await;
                return Err(ExitCode::from(refusal.exit_status()));
            }
            Err(_) => log.warning(LOCKED),
            Ok(()) => {}
        }

        if let Some(path) = options.control {
            let control = Control {
                hub: hub.clone(),
                listeners: listeners.clone(),
                reloader: reloader.clone(),
                store: store.clone(),
            };
            serve_control(control, &path, &supervisor, log);
        }
        systemd::ready();
        supervisor.essential(
            "status",
            systemd::report(hub.clone(), listeners.clone(), reloader, store.clone()),
        );
        // Not essential: without it the watchdog acts.
        tokio::spawn(canary::run(hub.clone(), options.runtime, log.clone()));
        Ok(Self {
            hub,
            listeners,
            store,
            failures,
        })
    }

    /// Runs until a signal or the end of a part that is needed.
    async fn serve(mut self, mut stops: Stops, log: &Log) -> ExitCode {
        log.notice(format!("{VERSION} running"));
        let (code, drain) = tokio::select! {
            () = stops.next() => (ExitCode::SUCCESS, DRAIN),
            name = self.failures.next() => {
                log.error(format!("the task {name} has ended, which it must not; the broker stops"));
                (ExitCode::FAILURE, SHORT_DRAIN)
            }
        };
        systemd::stopping();
        log.notice(format!("{VERSION} terminating"));
        tokio::select! {
            () = self.stop(drain) => {}
            () = stops.next() => log.warning("told twice to stop: connections are cut off"),
        }
        close(&self.store, log).await;
        code
    }

    /// No new connection, a last word to each client, then the end.
    async fn stop(&self, drain: Duration) {
        self.listeners.close().await;
        self.hub.enter(&mut vec![Command::Shutdown]);
        // A client that does not read its last word is left behind.
        let _ = timeout(drain, self.hub.emptied()).await;
    }
}

/// Opens the store away from the serving threads; an error is told.
async fn open_store(place: Place, log: &Log) -> Result<Storage, ExitCode> {
    systemd::opening_store();
    let own = log.clone();
    let opened = tokio::task::spawn_blocking(move || storage::open(place, &own)).await;
    // A panic was told already.
    let opened = opened.map_err(|_| ExitCode::FAILURE)?;
    opened.map_err(|fault| {
        log.error(fault);
        ExitCode::FAILURE
    })
}

/// The hub with all that the store brings back, and the tasks around the store.
fn restored(
    storage: Storage,
    (params, rights): (Params, Access),
    authenticator: &Authenticator,
    supervisor: &Supervisor,
    log: &Log,
) -> Arc<Hub> {
    let Storage {
        appender,
        handle,
        clock,
        reads,
        progress,
        contents,
    } = storage;
    let hub = Hub::new(
        params,
        Box::new(appender),
        clock,
        log.clone(),
        authenticator.clone(),
    );
    let began = contents.began;
    let holds_something = !contents.records.is_empty();
    hub.enter(&mut vec![Command::Access(Arc::new(rights))]);
    // An empty store has its numbers, too.
    hub.restore(contents);
    if holds_something {
        log.notice(storage::restored(&hub.stats(), began.elapsed()));
    }
    hub.store_is(handle.state());
    supervisor.essential("timer", hub::keep_time(hub.clone()));
    supervisor.essential("store", hub::follow(hub.clone(), progress));
    supervisor.essential("store", storage::answer(hub.clone(), reads));
    supervisor.essential("storage", storage::watch(hub.clone(), handle.clone()));
    supervisor.essential("store", async move { handle.ended().await });
    hub
}

/// Has everything written before the process ends.
async fn close(store: &Handle, log: &Log) {
    store.stop();
    if timeout(CLOSE, store.ended()).await.is_err() {
        log.error("the card does not take what the store still has to write; what was acknowledged is safe");
    }
}

fn serve_control(control: Control, path: &Path, supervisor: &Supervisor, log: &Log) {
    match local_socket::open(path) {
        Ok(socket) => {
            supervisor.essential("control", control.serve(socket));
        }
        Err(error) => {
            log.error(format!(
                "the control socket {} cannot be opened: {error}",
                path.display()
            ));
        }
    }
}

/// The signals that end the daemon.
struct Stops {
    terminate: Signal,
    interrupt: Signal,
}

impl Stops {
    fn catch() -> io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
        })
    }

    async fn next(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}

const VERSION: &str = concat!("broker version ", env!("CARGO_PKG_VERSION"));
const LOCKED: &str = "The broker is locked: no port is open until there is a valid configuration; \
                      mend the file, then `systemctl reload broker` or `broker reload`.";
/// For the store to be written at a stop; systemd waits 20 s for both.
const CLOSE: Duration = Duration::from_secs(12);
/// For clients to take their last packets at a stop.
const DRAIN: Duration = Duration::from_secs(5);
/// The same where the next process is waited for.
const SHORT_DRAIN: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_of_limits_and_the_core_have_the_same_defaults() {
        let limits = params(&LimitSettings::default()).limits;
        let of_this_machine = Limits {
            memory_limit: memory::budget(),
            room: descriptors::room(),
            ..Limits::default()
        };
        assert_eq!(limits, of_this_machine);
    }

    #[test]
    fn every_limit_of_the_table_reaches_the_core() {
        let unset = params(&LimitSettings::default()).limits;
        for limit in config::LIMITS {
            let name = limit.key.name;
            let mut settings = LimitSettings::default();
            let other = limit.default.checked_sub(1).unwrap_or(1);
            assert!(settings.set(name, other));
            assert_ne!(params(&settings).limits, unset, "{name}");
        }
    }
}
