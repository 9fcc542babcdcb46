// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The authenticator's answers, and enhanced authentication: AUTH to and from the client.

use bytes::Bytes;
use bytestring::ByteString;
use mqtt_proto::{Auth, Packet, Property};

use super::Broker;
use super::connect::session_key;
use crate::connection::{Phase, Step};
use crate::{
    AuthRequest, CommitSeq, ConnectionId, Credentials, DisconnectCause, Effects, Event,
    LoginFailure, Moment, ProtocolFault, SessionKey, Verdict,
};

impl Broker {
    /// An AUTH of the client: its next step, or the begin of a re-authentication.
    pub(super) fn auth(&mut self, now: Moment, conn: ConnectionId, auth: &Auth, fx: &mut Effects) {
        let deadline = now.after(self.limits().connect_timeout);
        let Some(c) = self.connections.get_mut(conn) else {
            return;
        };
        let origin = c.peer.network();
        let taken = match &mut c.handshake {
            Some(handshake) => handshake
                .take(auth, deadline)
                .map(|step| (handshake.method.clone(), step)),
            None => Err(ProtocolFault::AuthWithoutConnectMethod), // [MQTT-4.12.0-7]
        };
        let (method, Step { data, begins }) = match taken {
            Ok(taken) => taken,
            Err(fault) => return self.end(now, conn, DisconnectCause::Protocol(fault), fx),
        };
        if begins {
            self.watch_silence(now, conn);
        }
        fx.authenticate.push(AuthRequest {
            conn,
            origin,
            credentials: Credentials::Step {
                method,
                data,
                begins,
            },
        });
    }

    /// The authenticator's answer; `user` is the name that enhanced authentication told.
    pub(super) fn authenticated(
        &mut self,
        now: Moment,
        conn: ConnectionId,
        verdict: Verdict,
        user: Option<ByteString>,
        fx: &mut Effects,
    ) {
        let Some(c) = self.connections.get_mut(conn) else {
            return;
        };
        let handshake = c.handshake.as_ref();
        let is_awaited = match c.phase {
            Phase::Judging(_) => handshake.is_none_or(|h| h.is_judged()),
            Phase::Live(_) => handshake.is_some_and(|h| h.is_judged()),
            Phase::Greeting | Phase::Closing => false,
        };
        if !is_awaited {
            return;
        }
        let verdict = match user {
            Some(user) if !is_user(&mut c.phase, &user) => {
                Verdict::Refused(LoginFailure::OtherUser)
            }
            _ => verdict,
        };
        // [MQTT-3.1.4-2], in 3.1.1 [MQTT-4.8.0-2]
        let data = match verdict {
            Verdict::Refused(failure) => {
                return self.end(now, conn, DisconnectCause::Login(failure), fx); // [MQTT-4.12.0-4] [MQTT-4.12.1-2]
            }
            Verdict::Continue(data) => return self.challenge(now, conn, data, fx),
            Verdict::Accepted => Bytes::new(),
            Verdict::Proven(data) => data,
        };
        match (&c.phase, &mut c.handshake) {
            (Phase::Judging(_), _) => self.admit(now, conn, data, fx),
            (Phase::Live(live), Some(handshake)) => {
                let success = handshake.success(data);
                let (client, method) = (live.client.clone(), handshake.method.clone());
                self.reply(conn, Packet::Auth(success), CommitSeq::default(), fx);
                self.tell(Event::Reauthenticated { client, method }, fx);
            }
            _ => {}
        }
    }

    fn challenge(&mut self, now: Moment, conn: ConnectionId, data: Bytes, fx: &mut Effects) {
        let c = self.connections.get_mut(conn);
        let Some(handshake) = c.and_then(|c| c.handshake.as_mut()) else {
            return;
        };
        let challenge = handshake.challenge(data);
        self.reply(conn, Packet::Auth(challenge), CommitSeq::default(), fx);
        self.watch_silence(now, conn);
    }

    /// Makes the connection whose CONNECT is being judged a client, if nothing else than its login is against it.
    fn admit(&mut self, now: Moment, conn: ConnectionId, data: Bytes, fx: &mut Effects) {
        let Some(c) = self.connections.get_mut(conn) else {
            return;
        };
        let Phase::Judging(connect) = &mut c.phase else {
            return;
        };
        if !data.is_empty() {
            connect.properties.push(Property::AuthenticationData(data));
        }
        let key = session_key(connect);
        if let Some(fault) = self.obstacle(conn, &key) {
            return self.end(now, conn, DisconnectCause::Protocol(fault), fx);
        }
        let Some(c) = self.connections.get_mut(conn) else {
            return;
        };
        let Phase::Judging(connect) = std::mem::replace(&mut c.phase, Phase::Closing) else {
            return;
        };
        if let Some(handshake) = &mut c.handshake {
            handshake.rest();
        }
        self.accept(now, conn, *connect, key, fx);
        self.resume(now, conn, fx);
    }

    /// What else than its login is against the client of this session.
    fn obstacle(&self, conn: ConnectionId, key: &SessionKey) -> Option<ProtocolFault> {
        let c = self.connections.get(conn)?;
        let Phase::Judging(connect) = &c.phase else {
            return None;
        };
        let will = connect.will.as_ref();
        let new = self.sessions.find(key).is_none();
        if self.is_unanswerable(conn) {
            Some(ProtocolFault::AnswerTooLarge)
        } else if will.is_some_and(|w| !self.limits().allow_topic(w.topic.as_str())) {
            Some(ProtocolFault::WillTopic)
        } else if will.is_some_and(|w| self.may_leave(key, w).is_none()) {
            Some(ProtocolFault::WillDenied)
        } else if new && self.sessions.len() >= self.limits().max_sessions {
            Some(ProtocolFault::TooManySessions)
        } else if new && self.is_memory_full() {
            Some(ProtocolFault::MemoryFull)
        } else if (new || connect.clean_start) && self.session_expiry(connect) > 0 {
            (!self.storage.is_ok()).then_some(ProtocolFault::Unstored(self.storage))
        } else {
            None
        }
    }
}

/// Whether enhanced authentication may be for this user: the one CONNECT names, if any, or the one already logged in.
fn is_user(phase: &mut Phase, user: &ByteString) -> bool {
    match phase {
        Phase::Judging(connect) => connect.username.get_or_insert_with(|| user.clone()) == user,
        Phase::Live(live) => live.client.session.user == *user,
        Phase::Greeting | Phase::Closing => true,
    }
}
