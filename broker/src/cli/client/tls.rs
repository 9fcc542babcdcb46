// SPDX-License-Identifier: Apache-2.0 OR MIT
//! TLS under the client: the broker's certificate is always verified, by the authorities of a file and by name.

use std::fs::File;
use std::io::{self, Read};
use std::net::TcpStream;
use std::sync::Arc;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{
    AlertDescription, CertificateError, ClientConfig, ClientConnection, Error, RootCertStore,
    StreamOwned,
};

use super::ClientError;
use crate::cli::arguments::Trust;
use crate::tls::provider;

/// An encrypted stream.
pub type TlsStream = StreamOwned<ClientConnection, TcpStream>;

/// Makes the handshake with the broker that is to have this name or address.
pub fn begin(mut socket: TcpStream, host: &str, trust: &Trust) -> Result<TlsStream, ClientError> {
    let name = ServerName::try_from(host.to_owned())
        .map_err(|_| ClientError::Tls("a certificate cannot be for that host name (-h)"))?;
    let config = Arc::new(config(trust)?);
    let mut session = ClientConnection::new(config, name).map_err(|error| fault(&error))?;
    while session.is_handshaking() {
        session.complete_io(&mut socket).map_err(lost)?;
    }
    Ok(StreamOwned::new(session, socket))
}

/// What an error of such a stream means.
pub fn lost(error: io::Error) -> ClientError {
    let inner = error.get_ref();
    match inner.and_then(|inner| inner.downcast_ref::<Error>()) {
        Some(error) => fault(error),
        None if error.kind() == io::ErrorKind::UnexpectedEof => ClientError::Closed,
        None => ClientError::Lost(error),
    }
}

fn config(trust: &Trust) -> Result<ClientConfig, ClientError> {
    let mut roots = RootCertStore::empty();
    for authority in certificates(&trust.cafile)? {
        roots
            .add(authority)
            .map_err(|_| damaged(&trust.cafile, "a certificate in it is damaged"))?;
    }
    let builder = ClientConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .map_err(|error| fault(&error))?
        .with_root_certificates(roots);
    let Some((certfile, keyfile)) = &trust.identity else {
        return Ok(builder.with_no_client_auth());
    };
    let key = PrivateKeyDer::from_pem_slice(&read(keyfile)?).map_err(|_| {
        damaged(
            keyfile,
            "it holds no private key in PEM without a passphrase",
        )
    })?;
    builder
        .with_client_auth_cert(certificates(certfile)?, key)
        .map_err(|_| {
            damaged(
                keyfile,
                "the key is not the one of the certificate (--cert)",
            )
        })
}

fn certificates(file: &str) -> Result<Vec<CertificateDer<'static>>, ClientError> {
    let pem = read(file)?;
    let all: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&pem).collect();
    all.ok()
        .filter(|all| !all.is_empty())
        .ok_or_else(|| damaged(file, "it holds no certificate in PEM (BEGIN CERTIFICATE)"))
}

fn read(file: &str) -> Result<Vec<u8>, ClientError> {
    let unreadable = |source| ClientError::Unreadable {
        file: file.to_owned(),
        source,
    };
    let mut bytes = Vec::new();
    let opened = File::open(file).map_err(unreadable)?;
    opened
        .take(MAX_FILE)
        .read_to_end(&mut bytes)
        .map_err(unreadable)?;
    Ok(bytes)
}

fn damaged(file: &str, what: &'static str) -> ClientError {
    ClientError::BadFile {
        file: file.to_owned(),
        what,
    }
}

fn fault(error: &Error) -> ClientError {
    ClientError::Tls(match error {
        Error::InvalidCertificate(CertificateError::UnknownIssuer) => {
            "the broker's certificate is not signed by --cafile: is that the ca.crt of this broker?"
        }
        Error::InvalidCertificate(
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
        ) => "the broker's certificate is for other names than that host (-h)",
        Error::InvalidCertificate(
            CertificateError::Expired | CertificateError::ExpiredContext { .. },
        ) => "the broker's certificate has expired, or the clock of this machine is wrong",
        Error::InvalidCertificate(
            CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. },
        ) => "the broker's certificate is not valid yet, or the clock of this machine is wrong",
        Error::InvalidCertificate(_) => "the broker's certificate cannot be used",
        Error::AlertReceived(AlertDescription::CertificateRequired) => {
            "the broker wants a certificate of its clients: --cert and --key"
        }
        Error::AlertReceived(_) => "the broker refused TLS; its log says why",
        Error::InvalidMessage(_) => {
            "that port does not speak TLS: leave --cafile out, or try another port (-p)"
        }
        _ => "TLS cannot be spoken with that broker",
    })
}

/// Bytes of a file that are read.
const MAX_FILE: u64 = 1024 * 1024;
