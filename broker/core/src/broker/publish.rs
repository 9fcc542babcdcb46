// SPDX-License-Identifier: Apache-2.0 OR MIT
//! PUBLISH from a client, and what the broker itself publishes: authorise, retain, route, answer.

use std::sync::Arc;
use std::time::Duration;

use mqtt_proto::{Ack, Packet, PacketId, Publish, QoS, Reason, Version};

use super::carrier::Carrier;
use super::work::FanOut;
use super::{Broker, wake};
use crate::authz::{Permit, ToPublish};
use crate::retained::RetainedFull;
use crate::session::SessionId;
use crate::timers::Timer;
use crate::{
    CommitSeq, ConnectionId, DisconnectCause, Effects, Event, Message, Moment, PeerKind,
    ProtocolFault, Record,
};

/// Levels of filters looked at for one message at no charge.
const FREE_VISITS: usize = 2_000;
/// What the publisher waits for each level after that: about ten times what looking at it takes.
const REST_PER_VISIT: Duration = Duration::from_micros(1);
/// No message makes its publisher wait longer.
const LONGEST_REST: Duration = Duration::from_secs(1);

impl Broker {
    pub(super) fn publish(
        &mut self,
        now: Moment,
        conn: ConnectionId,
        mut publish: Publish,
        fx: &mut Effects,
    ) {
        let Some(c) = self.connections.get_mut(conn) else {
            return;
        };
        let kind = c.peer.kind;
        let rate = self.params.limits.max_message_rate;
        let Some(live) = c.live_mut() else {
            return;
        };
        if rate > 0 && kind == PeerKind::Network {
            if let Err(later) = live.pace.take(now, rate) {
                return self.hold_back(conn, publish, later, fx);
            }
        }
        let (session, resolved) = (live.session, live.aliases.resolve(&mut publish));
        if kind == PeerKind::Network {
            self.stats.publish_received += 1;
            self.stats.publish_bytes_received += publish.payload.len() as u64;
        }
        if let Err(fault) = resolved {
            return self.end(now, conn, DisconnectCause::Protocol(fault), fx);
        }
        if self.is_duplicate(session, &publish) {
            // The fan-out of the first one may still be under way.
            return self.acknowledge(conn, &publish, Reason::Success, self.committed, fx);
        }
        if publish.qos > QoS::AtMostOnce && !self.take_quota(conn) {
            let fault = ProtocolFault::ReceiveMaximumExceeded; // [MQTT-3.3.4-7]; no other packet needs a quota: [MQTT-3.3.4-8]
            return self.end(now, conn, DisconnectCause::Protocol(fault), fx);
        }
        self.take_in(now, conn, session, &mut publish, fx);
    }

    /// Keeps a message that came too soon until its time, and what follows it.
    fn hold_back(&mut self, conn: ConnectionId, publish: Publish, until: Moment, fx: &mut Effects) {
        let Some(c) = self.connections.get_mut(conn) else {
            return;
        };
        c.held.push_front(Packet::Publish(publish));
        self.timers.set(until, Timer::Pace(conn));
        wake(c, fx);
        let Some(live) = c.live_mut() else { return };
        live.pace.waiting = true;
        live.pace.waits += 1;
        self.stats.publish_paused += 1;
        if live.pace.waits == 1 {
            let client = live.client.clone();
            let rate = self.params.limits.max_message_rate;
            self.tell(Event::TooFast { client, rate }, fx);
        }
    }

    /// Authorise, retain, match, queue, and answer. [MQTT-3.3.4-1] [MQTT-4.3.2-5] [MQTT-4.3.3-12]
    fn take_in(
        &mut self,
        now: Moment,
        conn: ConnectionId,
        session: SessionId,
        publish: &mut Publish,
        fx: &mut Effects,
    ) {
        let before = self.committed;
        let publisher = self.sessions.get(session);
        let Some(permit) = publisher.and_then(|s| s.may(&publish.topic)) else {
            return self.deny(conn, publish, Reason::NotAuthorized, fx);
        };
        if publish.format_invalid {
            return self.deny_format(now, conn, publish, fx);
        }
        if !self.limits().allow_topic(publish.topic.as_str()) {
            return self.deny(conn, publish, Reason::TopicNameInvalid, fx);
        }
        let carrier = self.take_up(now, publish);
        let message = carrier.message();
        let unstored = self.cannot_keep(Some(session), message);
        if unstored && publish.qos > QoS::AtMostOnce {
            return self.refuse_unstored(conn, publish, fx);
        }
        // Without RETAIN nothing is stored or removed: [MQTT-3.3.1-8], in 3.1.1 [MQTT-3.3.1-12].
        if unstored {
            self.leave_unretained(conn, publish, fx);
        } else if message.retain && self.retain(&permit, message, fx).is_err() {
            return self.deny(conn, publish, Reason::QuotaExceeded, fx);
        }
        self.begin_exactly_once(session, publish, fx);
        let routed = self.route(now, &permit, carrier, Some(session), fx);
        let reason = match routed.receivers {
            0 => Reason::NoMatchingSubscribers,
            _ => Reason::Success,
        };
        match routed.rest {
            None => {
                // A retained message that changes nothing waits for the record of the same one before it.
                let after = match publish.retain {
                    true => self.committed,
                    false => self.commits_since(before),
                };
                self.acknowledge(conn, publish, reason, after, fx);
                self.tire(now, conn, routed.visited, fx);
            }
            Some(fan_out) => self.go_on_later(conn, publish, fan_out, fx),
        }
    }

    /// False when a v5 client has more exchanges open than it was told it may.
    fn take_quota(&mut self, conn: ConnectionId) -> bool {
        let Some(c) = self.connections.get_mut(conn) else {
            return false;
        };
        let unlimited = c.version != Some(Version::V5);
        let Some(live) = c.live_mut() else {
            return false;
        };
        let allowed = unlimited || live.unacknowledged < live.receive_maximum;
        live.unacknowledged = live.unacknowledged.saturating_add(1);
        allowed
    }

    /// Whether it is a QoS 2 message that was received before and not released. [MQTT-4.3.3-10], in 3.1.1 [MQTT-4.3.3-2]
    fn is_duplicate(&self, session: SessionId, publish: &Publish) -> bool {
        let (QoS::ExactlyOnce, Some(packet_id)) = (publish.qos, publish.packet_id) else {
            return false;
        };
        self.sessions
            .get(session)
            .is_some_and(|s| s.inbound.holds(packet_id))
    }

    fn begin_exactly_once(&mut self, session: SessionId, publish: &Publish, fx: &mut Effects) {
        let (QoS::ExactlyOnce, Some(packet_id)) = (publish.qos, publish.packet_id) else {
            return;
        };
        let Some(session) = self.sessions.get_mut(session) else {
            return;
        };
        session.inbound.receive(packet_id);
        if session.durable {
            let session = session.key.clone();
            self.commit(Record::Received { session, packet_id }, fx);
        }
    }

    /// Answers with PUBACK or PUBREC.
    fn acknowledge(
        &mut self,
        conn: ConnectionId,
        publish: &Publish,
        reason: Reason,
        after: CommitSeq,
        fx: &mut Effects,
    ) {
        let Some(packet_id) = publish.packet_id else {
            return;
        };
        self.send_ack(conn, publish.qos, packet_id, reason, after, fx);
    }

    pub(super) fn send_ack(
        &mut self,
        conn: ConnectionId,
        qos: QoS,
        packet_id: PacketId,
        reason: Reason,
        after: CommitSeq,
        fx: &mut Effects,
    ) {
        let Some(c) = self.connections.get_mut(conn) else {
            return;
        };
        let Some(live) = c.live_mut() else { return };
        if qos == QoS::AtLeastOnce || reason.is_error() {
            live.unacknowledged = live.unacknowledged.saturating_sub(1);
        }
        let ack = Ack::new(packet_id, reason); // [MQTT-2.2.1-5], [MQTT-4.3.2-4], [MQTT-4.3.3-8], in 3.1.1 [MQTT-2.3.1-6], [MQTT-4.3.2-2]
        let packet = if qos == QoS::AtLeastOnce {
            Packet::PubAck(ack)
        } else {
            Packet::PubRec(ack)
        };
        self.reply(conn, packet, after, fx);
    }

    /// Refuses a message: v5 is told why, 3.1.1 has no code for it and gets a plain acknowledgement. [MQTT-4.3.3-9], in 3.1.1
    /// [MQTT-3.3.5-2]
    fn deny(&mut self, conn: ConnectionId, publish: &Publish, reason: Reason, fx: &mut Effects) {
        let Some(c) = self.connections.get_mut(conn) else {
            return;
        };
        let version = c.version;
        let Some(live) = c.live_mut() else { return };
        let (session, client) = (live.session, live.client.clone());
        let to_tell = live.denials.add(&publish.topic, reason);
        if version != Some(Version::V5) {
            self.begin_exactly_once(session, publish, fx);
        }
        self.stats.publish_dropped += 1;
        self.acknowledge(conn, publish, reason, self.committed, fx);
        if to_tell {
            self.tell(
                Event::PublishDenied {
                    client,
                    topic: publish.topic.detached(),
                    reason,
                },
                fx,
            );
        }
    }

    /// Refuses a payload that contradicts its format indicator; at QoS 0 only DISCONNECT can say so.
    fn deny_format(
        &mut self,
        now: Moment,
        conn: ConnectionId,
        publish: &Publish,
        fx: &mut Effects,
    ) {
        if publish.packet_id.is_some() {
            self.deny(conn, publish, Reason::PayloadFormatInvalid, fx);
        } else {
            let fault = ProtocolFault::PayloadFormat;
            self.end(now, conn, DisconnectCause::Protocol(fault), fx);
        }
    }

    pub(super) fn retain(
        &mut self,
        _: &Permit<ToPublish>,
        message: &Arc<Message>,
        fx: &mut Effects,
    ) -> Result<(), RetainedFull> {
        let of_clients = !message.topic.as_str().starts_with('$');
        if of_clients && self.is_memory_full() && self.retained.would_grow(message) {
            return Err(RetainedFull);
        }
        let changed = self.retained.set(message, &self.params.limits)?; // [MQTT-3.3.1-5]
        if changed {
            let kept = message.body.len() > 0;
            self.record_retained(message, kept, fx);
        }
        Ok(())
    }

    /// Holds back what the publisher sends next until its fan-out has ended, which keeps its order.
    fn go_on_later(
        &mut self,
        conn: ConnectionId,
        publish: &Publish,
        mut fan_out: FanOut,
        fx: &mut Effects,
    ) {
        fan_out.ack = Some((conn, publish.qos, publish.packet_id));
        self.begin_fan_out(fan_out);
        let Some(c) = self.connections.get_mut(conn) else {
            return;
        };
        if let Some(live) = c.live_mut() {
            live.fanning_out = true;
        }
        wake(c, fx);
    }

    /// Holds back what the publisher sends next for a time in proportion to what its message cost everybody.
    fn tire(&mut self, now: Moment, conn: ConnectionId, visited: usize, fx: &mut Effects) {
        if visited <= FREE_VISITS {
            return;
        }
        let Some(c) = self.connections.get_mut(conn) else {
            return;
        };
        let Some(live) = c.live_mut() else { return };
        live.pace.waiting = true;
        wake(c, fx);
        let rest = REST_PER_VISIT.saturating_mul(u32::try_from(visited).unwrap_or(u32::MAX));
        self.timers
            .set(now.after(rest.min(LONGEST_REST)), Timer::Pace(conn));
    }

    /// Publishes what the broker itself has to say, and wills; what cannot be retained is delivered all the same.
    /// Returns how many receivers it has.
    pub(super) fn publish_own(
        &mut self,
        now: Moment,
        permit: &Permit<ToPublish>,
        message: Message,
        fx: &mut Effects,
    ) -> usize {
        let message = Arc::new(message);
        if message.retain {
            let _full = self.retain(permit, &message, fx);
        }
        let carrier = Carrier::new(message);
        let routed = self.route(now, permit, carrier, None, fx);
        if let Some(rest) = routed.rest {
            self.begin_fan_out(rest);
        }
        routed.receivers
    }
}
