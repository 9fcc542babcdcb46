// SPDX-License-Identifier: Apache-2.0 OR MIT
//! New rights put in force, and what becomes of messages whose receiver may not have them.

use std::sync::Arc;

use mqtt_proto::{PacketId, Topic};

use super::Broker;
use crate::authz::{Permit, ToReceive};
use crate::connection::Revoked;
use crate::session::{Queued, SessionId};
use crate::{Access, Effects, Event, Moment};

impl Broker {
    /// Puts rights in force; what waits for a socket is judged now, what waits in a queue or for a client when its turn comes.
    pub(super) fn take_access(&mut self, now: Moment, access: Arc<Access>, fx: &mut Effects) {
        if *self.access == *access {
            return;
        }
        self.access = access;
        let all: Vec<SessionId> = self.sessions.iter().map(|session| session.id).collect();
        for id in all {
            let Some(session) = self.sessions.get_mut(id) else {
                continue;
            };
            let rights = self.access.rights_of(&session.key);
            if rights != session.rights {
                session.rights = rights;
                session.withheld = 0;
                self.revoke_unsent(id, fx);
                self.pump(now, id, fx);
            }
        }
    }

    /// Takes back what waits for the socket of a client that may no longer have it.
    fn revoke_unsent(&mut self, id: SessionId, fx: &mut Effects) {
        let Some(session) = self.sessions.get(id) else {
            return;
        };
        let c = session
            .connection
            .map(|conn| self.connections.get_mut(conn));
        let Some(c) = c.flatten() else { return };
        let may = |topic: &Topic| {
            let permit: Option<Permit<ToReceive>> = session.may(topic);
            permit.is_some()
        };
        let Some(version) = c.version else { return };
        for Revoked { topic, packet_id } in c.outbox.revoke(version, may) {
            match packet_id {
                Some(packet_id) => self.revoke_in_flight(id, packet_id, &topic, fx),
                None => self.revoke(id, &topic, fx),
            }
        }
    }

    /// Ends the exchange of a message that its client may no longer have: it is not sent again, and its identifier is free.
    pub(super) fn revoke_in_flight(
        &mut self,
        id: SessionId,
        packet_id: PacketId,
        topic: &Topic,
        fx: &mut Effects,
    ) {
        let session = self.sessions.get_mut(id);
        let entry = session.and_then(|session| session.outbound.abandon(packet_id));
        if let Some(entry) = entry {
            self.settle_stored(id, entry.stored, fx);
        }
        self.revoke(id, topic, fx);
    }

    /// Drops a message that waited for a client that may no longer have it; another member of its group may get it.
    pub(super) fn revoke_waiting(&mut self, id: SessionId, entry: Queued, fx: &mut Effects) {
        match entry.group.as_deref().copied() {
            Some(group) => {
                self.withhold(id, &entry.message.topic.clone(), fx);
                self.give_back(group, entry, fx);
            }
            None => {
                self.settle_stored(id, entry.stored, fx);
                self.revoke(id, &entry.message.topic, fx);
            }
        }
    }

    fn revoke(&mut self, id: SessionId, topic: &Topic, fx: &mut Effects) {
        self.stats.publish_dropped += 1;
        self.withhold(id, topic, fx);
    }

    /// Counts a message that a client may not have; the first is told.
    pub(super) fn withhold(&mut self, id: SessionId, topic: &Topic, fx: &mut Effects) {
        self.stats.publish_withheld += 1;
        let Some(session) = self.sessions.get_mut(id) else {
            return;
        };
        session.withheld += 1;
        if session.withheld == 1 {
            let (client, topic) = (session.key.clone(), topic.detached());
            self.tell(Event::DeliveryDenied { client, topic }, fx);
        }
    }
}
