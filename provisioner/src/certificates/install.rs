// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Does what was decided about the certificates: signs, writes each file durably, remembers it.

use std::path::Path;

use super::authority::{Authority, Loss};
use super::issued::Ledger;
use super::leaf::{self, Identity, Serial};
use super::record::{ListRecord, Record, ServerRecord};
use super::seen::clock;
use super::validity::Validity;
use super::{CertificateError, Work, revocations};
use crate::provision::World;
use crate::system::{Access, Group, files};

/// Does one change.
pub fn carry_out(world: &World, work: &Work) -> Result<(), CertificateError> {
    match work {
        Work::MakeAuthority { host, replaces } => make_authority(world, host, *replaces),
        Work::PublishAuthority => publish(world),
        Work::IssueServer { identity, .. } => issue_server(world, identity),
        Work::ListRevoked => list_revoked(world),
    }
}

fn make_authority(
    world: &World,
    host: &str,
    replaces: Option<Loss>,
) -> Result<(), CertificateError> {
    let mut mark = [0; 2];
    fill(world, &mut mark)?;
    let authority = Authority::make(host, mark, clock(world), replaces)?;
    world
        .files
        .make_folder(&world.places.state, 0o700)
        .map_err(CertificateError::Write)?;
    write(
        world,
        &world.places.authority,
        &authority.to_file(),
        Access::ROOTS,
    )
}

/// The daemon's copy first: it is whole or not there, while a power cut may tear the one on the card.
fn publish(world: &World) -> Result<(), CertificateError> {
    let certificate = authority(world)?.certificate;
    let access = Access::EVERYBODYS;
    make_folder(world)?;
    write(
        world,
        &world.places.authority_certificate,
        &certificate,
        access,
    )?;
    files::rewrite(
        world.files,
        &world.places.authority_on_card,
        certificate.as_bytes(),
    )
    .map_err(CertificateError::Write)
}

/// Certificate and key are one file, so that they are replaced together.
fn issue_server(world: &World, identity: &Identity) -> Result<(), CertificateError> {
    let group = match world.accounts.configuration_group {
        Group::Id(group) => Some(group),
        Group::Callers => None,
        Group::Missing => return Err(CertificateError::NoGroup),
    };
    let authority = authority(world)?;
    let clock = clock(world);
    let validity = Validity::of_server(clock);
    let issued = leaf::of_server(&authority, identity, serial(world)?, validity)?;
    let file = format!("{}{}", issued.certificate, issued.key);
    make_folder(world)?;
    let access = Access { mode: 0o640, group };
    write(world, &world.places.server_certificate, &file, access)?;
    let fingerprint = authority.fingerprint.as_str();
    let server = ServerRecord::new(&file, fingerprint, identity, validity, clock.is_set);
    remember(world, |record| record.server = Some(server))
}

fn list_revoked(world: &World) -> Result<(), CertificateError> {
    let authority = authority(world)?;
    let ledger = Ledger::load(world.files, &world.places).map_err(CertificateError::List)?;
    let validity = Validity::of_server(clock(world));
    let file = revocations::of(&authority, &ledger, validity, world.now)?;
    make_folder(world)?;
    let access = Access::EVERYBODYS;
    write(world, &world.places.revocations, &file, access)?;
    let fingerprint = &authority.fingerprint;
    let serials = ledger.serials(fingerprint);
    let list = ListRecord::new(&file, fingerprint.as_str(), serials, validity);
    remember(world, |record| record.revocations = Some(list))
}

pub(super) fn authority(world: &World) -> Result<Authority, CertificateError> {
    Authority::load(world.files, &world.places)?.ok_or(CertificateError::NoAuthority)
}

fn remember(world: &World, change: impl FnOnce(&mut Record)) -> Result<(), CertificateError> {
    let mut record = Record::load(world.files, &world.places);
    change(&mut record);
    record
        .store(world.files, &world.places)
        .map_err(CertificateError::Write)
}

pub(super) fn serial(world: &World) -> Result<Serial, CertificateError> {
    let mut bytes = [0; 16];
    fill(world, &mut bytes)?;
    Ok(Serial::of(bytes))
}

fn fill(world: &World, bytes: &mut [u8]) -> Result<(), CertificateError> {
    world.random.fill(bytes).map_err(CertificateError::Random)
}

fn make_folder(world: &World) -> Result<(), CertificateError> {
    world
        .files
        .make_folder(&world.places.certificates, 0o755)
        .map_err(CertificateError::Write)
}

fn write(
    world: &World,
    path: &Path,
    contents: &str,
    access: Access,
) -> Result<(), CertificateError> {
    files::replace(world.files, path, contents.as_bytes(), access).map_err(CertificateError::Write)
}
