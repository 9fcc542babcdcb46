// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Certificates for clients: made, listed and revoked by whoever is root on the device.

use std::error::Error;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use broker_config::User;

use super::authority::Authority;
use super::install::{authority, carry_out, serial};
use super::issued::{Entry, Ledger, LedgerError};
use super::leaf::{self, Serial};
use super::seen::{clock, see};
use super::validity::Validity;
use super::{CertificateError, Work, work};
use crate::clock::Moment;
use crate::desired::Desired;
use crate::provision::World;
use crate::system::Access;

/// A certificate just made.
pub struct ClientCertificate {
    pub serial: Serial,
    pub until: Moment,
    pub certificate: PathBuf,
    pub key: PathBuf,
}

/// Why there is no certificate, or none was revoked.
#[derive(Debug)]
pub enum ClientError {
    /// No client can have this name.
    Name,
    /// More days than 20 years, or none.
    Days,
    /// A file of this name is there, and is not overwritten.
    Exists(PathBuf),
    Write(PathBuf, io::Error),
    List(LedgerError),
    Sign(CertificateError),
    /// There is no certificate of this name or number that still counts.
    Unknown,
    /// It is revoked; the list that tells the broker so is not written.
    NotTold(CertificateError),
}

/// Makes a certificate with which a client logs in as `name`, and writes it and its key into the folder.
pub fn issue(
    world: &World,
    name: &str,
    days: u32,
    folder: &Path,
) -> Result<ClientCertificate, ClientError> {
    if !User::may_be_called(name) {
        return Err(ClientError::Name);
    }
    if !(1..=MOST_DAYS).contains(&days) {
        return Err(ClientError::Days);
    }
    let certificate = folder.join(format!("{name}.crt"));
    let key = folder.join(format!("{name}.key"));
    for path in [&certificate, &key] {
        match world.files.len(path) {
            Ok(None) => (),
            Ok(Some(_)) => return Err(ClientError::Exists(path.clone())),
            Err(error) => return Err(ClientError::Write(path.clone(), error)),
        }
    }
    let mut ledger = Ledger::load(world.files, &world.places).map_err(ClientError::List)?;
    let authority = existing_or_new(world).map_err(ClientError::Sign)?;
    let clock = clock(world);
    let validity = Validity::of_client(clock, days);
    let serial = serial(world).map_err(ClientError::Sign)?;
    let issued = leaf::of_client(&authority, name, serial, validity).map_err(ClientError::Sign)?;
    let entry = Entry {
        serial,
        authority: authority.fingerprint.as_str().to_owned(),
        until: validity.until,
        revoked: None,
        name: name.to_owned(),
    };
    // Listed before it exists: every certificate that was ever written can be revoked.
    ledger
        .add(entry, clock.is_set.then_some(clock.now))
        .and_then(|()| ledger.store(world.files, &world.places))
        .map_err(ClientError::List)?;
    write(world, &key, &issued.key, 0o600)?;
    write(world, &certificate, &issued.certificate, 0o644)?;
    Ok(ClientCertificate {
        serial,
        until: validity.until,
        certificate,
        key,
    })
}

/// Revokes every certificate of a name, or the one with a serial number, and tells the broker; the number of them.
pub fn revoke(world: &World, which: &str) -> Result<usize, ClientError> {
    let mut ledger = Ledger::load(world.files, &world.places).map_err(ClientError::List)?;
    let revoked = ledger.revoke(which, world.now).len();
    if revoked == 0 {
        return Err(ClientError::Unknown);
    }
    ledger
        .store(world.files, &world.places)
        .map_err(ClientError::List)?;
    carry_out(world, &Work::ListRevoked).map_err(ClientError::NotTold)?;
    Ok(revoked)
}

/// Every certificate, a line each: serial number, end, state, name.
pub fn list(world: &World) -> Result<String, ClientError> {
    let ledger = Ledger::load(world.files, &world.places).map_err(ClientError::List)?;
    let authority = Authority::load(world.files, &world.places)
        .ok()
        .flatten()
        .map(|authority| authority.fingerprint.as_str().to_owned());
    let lines = ledger.entries.iter().map(|entry| {
        let state = match entry.revoked {
            Some(_) => "revoked",
            None if Some(&entry.authority) != authority.as_ref() => "of an earlier authority",
            None if entry.until.0 < world.now.0 => "over",
            None => "valid",
        };
        format!(
            "{}  until {}  {state}  {}\n",
            entry.serial, entry.until, entry.name
        )
    });
    Ok(lines.collect())
}

/// The authority, made now if there was none.
fn existing_or_new(world: &World) -> Result<Authority, CertificateError> {
    let desired = Desired::load(world.files, &world.places).ok().flatten();
    for work in work(&see(world, desired.as_ref())) {
        match work {
            Work::MakeAuthority { .. } => carry_out(world, &work)?,
            // Without a card the client takes the daemon's copy.
            Work::PublishAuthority => carry_out(world, &work).unwrap_or_default(),
            Work::IssueServer { .. } | Work::ListRevoked => (),
        }
    }
    authority(world)
}

fn write(world: &World, path: &Path, contents: &str, mode: u32) -> Result<(), ClientError> {
    let access = Access { mode, group: None };
    world
        .files
        .create(path, contents.as_bytes(), access)
        .and_then(|()| world.files.sync(path))
        .map_err(|error| ClientError::Write(path.to_owned(), error))
}

impl fmt::Display for ClientError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name => f.write_str(
                "this cannot be a user name: it has 1 to 128 bytes, no control character, and none of `+`, `#`, `/`",
            ),
            Self::Days => write!(f, "a certificate counts for 1 to {MOST_DAYS} days"),
            Self::Exists(path) => write!(
                f,
                "{} is there already; move it away, or name another folder with --out",
                path.display()
            ),
            Self::Write(path, _) => write!(f, "writing {}", path.display()),
            Self::List(error) => error.fmt(f),
            Self::Sign(error) => error.fmt(f),
            Self::Unknown => f.write_str(
                "no valid certificate has this name or serial number; `broker-provision cert list` shows all",
            ),
            Self::NotTold(_) => f.write_str(
                "it is revoked, but the broker could not be told; run `broker-provision certificate`",
            ),
        }
    }
}

impl Error for ClientError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Write(_, source) => Some(source),
            Self::List(error) => error.source(),
            Self::Sign(error) => error.source(),
            Self::NotTold(source) => Some(source),
            Self::Name | Self::Days | Self::Exists(_) | Self::Unknown => None,
        }
    }
}

/// Days a client's certificate counts for at most.
const MOST_DAYS: u32 = 7300;
