// SPDX-License-Identifier: Apache-2.0 OR MIT
//! What can be wrong with the keys of a listener that are about TLS, and with users who log in by certificate.

use std::fmt;

use crate::hint::Hint;
use crate::reference::TLS_VERSION;

/// What is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TlsFault {
    /// A key that needs `tls = true`.
    Off,
    OnSocket,
    /// One of certfile and keyfile.
    Half,
    FileName,
    Version,
    /// A name out of a certificate that need not be shown.
    NotRequired,
    /// A user who logs in by certificate has a password, too.
    Password,
    /// No listener takes user names from certificates.
    NoListener,
}

impl TlsFault {
    pub(super) fn code(self) -> &'static str {
        match self {
            Self::Off => "tls-off",
            Self::OnSocket => "tls-on-socket",
            Self::Half => "half-certificate",
            Self::FileName => "bad-file-name",
            Self::Version => "bad-tls-version",
            Self::NotRequired => "identity-not-required",
            Self::Password => "certificate-and-password",
            Self::NoListener => "no-identity-listener",
        }
    }

    pub(super) fn remedy(self) -> Hint {
        match self {
            Self::Off => Hint::Do("write `tls = true` below the same heading"),
            Self::OnSocket => Hint::Do("take `tls` out: what stays on this machine needs none"),
            Self::Half => Hint::Do(
                "name the other one, too; for both in one file name it twice, for the device's own name neither",
            ),
            Self::FileName => Hint::Do("write it as in `\"/etc/broker/own/fullchain.pem\"`"),
            Self::Version => TLS_VERSION.remedy(),
            Self::NotRequired => {
                Hint::Do("write `require_certificate = true` below the same heading")
            }
            Self::Password => Hint::Do("take the password out, or the line `auth`"),
            Self::NoListener => Hint::Do(
                "write `use_identity_as_username = true` below a heading `[[listener]]`, or give this user a password",
            ),
        }
    }
}

impl fmt::Display for TlsFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Off => "this listener is without TLS",
            Self::OnSocket => "a Unix socket has no TLS",
            Self::Half => "a certificate needs its key, and a key its certificate",
            Self::FileName => {
                "a file has a name of 1 to 1024 bytes without control characters and without `/` at its end"
            }
            Self::Version => "unknown version of TLS",
            Self::NotRequired => "a client without a certificate would have no name",
            Self::Password => "a user who logs in by certificate has no password",
            Self::NoListener => {
                "this user logs in by certificate, and no listener takes names from certificates"
            }
        })
    }
}
