// SPDX-License-Identifier: Apache-2.0 OR MIT
//! What a listener offers to those who connect: the one place where rustls is configured for serving.

use std::sync::{Arc, LazyLock};

use broker_config::{ClientCertificates, Protocol, Tls, TlsVersion};
use rustls::crypto::{CryptoProvider, ring};
use rustls::server::danger::ClientCertVerifier;
use rustls::server::{NoServerSessionStorage, VerifierBuilderError, WebPkiClientVerifier};
use rustls::version::{TLS12, TLS13};
use rustls::{Error, RootCertStore, ServerConfig};
use sha2::{Digest, Sha256};

use super::certificate::{Certificate, next_update};
use super::files::{FileFault, Paths};

/// In force for connections that come while it is.
pub struct Offer {
    pub config: Arc<ServerConfig>,
    /// Whether the core is told the name in the client's certificate.
    pub identifies: bool,
    pub facts: Facts,
}

/// What there is to tell of a certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Facts {
    /// As [`fingerprint`] writes it.
    pub fingerprint: String,
    /// Seconds since 1970.
    pub not_before: u64,
    pub not_after: u64,
    pub names: Vec<String>,
    /// When the first of the lists of revoked certificates is out of date.
    pub list_due: Option<u64>,
}

impl Offer {
    /// Reads the files and makes of them what these settings want; slow.
    pub fn make(tls: &Tls, protocol: Protocol, paths: &Paths) -> Result<Self, FileFault> {
        let (chain, key) = paths.identity()?;
        let mut facts = facts(chain.first().map_or(&[], |leaf| leaf.as_ref()))
            .ok_or_else(|| FileFault::DamagedCertificate(paths.certificate.clone()))?;
        let versions: &[_] = match tls.minimum {
            TlsVersion::V12 => &[&TLS13, &TLS12],
            TlsVersion::V13 => &[&TLS13],
        };
        let builder = ServerConfig::builder_with_provider(provider())
            .with_protocol_versions(versions)
            .map_err(FileFault::Refused)?;
        let builder = match &tls.clients {
            None => builder.with_no_client_auth(),
            Some(clients) => {
                let (verifier, due) = verifier(clients, paths)?;
                facts.list_due = due;
                builder.with_client_cert_verifier(verifier)
            }
        };
        let mut config = builder
            .with_single_cert(chain, key)
            .map_err(|error| match error {
                Error::InconsistentKeys(_) => {
                    FileFault::OtherKey(paths.key.clone(), paths.certificate.clone())
                }
                Error::General(_) => FileFault::UnknownKey(paths.key.clone()),
                other => FileFault::Refused(other),
            })?;
        config.alpn_protocols = vec![match protocol {
            Protocol::Mqtt => b"mqtt".to_vec(),
            Protocol::WebSockets => b"http/1.1".to_vec(),
        }];
        if tls.clients.is_some() {
            // A resumed session is not asked for its certificate again, which may be revoked by then.
            config.session_storage = Arc::new(NoServerSessionStorage {});
            config.send_tls13_tickets = 0;
        }
        Ok(Self {
            config: Arc::new(config),
            identifies: tls.identifies(),
            facts,
        })
    }
}

/// The one cryptography there is, for serving and for our own clients.
pub fn provider() -> Arc<CryptoProvider> {
    static PROVIDER: LazyLock<Arc<CryptoProvider>> =
        LazyLock::new(|| Arc::new(ring::default_provider()));
    PROVIDER.clone()
}

/// SHA-256 of a certificate in DER, as `openssl x509 -fingerprint` writes it.
pub fn fingerprint(leaf: &[u8]) -> String {
    let digest = Sha256::digest(leaf);
    let pairs: Vec<String> = digest.iter().map(|byte| format!("{byte:02X}")).collect();
    pairs.join(":")
}

fn facts(leaf: &[u8]) -> Option<Facts> {
    let certificate = Certificate::parse(leaf)?;
    Some(Facts {
        fingerprint: fingerprint(leaf),
        not_before: certificate.not_before,
        not_after: certificate.not_after,
        names: certificate.names,
        list_due: None,
    })
}

/// Judges clients' certificates; a list of revoked ones that is out of date still counts.
fn verifier(
    clients: &ClientCertificates,
    paths: &Paths,
) -> Result<(Arc<dyn ClientCertVerifier>, Option<u64>), FileFault> {
    let ca = paths.ca.clone().unwrap_or_default();
    let mut roots = RootCertStore::empty();
    for authority in paths.authorities()? {
        roots
            .add(authority)
            .map_err(|_| FileFault::DamagedAuthority(ca.clone()))?;
    }
    let lists = paths.revoked()?;
    let due = lists
        .iter()
        .filter_map(|list| next_update(list))
        .filter(|due| *due > 0)
        .min();
    let mut builder = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider())
        .with_crls(lists)
        .only_check_end_entity_revocation();
    if !clients.required {
        builder = builder.allow_unauthenticated();
    }
    let verifier = builder.build().map_err(|error| match error {
        VerifierBuilderError::NoRootAnchors => FileFault::NoAuthority(ca),
        _ => FileFault::NoRevocationList(paths.crl.clone().unwrap_or_default()),
    })?;
    Ok((verifier, due))
}
