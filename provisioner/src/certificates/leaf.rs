// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Certificates that the device's authority signs: the server's, and those of clients.

use std::collections::BTreeSet;
use std::net::IpAddr;

use rcgen::{
    CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair, KeyUsagePurpose, SanType,
    SerialNumber,
};

use super::CertificateError;
use super::authority::Authority;
use super::pem::{self, section};
use super::validity::Validity;

/// Under what a machine is reached.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Identity {
    /// The best one first.
    pub names: Vec<String>,
    pub addresses: BTreeSet<IpAddr>,
}

/// A certificate and its private key, each as a PEM section; it has neither `Debug` nor `Display`.
pub struct Issued {
    pub certificate: String,
    pub key: String,
}

/// 16 bytes that no other certificate of the authority has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Serial(pub [u8; 16]);

/// The server's certificate.
pub fn of_server(
    authority: &Authority,
    identity: &Identity,
    serial: Serial,
    validity: Validity,
) -> Result<Issued, CertificateError> {
    let names = identity.names.iter();
    let names = names.filter_map(|name| Some(SanType::DnsName(name.as_str().try_into().ok()?)));
    let addresses = identity.addresses.iter().copied().map(SanType::IpAddress);
    let mut parameters = CertificateParams::default();
    parameters.subject_alt_names = names.chain(addresses).collect();
    let name = identity.names.first().map_or("localhost", String::as_str);
    let usage = ExtendedKeyUsagePurpose::ServerAuth;
    // The names above are what counts; the field of this one is 64 characters long.
    let name: String = name.chars().take(MAX_NAME).collect();
    sign(authority, parameters, &name, usage, serial, validity)
}

/// A certificate with which a client logs in as `name`.
pub fn of_client(
    authority: &Authority,
    name: &str,
    serial: Serial,
    validity: Validity,
) -> Result<Issued, CertificateError> {
    let parameters = CertificateParams::default();
    let usage = ExtendedKeyUsagePurpose::ClientAuth;
    sign(authority, parameters, name, usage, serial, validity)
}

fn sign(
    authority: &Authority,
    mut parameters: CertificateParams,
    name: &str,
    usage: ExtendedKeyUsagePurpose,
    serial: Serial,
    validity: Validity,
) -> Result<Issued, CertificateError> {
    let key = KeyPair::generate().map_err(CertificateError::Sign)?;
    validity.limit(&mut parameters);
    parameters.serial_number = Some(SerialNumber::from_slice(&serial.0));
    parameters.distinguished_name = Default::default();
    parameters.distinguished_name.push(DnType::CommonName, name);
    parameters.is_ca = IsCa::ExplicitNoCa;
    parameters.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    parameters.extended_key_usages = vec![usage];
    parameters.use_authority_key_identifier_extension = true;
    let certificate = parameters
        .signed_by(&key, &authority.issuer())
        .map_err(CertificateError::Sign)?;
    Ok(Issued {
        certificate: section(pem::CERTIFICATE, certificate.der()),
        key: section(pem::PRIVATE_KEY, key.serialized_der()),
    })
}

impl Serial {
    /// A positive number without a leading zero, as the standard wants it, of random bytes.
    pub fn of(mut random: [u8; 16]) -> Self {
        random[0] = random[0] & 0x3F | 0x40;
        Self(random)
    }
}

/// Characters of a common name.
const MAX_NAME: usize = 64;
