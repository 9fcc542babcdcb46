// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Authorities and certificates, good ones and others, for the tests of TLS.

use std::fmt::Write;
use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rcgen::{
    BasicConstraints, CertificateParams, CertificateRevocationListParams, CertifiedIssuer, DnType,
    ExtendedKeyUsagePurpose, IsCa, KeyIdMethod, KeyPair, KeyUsagePurpose, RevokedCertParams,
    SerialNumber, date_time_ymd,
};

/// Who signs.
pub struct Authority(CertifiedIssuer<'static, KeyPair>);

/// What a certificate is for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    Server,
    Client,
}

/// A certificate and its key in PEM.
pub struct Identity {
    pub certificate: String,
    pub key: String,
    serial: SerialNumber,
}

impl Authority {
    pub fn new(name: &str) -> Self {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        params.distinguished_name.push(DnType::CommonName, name);
        let key = KeyPair::generate().expect("a key can be made");
        Self(CertifiedIssuer::self_signed(params, key).expect("an authority signs itself"))
    }

    /// The authority's own certificate in PEM.
    pub fn pem(&self) -> String {
        pem("CERTIFICATE", self.0.der())
    }

    /// A certificate for this name, good until the first day of a year.
    pub fn sign(&self, name: &str, purpose: Purpose, until: i32) -> Identity {
        let (params, key) = leaf(name, purpose, until);
        let serial = params.serial_number.clone().expect("it was given one");
        let certificate = params.signed_by(&key, &self.0).expect("it can be signed");
        Identity {
            certificate: pem("CERTIFICATE", certificate.der()),
            key: pem("PRIVATE KEY", &key.serialize_der()),
            serial,
        }
    }

    /// The list of revoked certificates.
    pub fn revoke(&self, revoked: &[&Identity]) -> String {
        let revoked = revoked.iter().map(|identity| RevokedCertParams {
            serial_number: identity.serial.clone(),
            revocation_time: date_time_ymd(2024, 1, 1),
            reason_code: None,
            invalidity_date: None,
        });
        let list = CertificateRevocationListParams {
            this_update: date_time_ymd(2024, 1, 1),
            next_update: date_time_ymd(2400, 1, 1),
            crl_number: SerialNumber::from(1_u64),
            issuing_distribution_point: None,
            revoked_certs: revoked.collect(),
            key_identifier_method: KeyIdMethod::Sha256,
        };
        let list = list.signed_by(&self.0).expect("a list can be signed");
        pem("X509 CRL", list.der())
    }
}

impl Identity {
    /// One that nobody but itself vouches for.
    pub fn self_signed(name: &str, purpose: Purpose) -> Self {
        let (params, key) = leaf(name, purpose, 2400);
        let serial = params.serial_number.clone().expect("it was given one");
        let certificate = params.self_signed(&key).expect("it signs itself");
        Self {
            certificate: pem("CERTIFICATE", certificate.der()),
            key: pem("PRIVATE KEY", &key.serialize_der()),
            serial,
        }
    }

    /// Certificate and key in one file, as the device's own are.
    pub fn both(&self) -> String {
        self.certificate.clone() + &self.key
    }

    /// Puts `NAME.crt` and `NAME.key` into a folder.
    pub fn put(&self, folder: &Path, name: &str) {
        put(folder, &format!("{name}.crt"), &self.certificate);
        put(folder, &format!("{name}.key"), &self.key);
    }
}

/// Replaces a file at once, as the provisioner does.
pub fn put(folder: &Path, name: &str, text: &str) {
    let path = folder.join(name);
    let next = path.with_extension("next");
    std::fs::create_dir_all(path.parent().unwrap_or(folder)).expect("a folder can be made");
    std::fs::write(&next, text).expect("a file can be written");
    std::fs::rename(&next, &path).expect("a file can be renamed");
}

fn leaf(name: &str, purpose: Purpose, until: i32) -> (CertificateParams, KeyPair) {
    let names = match purpose {
        Purpose::Server => vec!["localhost".to_owned(), "127.0.0.1".to_owned()],
        Purpose::Client => Vec::new(),
    };
    let mut params = CertificateParams::new(names).expect("the names are names");
    params.distinguished_name.push(DnType::CommonName, name);
    params.extended_key_usages = vec![match purpose {
        Purpose::Server => ExtendedKeyUsagePurpose::ServerAuth,
        Purpose::Client => ExtendedKeyUsagePurpose::ClientAuth,
    }];
    params.not_before = date_time_ymd(2020, 1, 1);
    params.not_after = date_time_ymd(until, 1, 1);
    let key = KeyPair::generate().expect("a key can be made");
    // Of the key, so that no two are alike.
    let serial = key.public_key_raw().get(1..17).unwrap_or(&[1]);
    let serial = serial
        .iter()
        .map(|byte| byte & 0x7f | 1)
        .collect::<Vec<_>>();
    params.serial_number = Some(SerialNumber::from(serial));
    (params, key)
}

fn pem(label: &str, der: &[u8]) -> String {
    let text = STANDARD.encode(der);
    let mut pem = format!("-----BEGIN {label}-----\n");
    for line in text.as_bytes().chunks(64) {
        // Writing to a `String` cannot fail.
        let _ = writeln!(pem, "{}", String::from_utf8_lossy(line));
    }
    pem + &format!("-----END {label}-----\n")
}
