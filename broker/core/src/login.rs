// SPDX-License-Identifier: Apache-2.0 OR MIT
//! A login: what the core asks the driver's authenticator, its verdict, and why it refuses.

use std::fmt;
use std::net::IpAddr;

use bytes::Bytes;
use bytestring::ByteString;
use mqtt_proto::{Password, Reason};

use crate::ConnectionId;

/// A login to judge.
pub struct AuthRequest {
    pub conn: ConnectionId,
    /// [`crate::Peer::network`] of the client.
    pub origin: Option<IpAddr>,
    pub credentials: Credentials,
}

/// What a client proves its name with; it has no `Debug`.
pub enum Credentials {
    /// User name and password of a CONNECT; without a user name only where the listener allows it.
    Login {
        username: Option<ByteString>,
        password: Option<Password>,
    },
    /// The name in a certificate that the client has proved to be its own.
    Identity { username: ByteString },
    /// One step of enhanced authentication, from CONNECT or AUTH.
    Step {
        method: ByteString,
        /// At most 4,096 bytes.
        data: Bytes,
        /// It is the first of its exchange; whatever was kept of an earlier one is void.
        begins: bool,
    },
}

/// The authenticator's answer.
#[derive(Clone, PartialEq, Eq)]
pub enum Verdict {
    Accepted,
    Refused(LoginFailure),
    /// The client must answer this data first. [MQTT-4.12.0-2]
    Continue(Bytes),
    /// Accepted; the data goes to the client with the success.
    Proven(Bytes),
}

/// Why a login was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LoginFailure {
    AnonymousNotAllowed,
    UnknownUser,
    WrongPassword,
    NoPassword,
    Busy,
    /// This user failed too often at this address; the seconds until a login is looked at again, 60 at most.
    BackedOff {
        seconds: u8,
    },
    /// Too many logins failed in all, and one of them was from this address.
    TooManyFailures {
        seconds: u8,
    },
    /// A password, and the user logs in by enhanced authentication only.
    MethodRequired,
    /// A password, and the user logs in by a certificate only.
    CertificateRequired,
    /// No user logs in by the method.
    UnknownMethod,
    /// This user does not log in by the method.
    MethodNotOfUser,
    /// There is no such user; the peer is told the same as for one who does not log in by the method.
    MethodOfNobody,
    /// The authentication data is not as the method wants it.
    Data(&'static str),
    /// Enhanced authentication for another user than CONNECT named, or than is logged in.
    OtherUser,
    /// The listener takes user names from certificates, and there was none.
    NoIdentity,
    /// CONNECT names another user than the certificate.
    OtherIdentity,
    /// No user has the name in the certificate.
    UnknownIdentity,
    /// An authentication method where the certificate is the login.
    MethodBesideIdentity,
}

impl LoginFailure {
    /// The reason code told to the peer.
    pub(crate) fn reason(self) -> Reason {
        match self {
            Self::Busy => Reason::ServerBusy,
            Self::BackedOff { .. } | Self::TooManyFailures { .. } => Reason::ConnectionRateExceeded,
            Self::UnknownMethod
            | Self::MethodNotOfUser
            | Self::MethodOfNobody
            | Self::MethodBesideIdentity => {
                Reason::BadAuthenticationMethod // [MQTT-4.12.0-1]
            }
            _ => Reason::NotAuthorized,
        }
    }

    /// Whether the same login may be looked at a little later.
    pub fn passes(self) -> bool {
        matches!(self, Self::BackedOff { .. } | Self::TooManyFailures { .. })
    }

    /// The sentence for the peer, which is not told whether a user name exists.
    pub(crate) fn told(self) -> String {
        match self {
            Self::UnknownUser
            | Self::WrongPassword
            | Self::NoPassword
            | Self::MethodRequired
            | Self::CertificateRequired => "the user name or the password is wrong".to_owned(),
            Self::MethodOfNobody => Self::MethodNotOfUser.to_string(),
            _ => self.to_string(),
        }
    }
}

impl fmt::Display for LoginFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::BackedOff { seconds } => {
                return write!(
                    f,
                    "too many failed logins for this user from this address; try again in {seconds} s"
                );
            }
            Self::TooManyFailures { seconds } => {
                return write!(
                    f,
                    "too many failed logins, some of them from this address; try again in {seconds} s"
                );
            }
            Self::AnonymousNotAllowed => "no user name given and anonymous clients are not allowed",
            Self::UnknownUser | Self::MethodOfNobody => "unknown user name",
            Self::WrongPassword => "wrong password",
            Self::NoPassword => "no password given",
            Self::Busy => "too many logins are being checked",
            Self::MethodRequired => "this user logs in with SCRAM-SHA-256 only",
            Self::CertificateRequired => "this user logs in with a certificate only",
            Self::UnknownMethod => "the only authentication method of this server is SCRAM-SHA-256",
            Self::MethodNotOfUser => {
                "this user does not log in with an authentication method; send the password in CONNECT"
            }
            Self::Data(fault) => fault,
            Self::NoIdentity => "this listener takes the user name from a certificate, and the client showed none",
            Self::OtherIdentity => "CONNECT names another user than the client's certificate",
            Self::UnknownIdentity => "no user has the name in the client's certificate",
            Self::MethodBesideIdentity => {
                "this listener takes the certificate for the login, and no authentication method"
            }
            Self::OtherUser => "the authentication is for another user than the connection",
        })
    }
}

impl fmt::Debug for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Accepted => f.write_str("Accepted"),
            Self::Refused(failure) => write!(f, "Refused({failure:?})"),
            Self::Continue(_) => f.write_str("Continue(..)"),
            Self::Proven(_) => f.write_str("Proven(..)"),
        }
    }
}
