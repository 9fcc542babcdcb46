// SPDX-License-Identifier: Apache-2.0 OR MIT
//! PUBACK, PUBREC, PUBREL and PUBCOMP from a client.

use mqtt_proto::{Ack, Packet, Reason};

use super::Broker;
use crate::connection::Connection;
use crate::session::{AckOutcome, Stage};
use crate::{CommitSeq, ConnectionId, Effects, Moment, Record};

impl Broker {
    pub(super) fn puback(&mut self, now: Moment, conn: ConnectionId, ack: &Ack, fx: &mut Effects) {
        self.settle(now, conn, ack, Stage::Acknowledge, fx);
    }

    pub(super) fn pubcomp(&mut self, now: Moment, conn: ConnectionId, ack: &Ack, fx: &mut Effects) {
        self.settle(now, conn, ack, Stage::Complete, fx);
    }

    pub(super) fn pubrec(&mut self, now: Moment, conn: ConnectionId, ack: &Ack, fx: &mut Effects) {
        let before = self.committed;
        let reason = match self.settle(now, conn, ack, Stage::Receive, fx) {
            AckOutcome::Done => return,
            AckOutcome::Release => {
                let live = self.connections.get(conn).and_then(Connection::live);
                if let Some(id) = live.map(|live| live.session) {
                    self.record_confirmed(id, ack.packet_id, fx);
                }
                Reason::Success
            }
            // What the first PUBREC changed is durable before this leaves: its own answer, or CONNACK, goes first.
            AckOutcome::ReleaseAgain => Reason::Success,
            AckOutcome::Unknown if ack.reason.is_error() => return, // [MQTT-4.3.3-4]
            // PUBREL even so: the client can let the identifier go. In 3.1.1 [MQTT-4.3.3-1]
            AckOutcome::Unknown => Reason::PacketIdentifierNotFound,
        };
        let after = self.commits_since(before);
        self.reply(
            conn,
            Packet::PubRel(Ack::new(ack.packet_id, reason)),
            after,
            fx,
        );
    }

    /// Lets the publisher's identifier go. [MQTT-4.3.3-11] [MQTT-4.3.3-12] [MQTT-4.3.3-13], in 3.1.1 [MQTT-4.3.3-2]
    pub(super) fn pubrel(&mut self, conn: ConnectionId, ack: &Ack, fx: &mut Effects) {
        let Some(live) = self
            .connections
            .get_mut(conn)
            .and_then(Connection::live_mut)
        else {
            return;
        };
        let Some(session) = self.sessions.get_mut(live.session) else {
            return;
        };
        let known = session.inbound.release(ack.packet_id);
        live.unacknowledged = live.unacknowledged.saturating_sub(u16::from(known));
        let mut after = CommitSeq::default();
        if known && session.durable {
            let record = Record::Released {
                session: session.key.clone(),
                packet_id: ack.packet_id,
            };
            self.commit(record, fx);
            after = self.committed;
        }
        let reason = if known {
            Reason::Success
        } else {
            Reason::PacketIdentifierNotFound
        };
        self.reply(
            conn,
            Packet::PubComp(Ack::new(ack.packet_id, reason)),
            after,
            fx,
        );
    }

    fn settle(
        &mut self,
        now: Moment,
        conn: ConnectionId,
        ack: &Ack,
        stage: Stage,
        fx: &mut Effects,
    ) -> AckOutcome {
        let live = self.connections.get(conn).and_then(Connection::live);
        let Some(id) = live.map(|live| live.session) else {
            return AckOutcome::Unknown;
        };
        let Some(session) = self.sessions.get_mut(id) else {
            return AckOutcome::Unknown;
        };
        let (outcome, ended) =
            session
                .outbound
                .acknowledge(ack.packet_id, stage, ack.reason.is_error());
        if let Some(entry) = ended {
            self.settle_stored(id, entry.stored, fx);
            self.recycle(entry.message);
            self.pump(now, id, fx);
        }
        outcome
    }
}
