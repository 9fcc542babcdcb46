// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The one way into the core, shared by all tasks.
//!
//! An entry takes the core's lock once for a whole batch, appends the durable changes to the store, takes out what
//! the first woken connections have to send, leaves, and then acts: the log gets its events, logins go to the
//! authenticator, and frames are written. Only who holds a connection's turn takes its frames out and writes them
//! (`drain`): that keeps the order.

mod drain;
mod registry;
mod scratch;
mod stay;
mod timer;

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytestring::ByteString;
use mqtt_core::{
    AuthRequest, Broker, ClientStatus, CloseCause, Command, ConnectionId, Credentials,
    LoginFailure, Moment, Params, Stats, StorageState, StoreFigures, Verdict,
};
use mqtt_proto::DecodeLimits;
use tokio::runtime::Handle;
use tokio::sync::Notify;

use crate::auth::Authenticator;
use crate::link::{Link, Status};
use crate::lobby::{Lobby, Stay};
use crate::logging::Log;
use crate::storage::{Clock, Contents, Store};
use crate::transport::{Layer, Sink};

use drain::Parked;
use scratch::Shelf;
use stay::Core;
use timer::Alarm;

pub use drain::follow;
pub use scratch::Scratch;
pub use timer::keep_time;

/// The core, its store, and the connections it speaks to.
pub struct Hub {
    core: Mutex<Core>,
    alarm: Alarm,
    /// No connection is open.
    emptied: Notify,
    traffic: Traffic,
    shelf: Shelf,
    clock: Clock,
    /// Bytes of one packet, for the decoders of connections to come.
    max_packet_size: AtomicU32,
    /// Milliseconds.
    connect_timeout: AtomicU64,
    tasks: Handle,
    log: Log,
    authenticator: Authenticator,
    lobby: Arc<Lobby>,
}

/// Bytes that went over the network since the last entry.
#[derive(Default)]
struct Traffic {
    received: AtomicU64,
    sent: AtomicU64,
}

impl Hub {
    /// Must be called on the runtime whose tasks judge logins.
    pub fn new(
        params: Params,
        store: Box<dyn Store>,
        clock: Clock,
        log: Log,
        authenticator: Authenticator,
    ) -> Arc<Self> {
        let max_packet_size = params.limits.max_packet_size.into();
        let connect_timeout = AtomicU64::new(milliseconds(params.limits.connect_timeout));
        let broker = Broker::new(params, clock.now());
        Arc::new(Self {
            core: Mutex::new(Core::new(broker, store)),
            alarm: Alarm::default(),
            emptied: Notify::new(),
            traffic: Traffic::default(),
            shelf: Shelf::default(),
            clock,
            max_packet_size,
            connect_timeout,
            tasks: Handle::current(),
            log,
            authenticator,
            lobby: Arc::default(),
        })
    }

    /// Carries out the commands in order, emptying the list, and acts on what follows from them; never waits.
    pub fn enter(self: &Arc<Self>, commands: &mut Vec<Command>) {
        let mut scratch = self.scratch();
        std::mem::swap(commands, &mut scratch.commands);
        self.enter_with(&mut scratch);
        std::mem::swap(commands, &mut scratch.commands);
        self.put_back(scratch);
    }

    /// Carries out the commands of the scratch, likewise.
    pub fn enter_with(self: &Arc<Self>, scratch: &mut Scratch) {
        self.visit(scratch, |core, now, scratch| {
            let (received, sent) = self.traffic.take();
            core.broker.traffic(received, sent);
            core.broker
                .enter(now, &mut scratch.commands, &mut scratch.effects);
            core.gather(now, scratch);
        });
        self.settle(scratch);
    }

    /// One stay inside the lock, and all that follows from it.
    fn act(self: &Arc<Self>, act: impl FnOnce(&mut Core, Moment, &mut Scratch)) {
        let mut scratch = self.scratch();
        self.visit(&mut scratch, act);
        self.settle(&mut scratch);
        self.put_back(scratch);
    }

    /// Memory to work with; to be put back.
    pub fn scratch(&self) -> Box<Scratch> {
        self.shelf.take()
    }

    pub fn put_back(&self, scratch: Box<Scratch>) {
        self.shelf.give(scratch);
    }

    /// Takes over what the store brings back; once, before anything enters.
    pub fn restore(self: &Arc<Self>, contents: Contents) {
        self.act(|core, now, scratch| {
            if contents.in_memory {
                core.broker.count_stored_payloads();
            }
            let (records, last) = (contents.records, contents.last);
            core.broker
                .restore(now, records, last, &mut scratch.effects);
        });
        self.lock().longest = Duration::ZERO;
    }

    /// Tells the core what was measured of the store.
    pub fn store_figures(&self, figures: StoreFigures) {
        self.lock().broker.store_figures(figures);
    }

    /// Tells the core how the store is; one that has failed ends the connections that it still owes something.
    pub fn store_is(self: &Arc<Self>, state: StorageState) {
        self.act(|core, now, scratch| {
            let mut commands = vec![Command::Storage(state)];
            if state == StorageState::Failed {
                let owed = core.broker.owed_beyond(core.store.durable());
                let cause = CloseCause::Transport(BROKEN_PROMISE);
                commands.extend(owed.into_iter().map(|conn| Command::Closed { conn, cause }));
                core.store.give_up();
                core.parked = Parked::default();
            }
            core.broker.enter(now, &mut commands, &mut scratch.effects);
        });
    }

    /// Acts on effects, and on the effects of that, until none are left.
    fn settle(self: &Arc<Self>, scratch: &mut Scratch) {
        let mut inline = MAX_INLINE;
        loop {
            let effects = &mut scratch.effects;
            effects
                .events
                .drain(..)
                .for_each(|event| self.log.event(event));
            for request in effects.authenticate.drain(..) {
                self.judge(request);
            }
            for link in scratch.ended.drain(..) {
                link.set(Status::Ended, true);
            }
            inline -= self.send_gathered(scratch);
            if !scratch.links.is_empty() {
                inline -= self.drain_woken(scratch, inline);
            } else if scratch.effects.events.is_empty() && scratch.ended.is_empty() {
                return;
            }
        }
    }

    /// The clock of every entry: the broker's running time, which goes on across restarts.
    pub fn now(&self) -> Moment {
        self.clock.now()
    }

    /// Since the start of the process.
    pub fn uptime(&self) -> Duration {
        self.clock.uptime()
    }

    pub fn log(&self) -> &Log {
        &self.log
    }

    /// What the decoder of a new connection refuses; an open one keeps what its client was told.
    pub fn decode_limits(&self) -> DecodeLimits {
        DecodeLimits {
            max_packet_size: self.max_packet_size.load(Ordering::Relaxed),
        }
    }

    /// What a connection holds until it has said who it is.
    pub fn lobby(&self) -> Stay {
        self.lobby.enter()
    }

    /// How long the core waits for CONNECT.
    pub fn connect_timeout(&self) -> Duration {
        Duration::from_millis(self.connect_timeout.load(Ordering::Relaxed))
    }

    /// Replaces what the core and the decoders work with.
    pub fn reconfigure(self: &Arc<Self>, params: Params) {
        self.max_packet_size
            .store(params.limits.max_packet_size, Ordering::Relaxed);
        let connect_timeout = milliseconds(params.limits.connect_timeout);
        self.connect_timeout
            .store(connect_timeout, Ordering::Relaxed);
        self.enter(&mut vec![Command::Reconfigure(Box::new(params))]);
    }

    /// A copy of the counters.
    pub fn stats(&self) -> Stats {
        self.lock().broker.stats()
    }

    /// The longest time that the core was held for one entry since the start.
    pub fn longest_entry(&self) -> Duration {
        self.lock().longest
    }

    /// The connected clients, at most `max`.
    pub fn clients(&self, max: usize) -> Vec<ClientStatus> {
        self.lock().broker.clients(max)
    }

    /// Gives a new connection its name and its link.
    pub fn connect(&self, sink: Sink, layer: Layer) -> Arc<Link> {
        self.lock().links.insert(|id| Link::new(id, sink, layer))
    }

    /// Forgets a connection of which the core has been told that it is closed.
    pub fn disconnect(&self, link: &Link) {
        let mut core = self.lock();
        core.links.remove(link.id);
        if core.links.is_empty() {
            self.emptied.notify_waiters();
        }
    }

    /// Counts bytes that a socket gave.
    pub fn count_received(&self, bytes: usize) {
        self.traffic
            .received
            .fetch_add(bytes as u64, Ordering::Relaxed);
    }

    /// Waits until no connection is open.
    pub async fn emptied(&self) {
        loop {
            let emptied = self.emptied.notified();
            if self.lock().links.is_empty() {
                return;
            }
            emptied.await;
        }
    }

    /// Asks the authenticator; the core allows one question a connection.
    fn judge(self: &Arc<Self>, request: AuthRequest) {
        let hub = self.clone();
        self.tasks.spawn(async move {
            let AuthRequest {
                conn,
                origin,
                credentials,
            } = request;
            let mut answer = Answer {
                hub: hub.clone(),
                conn,
                verdict: BUSY,
                user: None,
            };
            match credentials {
                Credentials::Login { username, password } => {
                    answer.verdict = hub.authenticator.judge(origin, username, password).await;
                }
                Credentials::Identity { username } => {
                    answer.verdict = hub.authenticator.recognise(&username);
                }
                Credentials::Step {
                    method,
                    data,
                    begins,
                } => {
                    // Without a link the connection is gone, and nobody hears the answer.
                    let link = hub.lock().links.get(conn).cloned();
                    if let Some(link) = link {
                        let mut kept = link.exchange();
                        kept.take_if(|_| begins);
                        (answer.verdict, answer.user) =
                            hub.authenticator.step(origin, &mut kept, &method, &data);
                    }
                }
            }
        });
    }
}

impl Traffic {
    /// What was counted since this was asked last.
    fn take(&self) -> (u64, u64) {
        let take = |count: &AtomicU64| match count.load(Ordering::Relaxed) {
            0 => 0,
            _ => count.swap(0, Ordering::Relaxed),
        };
        (take(&self.received), take(&self.sent))
    }
}

fn milliseconds(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}

/// The verdict on its way back to the core; it arrives even when judging panics.
struct Answer {
    hub: Arc<Hub>,
    conn: ConnectionId,
    verdict: Verdict,
    user: Option<ByteString>,
}

impl Drop for Answer {
    fn drop(&mut self) {
        self.hub.enter(&mut vec![Command::Authenticated {
            conn: self.conn,
            verdict: std::mem::replace(&mut self.verdict, BUSY),
            user: self.user.take(),
        }]);
    }
}

/// Connections one entry drains by itself; a large fan-out is shared by all workers.
const MAX_INLINE: usize = 16;
/// What the log says of a connection that waits for what can never be told.
const BROKEN_PROMISE: &str = "the store failed before it had what the client waits for";
const BUSY: Verdict = Verdict::Refused(LoginFailure::Busy);

#[cfg(test)]
mod tests;
