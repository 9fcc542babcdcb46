// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Whether a file is of the kind its key wants; what is inside is read as the daemon reads it.

use std::fmt;
use std::io;

use broker_config::{LineProblem, acl_file, password_file};
use rustls::crypto::ring::sign::any_supported_type;
use rustls::server::ParsedCertificate;
use rustls::sign::CertifiedKey;
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, CertificateRevocationListDer, PrivateKeyDer};

/// What a file is to hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Certificates,
    Key,
    Revocations,
    Passwords,
    Rights,
}

/// Why a file cannot be used.
#[derive(Debug)]
pub enum Wrong {
    Missing,
    Unreadable(io::Error),
    TooLong,
    /// This program itself writes a file of this name.
    Reserved,
    /// It was taken, and the device does not have it.
    NotKept,
    NoCertificate,
    /// The certificate with this number, from 1.
    BadCertificate(usize),
    NoKey,
    NoRevocations,
    /// The key is not that of the certificate in the file of this name.
    OtherKey(String),
    /// Lines of a file of users or rights; at least one.
    Lines(Vec<LineProblem>),
    /// This user stands in a `[[user]]`, too.
    UserTwice(String),
}

/// Whether the bytes are of the kind.
pub fn check(bytes: &[u8], kind: Kind) -> Result<(), Wrong> {
    match kind {
        Kind::Certificates => {
            let mut number = 0;
            for certificate in CertificateDer::pem_slice_iter(bytes) {
                number += 1;
                let certificate = certificate.map_err(|_| Wrong::BadCertificate(number))?;
                ParsedCertificate::try_from(&certificate)
                    .map_err(|_| Wrong::BadCertificate(number))?;
            }
            if number == 0 {
                return Err(Wrong::NoCertificate);
            }
        }
        Kind::Key => {
            let key = PrivateKeyDer::from_pem_slice(bytes).map_err(|_| Wrong::NoKey)?;
            any_supported_type(&key).map_err(|_| Wrong::NoKey)?;
        }
        Kind::Revocations => {
            CertificateRevocationListDer::from_pem_slice(bytes)
                .map_err(|_| Wrong::NoRevocations)?;
        }
        Kind::Passwords => drop(password_file(bytes).map_err(Wrong::Lines)?),
        Kind::Rights => drop(acl_file(bytes).map_err(Wrong::Lines)?),
    }
    Ok(())
}

/// Whether the key is that of the first certificate.
pub fn fits(certificates: &[u8], key: &[u8]) -> bool {
    let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(certificates).collect();
    let key = PrivateKeyDer::from_pem_slice(key).ok();
    let key = key.and_then(|key| any_supported_type(&key).ok());
    match (chain, key) {
        (Ok(chain), Some(key)) => CertifiedKey::new(chain, key).keys_match().is_ok(),
        _ => false,
    }
}

/// Whether a private key is in it, whole or not.
pub fn holds_key(bytes: &[u8]) -> bool {
    bytes
        .windows(KEY.len())
        .any(|window| window == KEY.as_bytes())
}

/// What is written over a file with a key: as many bytes as it has, a sentence for people and then spaces.
pub fn overwriting(length: usize) -> Vec<u8> {
    let spaces = std::iter::repeat(b' ');
    TAKEN.bytes().chain(spaces).take(length).collect()
}

/// Whether it reads so, from the first byte to the last.
pub fn is_taken(bytes: &[u8]) -> bool {
    bytes.len() >= TAKEN.len() && bytes == overwriting(bytes.len())
}

impl fmt::Display for Wrong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing => f.write_str("there is no such file beside broker.toml; put it there, or correct the name"),
            Self::Unreadable(error) => write!(f, "the file cannot be read ({error}); write it onto the card once more"),
            Self::TooLong => f.write_str("the file has more than 1 MiB; is it the right one?"),
            Self::Reserved => f.write_str("this device writes a file of that name itself; give yours another name"),
            Self::NotKept => f.write_str(
                "the file says that this device keeps the key, and it does not; write the key onto the card once more",
            ),
            Self::NoCertificate => f.write_str(
                "no certificate is in the file; it must be PEM, text with a line `-----BEGIN CERTIFICATE-----`",
            ),
            Self::BadCertificate(number) => {
                write!(f, "certificate {number} in the file is damaged; write the file onto the card once more")
            }
            Self::NoKey => f.write_str(
                "no usable private key is in the file; it must be PEM, text with a line `-----BEGIN PRIVATE KEY-----`, \
                 and not protected by a password",
            ),
            Self::NoRevocations => f.write_str(
                "no list of revoked certificates is in the file; it must be PEM, text with a line `-----BEGIN X509 CRL-----`",
            ),
            Self::Lines(problems) => {
                for (index, problem) in problems.iter().take(SHOWN).enumerate() {
                    write!(f, "{}{problem}", if index == 0 { "" } else { "; " })?;
                }
                match problems.len().saturating_sub(SHOWN) {
                    0 => Ok(()),
                    more => write!(f, "; and {more} more"),
                }
            }
            Self::UserTwice(name) => {
                write!(f, "the user `{}` has a [[user]], too; remove one of them", name.escape_debug())
            }
            Self::OtherKey(certfile) => write!(
                f,
                "the key is not that of the first certificate in `{}`; the server's own certificate must come first",
                certfile.escape_debug()
            ),
        }
    }
}

/// Problems of a file that are told.
const SHOWN: usize = 5;
/// Stands in every heading of a private key in PEM.
const KEY: &str = "PRIVATE KEY-----";
/// Begins a file whose key was taken.
const TAKEN: &str = "taken, kept on the device\n";
