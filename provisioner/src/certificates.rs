// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The device's own certificates: an authority, what it signs, and who wants it.
//!
//! The authority is made when something first needs it, and then kept for ever. It signs the server's certificate, the
//! clients' and the list of revoked ones. `seen` looks at the machine, `due` decides, `install` does it.

mod authority;
mod clients;
mod due;
mod install;
mod issued;
mod leaf;
mod pem;
mod record;
mod revocations;
mod seen;
mod validity;

use std::error::Error;
use std::fmt;
use std::io;

use broker_config::Certificate;

use crate::desired::Desired;

pub use authority::{Authority, Fingerprint, Loss};
pub use clients::{ClientError, issue, list, revoke};
pub use due::{Work, work};
pub use install::carry_out;
pub use issued::LedgerError;
pub use seen::{Seen, see};

/// Why a certificate could not be made or used.
#[derive(Debug)]
pub enum CertificateError {
    Read(io::Error),
    /// The authority's file is not what was written.
    Damaged,
    /// There is no authority to sign with.
    NoAuthority,
    Sign(rcgen::Error),
    Random(io::Error),
    Write(io::Error),
    /// There is no group `broker` to give the key to.
    NoGroup,
    List(LedgerError),
}

/// Whether any listener shows the device's certificate, or asks clients for one that the device signed.
pub fn are_wanted(desired: &Desired) -> bool {
    let mut tls = desired
        .broker
        .listeners
        .iter()
        .filter_map(|listener| listener.tls.as_ref());
    tls.any(|tls| {
        let signs_clients = |clients: &broker_config::ClientCertificates| clients.cafile.is_none();
        tls.certificate == Certificate::Device || tls.clients.as_ref().is_some_and(signs_clients)
    })
}

impl fmt::Display for CertificateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Read(_) => "this device's authority cannot be read",
            Self::Damaged => "this device's authority is damaged",
            Self::NoAuthority => "there is no authority to sign with",
            Self::Sign(_) => "signing",
            Self::Random(_) => "reading the kernel's random source",
            Self::Write(_) => "the file could not be written",
            Self::NoGroup => "there is no group `broker`; install the package mqtt-broker",
            Self::List(_) => "the list of clients' certificates cannot be used",
        })
    }
}

impl Error for CertificateError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Read(source) | Self::Random(source) | Self::Write(source) => Some(source),
            Self::Sign(source) => Some(source),
            Self::List(source) => Some(source),
            Self::Damaged | Self::NoAuthority | Self::NoGroup => None,
        }
    }
}
