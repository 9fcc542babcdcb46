// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Why the client could not do its work, in words for the person who started it.

use std::fmt;
use std::io;

use mqtt_proto::{DecodeError, Reason};

use crate::logging::Field;

/// One cause, and the exit status that stands for it.
#[derive(Debug)]
pub enum ClientError {
    UnknownHost {
        host: String,
        source: io::Error,
    },
    NoConnection {
        address: String,
        source: io::Error,
    },
    /// The other side speaks HTTP, perhaps WebSocket.
    Http,
    /// The other side does not speak WebSocket.
    NoWebSocket(String),
    Unreadable {
        file: String,
        source: io::Error,
    },
    /// A file does not hold what it should.
    BadFile {
        file: String,
        what: &'static str,
    },
    /// The handshake failed, as said.
    Tls(&'static str),
    /// The broker said no.
    Refused {
        what: String,
        reason: Reason,
        explanation: Option<String>,
    },
    Lost(io::Error),
    Closed,
    Silent,
    Malformed(DecodeError),
    Unexpected(&'static str),
}

impl ClientError {
    /// 3 if the broker refused, else 1.
    pub fn exit_status(&self) -> u8 {
        if matches!(self, Self::Refused { .. }) {
            3
        } else {
            1
        }
    }
}

impl fmt::Display for ClientError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnknownHost { host, source } => {
                write!(f, "the host {host} is not known: {source}")
            }
            Self::NoConnection { address, source }
                if source.kind() == io::ErrorKind::ConnectionRefused =>
            {
                write!(
                    f,
                    "nothing listens at {address}: is the broker running, and is the port right (-p)?"
                )
            }
            Self::NoConnection { address, source } => {
                write!(f, "no connection to {address}: {source}")
            }
            Self::Http => f.write_str("that port speaks HTTP: try --ws, or another port (-p)"),
            Self::NoWebSocket(cause) => {
                write!(f, "no WebSocket there ({cause}): is the port right (-p)?")
            }
            Self::Refused {
                what,
                reason,
                explanation,
            } => {
                write!(
                    f,
                    "the broker refused {what}: {} (0x{:02X})",
                    reason.name(),
                    reason.code()
                )?;
                if let Some(explanation) = explanation {
                    write!(f, ", {}", Field(explanation))?;
                }
                f.write_str(remedy(*reason))
            }
            Self::Unreadable { file, source } => write!(f, "{file} cannot be read: {source}"),
            Self::BadFile { file, what } => write!(f, "{file} cannot be used: {what}"),
            Self::Tls(what) => f.write_str(what),
            Self::Lost(source) => write!(f, "the connection was lost: {source}"),
            Self::Closed => f.write_str("the broker closed the connection without a word"),
            Self::Silent => f.write_str("the broker does not answer any more"),
            Self::Malformed(error) => write!(f, "what came is not MQTT 5: {error}"),
            Self::Unexpected(packet) => write!(f, "the broker sent {packet} where it may not"),
        }
    }
}

fn remedy(reason: Reason) -> &'static str {
    match reason {
        Reason::NotAuthorized | Reason::BadUserNameOrPassword => {
            "; check the user name (-u) and the password (-P)"
        }
        Reason::UnsupportedProtocolVersion => "; it does not speak MQTT 5",
        _ => "",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_says_what_why_and_what_to_do() {
        let error = ClientError::Refused {
            what: "the connection".to_owned(),
            reason: Reason::NotAuthorized,
            explanation: Some("no\u{1b}".to_owned()),
        };
        let text = error.to_string();
        assert!(
            text.starts_with("the broker refused the connection: "),
            "{text}"
        );
        assert!(
            text.contains("(0x87), no\\u{1b}; check the user name (-u)"),
            "{text}"
        );
        assert_eq!(error.exit_status(), 3);
        assert_eq!(ClientError::Closed.exit_status(), 1);
    }
}
