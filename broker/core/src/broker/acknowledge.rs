// SPDX-License-Identifier: Apache-2.0 OR MIT
//! PUBACK, PUBREC, PUBREL and PUBCOMP from a client.

use mqtt_proto::{Ack, Packet, Reason};

use super::Broker;
use crate::connection::Connection;
use crate::session::{AckOutcome, Stage};
use crate::{CommitSeq, ConnectionId, Effects, Location, Moment, Record};

impl Broker {
    pub(super) fn puback(&mut self, now: Moment, conn: ConnectionId, ack: &Ack, fx: &mut Effects) {
        self.settle(now, conn, ack, Stage::Acknowledge, fx);
    }

    pub(super) fn pubcomp(&mut self, now: Moment, conn: ConnectionId, ack: &Ack, fx: &mut Effects) {
        self.settle(now, conn, ack, Stage::Complete, fx);
    }

    pub(super) fn pubrec(&mut self, now: Moment, conn: ConnectionId, ack: &Ack, fx: &mut Effects) {
        let (reason, location) = match self.settle(now, conn, ack, Stage::Receive, fx) {
            AckOutcome::Done(_) => return,
            AckOutcome::Release(location) => (Reason::Success, location),
            AckOutcome::Unknown if ack.reason.is_error() => return, // [MQTT-4.3.3-4]
            // PUBREL even so: the client can let the identifier go. In 3.1.1 [MQTT-4.3.3-1]
            AckOutcome::Unknown => (Reason::PacketIdentifierNotFound, None),
        };
        let live = self.connections.get(conn).and_then(Connection::live);
        let session = live.map(|live| live.client.session.clone());
        let mut after = CommitSeq::default();
        if let (Some(session), Some(location)) = (session, location) {
            self.commit(Record::Confirmed { session, location }, fx);
            after = self.committed;
        }
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
        if known && session.is_persistent() {
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
        let outcome = session
            .outbound
            .acknowledge(ack.packet_id, stage, ack.reason.is_error());
        if let AckOutcome::Done(entry) = &outcome {
            let stored = entry
                .location
                .map(|location| (location, session.key.clone()));
            self.settle_stored(stored, fx);
            self.pump(now, id, fx);
        }
        outcome
    }

    /// One queue entry less names this payload; the store may forget it after the last.
    pub(super) fn release(&mut self, location: Option<Location>, fx: &mut Effects) {
        let Some(location) = location else { return };
        if let Some(reference) = self.references.get_mut(&location) {
            reference.count -= 1;
            if reference.count == 0 {
                self.references.remove(&location);
                self.commit(Record::Forget { location }, fx);
            }
        }
    }
}
