// SPDX-License-Identifier: Apache-2.0 OR MIT
//! CONNECT: judged by the authenticator, then given a new session or its old one.

use bytestring::ByteString;
use mqtt_proto::{Ack, ConnAck, Connect, Packet, Properties, Property, Reason, Version};

use super::{Broker, wake};
use crate::connection::{
    Denials, Handshake, InboundAliases, KeepAlive, Live, OutboundAliases, Pace, Phase, handshake,
};
use crate::memory;
use crate::session::{INTERNAL_USER, PendingWill, SessionId};
use crate::{
    AuthRequest, Client, CommitSeq, ConnectionId, Credentials, DisconnectCause, Effects, Event,
    LoginFailure, Moment, ProtocolFault, SessionKey, Terms, Verdict,
};

impl Broker {
    pub(super) fn connect(
        &mut self,
        now: Moment,
        conn: ConnectionId,
        mut connect: Box<Connect>,
        fx: &mut Effects,
    ) {
        let Some(c) = self.connections.get_mut(conn) else {
            return;
        };
        self.stats.connects += u64::from(!c.is_internal());
        c.version = Some(connect.version);
        let largest = connect.properties.maximum_packet_size();
        c.max_packet_size = largest.map_or(usize::MAX, |size| size as usize);
        if c.is_internal() {
            // A user name no client can have: nobody takes over the broker's own session.
            connect.username = Some(ByteString::from_static(INTERNAL_USER));
        }
        let terms = self.listeners.get(&c.peer.listener);
        let by_certificate = terms.is_some_and(|terms| terms.certificate_login);
        let identified = match by_certificate {
            true => identify(c.identity.as_ref(), &mut connect).err(),
            false => None,
        };
        let identified = identified.map(DisconnectCause::Login);
        let refused = terms
            .and_then(|terms| refusal(terms, &connect))
            .or(identified);
        if let Some(cause) = refused.or_else(|| fault(&connect).map(DisconnectCause::Protocol)) {
            c.phase = Phase::Judging(connect); // so that its end is told with the client's name
            return self.end(now, conn, cause, fx);
        }
        if connect.client_id.is_empty() {
            connect.client_id = c.assigned_client_id(); // [MQTT-3.1.3-6]
            connect.properties.push(Property::AssignedClientIdentifier(
                connect.client_id.clone(),
            ));
        }
        let credentials = match credentials(&mut connect, by_certificate) {
            Ok(credentials) => credentials,
            Err(fault) => return self.end(now, conn, DisconnectCause::Protocol(fault), fx),
        };
        if let Credentials::Step { method, .. } = &credentials {
            // The time allowed for CONNECT is the time for all of the login.
            c.handshake = Some(Box::new(Handshake::begin(
                method.clone(),
                c.silence_deadline,
            )));
        }
        c.phase = Phase::Judging(connect);
        // With a method the client has still to speak.
        if c.handshake.is_none() {
            self.connections.is_no_stranger(conn);
        }
        let Some(c) = self.connections.get_mut(conn) else {
            return;
        };
        if c.is_internal() {
            return self.authenticated(now, conn, Verdict::Accepted, None, fx);
        }
        fx.authenticate.push(AuthRequest {
            conn,
            origin: c.peer.network(),
            credentials,
        });
        wake(c, fx);
    }

    /// Handles what arrived while the connection waited for an answer, and has the driver read on.
    pub(super) fn resume(&mut self, now: Moment, conn: ConnectionId, fx: &mut Effects) {
        let Some(c) = self.connections.get_mut(conn) else {
            return;
        };
        wake(c, fx);
        while let Some(c) = self.connections.get_mut(conn).filter(|c| !c.is_waiting()) {
            let Some(packet) = c.held.pop_front() else {
                break;
            };
            self.handle(now, conn, packet, fx);
        }
    }

    pub(super) fn accept(
        &mut self,
        now: Moment,
        conn: ConnectionId,
        connect: Connect,
        key: SessionKey,
        fx: &mut Effects,
    ) {
        self.connections.is_no_stranger(conn);
        let before = self.committed;
        let (id, session_present) = self.find_or_create_session(now, conn, &connect, &key, fx);
        self.attach(now, conn, (id, session_present), &connect, key, fx);
        self.record_session(id, fx);
        let after = self.commits_since(before);
        let connack = self.connack(&connect, session_present); // [MQTT-3.1.4-5], in 3.1.1 [MQTT-3.1.4-4]
        self.reply(conn, Packet::ConnAck(connack), after, fx);
        if session_present {
            self.release_again(conn, id, fx);
        }
        self.watch_silence(now, conn);
        self.pump(now, id, fx);
    }

    /// The session to use and whether it existed. [MQTT-3.1.4-4] [MQTT-3.2.2-2] [MQTT-3.2.2-3], in 3.1.1 [MQTT-3.1.4-3]
    fn find_or_create_session(
        &mut self,
        now: Moment,
        conn: ConnectionId,
        connect: &Connect,
        key: &SessionKey,
        fx: &mut Effects,
    ) -> (SessionId, bool) {
        let other = self
            .sessions
            .find(key)
            .and_then(|id| self.sessions.get(id)?.connection);
        if let (Some(other), Some(c)) = (other, self.connections.get(conn)) {
            let by = c.peer.clone();
            self.end(now, other, DisconnectCause::TakenOver { by }, fx); // [MQTT-3.1.4-3], in 3.1.1 [MQTT-3.1.4-2]
        }
        let found = self.sessions.find(key);
        self.stats.clients_disconnected -= u64::from(found.is_some());
        let kept = found.filter(|_| !connect.clean_start); // [MQTT-3.1.2-5]
        if let Some(old) = found.filter(|_| connect.clean_start) {
            self.end_session(now, old, fx); // [MQTT-3.1.2-4], in 3.1.1 [MQTT-3.1.2-6]
        }
        let seconds = self.session_expiry(connect);
        let id = match kept {
            Some(id) => id,
            // [MQTT-3.1.2-6]
            None => self.sessions.create(
                (key.clone(), self.access.rights_of(key)),
                seconds,
                self.params.limits.max_inflight_messages,
                self.memory.charge(memory::SESSION),
            ),
        };
        if let Some(session) = self.sessions.get_mut(id) {
            session.expiry_seconds = seconds;
        }
        (id, kept.is_some())
    }

    /// The seconds for which the session of a CONNECT outlives its connection.
    pub(super) fn session_expiry(&self, connect: &Connect) -> u32 {
        let wanted = match connect.version {
            Version::V5 => connect.properties.session_expiry_interval().unwrap_or(0),
            _ if connect.clean_start => 0,
            _ => u32::MAX,
        };
        self.limits().session_expiry(wanted)
    }

    fn attach(
        &mut self,
        now: Moment,
        conn: ConnectionId,
        (id, session_present): (SessionId, bool),
        connect: &Connect,
        key: SessionKey,
        fx: &mut Effects,
    ) {
        let limits = &self.params.limits;
        let properties = &connect.properties;
        let window = properties
            .receive_maximum()
            .unwrap_or(u16::MAX)
            .min(limits.max_inflight_messages); // [MQTT-4.9.0-1]
        let Some(c) = self.connections.get_mut(conn) else {
            return;
        };
        let client = Client {
            session: key,
            peer: c.peer.clone(),
        };
        let internal = c.is_internal();
        let keep_alive = if internal {
            KeepAlive::AsAsked(connect.keep_alive)
        } else {
            KeepAlive::grant(connect, limits.max_keepalive)
        };
        let aliases = properties.topic_alias_maximum().unwrap_or(0);
        c.aliases = OutboundAliases::new(aliases.min(limits.max_topic_alias_broker)).map(Box::new);
        c.phase = Phase::Live(Box::new(Live {
            session: id,
            client: client.clone(),
            keep_alive: keep_alive.seconds(),
            connected_at: now,
            problem_information: properties.request_problem_information().unwrap_or(true),
            receive_maximum: limits.receive_maximum,
            unacknowledged: 0,
            aliases: InboundAliases::new(limits.max_topic_alias),
            denials: Denials::default(),
            storage_trouble: 0,
            fanning_out: false,
            pace: Pace::new(now),
        }));
        let Some(session) = self.sessions.get_mut(id) else {
            return;
        };
        session.connection = Some(conn);
        session.expires_at = None;
        session.outbound.begin(window);
        session.will = connect
            .will
            .clone()
            .map(|will| Box::new(PendingWill::new(will, &self.memory))); // a delayed one is cancelled [MQTT-3.1.3-9], [MQTT-3.1.2-7]
        if !internal {
            self.announce(client, connect, session_present, keep_alive, fx);
        }
    }

    /// Counts a new client and tells the log.
    fn announce(
        &mut self,
        client: Client,
        connect: &Connect,
        session_present: bool,
        keep_alive: KeepAlive,
        fx: &mut Effects,
    ) {
        self.stats.clients_connected += 1;
        self.stats.clients_maximum = self.stats.clients_maximum.max(self.stats.clients_total());
        let connected = Event::Connected {
            client: client.clone(),
            version: connect.version,
            clean_start: connect.clean_start,
            keep_alive: keep_alive.seconds(),
            session_present,
        };
        self.tell(connected, fx);
        if let KeepAlive::Tolerated(keep_alive) = keep_alive {
            let tolerated = Event::KeepAliveAboveLimit {
                client,
                keep_alive,
                maximum: self.limits().max_keepalive,
            };
            self.tell(tolerated, fx);
        }
    }

    /// Whether the client could not even take a CONNACK. [MQTT-3.1.2-24]
    pub(super) fn is_unanswerable(&self, conn: ConnectionId) -> bool {
        let Some(c) = self.connections.get(conn) else {
            return false;
        };
        let Phase::Judging(connect) = &c.phase else {
            return false;
        };
        c.max_packet_size != usize::MAX
            && c.is_too_large(&Packet::ConnAck(self.connack(connect, false)))
    }

    fn connack(&self, connect: &Connect, session_present: bool) -> ConnAck {
        ConnAck {
            session_present,
            reason: Reason::Success,
            properties: self.connack_properties(connect),
        }
    }

    fn connack_properties(&self, connect: &Connect) -> Properties {
        // No Response Information: [MQTT-3.1.2-28].
        let mut properties = Properties::new();
        if connect.version != Version::V5 {
            return properties;
        }
        let limits = self.limits();
        properties.push(Property::ReceiveMaximum(limits.receive_maximum));
        properties.push(Property::MaximumPacketSize(limits.max_packet_size)); // [MQTT-3.2.2-15]
        if limits.max_topic_alias > 0 {
            properties.push(Property::TopicAliasMaximum(limits.max_topic_alias)); // [MQTT-3.3.2-12], [MQTT-3.2.2-18]
        }
        if let KeepAlive::Lowered(seconds) = KeepAlive::grant(connect, limits.max_keepalive) {
            properties.push(Property::ServerKeepAlive(seconds)); // [MQTT-3.2.2-21]
        }
        if let Some(wanted) = connect.properties.session_expiry_interval() {
            let kept = limits.session_expiry(wanted);
            if kept != wanted {
                properties.push(Property::SessionExpiryInterval(kept));
            }
        }
        if let Some(id) = connect.properties.assigned_client_identifier() {
            properties.push(Property::AssignedClientIdentifier(id.clone())); // [MQTT-3.1.3-7], [MQTT-3.2.2-16]
        }
        if let Some(method) = connect.properties.authentication_method() {
            properties.push(Property::AuthenticationMethod(method.clone())); // [MQTT-4.12.0-5] [MQTT-4.12.0-6]
        }
        if let Some(data) = connect.properties.authentication_data() {
            properties.push(Property::AuthenticationData(data.clone()));
        }
        properties
    }

    /// Sends PUBREL again for messages the client has; each PUBLISH in flight follows as the window allows.
    fn release_again(&mut self, conn: ConnectionId, id: SessionId, fx: &mut Effects) {
        let (Some(session), Some(c)) = (self.sessions.get(id), self.connections.get_mut(conn))
        else {
            return;
        };
        for packet_id in session.outbound.to_release() {
            let pubrel = Packet::PubRel(Ack::new(packet_id, Reason::Success));
            c.outbox
                .reply(pubrel, c.version, CommitSeq::default(), &mut self.spares);
        }
        wake(c, fx);
    }
}

/// What makes a CONNECT unacceptable on a listener of these terms.
fn refusal(terms: &Terms, connect: &Connect) -> Option<DisconnectCause> {
    if !terms.versions.contains(&connect.version) {
        let fault = ProtocolFault::VersionNotAccepted(connect.version); // [MQTT-3.1.2-2]
        return Some(DisconnectCause::Protocol(fault));
    }
    // A method tells the name later.
    let nameless = connect.username.is_none()
        && connect.properties.authentication_method().is_none()
        && !terms.certificate_login;
    (nameless && !terms.allow_anonymous)
        .then_some(DisconnectCause::Login(LoginFailure::AnonymousNotAllowed))
}

/// Gives the CONNECT the name in its sender's certificate, which is the user name.
fn identify(identity: Option<&ByteString>, connect: &mut Connect) -> Result<(), LoginFailure> {
    let identity = identity.ok_or(LoginFailure::NoIdentity)?;
    if connect.properties.authentication_method().is_some() {
        return Err(LoginFailure::MethodBesideIdentity);
    }
    if connect.username.get_or_insert_with(|| identity.clone()) != identity {
        return Err(LoginFailure::OtherIdentity);
    }
    Ok(())
}

/// What makes a CONNECT unacceptable whoever sends it.
fn fault(connect: &Connect) -> Option<ProtocolFault> {
    let may_be_empty = match connect.version {
        Version::V31 => false,
        Version::V311 => connect.clean_start, // [MQTT-3.1.3-8], [MQTT-3.1.3-7], [MQTT-3.1.3-9]
        Version::V5 => true,
    };
    (connect.client_id.is_empty() && !may_be_empty).then_some(ProtocolFault::EmptyClientId)
}

/// What the client proves its name with, taken out of its CONNECT; with a method the password counts for nothing.
fn credentials(connect: &mut Connect, by_certificate: bool) -> Result<Credentials, ProtocolFault> {
    let password = connect.password.take();
    if let Some(username) = connect.username.clone().filter(|_| by_certificate) {
        return Ok(Credentials::Identity { username });
    }
    let Some(method) = connect.properties.authentication_method().cloned() else {
        return Ok(Credentials::Login {
            username: connect.username.clone(),
            password,
        });
    };
    let data = handshake::data(&connect.properties)?;
    let is_data = |property: &Property| matches!(property, Property::AuthenticationData(_));
    connect.properties.retain(|property| !is_data(property));
    Ok(Credentials::Step {
        method,
        data,
        begins: true,
    })
}

/// The session a CONNECT names: user name, or empty for an anonymous client, and client identifier. [MQTT-3.1.3-2] [MQTT-3.1.3-5]
pub(super) fn session_key(connect: &Connect) -> SessionKey {
    SessionKey {
        user: connect
            .username
            .clone()
            .unwrap_or_else(|| ByteString::from_static("")),
        client_id: connect.client_id.clone(),
    }
}
