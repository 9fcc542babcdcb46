// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The owner of all shared state; it only dispatches.

mod access;
mod acknowledge;
mod admission;
mod arrivals;
mod authenticate;
mod carrier;
mod connect;
mod connections;
mod deadlines;
mod deliver;
mod drain;
mod durable;
mod introspection;
mod lifecycle;
mod parcel;
mod publish;
mod pump;
mod restore;
mod route;
mod share;
mod snapshot;
mod status;
mod storage;
mod subscribe;
mod will;
mod work;

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use bytestring::ByteString;
use mqtt_proto::Packet;

use crate::connection::{Connection, Phase, Spares};
use crate::frame::Encoded;
use crate::memory::Ledger;
use crate::retained::Retained;
use crate::routes::Routes;
use crate::session::Sessions;
use crate::shared::Groups;
use crate::sys::SysTopics;
use crate::timers::Timers;
use crate::{
    Access, Command, CommitSeq, ConnectionId, DisconnectCause, Effects, Event, Limits, Listeners,
    Location, Message, Moment, ProtocolFault, Stats, StorageState, explanation,
};
use arrivals::Arrivals;
use carrier::Reference;
use connections::Connections;
use route::Target;
pub use status::ClientStatus;
use work::Work;

/// Answers that wait for a client which does not read; with more its connection ends (0x97).
const MAX_REPLIES: usize = 10_000;

/// What a driver configures; [`Command::Reconfigure`] replaces it.
#[derive(Clone, Debug)]
pub struct Params {
    pub limits: Limits,
    /// Text of `$SYS/broker/version`.
    pub version: ByteString,
}

/// Sessions, routes and retained messages of one broker.
pub struct Broker {
    params: Params,
    listeners: Listeners,
    access: Arc<Access>,
    started: Moment,
    connections: Connections,
    arrivals: Arrivals,
    sessions: Sessions,
    routes: Routes,
    groups: Groups,
    retained: Retained,
    /// Reused by every replay.
    replayed: Vec<Arc<Message>>,
    /// How many queue entries name a stored payload.
    references: HashMap<Location, Reference>,
    /// What all of them make the broker hold.
    memory: Ledger,
    /// The store itself is in memory.
    stores_in_memory: bool,
    timers: Timers,
    work: VecDeque<Work>,
    /// Fan-outs in `work` whose records are one with what began them.
    exact_fan_outs: usize,
    sys: SysTopics,
    stats: Stats,
    committed: CommitSeq,
    storage: StorageState,
    /// How often the store has stopped taking what is new.
    storage_trouble: u64,
    publications: u64,
    /// Reused by every publication.
    targets: Vec<Target>,
    /// Memory of messages that nobody has any more, for the next ones.
    spare: Vec<Arc<Message>>,
    encoded: Encoded,
    spares: Spares,
    shutting_down: bool,
}

impl Broker {
    pub fn new(params: Params, now: Moment) -> Self {
        let memory = Ledger::default();
        let mut broker = Self {
            params,
            listeners: Listeners::default(),
            access: Arc::default(),
            started: now,
            connections: Connections::default(),
            arrivals: Arrivals::new(now),
            sessions: Sessions::default(),
            routes: Routes::default(),
            groups: Groups::default(),
            retained: Retained::new(&memory),
            replayed: Vec::new(),
            references: HashMap::new(),
            memory,
            stores_in_memory: false,
            timers: Timers::default(),
            work: VecDeque::new(),
            exact_fan_outs: 0,
            sys: SysTopics::new(now),
            stats: Stats::default(),
            committed: CommitSeq::default(),
            storage: StorageState::default(),
            storage_trouble: 0,
            publications: 0,
            targets: Vec::new(),
            spare: Vec::new(),
            encoded: Encoded::default(),
            spares: Spares::default(),
            shutting_down: false,
        };
        broker.publish_sys_from(now);
        broker
    }

    /// Carries out `commands` in order, emptying the list, and says in `effects` what the driver must do.
    pub fn enter(&mut self, now: Moment, commands: &mut Vec<Command>, effects: &mut Effects) {
        for command in commands.drain(..) {
            self.dispatch(now, command, effects);
        }
        self.run_timers(now, effects);
        self.run_work(now, effects);
        self.leave(now, effects);
    }

    fn dispatch(&mut self, now: Moment, command: Command, fx: &mut Effects) {
        match command {
            Command::Open {
                conn,
                peer,
                entropy,
            } => self.open(now, conn, peer, entropy, fx),
            Command::Identified { conn, identity } => self.identified(conn, identity),
            Command::Packet { conn, packet } => self.receive(now, conn, packet, fx),
            Command::Undecodable {
                conn,
                version,
                error,
            } => {
                if let Some(c) = self.connections.get_mut(conn) {
                    c.version = c.version.or(version).or(error.nearest_version());
                }
                self.end(now, conn, DisconnectCause::Undecodable(error), fx);
            }
            Command::Authenticated {
                conn,
                verdict,
                user,
            } => self.authenticated(now, conn, verdict, user, fx),
            Command::Fetched {
                conn,
                location,
                payload,
            } => self.fetched(now, conn, location, payload, fx),
            Command::Closed { conn, cause } => self.closed(now, conn, cause, fx),
            Command::Storage(state) => self.take_storage_state(state, fx),
            Command::Tick => {}
            Command::Reconfigure(params) => self.reconfigure(now, *params, fx),
            Command::Listeners(listeners) => self.take_listeners(now, listeners, fx),
            Command::Access(access) => self.take_access(now, access, fx),
            Command::Withdraw { users } => self.withdraw(now, &users, fx),
            Command::Shutdown => self.shut_down(now, fx),
        }
    }

    fn receive(&mut self, now: Moment, conn: ConnectionId, packet: Packet, fx: &mut Effects) {
        let Some(c) = self.connections.get_mut(conn) else {
            return;
        };
        if matches!(c.phase, Phase::Closing) {
            return;
        }
        c.last_packet = now;
        self.stats.messages_received += u64::from(!c.is_internal());
        if c.outbox.replies() > MAX_REPLIES {
            let cause = DisconnectCause::Protocol(ProtocolFault::AnswersNotRead);
            self.end(now, conn, cause, fx);
        } else if c.is_waiting() {
            c.held.push_back(packet);
        } else {
            self.handle(now, conn, packet, fx);
        }
    }

    fn handle(&mut self, now: Moment, conn: ConnectionId, packet: Packet, fx: &mut Effects) {
        let Some(c) = self.connections.get(conn) else {
            return;
        };
        let fault = match (packet, &c.phase) {
            (_, Phase::Closing) => return, // [MQTT-3.1.4-6], [MQTT-3.14.4-1], in 3.1.1 [MQTT-3.1.4-5], [MQTT-3.14.4-2]
            (Packet::Connect(connect), Phase::Greeting) => {
                return self.connect(now, conn, connect, fx);
            }
            (_, Phase::Greeting) => ProtocolFault::FirstPacketNotConnect,
            (Packet::Auth(auth), _) => return self.auth(now, conn, &auth, fx),
            (Packet::Disconnect(_), Phase::Judging(_)) => {
                return self.end(now, conn, DisconnectCause::ByClient, fx);
            }
            (_, Phase::Judging(_)) => ProtocolFault::PacketBeforeConnAck, // [MQTT-3.1.2-30]
            (Packet::Connect(_), Phase::Live(_)) => ProtocolFault::SecondConnect, // [MQTT-3.1.0-2], [MQTT-3.2.0-2]
            (Packet::Publish(publish), _) => return self.publish(now, conn, publish, fx),
            (Packet::PubAck(ack), _) => return self.puback(now, conn, &ack, fx),
            (Packet::PubRec(ack), _) => return self.pubrec(now, conn, &ack, fx),
            (Packet::PubRel(ack), _) => return self.pubrel(conn, &ack, fx),
            (Packet::PubComp(ack), _) => return self.pubcomp(now, conn, &ack, fx),
            (Packet::Subscribe(subscribe), _) => return self.subscribe(now, conn, subscribe, fx),
            (Packet::Unsubscribe(unsubscribe), _) => {
                return self.unsubscribe(conn, &unsubscribe, fx);
            }
            (Packet::PingReq, _) => {
                return self.reply(conn, Packet::PingResp, CommitSeq::default(), fx); // [MQTT-3.12.4-1]
            }
            (Packet::Disconnect(disconnect), _) => {
                return self.disconnect(now, conn, &disconnect, fx);
            }
            (
                server @ (Packet::ConnAck(_)
                | Packet::SubAck(_)
                | Packet::UnsubAck(_)
                | Packet::PingResp),
                _,
            ) => ProtocolFault::ServerPacket(server.name()),
        };
        self.end(now, conn, DisconnectCause::Protocol(fault), fx);
    }

    fn leave(&mut self, now: Moment, fx: &mut Effects) {
        let held = self.memory.held() as u64;
        self.stats.memory_maximum = self.stats.memory_maximum.max(held);
        fx.incomplete = self.exact_fan_outs > 0;
        fx.deadline = self.timers.next();
        fx.unfinished = !self.work.is_empty() || fx.deadline.is_some_and(|at| at <= now);
    }

    /// Whether nothing may be added that stays.
    fn is_memory_full(&self) -> bool {
        self.memory.held() >= self.params.limits.memory_limit
    }

    fn limits(&self) -> &Limits {
        &self.params.limits
    }

    fn tell(&mut self, event: Event, fx: &mut Effects) {
        self.stats.record(&event);
        fx.events.push(event);
    }

    /// Puts a reply into the connection's outbox; it leaves when `after` is durable.
    fn reply(&mut self, conn: ConnectionId, packet: Packet, after: CommitSeq, fx: &mut Effects) {
        let sentence = explanation::of_acknowledgement(&packet);
        self.reply_because(conn, packet, sentence, after, fx);
    }

    /// A reply that says why, where the client can take it.
    fn reply_because(
        &mut self,
        conn: ConnectionId,
        packet: Packet,
        sentence: Option<&'static str>,
        after: CommitSeq,
        fx: &mut Effects,
    ) {
        let Some(c) = self.connections.get_mut(conn) else {
            return;
        };
        if !c.reply(packet, sentence, after, &mut self.spares) {
            self.work.push_back(Work::Part(conn));
        } else {
            wake(c, fx);
        }
    }
}

/// Has the driver drain the connection, unless it was told so already.
fn wake(c: &mut Connection, fx: &mut Effects) {
    if !c.woken {
        c.woken = true;
        fx.wake.push(c.id);
    }
}
