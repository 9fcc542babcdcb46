// SPDX-License-Identifier: Apache-2.0 OR MIT
//! How connections and sessions begin and end.

use std::time::Duration;

use mqtt_proto::{ConnAck, Disconnect, Packet, PacketKind, Reason, Version};

use super::work::Work;
use super::{Broker, wake};
use crate::connection::{Connection, Live, Phase};
use crate::session::SessionId;
use crate::timers::Timer;
use crate::{
    CloseCause, CommitSeq, ConnectionId, DisconnectCause, Effects, Event, Moment, Record,
    explanation,
};

impl Broker {
    /// The driver's socket is gone.
    pub(super) fn closed(
        &mut self,
        now: Moment,
        conn: ConnectionId,
        cause: CloseCause,
        fx: &mut Effects,
    ) {
        let cause = match cause {
            CloseCause::Asked | CloseCause::Peer => DisconnectCause::PeerClosed,
            CloseCause::Socket(kind) => DisconnectCause::Socket(kind),
            CloseCause::Transport(what) => DisconnectCause::Transport(what),
        };
        self.end(now, conn, cause, fx);
        self.connections.remove(conn);
    }

    /// Ends a connection: the peer is told why, the session is left, the driver closes the socket. [MQTT-3.2.2-7]
    /// [MQTT-3.14.4-2] [MQTT-4.13.1-1] [MQTT-4.13.2-1], in 3.1.1 [MQTT-3.2.2-5] [MQTT-3.14.4-1] [MQTT-4.8.0-1]
    pub(super) fn end(
        &mut self,
        now: Moment,
        conn: ConnectionId,
        cause: DisconnectCause,
        fx: &mut Effects,
    ) {
        let Some(c) = self.connections.get_mut(conn) else {
            return;
        };
        let phase = std::mem::replace(&mut c.phase, Phase::Closing);
        c.held.clear();
        self.connections.is_no_stranger(conn);
        match phase {
            Phase::Closing => return,
            Phase::Greeting => self.reject(conn, None, cause, fx),
            Phase::Judging(connect) => {
                let key = super::connect::session_key(&connect);
                self.reject(conn, Some(key), cause, fx);
            }
            Phase::Live(live) => self.part(now, conn, *live, cause, fx),
        }
        if let Some(c) = self.connections.get_mut(conn) {
            wake(c, fx);
            fx.ended.push(conn);
        }
    }

    /// The end of a connection that never became a client: CONNACK says why, where the peer can read it.
    pub(super) fn reject(
        &mut self,
        conn: ConnectionId,
        client: Option<crate::SessionKey>,
        cause: DisconnectCause,
        fx: &mut Effects,
    ) {
        let Some(c) = self.connections.get(conn) else {
            return;
        };
        let peer = c.peer.clone();
        // Before version 5 a CONNECT that is none is answered by the close alone. [MQTT-3.1.4-1], [MQTT-3.2.2-6]
        let silent = match c.version {
            None => true,
            Some(Version::V5) => false,
            Some(_) => cause.is_malformed(),
        };
        if let Some(reason) = cause.reason().filter(|_| !silent) {
            let reason = match reason.allowed_in(PacketKind::ConnAck) {
                true => reason,
                false => Reason::ServerUnavailable,
            };
            let properties = explanation::of_end(c.version, &cause);
            // [MQTT-3.14.0-1]: never DISCONNECT; [MQTT-3.2.2-6], in 3.1.1 [MQTT-3.2.2-4].
            let connack = ConnAck {
                session_present: false,
                reason,
                properties,
            };
            self.reply(conn, Packet::ConnAck(connack), CommitSeq::default(), fx);
        }
        self.tell(
            Event::Rejected {
                peer,
                client,
                cause,
            },
            fx,
        );
    }

    /// The end of a client's connection.
    fn part(
        &mut self,
        now: Moment,
        conn: ConnectionId,
        live: Live,
        cause: DisconnectCause,
        fx: &mut Effects,
    ) {
        let Some(c) = self.connections.get_mut(conn) else {
            return;
        };
        let (internal, version) = (c.is_internal(), c.version);
        let unsent = c.outbox.abandon_deliveries(version);
        let dropped = std::mem::take(&mut c.dropped);
        if let Some(session) = self.sessions.get_mut(live.session) {
            session.outbound.withhold(&unsent);
        }
        if let (Some(reason), Some(Version::V5)) = (cause.reason(), version) {
            // Without Session Expiry Interval: [MQTT-3.14.2-2].
            let disconnect = Disconnect {
                reason,
                properties: explanation::of_end(version, &cause),
            };
            self.reply(
                conn,
                Packet::Disconnect(disconnect),
                CommitSeq::default(),
                fx,
            );
        }
        self.tell_dropped(&live.client.session, dropped, fx);
        self.stats.clients_connected -= u64::from(!internal);
        // [MQTT-3.1.2-8], [MQTT-3.1.2-10]
        let wants_will = !matches!(
            cause,
            DisconnectCause::ByClient | DisconnectCause::ShuttingDown | DisconnectCause::Withdrawn
        );
        if !internal {
            self.tell(
                Event::Disconnected {
                    client: live.client,
                    cause,
                },
                fx,
            );
        }
        self.detach(now, live.session, wants_will, fx);
    }

    /// Leaves a session without connection; it ends now or when its expiry interval passes. [MQTT-4.1.0-1]
    pub(super) fn detach(
        &mut self,
        now: Moment,
        id: SessionId,
        wants_will: bool,
        fx: &mut Effects,
    ) {
        let Some(session) = self.sessions.get_mut(id) else {
            return;
        };
        session.connection = None;
        match &mut session.will {
            Some(will) if wants_will => {
                let due = now.after(Duration::from_secs(will.delay_seconds.into()));
                will.due = Some(due);
                self.timers.set(due, Timer::WillDelay(id));
            }
            will => *will = None,
        }
        match session.expiry_seconds {
            0 => return self.end_session(now, id, fx),
            u32::MAX => {}
            seconds => {
                let at = now.after(Duration::from_secs(seconds.into()));
                session.expires_at = Some(at); // [MQTT-3.1.2-23], [MQTT-4.1.0-2]
                self.timers.set(at, Timer::SessionExpiry(id));
            }
        }
        self.stats.clients_disconnected += 1;
        self.publish_due_will(now, id, fx);
        self.record_absence(id, fx);
    }

    /// Removes a session with everything it holds; its will is published if it was due later. [MQTT-4.1.0-2], in 3.1.1 [MQTT-3.1.2-6]; retained messages stay: [MQTT-3.1.2.7]
    pub(super) fn end_session(&mut self, now: Moment, id: SessionId, fx: &mut Effects) {
        let Some(mut session) = self.sessions.remove(id) else {
            return;
        };
        if let Some(will) = session.will.take() {
            self.publish_will(now, session.key.clone(), will.will, fx);
        }
        self.stats.queued_messages -= session.outbound.queue.len() as u64;
        self.tell_dropped(&session.key, session.outbound.dropped, fx);
        for (entry, free) in session.outbound.take_all() {
            match entry.group.as_deref().copied().filter(|_| free) {
                Some(group) => self.give_back(group, entry, fx),
                // The end of a durable session is the end of its entries.
                None if session.durable => self.release(entry.location(), fx),
                None => self.settle_entry(entry.stored, None, fx),
            }
        }
        if session.durable {
            self.commit(
                Record::SessionEnded {
                    session: session.key,
                },
                fx,
            );
        }
        if !session.subscriptions.is_empty() {
            self.work.push_back(Work::Unroute {
                session: id,
                filters: session.subscriptions,
            });
        }
    }

    pub(super) fn disconnect(
        &mut self,
        now: Moment,
        conn: ConnectionId,
        packet: &Disconnect,
        fx: &mut Effects,
    ) {
        let Some(live) = self.connections.get(conn).and_then(Connection::live) else {
            return;
        };
        let Some(session) = self.sessions.get_mut(live.session) else {
            return;
        };
        if let Some(seconds) = packet.properties.session_expiry_interval() {
            if session.expiry_seconds == 0 && seconds > 0 {
                let fault = crate::ProtocolFault::SessionExpirySet; // section 3.14.2.2.2
                return self.end(now, conn, DisconnectCause::Protocol(fault), fx);
            }
            session.expiry_seconds = self.params.limits.session_expiry(seconds);
            self.record_session(live.session, fx);
        }
        let cause = match packet.reason {
            Reason::Success => DisconnectCause::ByClient, // [MQTT-3.14.4-3]: the will is dropped
            _ => DisconnectCause::ByClientWithWill,
        };
        self.end(now, conn, cause, fx);
    }

    pub(super) fn shut_down(&mut self, now: Moment, fx: &mut Effects) {
        self.shutting_down = true;
        let open: Vec<ConnectionId> = self.connections.iter().map(|c| c.id).collect();
        for conn in open {
            self.end(now, conn, DisconnectCause::ShuttingDown, fx);
        }
    }
}
