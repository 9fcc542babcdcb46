// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The listening sockets: opened, retried, replaced on reload, each with a state that can be shown.

mod accept;
mod passed;
mod presence;
mod socket;

pub use accept::name;
pub use passed::Passed;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use broker_config::{BindAddress, Listener, Protocol};
use tokio::sync::watch;
use tokio::task::AbortHandle;
use tokio::time::{sleep, timeout};

use crate::hub::Hub;
use crate::logging::Log;
use crate::supervisor::Supervisor;
use crate::tls::{Keeper, TlsState};
use socket::Socket;

/// All listeners of the running broker.
pub struct Listeners {
    hub: Arc<Hub>,
    supervisor: Supervisor,
    log: Log,
    passed: OnceLock<Passed>,
    /// Of the daemon's `broker.toml`, where names of certificate files begin.
    folder: OnceLock<PathBuf>,
    /// In the order of the configuration.
    open: Mutex<Vec<Running>>,
}

/// One row of `broker status`.
#[derive(Clone, Debug)]
pub struct ListenerState {
    pub settings: Listener,
    /// What it is bound to: one address, or each one its host name stands for; empty unless listening.
    pub addresses: Vec<SocketAddr>,
    pub state: State,
    /// None without TLS.
    pub tls: Option<TlsState>,
}

/// Whether a listener can be reached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum State {
    Listening,
    /// Its address or interface is not there yet, as said; it is looked for every 2 s.
    Waiting(String),
    /// It could not be opened, as said; it is tried again every 2 s.
    Refused(String),
}

/// A listener's task and what it tells; the channel is closed after the sockets are.
struct Running {
    settings: Listener,
    task: AbortHandle,
    /// Its certificate; none without TLS.
    keeper: Option<Arc<Keeper>>,
    condition: watch::Receiver<Condition>,
}

#[derive(Clone, Default)]
struct Condition {
    addresses: Vec<SocketAddr>,
    /// None before the first attempt.
    state: Option<State>,
}

impl Listeners {
    pub fn new(hub: Arc<Hub>, supervisor: Supervisor, log: Log) -> Arc<Self> {
        Arc::new(Self {
            hub,
            supervisor,
            log,
            passed: OnceLock::new(),
            folder: OnceLock::new(),
            open: Mutex::default(),
        })
    }

    /// Opens and closes sockets until they are the wanted ones; those in both stay open, whatever their terms.
    /// Returns when each new one listens, waits or is refused.
    pub async fn apply(self: &Arc<Self>, wanted: &[Listener]) {
        for address in self.passed().strangers(wanted) {
            self.log.warning(format!(
                "The service manager passed the socket {address}, and no [[listener]] asks for it: nobody is served there."
            ));
        }
        self.retain(|settings| wanted.iter().any(|other| other.is_same_socket(settings)))
            .await;
        let begun = self.begin(wanted);
        for mut condition in begun {
            // The task ends only when the listener is closed again.
            let _ = condition
                .wait_for(|condition| condition.state.is_some())
                .await;
        }
        self.renew().await;
    }

    /// Uses these sockets, where a listener asks for one, in place of opening it; only the first call counts.
    pub fn adopt(&self, passed: Passed) {
        // Nothing is lost: there is one caller.
        let _ = self.passed.set(passed);
    }

    /// Looks for the files of certificates below this folder; only the first call counts.
    pub fn look_in(&self, folder: PathBuf) {
        // Nothing is lost: there is one caller.
        let _ = self.folder.set(folder);
    }

    /// Puts the settings of TLS in force, reading the files again; sockets that have nothing to offer any more are
    /// closed when this returns, as far as that takes no longer than a second, and others are open again.
    async fn renew(&self) {
        let encrypted = |running: &Running| {
            let keeper = running.keeper.clone()?;
            Some((
                keeper,
                running.settings.tls.clone(),
                running.condition.clone(),
            ))
        };
        let encrypted: Vec<_> = self.lock().iter().filter_map(encrypted).collect();
        for (keeper, settings, mut condition) in encrypted {
            keeper.look(settings, &self.log).await;
            let offers = keeper.offer().is_some();
            let is_settled = |condition: &Condition| {
                offers == !matches!(condition.state, Some(State::Refused(_)))
            };
            let _ = timeout(SETTLE, condition.wait_for(is_settled)).await;
        }
    }

    /// Every listener, in the order of the configuration.
    pub fn states(&self) -> Vec<ListenerState> {
        self.lock().iter().map(Running::show).collect()
    }

    /// Closes all listeners.
    pub async fn close(&self) {
        self.retain(|_| false).await;
    }

    /// Closes the others; their ports are free when this returns.
    async fn retain(&self, keep: impl Fn(&Listener) -> bool) {
        let (kept, closing) = std::mem::take(&mut *self.lock())
            .into_iter()
            .partition(|running| keep(&running.settings));
        *self.lock() = kept;
        for mut running in closing {
            running.task.abort();
            while running.condition.changed().await.is_ok() {}
            self.log
                .notice(format!("Closing listen socket: {}.", running.settings));
        }
    }

    /// Starts the wanted ones that do not run yet, and puts all in the wanted order.
    fn begin(self: &Arc<Self>, wanted: &[Listener]) -> Vec<watch::Receiver<Condition>> {
        let mut open = self.lock();
        let mut former = std::mem::take(&mut *open);
        let mut begun = Vec::new();
        for settings in wanted {
            let running = match former
                .iter()
                .position(|running| running.settings.is_same_socket(settings))
            {
                Some(place) => Running {
                    settings: settings.clone(),
                    ..former.swap_remove(place)
                },
                None => {
                    let running = self.start(settings.clone());
                    begun.push(running.condition.clone());
                    running
                }
            };
            open.push(running);
        }
        begun
    }

    fn start(self: &Arc<Self>, settings: Listener) -> Running {
        let (tell, condition) = watch::channel(Condition::default());
        let folder = self
            .folder
            .get()
            .map_or(Path::new(FOLDER), PathBuf::as_path);
        let keeper = Keeper::of(folder, &settings);
        let task = listen(settings.clone(), keeper.clone(), tell, Arc::clone(self));
        Running {
            settings,
            keeper,
            task: self.supervisor.essential("listener", task),
            condition,
        }
    }

    fn passed(&self) -> &Passed {
        self.passed.get_or_init(Passed::default)
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Running>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Running {
    fn show(&self) -> ListenerState {
        let Condition { addresses, state } = self.condition.borrow().clone();
        let state = state.unwrap_or_else(|| State::Waiting("is being opened".to_owned()));
        ListenerState {
            settings: self.settings.clone(),
            addresses,
            state,
            tls: self.keeper.as_ref().map(|keeper| keeper.state()),
        }
    }
}

/// The task of one listener: opens it, accepts, and opens it anew when its interface was replaced.
async fn listen(
    settings: Listener,
    keeper: Option<Arc<Keeper>>,
    tell: watch::Sender<Condition>,
    listeners: Arc<Listeners>,
) {
    let Listeners { hub, log, .. } = &*listeners;
    loop {
        certified(&settings, keeper.as_ref(), &tell, log).await;
        let sockets = open(&settings, &tell, listeners.passed(), log).await;
        let addresses = socket::addresses(&sockets);
        announce(&settings, &addresses, log);
        let state = presence::state(&settings);
        if state != State::Listening {
            presence::report(&settings, &state, log);
        }
        tell.send_replace(Condition {
            addresses,
            state: Some(state),
        });
        tokio::select! {
            () = accept::serve(&sockets, &settings, keeper.as_ref(), hub, log) => {}
            () = watch_certificate(keeper.as_ref(), log) => {}
            () = presence::watch(&settings, &tell, log) => {}
        }
    }
}

/// Waits until there is a certificate to show, if one is needed.
async fn certified(
    settings: &Listener,
    keeper: Option<&Arc<Keeper>>,
    tell: &watch::Sender<Condition>,
    log: &Log,
) {
    let Some(keeper) = keeper else {
        return;
    };
    loop {
        keeper.look(None, log).await;
        if keeper.offer().is_some() {
            return;
        }
        let fault = keeper.fault();
        let state = State::Refused(fault.clone());
        if tell.borrow().state.as_ref() != Some(&state) {
            log.warning(format!(
                "The listener ({settings}) is not open: {fault}. Trying again every 2 s."
            ));
        }
        tell.send_replace(Condition {
            addresses: Vec::new(),
            state: Some(state),
        });
        let _ = timeout(RETRY, keeper.changed.notified()).await;
    }
}

/// Returns when there is no certificate to show any more.
async fn watch_certificate(keeper: Option<&Arc<Keeper>>, log: &Log) {
    match keeper {
        Some(keeper) => keeper.watch(log).await,
        None => std::future::pending().await,
    }
}

/// Tries until it is open.
async fn open(
    settings: &Listener,
    tell: &watch::Sender<Condition>,
    passed: &Passed,
    log: &Log,
) -> Vec<Socket> {
    match passed.find(settings) {
        Ok(Some(socket)) => {
            log.notice(format!("The listener ({settings}) uses the socket that the service manager passed."));
            return vec![socket];
        }
        Ok(None) => {}
        Err(error) => log.error(format!(
            "The socket that the service manager passed for the listener ({settings}) cannot be used: {error}."
        )),
    }
    loop {
        let obstacle = match socket::open(settings, tell).await {
            Ok(sockets) => return sockets,
            Err(obstacle) => obstacle,
        };
        let state = obstacle.state();
        let news = tell.borrow().state.as_ref() != Some(&state);
        if news {
            log.warning(format!(
                "The listener ({settings}) is not open: {obstacle}. Trying again every 2 s."
            ));
        }
        tell.send_replace(Condition {
            addresses: Vec::new(),
            state: Some(state),
        });
        sleep(RETRY).await;
    }
}

/// As Mosquitto says it, once for each family.
fn announce(settings: &Listener, addresses: &[SocketAddr], log: &Log) {
    if let Some(path) = &settings.socket {
        log.notice(format!("Opening unix listen socket on path {path}."));
    }
    for address in addresses {
        announce_address(settings, *address, log);
    }
}

fn announce_address(settings: &Listener, address: SocketAddr, log: &Log) {
    let port = address.port();
    let kinds: &[&str] = match (settings.protocol, address) {
        (Protocol::WebSockets, _) => &["websockets"],
        (Protocol::Mqtt, SocketAddr::V4(_)) => &["ipv4"],
        (Protocol::Mqtt, SocketAddr::V6(_)) if settings.local_address() == BindAddress::Any => {
            &["ipv4", "ipv6"]
        }
        (Protocol::Mqtt, SocketAddr::V6(_)) => &["ipv6"],
    };
    let at = match settings.bind_address {
        BindAddress::Any => String::new(),
        _ => format!(" (address {})", address.ip()),
    };
    let secured = match settings.tls {
        Some(_) => " with TLS",
        None => "",
    };
    for kind in kinds {
        log.notice(format!(
            "Opening {kind} listen socket{secured} on port {port}.{at}"
        ));
    }
}

/// Where names of files begin if nothing else is said.
const FOLDER: &str = "/etc/broker";
/// For a socket to close or open when its certificate has changed.
const SETTLE: Duration = Duration::from_secs(1);
const RETRY: Duration = Duration::from_secs(2);

#[cfg(test)]
mod tests;
