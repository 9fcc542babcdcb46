// SPDX-License-Identifier: Apache-2.0 OR MIT
//! One network connection: how far it is, what it has to send, when it is next expected to speak.

mod aliases;
mod denials;
pub(crate) mod handshake;
mod keep_alive;
mod outbox;
mod pace;
mod ready;

use std::collections::VecDeque;
use std::time::Duration;

use bytes::BytesMut;
use bytestring::ByteString;
use mqtt_proto::{Connect, Packet, Version};

use crate::memory::Charge;
use crate::session::SessionId;
use crate::{Client, CommitSeq, ConnectionId, Limits, Moment, Peer, PeerKind, explanation};

pub(crate) use aliases::{InboundAliases, OutboundAliases};
pub(crate) use denials::Denials;
pub(crate) use handshake::{Handshake, Step};
pub(crate) use keep_alive::KeepAlive;
pub(crate) use outbox::{Kind, Next, Outbox, Revoked, Waiting};
pub(crate) use pace::Pace;
pub(crate) use ready::Spares;

/// How far a connection is.
///
/// ```text
///  Greeting ──CONNECT──▶ Judging ──accepted──▶ Live ──▶ Closing
///     └───────────────────────┴──── refused ──────────────▲
/// ```
pub(crate) enum Phase {
    /// CONNECT is awaited.
    Greeting,
    /// CONNECT was read; the authenticator is asked, and with a method the client in turn.
    Judging(Box<Connect>),
    Live(Box<Live>),
    /// Nothing more is accepted; what is in the outbox leaves, then the socket is closed.
    Closing,
}

/// A connection whose CONNECT was accepted.
pub(crate) struct Live {
    pub session: SessionId,
    pub client: Client,
    /// The interval in force, in seconds; 0 for none.
    pub keep_alive: u16,
    pub connected_at: Moment,
    /// Whether reason strings may be sent on packets other than CONNACK and DISCONNECT. [MQTT-3.1.2-29]
    pub problem_information: bool,
    /// The Receive Maximum that CONNACK told.
    pub receive_maximum: u16,
    /// QoS 1 and 2 messages from the client whose exchange has not ended.
    pub unacknowledged: u16,
    pub aliases: InboundAliases,
    pub denials: Denials,
    /// Of the store's troubles the newest in which it was told what could not be kept for it.
    pub storage_trouble: u64,
    /// A large fan-out of its message is under way; what it sends meanwhile is held.
    pub fanning_out: bool,
    pub pace: Pace,
}

/// One network connection.
pub(crate) struct Connection {
    pub id: ConnectionId,
    pub peer: Peer,
    /// The name it has proved by its certificate.
    pub identity: Option<ByteString>,
    pub entropy: u128,
    pub phase: Phase,
    /// Counted among those of its listener, because it was not refused at once.
    pub admitted: bool,
    /// Its number among those of which nobody knows yet who they are.
    pub stranger: Option<u64>,
    pub version: Option<Version>,
    /// None where CONNECT named no authentication method.
    pub handshake: Option<Box<Handshake>>,
    /// The largest packet the client accepts, in bytes.
    pub max_packet_size: usize,
    pub outbox: Outbox,
    /// Numbers for the topics of what leaves the outbox; none unless the client takes them.
    pub aliases: Option<Box<OutboundAliases>>,
    /// The driver was told to drain and has not found the outbox empty since.
    pub woken: bool,
    /// What it is counted with; none for the broker's own.
    pub charge: Option<Charge>,
    /// QoS 0 messages dropped since the outbox was last empty.
    pub dropped: u64,
    /// The same since the connection began.
    pub dropped_in_all: u64,
    /// A message too large for the client was reported already.
    pub oversize_told: bool,
    /// Packets that arrived while an answer was outstanding; bounded by the driver's read batch.
    pub held: VecDeque<Packet>,
    pub last_packet: Moment,
    /// The deadline in force; an earlier one that comes is stale.
    pub silence_deadline: Moment,
}

impl Connection {
    pub fn new(
        id: ConnectionId,
        peer: Peer,
        entropy: u128,
        now: Moment,
        waiting: &Waiting,
    ) -> Self {
        Self {
            id,
            peer,
            identity: None,
            entropy,
            phase: Phase::Greeting,
            admitted: true,
            stranger: None,
            version: None,
            handshake: None,
            max_packet_size: usize::MAX,
            outbox: Outbox::new(waiting),
            aliases: None,
            woken: false,
            charge: None,
            dropped: 0,
            dropped_in_all: 0,
            oversize_told: false,
            held: VecDeque::new(),
            last_packet: now,
            silence_deadline: now,
        }
    }

    pub fn is_internal(&self) -> bool {
        self.peer.kind == PeerKind::Internal
    }

    /// Whether packets must wait for an answer to an earlier one.
    pub fn is_waiting(&self) -> bool {
        match &self.phase {
            // With a method the client may not send on before CONNACK. [MQTT-3.1.2-30]
            Phase::Judging(_) => self.handshake.is_none(),
            Phase::Live(live) => live.fanning_out || live.pace.waiting,
            Phase::Greeting | Phase::Closing => false,
        }
    }

    /// Whether its CONNECT named no user.
    pub fn is_anonymous(&self) -> bool {
        match &self.phase {
            Phase::Judging(connect) => connect.username.is_none(),
            Phase::Live(live) => live.client.session.user.is_empty(),
            Phase::Greeting | Phase::Closing => false,
        }
    }

    /// Whether it logs in or is logged in.
    pub fn has_a_name(&self) -> bool {
        matches!(self.phase, Phase::Judging(_) | Phase::Live(_))
    }

    pub fn live(&self) -> Option<&Live> {
        match &self.phase {
            Phase::Live(live) => Some(live),
            _ => None,
        }
    }

    pub fn live_mut(&mut self) -> Option<&mut Live> {
        match &mut self.phase {
            Phase::Live(live) => Some(live),
            _ => None,
        }
    }

    /// When the peer must have spoken: one and a half keep alive intervals after its last packet,
    /// or the time for CONNECT or for an authentication. [MQTT-3.1.2-22]
    pub fn silence_limit(&self, limits: &Limits) -> Option<Moment> {
        let authentication = self.authentication_limit();
        match &self.phase {
            Phase::Greeting => Some(self.last_packet.after(limits.connect_timeout)),
            Phase::Judging(_) => authentication,
            Phase::Live(live) if live.keep_alive > 0 => {
                let span = Duration::from_millis(u64::from(live.keep_alive) * 1_500);
                let silence = self.last_packet.after(span);
                Some(authentication.map_or(silence, |limit| limit.min(silence)))
            }
            Phase::Live(_) => authentication,
            Phase::Closing => None,
        }
    }

    /// When the authentication under way must have ended.
    pub fn authentication_limit(&self) -> Option<Moment> {
        let handshake = self.handshake.as_ref();
        handshake.filter(|h| h.is_open()).map(|h| h.deadline)
    }

    /// Adds a reply to the outbox, explained where the client can take it; false for one that it could take in no
    /// form. [MQTT-3.1.2-24]
    pub fn reply(
        &mut self,
        mut packet: Packet,
        sentence: Option<&'static str>,
        after: CommitSeq,
        spares: &mut Spares,
    ) -> bool {
        if let Some(sentence) = sentence.filter(|_| self.wants_explanations()) {
            explanation::add(&mut packet, sentence);
        }
        if self.max_packet_size != usize::MAX && self.is_too_large(&packet) {
            explanation::leave_out(&mut packet);
            if self.is_too_large(&packet) {
                return false;
            }
        }
        self.outbox.reply(packet, self.version, after, spares);
        true
    }

    /// [MQTT-3.1.2-29]
    fn wants_explanations(&self) -> bool {
        self.version == Some(Version::V5) && self.live().is_some_and(|l| l.problem_information)
    }

    /// Whether the client would not take this packet.
    pub fn is_too_large(&self, packet: &Packet) -> bool {
        let mut bytes = BytesMut::new();
        mqtt_proto::encode(packet, self.version.unwrap_or(Version::V5), &mut bytes);
        bytes.len() > self.max_packet_size
    }

    /// A client identifier for one that left it to us. [MQTT-3.1.3-6]
    pub fn assigned_client_id(&self) -> ByteString {
        format!("auto-{:032x}", self.entropy).into()
    }
}
