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
        if let Some(event) = self.refusal_to_open(&peer) {
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
    fn refusal_to_open(&self, peer: &Peer) -> Option<Event> {
        let all = self.limits().max_connections;
        let too_many = |limit| {
            let peer = peer.clone();
            Some(Event::TooManyConnections { peer, limit })
        };
        if self.shutting_down || self.connections.len() >= all {
            return too_many(ConnectionLimit::All(all));
        }
        let of_address = self.limits().max_connections_per_address;
        if self.connections.of_address(peer) >= of_address {
            return too_many(ConnectionLimit::Address(of_address));
        }
        match self.listeners.get(&peer.listener) {
            _ if peer.kind == PeerKind::Internal => None,
            None => Some(Event::Rejected {
                peer: peer.clone(),
                client: None,
                cause: DisconnectCause::ListenerClosed,
            }),
            Some(terms) if self.connections.through(&peer.listener) >= terms.max_connections => {
                too_many(ConnectionLimit::Listener(terms.max_connections))
            }
            Some(_) => None,
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
