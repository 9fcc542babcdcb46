// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The virtual world's outside: time, connections, the store's and the authenticator's switches, what was seen.

use std::cell::{RefCell, RefMut};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::{Ipv4Addr, SocketAddr};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use bytes::BytesMut;
use bytestring::ByteString;
use mqtt_core::{
    Access, AuthRequest, Broker, ClientStatus, CloseCause, Command, CommitSeq, ConnectionId,
    DisconnectCause, Effects, Event, FetchRequest, Limits, Listeners, Moment, Params, Peer,
    PeerKind, Stats, StoreFigures, Terms,
};
use mqtt_proto::{Connect, DecodeLimits, Decoder, Reason, Version};

use crate::crash::Checks;
use crate::store::Store;
use crate::{Client, packets};

/// One broker in virtual time; clones are handles of the same world.
#[derive(Clone)]
pub struct World(Rc<RefCell<State>>);

/// What the world holds; the rules by which it moves are in `settle.rs`.
pub(crate) struct State {
    pub(crate) broker: Broker,
    pub(crate) params: Params,
    pub(crate) now: Moment,
    pub(crate) store: Store,
    pub(crate) links: BTreeMap<ConnectionId, Link>,
    /// Connections from which bytes may have come.
    pub(crate) readable: BTreeSet<ConnectionId>,
    /// Connections that have something to send.
    pub(crate) woken: BTreeSet<ConnectionId>,
    /// Connections whose next frame waits until a commit is durable.
    pub(crate) parked: BTreeSet<(CommitSeq, ConnectionId)>,
    pub(crate) commands: Vec<Command>,
    pub(crate) effects: Effects,
    pub(crate) events: Vec<Event>,
    pub(crate) logins: Held<AuthRequest>,
    /// Users who told their names in a step of enhanced authentication.
    pub(crate) named: BTreeMap<ConnectionId, ByteString>,
    pub(crate) fetches: Held<FetchRequest>,
    /// Unfinished work of the core waits.
    pub(crate) work_held: bool,
    /// Connections whose begin was told and whose end was not.
    pub(crate) unended: usize,
    /// Open network connections.
    pub(crate) open: usize,
    pub(crate) listeners: Listeners,
    pub(crate) access: Arc<Access>,
    pub(crate) checks: Checks,
}

/// One network connection seen from both ends.
pub(crate) struct Link {
    pub(crate) kind: PeerKind,
    /// The broker's decoder of what the client sends.
    pub(crate) decoder: Decoder,
    /// Sent by the client and not yet read by the broker.
    pub(crate) inbox: BytesMut,
    /// The client's decoder of what the broker sends.
    pub(crate) reader: Decoder,
    /// Sent by the broker and not yet looked at by the client.
    pub(crate) outbox: BytesMut,
    pub(crate) reading_paused: bool,
    /// The broker reads no more from it.
    pub(crate) deaf: bool,
    /// The client takes nothing: its socket is full.
    pub(crate) stalled: bool,
    pub(crate) closed: bool,
}

/// Requests that are answered at once, or kept until the test lets them go.
#[derive(Default)]
pub(crate) struct Held<T> {
    pub(crate) hold: bool,
    pub(crate) waiting: VecDeque<T>,
}

impl World {
    /// A world with the default limits that accepts anonymous clients.
    #[allow(clippy::new_without_default)]
    pub fn new() -> Self {
        Self::with(|_| ())
    }

    /// A world with changed limits.
    pub fn with(change: impl FnOnce(&mut Limits)) -> Self {
        let mut limits = Limits::default();
        change(&mut limits);
        let params = Params {
            limits,
            version: ByteString::from_static("broker test"),
        };
        let now = Moment::from_millis(1_000_000);
        let listeners = Listeners::from([(LISTENER.into(), open_to_all())]);
        Self(Rc::new(RefCell::new(State {
            broker: Broker::new(params.clone(), now),
            params,
            now,
            store: Store::default(),
            links: BTreeMap::new(),
            readable: BTreeSet::new(),
            woken: BTreeSet::new(),
            parked: BTreeSet::new(),
            commands: vec![Command::Listeners(listeners.clone())],
            effects: Effects::default(),
            events: Vec::new(),
            logins: Held {
                hold: false,
                waiting: VecDeque::new(),
            },
            named: BTreeMap::new(),
            fetches: Held {
                hold: false,
                waiting: VecDeque::new(),
            },
            work_held: false,
            unended: 0,
            open: 0,
            listeners,
            access: Arc::default(),
            checks: Checks::default(),
        })))
    }

    /// A new network connection that has sent nothing yet.
    #[track_caller]
    pub fn open(&self, version: Version) -> Client {
        self.open_through(LISTENER, version)
    }

    /// A new network connection through a listener given to [`World::listen`].
    #[track_caller]
    pub fn open_through(&self, listener: &'static str, version: Version) -> Client {
        self.begin(listener, version, PeerKind::Network)
    }

    #[track_caller]
    pub fn open_as(&self, version: Version, kind: PeerKind) -> Client {
        self.begin(LISTENER, version, kind)
    }

    /// A new network connection from this address.
    #[track_caller]
    pub fn open_from(&self, address: SocketAddr, version: Version) -> Client {
        self.begin_from(address, LISTENER, version, PeerKind::Network)
    }

    #[track_caller]
    fn begin(&self, listener: &'static str, version: Version, kind: PeerKind) -> Client {
        let index = self.state().links.len() as u32;
        // A few hundred clients have one address.
        let host = Ipv4Addr::from(0xC000_0201 + (index / 200) * 0x100);
        let address = SocketAddr::new(host.into(), 40_000 + index as u16);
        self.begin_from(address, listener, version, kind)
    }

    /// A new connection through that listener whose client has proved a name by its certificate.
    #[track_caller]
    pub fn identified(&self, listener: &'static str, version: Version, name: &str) -> Client {
        let client = self.open_through(listener, version);
        let mut state = self.state();
        state.commands.push(Command::Identified {
            conn: client.conn,
            identity: name.into(),
        });
        state.settle();
        drop(state);
        client
    }

    #[track_caller]
    fn begin_from(
        &self,
        address: SocketAddr,
        listener: &'static str,
        version: Version,
        kind: PeerKind,
    ) -> Client {
        let mut state = self.state();
        let index = state.links.len() as u32;
        let conn = ConnectionId {
            index,
            generation: 1,
        };
        let limits = DecodeLimits {
            max_packet_size: state.params.limits.max_packet_size,
        };
        state.links.insert(
            conn,
            Link::new(kind, Decoder::new(limits), Decoder::client(version)),
        );
        state.open += usize::from(kind == PeerKind::Network);
        let peer = Peer {
            kind,
            address: Some(address),
            port: 1883,
            listener: listener.into(),
        };
        let entropy = 0x1234_5678_9abc_def0_u128.wrapping_mul(u128::from(index) + 1);
        state.commands.push(Command::Open {
            conn,
            peer,
            entropy,
        });
        state.settle();
        drop(state);
        Client::new(self.clone(), conn, version)
    }

    /// A connected client whose session ends with the connection.
    #[track_caller]
    pub fn client(&self, version: Version, client_id: &str) -> Client {
        self.connect(packets::connect(version, client_id), false)
    }

    /// A connected client whose session outlives the connection; there was none before.
    #[track_caller]
    pub fn persistent(&self, version: Version, client_id: &str) -> Client {
        self.connect(packets::resume(version, client_id), false)
    }

    /// The same client come back to its session.
    #[track_caller]
    pub fn resumed(&self, version: Version, client_id: &str) -> Client {
        self.connect(packets::resume(version, client_id), true)
    }

    /// Sends CONNECT on a new connection and expects it to be accepted.
    #[track_caller]
    pub fn connect(&self, connect: Connect, session_present: bool) -> Client {
        let client = self.open(connect.version);
        client.send(connect);
        client.expect(packets::connack(session_present));
        client
    }

    /// Sends CONNECT on a new connection and expects it to be refused and closed.
    #[track_caller]
    pub fn refused(&self, connect: Connect, reason: Reason) {
        let client = self.open(connect.version);
        client.send(connect);
        client.expect(packets::refusal(reason));
        client.expect_closed();
    }

    /// Lets time pass, entering the core at each of its deadlines.
    #[track_caller]
    pub fn pass(&self, span: Duration) {
        self.state().pass(span);
    }

    /// The store is in memory, so what it has counts; to be called before anybody connects.
    pub fn count_stored_payloads(&self) {
        self.state().broker.count_stored_payloads();
    }

    pub fn now(&self) -> Moment {
        self.state().now
    }

    /// Logins stay unanswered until [`World::release_logins`].
    pub fn hold_logins(&self) {
        self.state().logins.hold = true;
    }

    pub fn release_logins(&self) {
        let mut state = self.state();
        state.logins.hold = false;
        state.settle();
    }

    /// Payloads that the core asks the store for stay unanswered until [`World::release_fetches`].
    pub fn hold_fetches(&self) {
        self.state().fetches.hold = true;
    }

    pub fn release_fetches(&self) {
        let mut state = self.state();
        state.fetches.hold = false;
        state.settle();
    }

    /// What the core leaves unfinished waits until [`World::release_work`]; other entries still do a slice of it.
    pub fn hold_work(&self) {
        self.state().work_held = true;
    }

    #[track_caller]
    pub fn release_work(&self) {
        let mut state = self.state();
        state.work_held = false;
        state.settle();
    }

    /// From now on a client without user name is refused.
    pub fn refuse_anonymous(&self) {
        self.listen([(LISTENER, Terms::default())]);
    }

    /// These are the listeners from now on; [`World::open`] uses [`LISTENER`].
    pub fn listen(&self, listeners: impl IntoIterator<Item = (&'static str, Terms)>) {
        let mut state = self.state();
        state.listeners = listeners
            .into_iter()
            .map(|(name, terms)| (name.into(), terms))
            .collect();
        let listeners = state.listeners.clone();
        state.commands.push(Command::Listeners(listeners));
        state.settle();
    }

    /// New limits for the running broker.
    pub fn reconfigure(&self, change: impl FnOnce(&mut Limits)) {
        let mut state = self.state();
        change(&mut state.params.limits);
        let params = Box::new(state.params.clone());
        state.commands.push(Command::Reconfigure(params));
        state.settle();
    }

    /// Puts rights in force.
    #[track_caller]
    pub fn put_in_force(&self, access: Access) {
        let mut state = self.state();
        state.access = Arc::new(access);
        let access = state.access.clone();
        state.commands.push(Command::Access(access));
        state.settle();
    }

    /// The logins of these users are no longer good.
    pub fn withdraw(&self, users: &[&'static str]) {
        let mut state = self.state();
        let users = users
            .iter()
            .map(|user| ByteString::from_static(user))
            .collect();
        state.commands.push(Command::Withdraw { users });
        state.settle();
    }

    pub fn shutdown(&self) {
        let mut state = self.state();
        state.commands.push(Command::Shutdown);
        state.settle();
    }

    pub fn stats(&self) -> Stats {
        self.state().broker.stats()
    }

    /// What a driver measures of its store.
    pub fn store_figures(&self, figures: StoreFigures) {
        self.state().broker.store_figures(figures);
    }

    /// The connected clients, as `broker status` shows them.
    pub fn clients(&self) -> Vec<ClientStatus> {
        self.state().broker.clients(usize::MAX)
    }

    /// What happened since the last call.
    pub fn events(&self) -> Vec<Event> {
        std::mem::take(&mut self.state().events)
    }

    /// Why the connection that ended last ended; the events before it are forgotten.
    #[track_caller]
    pub fn last_cause(&self) -> DisconnectCause {
        let cause = |event| match event {
            Event::Rejected { cause, .. } | Event::Disconnected { cause, .. } => Some(cause),
            _ => None,
        };
        self.events()
            .into_iter()
            .filter_map(cause)
            .next_back()
            .expect("no connection has ended")
    }

    /// Checks that nothing is left of clients and sessions: every counter of what is held stands at zero.
    #[track_caller]
    pub fn assert_empty(&self) {
        let stats = self.stats();
        let held = [
            ("connected", stats.clients_connected),
            ("disconnected", stats.clients_disconnected),
            ("subscriptions", stats.subscriptions),
            ("shared subscriptions", stats.shared_subscriptions),
            ("queued", stats.queued_messages),
            ("queued bytes", stats.queued_bytes),
            ("stored payloads", self.stored_payloads() as u64),
        ];
        for (what, count) in held {
            assert_eq!(count, 0, "{what} after all clients are gone");
        }
        if stats.retained_messages == 0 && self.state().open == 0 {
            assert_eq!(stats.memory_held, 0, "bytes after all clients are gone");
            let waiting = (stats.waiting_packets, stats.waiting_bytes);
            assert_eq!(waiting, (0, 0), "frames after all clients are gone");
        }
    }

    /// Checks that no message waits or is in flight for any session.
    #[track_caller]
    pub fn assert_queues_empty(&self) {
        assert_eq!(self.stats().queued_messages, 0, "messages wait");
        assert_eq!(self.stored_payloads(), 0, "payloads are kept for nobody");
    }

    pub(crate) fn state(&self) -> RefMut<'_, State> {
        self.0.borrow_mut()
    }
}

/// The terms of a listener that lets everybody in.
pub fn open_to_all() -> Terms {
    Terms {
        allow_anonymous: true,
        ..Terms::default()
    }
}

/// The listener of a world that was given no other.
pub const LISTENER: &str = "port 1883, all addresses, mqtt";

impl State {
    /// Ends `conn` as the driver does when the socket ends; only the first end counts.
    pub(crate) fn close(&mut self, conn: ConnectionId, cause: CloseCause) {
        if let Some(link) = self.links.get_mut(&conn) {
            if !link.closed {
                link.closed = true;
                self.open -= usize::from(link.kind == PeerKind::Network);
                self.commands.push(Command::Closed { conn, cause });
            }
        }
    }
}

impl<T> Held<T> {
    /// The next request that may be answered.
    pub(crate) fn next(&mut self) -> Option<T> {
        if self.hold {
            None
        } else {
            self.waiting.pop_front()
        }
    }
}

impl Link {
    fn new(kind: PeerKind, decoder: Decoder, reader: Decoder) -> Self {
        Self {
            kind,
            decoder,
            inbox: BytesMut::new(),
            reader,
            outbox: BytesMut::new(),
            reading_paused: false,
            deaf: false,
            stalled: false,
            closed: false,
        }
    }
}
