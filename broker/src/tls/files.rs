// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The PEM files behind a listener: read, checked to fit together, and made into what rustls serves with.

use std::fmt;
use std::fs::{self, File};
use std::io::{self, Read};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use broker_config::{Certificate as Shown, Tls};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, CertificateRevocationListDer, PrivateKeyDer};

use super::certificate::Certificate;

/// Where a listener's files are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Paths {
    pub certificate: PathBuf,
    pub key: PathBuf,
    /// Whether certificate and key are the device's own.
    pub device: bool,
    pub ca: Option<PathBuf>,
    pub crl: Option<PathBuf>,
}

/// What tells one state of the files from another.
pub type Stamp = Vec<Option<(i64, i64, u64, u64)>>;

/// Why files cannot be used: the operator's fault, each with its remedy.
#[derive(Debug)]
pub enum FileFault {
    /// The provisioner has not made the device's certificate.
    NoDeviceCertificate(PathBuf),
    Missing(PathBuf),
    Unreadable(PathBuf, io::Error),
    TooLarge(PathBuf),
    NoCertificate(PathBuf),
    DamagedCertificate(PathBuf),
    /// The certificates do not follow one another.
    Order(PathBuf),
    NoKey(PathBuf),
    /// rustls cannot use it.
    UnknownKey(PathBuf),
    OtherKey(PathBuf, PathBuf),
    NoAuthority(PathBuf),
    DamagedAuthority(PathBuf),
    NoRevocationList(PathBuf),
    /// What is left of rustls's own objections.
    Refused(rustls::Error),
}

impl Paths {
    /// The files of these settings, names that are not absolute below `folder`.
    pub fn of(tls: &Tls, folder: &Path) -> Self {
        let own = folder.join("tls");
        let (certificate, key, device) = match &tls.certificate {
            Shown::Device => (own.join("server.pem"), own.join("server.pem"), true),
            Shown::Own { certfile, keyfile } => {
                (folder.join(certfile), folder.join(keyfile), false)
            }
        };
        let clients = tls.clients.as_ref();
        let ca = clients.map(|clients| match &clients.cafile {
            Some(file) => folder.join(file),
            None => own.join("ca.crt"),
        });
        let crl = clients.and_then(|clients| match (&clients.crlfile, &clients.cafile) {
            (Some(file), _) => Some(folder.join(file)),
            // The device's own authority may have revoked nothing yet.
            (None, None) => Some(own.join("crl.pem")).filter(|file| file.exists()),
            (None, Some(_)) => None,
        });
        Self {
            certificate,
            key,
            device,
            ca,
            crl,
        }
    }

    /// The state of the files now.
    pub fn stamp(&self) -> Stamp {
        let files = [Some(&self.certificate), Some(&self.key), self.ca.as_ref()];
        let files = files.into_iter().chain([self.crl.as_ref()]);
        let stamp = |file: &PathBuf| {
            let data = fs::metadata(file).ok()?;
            Some((data.ctime(), data.ctime_nsec(), data.ino(), data.len()))
        };
        files.map(|file| file.and_then(stamp)).collect()
    }

    /// The certificate with its chain, in order, and its key.
    pub fn identity(
        &self,
    ) -> Result<(Vec<CertificateDer<'static>>, PrivateKeyDer<'static>), FileFault> {
        let chain = match read(&self.certificate) {
            Err(FileFault::Missing(path)) if self.device => {
                return Err(FileFault::NoDeviceCertificate(path));
            }
            other => certificates(&other?, &self.certificate)?,
        };
        let key = read(&self.key)?;
        let key =
            PrivateKeyDer::from_pem_slice(&key).map_err(|_| FileFault::NoKey(self.key.clone()))?;
        Ok((chain, key))
    }

    /// Those who sign clients' certificates.
    pub fn authorities(&self) -> Result<Vec<CertificateDer<'static>>, FileFault> {
        let Some(path) = &self.ca else {
            return Ok(Vec::new());
        };
        let pem = read(path)?;
        let all: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&pem).collect();
        let all = all.map_err(|_| FileFault::DamagedAuthority(path.clone()))?;
        match all.is_empty() {
            true => Err(FileFault::NoAuthority(path.clone())),
            false => Ok(all),
        }
    }

    /// The lists of revoked certificates.
    pub fn revoked(&self) -> Result<Vec<CertificateRevocationListDer<'static>>, FileFault> {
        let Some(path) = &self.crl else {
            return Ok(Vec::new());
        };
        let pem = read(path)?;
        let all: Result<Vec<_>, _> = CertificateRevocationListDer::pem_slice_iter(&pem).collect();
        all.ok()
            .filter(|all| !all.is_empty())
            .ok_or_else(|| FileFault::NoRevocationList(path.clone()))
    }
}

fn read(path: &Path) -> Result<Vec<u8>, FileFault> {
    let unreadable = |error: io::Error| match error.kind() {
        io::ErrorKind::NotFound => FileFault::Missing(path.to_owned()),
        _ => FileFault::Unreadable(path.to_owned(), error),
    };
    let mut bytes = Vec::new();
    let file = File::open(path).map_err(unreadable)?;
    let count = file
        .take(MAX_FILE)
        .read_to_end(&mut bytes)
        .map_err(unreadable)?;
    match count as u64 {
        MAX_FILE => Err(FileFault::TooLarge(path.to_owned())),
        _ => Ok(bytes),
    }
}

/// The certificates of a file, each signed by the next.
fn certificates(pem: &[u8], path: &Path) -> Result<Vec<CertificateDer<'static>>, FileFault> {
    let damaged = || FileFault::DamagedCertificate(path.to_owned());
    let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
    let chain = chain.map_err(|_| damaged())?;
    if chain.is_empty() {
        return Err(FileFault::NoCertificate(path.to_owned()));
    }
    let parsed: Option<Vec<_>> = chain.iter().map(|der| Certificate::parse(der)).collect();
    let parsed = parsed.ok_or_else(damaged)?;
    let follows = |pair: &[Certificate<'_>]| match pair {
        [one, next] => one.issuer == next.subject,
        _ => true,
    };
    match parsed.windows(2).all(follows) {
        true => Ok(chain),
        false => Err(FileFault::Order(path.to_owned())),
    }
}

impl fmt::Display for FileFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoDeviceCertificate(path) => write!(
                f,
                "the device's certificate {} is not there; broker-provision makes it at the next start, or name \
                 certfile and keyfile",
                path.display()
            ),
            Self::Missing(path) => write!(f, "the file {} is missing", path.display()),
            Self::Unreadable(path, error) if error.kind() == io::ErrorKind::PermissionDenied => {
                write!(
                    f,
                    "the broker may not read {}; `chgrp broker` and `chmod 640` let it",
                    path.display()
                )
            }
            Self::Unreadable(path, error) => {
                write!(f, "{} cannot be read: {error}", path.display())
            }
            Self::TooLarge(path) => write!(f, "{} is larger than 1 MiB", path.display()),
            Self::NoCertificate(path) => write!(
                f,
                "{} holds no certificate in PEM (BEGIN CERTIFICATE)",
                path.display()
            ),
            Self::DamagedCertificate(path) => {
                write!(f, "a certificate in {} is damaged", path.display())
            }
            Self::Order(path) => write!(
                f,
                "the certificates in {} are in the wrong order; the server's own comes first, then the one that \
                 signed it, and so on",
                path.display()
            ),
            Self::NoKey(path) => write!(
                f,
                "{} holds no private key in PEM that can be read; one with a passphrase cannot",
                path.display()
            ),
            Self::UnknownKey(path) => write!(
                f,
                "the private key in {} is of a kind that is not spoken; take ECDSA P-256, Ed25519 or RSA from 2048 bits",
                path.display()
            ),
            Self::OtherKey(key, certificate) => write!(
                f,
                "the private key in {} is not the one of the certificate in {}",
                key.display(),
                certificate.display()
            ),
            Self::NoAuthority(path) => write!(
                f,
                "{} holds no certificate of a CA in PEM (BEGIN CERTIFICATE)",
                path.display()
            ),
            Self::DamagedAuthority(path) => {
                write!(f, "a CA's certificate in {} is damaged", path.display())
            }
            Self::NoRevocationList(path) => write!(
                f,
                "{} holds no list of revoked certificates that can be read (BEGIN X509 CRL)",
                path.display()
            ),
            Self::Refused(error) => write!(f, "{error}"),
        }
    }
}

/// Bytes; one more than the largest file that is read.
const MAX_FILE: u64 = 1024 * 1024 + 1;
