// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The line about the end of a connection: Mosquitto's sentence, the reason, the remedy, and who it was.

use std::fmt::{self, Display};

use mqtt_core::{DisconnectCause, LoginFailure, Peer, SessionKey};
use mqtt_proto::Reason;

use super::super::entry::Entry;
use super::super::escape::Field;
use super::super::kind::Kind;
use super::{Address, Origin, is_told};

/// The end of a connection, accepted before or not.
pub fn ended(peer: &Peer, session: Option<&SessionKey>, cause: &DisconnectCause) -> Option<Entry> {
    if !is_told(peer) {
        return None;
    }
    let id = session.map(|session| &*session.client_id);
    let id = id.filter(|id| !id.is_empty()).unwrap_or(UNKNOWN);
    let (kind, sentence) = sentence(cause);
    let mut text = format!("Client {}{sentence}", Field(id));
    let reason = Why { cause, session };
    if !matches!(cause, DisconnectCause::ByClient) {
        text.push_str(&format!(" (reason: {reason}"));
    }
    let mut entry = Entry::new(kind, text)
        .about_peer(peer)
        .with("REASON", reason);
    if !matches!(cause, DisconnectCause::ByClient) {
        entry = entry.ending(rest(cause, Origin { peer, session }));
    }
    Some(match session {
        Some(session) => entry.about_session(session),
        None => entry,
    })
}

/// What follows the reason: the remedy where there is a common one, and where the client came from.
fn rest(cause: &DisconnectCause, origin: Origin<'_>) -> String {
    match cause {
        DisconnectCause::KeepAlive { .. } => format!("{KEEP_ALIVE_REMEDY}; {origin})"),
        DisconnectCause::Login(LoginFailure::AnonymousNotAllowed) => {
            format!("; {origin}){ANONYMOUS_REMEDY}")
        }
        _ => format!("; {origin})"),
    }
}

/// Why a connection ended, as far as the log can say more than the peer is told.
struct Why<'a> {
    cause: &'a DisconnectCause,
    session: Option<&'a SessionKey>,
}

impl Display for Why<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.cause, self.session) {
            (DisconnectCause::TakenOver { by }, _) => {
                write!(f, "{}, from {}", self.cause, Address(by))
            }
            (DisconnectCause::PeerClosed, None) => {
                f.write_str("closed without CONNECT, as by a port probe or a health check")
            }
            (DisconnectCause::PeerClosed, Some(_)) => f.write_str("closed without DISCONNECT"),
            (cause, _) => cause.fmt(f),
        }
    }
}

/// The kind of a connection's end, and what Mosquitto says of it after the client's identifier.
fn sentence(cause: &DisconnectCause) -> (&'static Kind, &'static str) {
    const PROTOCOL_ERROR: &str = " disconnected due to protocol error.";
    match cause {
        DisconnectCause::ByClient | DisconnectCause::ByClientWithWill => {
            (&Kind::CLIENT_DISCONNECTED, " disconnected.")
        }
        DisconnectCause::PeerClosed | DisconnectCause::Socket(_) => {
            (&Kind::CONNECTION_LOST, " closed its connection.")
        }
        DisconnectCause::KeepAlive { .. }
        | DisconnectCause::ConnectTimeout { .. }
        | DisconnectCause::AuthenticationTimeout { .. } => (
            &Kind::CLIENT_TIMED_OUT,
            " has exceeded timeout, disconnecting.",
        ),
        DisconnectCause::TakenOver { .. } => (
            &Kind::CLIENT_TAKEN_OVER,
            " already connected, closing old connection.",
        ),
        DisconnectCause::Login(_) | DisconnectCause::Withdrawn => {
            (&Kind::CLIENT_REFUSED, " disconnected, not authorised.")
        }
        DisconnectCause::ListenerClosed | DisconnectCause::MadeRoom => {
            (&Kind::CLIENT_REFUSED, " disconnected.")
        }
        DisconnectCause::ShuttingDown => (&Kind::CLIENT_SHUT_DOWN, " disconnected."),
        DisconnectCause::Transport(_) | DisconnectCause::Protocol(_) => {
            (&Kind::CLIENT_FAULT, PROTOCOL_ERROR)
        }
        DisconnectCause::Undecodable(error) => match error.reason() {
            Reason::MalformedPacket => (
                &Kind::CLIENT_FAULT,
                " disconnected due to malformed packet.",
            ),
            Reason::PacketTooLarge => {
                (&Kind::CLIENT_FAULT, " disconnected due to oversize packet.")
            }
            _ => (&Kind::CLIENT_FAULT, PROTOCOL_ERROR),
        },
    }
}

/// Mosquitto's name for a client that never said its own.
const UNKNOWN: &str = "<unknown>";

const KEEP_ALIVE_REMEDY: &str =
    ": the client must publish or ping within its keepalive (client.loop() in its main loop)";

const ANONYMOUS_REMEDY: &str = " Give this client the user name and password of a [[user]] in broker.toml, or let in \
                                everybody with `allow_anonymous = true` under [broker] or its [[listener]].";
