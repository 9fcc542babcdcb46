// SPDX-License-Identifier: Apache-2.0 OR MIT
//! What stands in a certificate: whose it is, who signed it, how long it is good, and for which names.

use std::net::IpAddr;

use broker_config::User;

use super::der::{BOOLEAN, INTEGER, Item, Items, OBJECT_IDENTIFIER, OCTET_STRING, SEQUENCE, SET};

/// The parts that are looked at; rustls verifies signatures and rules.
pub struct Certificate<'a> {
    /// Names in DER, to be compared.
    pub issuer: &'a [u8],
    pub subject: &'a [u8],
    /// Seconds since 1970.
    pub not_before: u64,
    pub not_after: u64,
    /// Host names and addresses it is good for.
    pub names: Vec<String>,
}

impl<'a> Certificate<'a> {
    /// None for what is no certificate.
    pub fn parse(der: &'a [u8]) -> Option<Self> {
        let mut fields = to_be_signed(der)?;
        fields.read(VERSION);
        fields.read(INTEGER)?;
        fields.read(SEQUENCE)?;
        let issuer = fields.read(SEQUENCE)?.whole;
        let mut validity = fields.read(SEQUENCE)?.items();
        let subject = fields.read(SEQUENCE)?.whole;
        fields.read(SEQUENCE)?;
        let extensions = fields.find(|field| field.tag == EXTENSIONS);
        Some(Self {
            issuer,
            subject,
            not_before: validity.next()?.time()?,
            not_after: validity.next()?.time()?,
            names: extensions.map(alternative_names).unwrap_or_default(),
        })
    }
}

/// The common name in a client's certificate, if there is one and a user may have it.
pub fn common_name(der: &[u8]) -> Option<String> {
    let certificate = Certificate::parse(der)?;
    let subject = Items::of(certificate.subject).next()?;
    let parts = subject.items().filter(|part| part.tag == SET);
    let attributes = parts.flat_map(|part| part.items());
    let mut names = attributes.filter_map(|attribute| {
        let mut fields = attribute.items();
        let kind = fields.read(OBJECT_IDENTIFIER)?;
        (kind.content == COMMON_NAME).then(|| fields.next().and_then(Item::text))
    });
    // Of two names nobody knows which was meant.
    let (first, second) = (names.next()??, names.next());
    (second.is_none() && User::may_be_called(first)).then(|| first.to_owned())
}

/// When the next list of revoked certificates is due, in seconds since 1970; none for what is no such list, zero for
/// one that does not say.
pub fn next_update(der: &[u8]) -> Option<u64> {
    let mut fields = to_be_signed(der)?;
    fields.read(INTEGER);
    fields.read(SEQUENCE)?;
    fields.read(SEQUENCE)?;
    fields.next()?.time()?;
    Some(fields.next().and_then(Item::time).unwrap_or_default())
}

fn to_be_signed(der: &[u8]) -> Option<Items<'_>> {
    let mut outer = Items::of(der).read(SEQUENCE)?.items();
    Some(outer.read(SEQUENCE)?.items())
}

/// Of the extensions, those of a subject alternative name that clients look for.
fn alternative_names(extensions: Item<'_>) -> Vec<String> {
    let list = extensions.items().read(SEQUENCE);
    let found = list
        .into_iter()
        .flat_map(|list| list.items())
        .find_map(|extension| {
            let mut fields = extension.items();
            let kind = fields.read(OBJECT_IDENTIFIER)?;
            fields.read(BOOLEAN);
            let value = fields.read(OCTET_STRING)?;
            (kind.content == ALTERNATIVE_NAME).then(|| value.items().read(SEQUENCE))?
        });
    let names = found.into_iter().flat_map(|names| names.items());
    names.filter_map(name).take(MAX_NAMES).collect()
}

fn name(item: Item<'_>) -> Option<String> {
    match (item.tag, item.content.len()) {
        (DNS_NAME, 1..=255) => std::str::from_utf8(item.content).ok().map(str::to_owned),
        (ADDRESS, 4) => <[u8; 4]>::try_from(item.content)
            .ok()
            .map(|address| IpAddr::from(address).to_string()),
        (ADDRESS, 16) => <[u8; 16]>::try_from(item.content)
            .ok()
            .map(|address| IpAddr::from(address).to_string()),
        _ => None,
    }
}

const VERSION: u8 = 0xa0;
const EXTENSIONS: u8 = 0xa3;
const DNS_NAME: u8 = 0x82;
const ADDRESS: u8 = 0x87;
/// 2.5.4.3.
const COMMON_NAME: [u8; 3] = [0x55, 0x04, 0x03];
/// 2.5.29.17.
const ALTERNATIVE_NAME: [u8; 3] = [0x55, 0x1d, 0x11];
/// Names that are told.
const MAX_NAMES: usize = 32;

#[cfg(test)]
mod tests {
    use super::*;
    use rcgen::{CertificateParams, DistinguishedName, DnType, KeyPair, date_time_ymd};

    fn made(common_names: &[&str], names: &[&str]) -> Vec<u8> {
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let mut params = CertificateParams::new(names).unwrap();
        params.distinguished_name = DistinguishedName::new();
        for name in common_names {
            params.distinguished_name.push(DnType::CommonName, *name);
        }
        params.not_before = date_time_ymd(2024, 2, 29);
        params.not_after = date_time_ymd(2051, 1, 1);
        let key = KeyPair::generate().unwrap();
        params.self_signed(&key).unwrap().der().to_vec()
    }

    #[test]
    fn dates_and_names_are_read() {
        let der = made(&["broker"], &["broker.local", "192.168.1.20", "fe80::1"]);
        let certificate = Certificate::parse(&der).unwrap();
        assert_eq!(certificate.not_before, 1_709_164_800);
        assert_eq!(certificate.not_after, 2_556_144_000);
        assert_eq!(
            certificate.names,
            ["broker.local", "192.168.1.20", "fe80::1"]
        );
        assert_eq!(certificate.issuer, certificate.subject);
        for end in 0..der.len() {
            assert!(Certificate::parse(&der[..end]).is_none(), "{end}");
        }
    }

    #[test]
    fn a_common_name_is_one_that_a_user_may_have() {
        let long = "x".repeat(129);
        let cases = [
            ("pump-7", Some("pump-7")),
            ("Wärme 日本", Some("Wärme 日本")),
            ("", None),
            (long.as_str(), None),
            ("a/b", None),
            ("a+", None),
            ("#", None),
            ("a\u{1b}[31m", None),
            ("a\0b", None),
        ];
        for (name, expected) in cases {
            let der = made(&[name], &[]);
            assert_eq!(common_name(&der).as_deref(), expected, "{name:?}");
        }
        assert_eq!(common_name(&made(&[], &["broker"])), None);
        assert_eq!(common_name(b"nothing"), None);
    }
}
