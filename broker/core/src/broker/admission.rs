// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Which connections may begin, and which must end because the configuration no longer lets them in.

use bytestring::ByteString;

use super::{Broker, wake};
use crate::connection::{Connection, Phase};
use crate::{
    ConnectionId, ConnectionLimit, DisconnectCause, Effects, Event, Listeners, Moment, Peer,
    PeerKind, memory,
};

impl Broker {
    pub(super) fn open(
        &mut self,
        now: Moment,
        conn: ConnectionId,
        peer: Peer,
        entropy: u128,
        fx: &mut Effects,
    ) {
        let mut connection =
            Connection::new(conn, peer.clone(), entropy, now, self.connections.waiting());
        if let Some(event) = self.refusal_to_open(now, &peer, fx) {
            connection.phase = Phase::Closing;
            connection.admitted = false;
            wake(&mut connection, fx);
            self.connections.insert(connection);
            return self.tell(event, fx);
        }
        if !connection.is_internal() {
            connection.charge = Some(self.memory.charge(memory::CONNECTION));
            self.tell(Event::Opened { peer }, fx);
        }
        self.connections.insert(connection);
        self.watch_silence(now, conn);
    }

    /// What is told of a connection that is closed at once; none for one that may speak.
    fn refusal_to_open(&mut self, now: Moment, peer: &Peer, fx: &mut Effects) -> Option<Event> {
        let all = self.limits().most_connections();
        let too_many = |limit| {
            let peer = peer.clone();
            Some(Event::TooManyConnections { peer, limit })
        };
        if peer.kind == PeerKind::Internal {
            return None;
        }
        if self.shutting_down || self.connections.len() >= self.limits().room {
            return too_many(ConnectionLimit::All(all));
        }
        if let Err(limit) = self.arrivals.admit(now, peer, &self.params.limits) {
            return too_many(limit);
        }
        let of_address = self.limits().max_connections_per_address;
        if self.connections.of_address(peer) >= of_address {
            return too_many(ConnectionLimit::Address(of_address));
        }
        let terms = self.listeners.get(&peer.listener);
        match terms.map(|terms| terms.max_connections) {
            None => Some(Event::Rejected {
                peer: peer.clone(),
                client: None,
                cause: DisconnectCause::ListenerClosed,
            }),
            Some(limit) if self.connections.through(&peer.listener) >= limit => {
                too_many(ConnectionLimit::Listener(limit))
            }
            Some(_) if self.make_room(now, fx) => None,
            Some(_) => too_many(ConnectionLimit::All(all)),
        }
    }

    /// Whether there is room for one more; where there is little the oldest that has not said who it is leaves. [R15]
    fn make_room(&mut self, now: Moment, fx: &mut Effects) -> bool {
        if self.connections.len() < self.limits().crowded() {
            return true;
        }
        match self.connections.oldest_stranger() {
            Some(stranger) => {
                self.end(now, stranger, DisconnectCause::MadeRoom, fx);
                true
            }
            None => self.connections.len() < self.limits().most_connections(),
        }
    }

    /// The name that a connection has proved before its first packet.
    pub(super) fn identified(&mut self, conn: ConnectionId, identity: ByteString) {
        if let Some(c) = self.connections.get_mut(conn) {
            c.identity = Some(identity);
        }
    }

    /// Puts other listeners in force, and ends the connections that they would not have let in.
    pub(super) fn take_listeners(&mut self, now: Moment, listeners: Listeners, fx: &mut Effects) {
        self.listeners = listeners;
        let cause = |c: &Connection| match self.listeners.get(&c.peer.listener) {
            None => Some(DisconnectCause::ListenerClosed),
            Some(terms) if !terms.allow_anonymous && c.is_anonymous() => {
                Some(DisconnectCause::Withdrawn)
            }
            // Whoever logged in in the other way would be somebody else now.
            Some(terms) if c.has_a_name() && terms.certificate_login != c.identity.is_some() => {
                Some(DisconnectCause::Withdrawn)
            }
            Some(_) => None,
        };
        let network = self.connections.iter().filter(|c| !c.is_internal());
        let ended: Vec<_> = network.filter_map(|c| Some((c.id, cause(c)?))).collect();
        for (conn, cause) in ended {
            self.end(now, conn, cause, fx);
        }
    }

    /// Ends the connections of users whose login was taken away.
    pub(super) fn withdraw(&mut self, now: Moment, users: &[ByteString], fx: &mut Effects) {
        let affected = |c: &&Connection| {
            let live = c.live().filter(|_| !c.is_internal());
            live.is_some_and(|live| users.contains(&live.client.session.user))
        };
        let open: Vec<ConnectionId> = self
            .connections
            .iter()
            .filter(affected)
            .map(|c| c.id)
            .collect();
        for conn in open {
            self.end(now, conn, DisconnectCause::Withdrawn, fx);
        }
    }
}
