// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Why a connection ended: as a reason code and a sentence for the peer, and in words for the log.

use std::fmt;
use std::time::Duration;

use mqtt_proto::{DecodeError, Reason, Version};

use crate::{LoginFailure, Peer, StorageState};

/// Why a socket ended, as the driver saw it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CloseCause {
    /// The core asked for it.
    Asked,
    /// The peer closed or reset the connection.
    Peer,
    /// Reading or writing failed.
    Socket(std::io::ErrorKind),
    /// The peer broke the rules of the layer below MQTT (WebSocket, TLS).
    Transport(&'static str),
}

/// Why a connection ended.
#[derive(Clone, Debug)]
pub enum DisconnectCause {
    /// DISCONNECT was received.
    ByClient,
    /// DISCONNECT with another reason than 0x00 was received: the will is published. [MQTT-3.1.2-8]
    ByClientWithWill,
    PeerClosed,
    Socket(std::io::ErrorKind),
    Transport(&'static str),
    /// No packet within one and a half times the keep alive interval. [MQTT-3.1.2-22]
    KeepAlive {
        keep_alive: u16,
        silence: Duration,
    },
    /// No CONNECT within the time allowed.
    ConnectTimeout {
        allowed: Duration,
    },
    /// No CONNECT yet, and others needed the room.
    MadeRoom,
    /// Another connection named the same session. [MQTT-3.1.4-3]
    TakenOver {
        by: Peer,
    },
    /// Enhanced authentication that was not finished within the time allowed.
    AuthenticationTimeout {
        allowed: Duration,
    },
    /// The user was removed or given another password.
    Withdrawn,
    Undecodable(DecodeError),
    Protocol(ProtocolFault),
    Login(LoginFailure),
    /// The listener it came through was taken out of the configuration.
    ListenerClosed,
    ShuttingDown,
}

/// A packet that is well formed and not allowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProtocolFault {
    FirstPacketNotConnect,
    SecondConnect,
    /// A packet only a server sends.
    ServerPacket(&'static str),
    EmptyClientId,
    ReceiveMaximumExceeded,
    TopicAlias {
        alias: u16,
        maximum: u16,
    },
    /// The topic names behind the aliases of one connection are longer than it may keep.
    TopicAliasesTooLong,
    /// An alias alone, to which this connection has given no topic.
    UnknownTopicAlias,
    PayloadFormat,
    /// A packet other than AUTH and DISCONNECT between a CONNECT with a method and its CONNACK.
    PacketBeforeConnAck,
    /// AUTH on a connection whose CONNECT named no method.
    AuthWithoutConnectMethod,
    AuthWithoutMethod,
    OtherMethod,
    /// AUTH with another reason than the state of the exchange allows.
    AuthOutOfTurn,
    TooManyRounds,
    AuthenticationDataTooLong,
    WillDenied,
    /// The will's topic is longer or deeper than topics may be.
    WillTopic,
    TooManySessions,
    /// A new session, and what the broker holds is at `memory_limit`.
    MemoryFull,
    SessionExpirySet,
    /// A new session that would have to be kept, and the store takes nothing new.
    Unstored(StorageState),
    /// The client's Maximum Packet Size leaves no room for an answer.
    AnswerTooLarge,
    /// The listener accepts other versions only.
    VersionNotAccepted(Version),
    /// Too many answers wait because the client does not read.
    AnswersNotRead,
}

impl ProtocolFault {
    /// The reason code told to the peer.
    pub fn reason(self) -> Reason {
        match self {
            Self::EmptyClientId => Reason::ClientIdentifierNotValid,
            Self::ReceiveMaximumExceeded => Reason::ReceiveMaximumExceeded,
            Self::TopicAlias { .. } => Reason::TopicAliasInvalid,
            Self::PayloadFormat => Reason::PayloadFormatInvalid,
            Self::AnswerTooLarge => Reason::PacketTooLarge,
            Self::OtherMethod => Reason::BadAuthenticationMethod,
            Self::AuthenticationDataTooLong => Reason::ImplementationSpecificError,
            Self::WillDenied => Reason::NotAuthorized,
            Self::WillTopic => Reason::TopicNameInvalid,
            Self::VersionNotAccepted(_) => Reason::UnsupportedProtocolVersion,
            Self::TooManySessions
            | Self::MemoryFull
            | Self::Unstored(_)
            | Self::AnswersNotRead
            | Self::TopicAliasesTooLong => Reason::QuotaExceeded,
            _ => Reason::ProtocolError,
        }
    }
}

impl fmt::Display for ProtocolFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::FirstPacketNotConnect => f.write_str("the first packet was not CONNECT"),
            Self::SecondConnect => f.write_str("CONNECT was sent a second time"),
            Self::ServerPacket(name) => write!(f, "{name} is sent by a server only"),
            Self::EmptyClientId => f.write_str("an empty client identifier needs a clean session"),
            Self::ReceiveMaximumExceeded => {
                f.write_str("more QoS 1 and 2 messages in flight than the receive maximum allows")
            }
            Self::TopicAlias { alias, maximum: 0 } => {
                write!(f, "topic alias {alias}, and this server takes none")
            }
            Self::TopicAlias { alias, maximum } => {
                write!(f, "topic alias {alias}, allowed are 1 to {maximum}")
            }
            Self::TopicAliasesTooLong => f.write_str(
                "the topic names behind this connection's aliases are too long together",
            ),
            Self::UnknownTopicAlias => {
                f.write_str("a topic alias without topic name that was given no name before")
            }
            Self::PacketBeforeConnAck => f.write_str(
                "before CONNACK a client with an authentication method may send AUTH and DISCONNECT only",
            ),
            Self::AuthWithoutConnectMethod => {
                f.write_str("AUTH was sent, and CONNECT named no authentication method")
            }
            Self::AuthWithoutMethod => f.write_str("AUTH names no authentication method"),
            Self::OtherMethod => {
                f.write_str("AUTH names another authentication method than CONNECT did")
            }
            Self::AuthOutOfTurn => f.write_str(
                "AUTH was sent with a reason that does not fit the state of the authentication",
            ),
            Self::TooManyRounds => f.write_str("the authentication takes too many steps"),
            Self::AuthenticationDataTooLong => {
                f.write_str("the authentication data is longer than this server takes")
            }
            Self::PayloadFormat => f.write_str("a payload that is said to be UTF-8 and is not"),
            Self::WillTopic => {
                f.write_str("the will's topic has more bytes or levels than this server allows")
            }
            Self::WillDenied => f.write_str("the will's topic may not be published to"),
            Self::MemoryFull => f.write_str(
                "this server holds as many bytes for its clients as it may (memory_limit)",
            ),
            Self::Unstored(state) => f.write_str(state.told()),
            Self::TooManySessions => f.write_str("this server holds as many sessions as it may"),
            Self::AnswerTooLarge => {
                f.write_str("an answer would be larger than the client's maximum packet size")
            }
            Self::VersionNotAccepted(version) => {
                write!(f, "this listener does not accept MQTT {version}")
            }
            Self::AnswersNotRead => {
                f.write_str("the client does not read the answers to its packets")
            }
            Self::SessionExpirySet => f.write_str(
                "a session that ends with its connection cannot be given an expiry in DISCONNECT",
            ),
        }
    }
}

impl DisconnectCause {
    /// The sentence for the peer, which is not told whether a user name exists.
    pub(crate) fn told(&self) -> String {
        match self {
            Self::Login(failure) => failure.told(),
            _ => self.to_string(),
        }
    }

    /// Whether the peer sent what is no packet of a protocol that we speak.
    pub(crate) fn is_malformed(&self) -> bool {
        let unsupported =
            |error: &DecodeError| matches!(error, DecodeError::UnsupportedVersion { .. });
        matches!(self, Self::Undecodable(error) if !unsupported(error))
    }

    /// The reason code for CONNACK or DISCONNECT; none where the peer is gone or left by itself.
    pub fn reason(&self) -> Option<Reason> {
        Some(match self {
            Self::ByClient
            | Self::ByClientWithWill
            | Self::PeerClosed
            | Self::Socket(_)
            | Self::Transport(_)
            | Self::MadeRoom
            | Self::ConnectTimeout { .. } => return None,
            Self::KeepAlive { .. } => Reason::KeepAliveTimeout,
            Self::TakenOver { .. } => Reason::SessionTakenOver,
            Self::AuthenticationTimeout { .. } | Self::Withdrawn => Reason::NotAuthorized,
            Self::Undecodable(error) => error.reason(),
            Self::Protocol(fault) => fault.reason(),
            Self::Login(failure) => failure.reason(),
            Self::ListenerClosed => Reason::AdministrativeAction,
            Self::ShuttingDown => Reason::ServerShuttingDown,
        })
    }
}

impl fmt::Display for DisconnectCause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ByClient => f.write_str("disconnected by the client"),
            Self::ByClientWithWill => {
                f.write_str("disconnected by the client with a reason that keeps its will")
            }
            Self::PeerClosed => f.write_str("the peer closed the connection"),
            Self::Socket(kind) => write!(f, "socket error: {kind}"),
            Self::Transport(what) => f.write_str(what),
            Self::KeepAlive {
                keep_alive,
                silence,
            } => write!(
                f,
                "keepalive {keep_alive} s, last packet {} s ago",
                silence.as_secs()
            ),
            Self::ConnectTimeout { allowed } => {
                write!(f, "no CONNECT within {} s", allowed.as_secs())
            }
            Self::MadeRoom => f.write_str(
                "no CONNECT yet, and the broker has as many connections as it has room for",
            ),
            Self::TakenOver { .. } => {
                f.write_str("another connection took over this client identifier")
            }
            Self::AuthenticationTimeout { allowed } => write!(
                f,
                "the authentication was not finished within {} s",
                allowed.as_secs()
            ),
            Self::Withdrawn => {
                f.write_str("the broker's configuration no longer allows this login")
            }
            Self::Undecodable(error) => write!(f, "{error}"),
            Self::Protocol(fault) => write!(f, "{fault}"),
            Self::Login(failure) => write!(f, "{failure}"),
            Self::ListenerClosed => {
                f.write_str("the broker's configuration no longer has this listener")
            }
            Self::ShuttingDown => f.write_str("the broker is shutting down"),
        }
    }
}
