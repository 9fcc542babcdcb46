// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Looks at the machine as far as its certificates are concerned; changes nothing.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::path::Path;

use broker_config::BindAddress;

use super::CertificateError;
use super::authority::{Authority, Fingerprint, Loss};
use super::issued::Ledger;
use super::leaf::Identity;
use super::record::{ListRecord, Record, ServerRecord, digest};
use super::validity::Clock;
use crate::desired::Desired;
use crate::provision::World;

/// What was seen.
pub struct Seen {
    pub authority: AuthoritySeen,
    /// The server's certificate; `None` if its file is not the one that was made.
    pub server: Option<ServerRecord>,
    /// The same of the list of revoked certificates.
    pub revocations: Option<ListRecord>,
    /// Digest of the serial numbers that are to be in it; `None` if they cannot be read.
    pub serials: Option<String>,
    /// Whether both files `ca.crt` are the authority's certificate.
    pub is_published: bool,
    pub identity: Identity,
    pub clock: Clock,
}

/// The device's authority, without its key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AuthoritySeen {
    Kept(Fingerprint),
    /// There is none that can be used, and there was one.
    Gone(Loss),
    /// There never was one.
    Missing,
    /// The device's storage does not give it.
    Unreadable,
}

/// Looks at it; without a desired state the machine is only called what it calls itself.
pub fn see(world: &World, desired: Option<&Desired>) -> Seen {
    let (files, places) = (world.files, &world.places);
    let record = Record::load(files, places);
    let read = |path: &Path| files.read(path, LIMIT).ok().flatten();
    let is_file = |path: &Path, sha256: &String| {
        read(path).is_some_and(|contents| digest(&contents) == *sha256)
    };
    let kept = Authority::load(files, places);
    let is_published = match &kept {
        Ok(Some(authority)) => [&places.authority_certificate, &places.authority_on_card]
            .iter()
            .all(|path| read(path).as_deref() == Some(authority.certificate.as_bytes())),
        _ => false,
    };
    let had_one = record.server.is_some() || read(&places.authority_certificate).is_some();
    let authority = match kept {
        Ok(Some(authority)) => AuthoritySeen::Kept(authority.fingerprint),
        Ok(None) if had_one => AuthoritySeen::Gone(Loss::Lost),
        Ok(None) => AuthoritySeen::Missing,
        Err(CertificateError::Damaged) => AuthoritySeen::Gone(Loss::Damaged),
        Err(_) => AuthoritySeen::Unreadable,
    };
    let serials = match &authority {
        AuthoritySeen::Kept(fingerprint) => Ledger::load(files, places)
            .ok()
            .map(|ledger| ledger.serials(fingerprint)),
        _ => None,
    };
    Seen {
        authority,
        server: record
            .server
            .filter(|server| is_file(&places.server_certificate, &server.sha256)),
        revocations: record
            .revocations
            .filter(|list| is_file(&places.revocations, &list.sha256)),
        serials,
        is_published,
        identity: identity(world, desired),
        clock: clock(world),
    }
}

/// What the clock shows, and whether a time server has set it; below `--root` nobody can say.
pub fn clock(world: &World) -> Clock {
    let synchronised = || {
        let machine = world.machine?;
        machine.local_time.is_synchronised().ok()
    };
    Clock {
        now: world.now,
        is_set: world.now.is_credible() && synchronised().unwrap_or(false),
    }
}

/// Names and addresses that clients may know this machine by.
fn identity(world: &World, desired: Option<&Desired>) -> Identity {
    let host = desired.and_then(|desired| Some(desired.machine.hostname.as_ref()?.to_string()));
    let host = host.or_else(|| world.machine.and_then(|_| world.network.host_name()));
    let host = host.unwrap_or_default();
    let label = host.split('.').next().unwrap_or_default();
    let mut names = vec![host.clone(), label.to_owned()];
    if !label.is_empty() {
        names.push(format!("{label}.local"));
    }
    names.push("localhost".to_owned());
    for listener in desired.iter().flat_map(|desired| &desired.broker.listeners) {
        if let BindAddress::Host(name) = &listener.bind_address {
            names.push(name.clone());
        }
    }
    let mut seen = BTreeSet::new();
    names.retain(|name| is_name(name) && seen.insert(name.clone()));
    let mut addresses = world.network.addresses();
    addresses.retain(is_certifiable);
    addresses.extend(
        ["127.0.0.1", "::1"]
            .iter()
            .filter_map(|text| text.parse::<IpAddr>().ok()),
    );
    Identity {
        names,
        addresses: addresses.into_iter().take(MOST_ADDRESSES).collect(),
    }
}

/// Whether a certificate can name it; what is not a host name is left out.
fn is_name(name: &str) -> bool {
    let letter = |byte: u8| byte.is_ascii_alphanumeric() || b"-.".contains(&byte);
    (1..=253).contains(&name.len()) && name.bytes().all(letter)
}

/// Whether clients can reach it: link-local ones of IPv6 are written with an interface, which a certificate cannot name.
fn is_certifiable(address: &IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => !address.is_unspecified(),
        IpAddr::V6(address) => !address.is_unspecified() && !address.is_unicast_link_local(),
    }
}

/// Addresses in a certificate.
pub(super) const MOST_ADDRESSES: usize = 64;
/// Bytes of a file with certificates.
const LIMIT: u64 = 4 * 1024 * 1024;
