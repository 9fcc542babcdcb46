// SPDX-License-Identifier: Apache-2.0 OR MIT
//! What went wrong with TLS on a connection, in words for whoever looks after the clients.
//!
//! Each sentence is fixed: nothing of what the peer sent is in it.

use std::io;

use rustls::{AlertDescription, CertificateError, Error, PeerIncompatible};

/// What a first byte says that is not the begin of a TLS handshake; none for one that is.
pub fn not_tls(first: u8) -> Option<&'static str> {
    match first {
        HANDSHAKE => None,
        CONNECT => Some("plain MQTT on a TLS port: give the client ca.crt and switch TLS on in it"),
        // SSL 2 has its length there.
        0x80.. => Some("this looks like SSL 2, which is no longer spoken"),
        b'A'..=b'Z' => Some("this looks like HTTP on a TLS port: https or wss is spoken here"),
        _ => Some("what came first is not TLS"),
    }
}

/// The sentence for an error of rustls inside of one of the socket.
pub fn words(error: &io::Error) -> Option<&'static str> {
    let error = error.get_ref()?.downcast_ref::<Error>()?;
    Some(match error {
        Error::AlertReceived(alert) => alert_received(*alert),
        Error::InvalidCertificate(fault) => client_certificate(fault),
        Error::NoCertificatesPresented => {
            "the client showed no certificate, and this listener requires one"
        }
        Error::PeerIncompatible(fault) => incompatible(fault),
        Error::NoApplicationProtocol => {
            "the client wants another protocol than this listener speaks (ALPN)"
        }
        Error::InvalidMessage(_) | Error::PeerSentOversizedRecord => "what came is not TLS",
        Error::DecryptError => "what came cannot be decrypted",
        Error::InvalidCertRevocationList(_) => "the list of revoked certificates cannot be used",
        _ => "the client breaks the rules of TLS",
    })
}

fn alert_received(alert: AlertDescription) -> &'static str {
    match alert {
        AlertDescription::UnknownCA => "the client does not trust our certificate: give it ca.crt",
        AlertDescription::BadCertificate
        | AlertDescription::CertificateUnknown
        | AlertDescription::UnsupportedCertificate => {
            "the client refuses our certificate: give it ca.crt, and have it connect by a name or address that stands \
             in the certificate"
        }
        AlertDescription::CertificateExpired => {
            "the client takes our certificate for expired: look at its clock and at `broker status`"
        }
        AlertDescription::ProtocolVersion => "the client wants another version of TLS",
        AlertDescription::HandshakeFailure | AlertDescription::InsufficientSecurity => {
            "the client shares no cipher with this broker"
        }
        AlertDescription::CloseNotify | AlertDescription::UserCanceled => {
            "the client broke the TLS handshake off"
        }
        _ => "the client ended TLS with an alert",
    }
}

fn client_certificate(fault: &CertificateError) -> &'static str {
    match fault {
        CertificateError::UnknownIssuer | CertificateError::BadSignature => {
            "the client's certificate is signed by another CA than this listener takes"
        }
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
            "the client's certificate has expired"
        }
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            "the client's certificate is not valid yet: look at the clock of this machine"
        }
        CertificateError::Revoked => "the client's certificate is revoked",
        CertificateError::UnknownRevocationStatus => {
            "no list of revoked certificates is there of the CA that signed the client's certificate"
        }
        CertificateError::InvalidPurpose | CertificateError::InvalidPurposeContext { .. } => {
            "the client's certificate is not for clients (no clientAuth among its purposes)"
        }
        _ => "the client's certificate cannot be used",
    }
}

fn incompatible(fault: &PeerIncompatible) -> &'static str {
    match fault {
        PeerIncompatible::Tls12NotOffered
        | PeerIncompatible::Tls12NotOfferedOrEnabled
        | PeerIncompatible::SupportedVersionsExtensionRequired
        | PeerIncompatible::SignatureAlgorithmsExtensionRequired
        | PeerIncompatible::ServerDoesNotSupportTls12Or13 => {
            "the client speaks an older version of TLS than this listener takes (tls_version)"
        }
        _ => "the client shares no cipher with this broker",
    }
}

/// The first byte of a TLS record with a handshake, and of an MQTT CONNECT.
const HANDSHAKE: u8 = 0x16;
const CONNECT: u8 = 0x10;
