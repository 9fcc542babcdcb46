// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The device's own certification authority: made once, kept in one file, so that no power cut leaves a key that does not fit.
//!
//! ```text
//! broker-provision authority 1
//! name MQTT broker appliance plant-2 CA 7c1d
//! made 1795392000
//! replaces nothing | lost | damaged
//! sha256 (of everything below)
//! -----BEGIN CERTIFICATE----- …
//! -----BEGIN PRIVATE KEY----- …
//! ```

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, KeyUsagePurpose};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use sha2::{Digest, Sha256};

use super::CertificateError;
use super::pem::{self, section};
use super::record::{digest, hex};
use super::validity::{Clock, Validity};
use crate::clock::Moment;
use crate::places::Places;
use crate::system::Files;

/// An authority that can sign; it has neither `Debug` nor `Display`.
pub struct Authority {
    /// What its certificate can be told apart by.
    pub fingerprint: Fingerprint,
    /// Its certificate as clients need it.
    pub certificate: String,
    pub made: Moment,
    /// What became of the authority before it.
    pub replaces: Option<Loss>,
    name: String,
    key: KeyPair,
}

/// Why an authority had to be made in place of an earlier one, whose certificate clients still have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Loss {
    /// Its file is gone.
    Lost,
    /// Its file is not what was written.
    Damaged,
}

/// SHA-256 of a certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fingerprint(String);

impl Authority {
    /// A new one for the machine of this name; `mark` tells it from others of the same name.
    pub fn make(
        host: &str,
        mark: [u8; 2],
        clock: Clock,
        replaces: Option<Loss>,
    ) -> Result<Self, CertificateError> {
        let host: String = host.chars().filter(char::is_ascii).take(MAX_HOST).collect();
        let name = format!("MQTT broker appliance {host} CA {}", hex(&mark));
        let key = KeyPair::generate().map_err(CertificateError::Sign)?;
        let mut parameters = parameters(&name);
        Validity::of_authority(clock).limit(&mut parameters);
        let certificate = parameters
            .self_signed(&key)
            .map_err(CertificateError::Sign)?;
        Ok(Self {
            fingerprint: Fingerprint::of(certificate.der()),
            certificate: section(pem::CERTIFICATE, certificate.der()),
            made: clock.now,
            replaces,
            name,
            key,
        })
    }

    /// The one that is kept on this device; `None` if there is none.
    pub fn load(files: &dyn Files, places: &Places) -> Result<Option<Self>, CertificateError> {
        let bytes = files.read(&places.authority, LIMIT);
        match bytes.map_err(CertificateError::Read)? {
            Some(bytes) => Self::parse(&bytes)
                .map(Some)
                .ok_or(CertificateError::Damaged),
            None => Ok(None),
        }
    }

    /// The file it is kept in.
    pub fn to_file(&self) -> String {
        let key = section(pem::PRIVATE_KEY, self.key.serialized_der());
        let body = format!("{}{key}", self.certificate);
        let Self { name, made, .. } = self;
        let replaces = self.replaces.map_or(NOTHING, Loss::word);
        let checksum = digest(body.as_bytes());
        format!(
            "{HEADING}\nname {name}\nmade {}\nreplaces {replaces}\nsha256 {checksum}\n{body}",
            made.0
        )
    }

    /// Who signs.
    pub(super) fn issuer(&self) -> Issuer<'_, &KeyPair> {
        Issuer::new(parameters(&self.name), &self.key)
    }

    fn parse(bytes: &[u8]) -> Option<Self> {
        let text = std::str::from_utf8(bytes).ok()?;
        let rest = text.strip_prefix(HEADING)?.strip_prefix('\n')?;
        let (name, rest) = field(rest, "name ")?;
        let (made, rest) = field(rest, "made ")?;
        let (replaces, rest) = field(rest, "replaces ")?;
        let (checksum, body) = field(rest, "sha256 ")?;
        if digest(body.as_bytes()) != checksum {
            return None;
        }
        let certificate = CertificateDer::from_pem_slice(body.as_bytes()).ok()?;
        let key = PrivateKeyDer::from_pem_slice(body.as_bytes()).ok()?;
        Some(Self {
            fingerprint: Fingerprint::of(&certificate),
            certificate: section(pem::CERTIFICATE, &certificate),
            made: Moment(made.parse().ok()?),
            replaces: Loss::named(replaces)?,
            name: name.to_owned(),
            key: KeyPair::try_from(key.secret_der()).ok()?,
        })
    }
}

impl Loss {
    /// As it stands in the file.
    fn word(self) -> &'static str {
        match self {
            Self::Lost => "lost",
            Self::Damaged => "damaged",
        }
    }

    fn named(word: &str) -> Option<Option<Self>> {
        let all = [None, Some(Self::Lost), Some(Self::Damaged)];
        all.into_iter()
            .find(|loss| loss.map_or(NOTHING, Self::word) == word)
    }
}

impl Fingerprint {
    /// Of a certificate in DER.
    pub fn of(certificate: &[u8]) -> Self {
        let pairs: Vec<String> = Sha256::digest(certificate)
            .iter()
            .map(|byte| format!("{byte:02X}"))
            .collect();
        Self(pairs.join(":"))
    }

    /// As other programs print it: pairs of hexadecimal digits with colons between.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

fn parameters(name: &str) -> CertificateParams {
    let mut parameters = CertificateParams::default();
    parameters.distinguished_name = Default::default();
    parameters.distinguished_name.push(DnType::CommonName, name);
    parameters.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    parameters.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    parameters
}

/// The value of a line that begins with a name, and what follows the line.
fn field<'a>(text: &'a str, name: &str) -> Option<(&'a str, &'a str)> {
    text.strip_prefix(name)?.split_once('\n')
}

const HEADING: &str = "broker-provision authority 1";
/// In place of what became of an authority, where there was none.
const NOTHING: &str = "nothing";
/// Characters of the host name in an authority's name, which is at most 64 long.
const MAX_HOST: usize = 34;
/// Bytes of the file.
const LIMIT: u64 = 64 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    const CLOCK: Clock = Clock {
        now: Moment(1_800_000_000),
        is_set: true,
    };

    fn made() -> Authority {
        let made = Authority::make("plant-2", [0x7c, 0x1d], CLOCK, Some(Loss::Lost));
        made.unwrap_or_else(|error| panic!("{error}"))
    }

    #[test]
    fn an_authority_is_read_back_as_it_was_written() {
        let authority = made();
        let file = authority.to_file();
        let read = Authority::parse(file.as_bytes()).unwrap();
        assert_eq!(read.to_file(), file);
        assert_eq!(read.fingerprint, authority.fingerprint);
        assert_eq!(read.name, "MQTT broker appliance plant-2 CA 7c1d");
        assert_eq!(read.replaces, Some(Loss::Lost));
    }

    #[test]
    fn any_damage_to_the_file_is_seen() {
        let file = made().to_file().into_bytes();
        let body = file.len() - 600;
        for place in (0..file.len())
            .step_by(37)
            .filter(|place| *place < 30 || *place > body)
        {
            let mut damaged = file.clone();
            damaged[place] ^= 1;
            assert!(Authority::parse(&damaged).is_none(), "byte {place}");
        }
        for length in [0, 10, 100, file.len() - 1] {
            assert!(
                Authority::parse(&file[..length]).is_none(),
                "{length} bytes"
            );
        }
    }

    #[test]
    fn a_long_host_name_leaves_the_authority_a_name_of_64_characters() {
        let authority = Authority::make(&"h".repeat(63), [0, 1], CLOCK, None);
        assert_eq!(authority.ok().map(|made| made.name.len()), Some(64));
    }
}
