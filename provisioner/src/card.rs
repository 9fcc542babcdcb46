// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Files that `broker.toml` names and that lie beside it on the card: read, checked, and kept on the device.
//!
//! A name that is absolute, or leads out of the folder, is the daemon's own business and stays as it is. A private key
//! is taken once: the device keeps it, and the file on the card is overwritten.

mod check;

use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::path::Component;

use broker_config::{BrokerSettings, Certificate, User};

use crate::document;
use crate::provision::World;
use crate::secret::{Patch, ScrubError, scrub};
use crate::stamp::StampedFile;
use crate::system::{Access, Group, files};

pub use check::{Kind, Wrong};

/// One file, as it is to be kept on the device.
#[derive(Clone, PartialEq, Eq)]
pub struct CardFile {
    /// Relative to the boot partition.
    pub name: String,
    pub bytes: Vec<u8>,
    /// Whether a private key is in it, which is overwritten on the card.
    pub is_secret: bool,
    /// Whether the card holds only the sign that it was taken earlier.
    pub is_kept: bool,
}

/// A file that cannot be used.
#[derive(Debug)]
pub struct FileProblem {
    /// The key that names it.
    pub key: &'static str,
    pub name: String,
    pub wrong: Wrong,
}

/// Reads and checks every file, and lets the settings name the device's copies; all problems at once.
pub fn gather(
    world: &World,
    broker: &mut BrokerSettings,
) -> Result<Vec<CardFile>, Vec<FileProblem>> {
    let mut problems = Vec::new();
    let mut found = BTreeMap::new();
    for (key, kind, name) in names(broker) {
        if found.contains_key(name) {
            continue;
        }
        match read(world, name, kind) {
            Ok(file) => drop(found.insert(name.clone(), file)),
            Err(wrong) => problems.push(FileProblem {
                key,
                name: name.clone(),
                wrong,
            }),
        }
    }
    for listener in &broker.listeners {
        let own = listener.tls.as_ref().map(|tls| &tls.certificate);
        if let Some(Certificate::Own { certfile, keyfile }) = own {
            let pair = (found.get(certfile), found.get(keyfile));
            if let (Some(certificate), Some(key)) = pair {
                let fits = check::fits(&certificate.bytes, &key.bytes);
                problems.extend((!fits).then(|| FileProblem {
                    key: "keyfile",
                    name: keyfile.clone(),
                    wrong: Wrong::OtherKey(certfile.clone()),
                }));
            }
        }
    }
    problems.extend(named_twice(broker, &found));
    if !problems.is_empty() {
        return Err(problems);
    }
    for (_, _, name) in names(broker) {
        *name = format!("{FOLDER}/{name}");
    }
    Ok(found.into_values().collect())
}

/// A user of the password_file who stands in a `[[user]]`, too.
fn named_twice(broker: &BrokerSettings, found: &BTreeMap<String, CardFile>) -> Option<FileProblem> {
    let name = broker.access.password_file.as_ref()?;
    let more = broker_config::password_file(&found.get(name)?.bytes).ok()?;
    let is_named = |user: &User| broker.users.iter().any(|u| u.username == user.username);
    let twice = more.into_iter().find(is_named)?;
    Some(FileProblem {
        key: "password_file",
        name: name.clone(),
        wrong: Wrong::UserTwice(twice.username),
    })
}

/// Keeps the files on the device, where the daemon reads them.
pub fn keep(world: &World, card: &[CardFile]) -> io::Result<()> {
    for file in card.iter().filter(|file| !file.is_kept) {
        let group = match world.accounts.configuration_group {
            Group::Id(group) => Some(group),
            Group::Callers => None,
            Group::Missing => return Err(io::Error::other("there is no group `broker`")),
        };
        let path = world.places.card_copies.join(&file.name);
        if let Some(folder) = path.parent() {
            world.files.make_folder(folder, 0o755)?;
        }
        let access = Access { mode: 0o640, group };
        files::replace(world.files, &path, &file.bytes, access)?;
    }
    Ok(())
}

/// What a file that was accepted is now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// What it is to be once its key, if it has one, is overwritten.
    Settled,
    /// It has a key, which is not overwritten.
    Whole,
    /// It has a key, of which a part is overwritten.
    Torn,
    /// Somebody changed it, or the device's copy is gone.
    Changed,
}

/// The states of the files, in their order.
pub fn states(world: &World, files: &[StampedFile]) -> Vec<State> {
    let state = |file: &StampedFile| {
        let copy = world.files.len(&world.places.card_copies.join(&file.name));
        let on_card = world
            .files
            .read(&world.places.boot.join(&file.name), LIMIT + 1);
        match (copy, on_card) {
            (Ok(Some(_)), Ok(Some(bytes))) => state_of(file, &bytes),
            _ => State::Changed,
        }
    };
    files.iter().map(state).collect()
}

fn state_of(file: &StampedFile, bytes: &[u8]) -> State {
    match file.is_secret {
        true if check::is_taken(bytes) => State::Settled,
        true if file.is(bytes) => State::Whole,
        // A whole key of another kind or value was put there by a person.
        true if bytes.len() as u64 == file.length && check::check(bytes, Kind::Key).is_err() => {
            State::Torn
        }
        false if file.is(bytes) => State::Settled,
        _ => State::Changed,
    }
}

/// Overwrites the private key on the card, if it is the one that was taken.
pub fn scrub_key(world: &World, file: &StampedFile) -> Result<(), ScrubError> {
    let path = world.places.boot.join(&file.name);
    let bytes = world
        .files
        .read(&path, LIMIT + 1)
        .map_err(ScrubError::Card)?;
    let bytes = bytes.unwrap_or_default();
    match state_of(file, &bytes) {
        State::Settled => Ok(()),
        State::Changed => Err(ScrubError::Changed),
        State::Whole | State::Torn => {
            let fill = check::overwriting(bytes.len());
            let fill = String::from_utf8_lossy(&fill).into_owned();
            scrub(world.files, &path, &bytes, &[Patch { offset: 0, fill }])
        }
    }
}

/// Removes the copies that settings of before name and those of now do not.
pub fn forget(world: &World, before: &BrokerSettings, now: &BrokerSettings) -> io::Result<()> {
    let copies = |broker: &BrokerSettings| -> Vec<String> {
        let mut broker = broker.clone();
        names(&mut broker)
            .map(|(_, _, name)| name.clone())
            .collect()
    };
    let now = copies(now);
    for name in copies(before) {
        let copy = name
            .strip_prefix(FOLDER)
            .and_then(|rest| rest.strip_prefix('/'));
        if let Some(copy) = copy.filter(|_| !now.contains(&name)) {
            let path = world.places.card_copies.join(copy);
            world.files.remove(&path)?;
        }
    }
    Ok(())
}

fn read(world: &World, name: &str, kind: Kind) -> Result<CardFile, Wrong> {
    let is_reserved = |reserved: &&str| name.eq_ignore_ascii_case(reserved);
    if RESERVED.iter().any(is_reserved) {
        return Err(Wrong::Reserved);
    }
    let on_card = world.files.read(&world.places.boot.join(name), LIMIT + 1);
    let on_card = on_card.map_err(Wrong::Unreadable)?.ok_or(Wrong::Missing)?;
    let is_kept = check::is_taken(&on_card);
    let bytes = match is_kept {
        true => {
            let copy = world
                .files
                .read(&world.places.card_copies.join(name), LIMIT + 1);
            copy.map_err(Wrong::Unreadable)?.ok_or(Wrong::NotKept)?
        }
        false => on_card,
    };
    if bytes.len() as u64 > LIMIT {
        return Err(Wrong::TooLong);
    }
    check::check(&bytes, kind)?;
    Ok(CardFile {
        name: name.to_owned(),
        is_secret: check::holds_key(&bytes),
        bytes,
        is_kept,
    })
}

/// Every name of a file on the card, with the key it stands at.
fn names(broker: &mut BrokerSettings) -> impl Iterator<Item = (&'static str, Kind, &mut String)> {
    let BrokerSettings {
        listeners, access, ..
    } = broker;
    let lists = [
        ("password_file", Kind::Passwords, &mut access.password_file),
        ("acl_file", Kind::Rights, &mut access.acl_file),
    ];
    let lists = lists
        .into_iter()
        .filter_map(|(key, kind, name)| Some((key, kind, name.as_mut()?)));
    let tls = listeners
        .iter_mut()
        .filter_map(|listener| listener.tls.as_mut());
    let names = tls.flat_map(|tls| {
        let own = match &mut tls.certificate {
            Certificate::Device => None,
            Certificate::Own { certfile, keyfile } => Some([
                ("certfile", Kind::Certificates, certfile),
                ("keyfile", Kind::Key, keyfile),
            ]),
        };
        let clients = tls.clients.as_mut();
        let (authorities, revoked) = clients.map_or((None, None), |clients| {
            (clients.cafile.as_mut(), clients.crlfile.as_mut())
        });
        let authorities = authorities.map(|name| ("cafile", Kind::Certificates, name));
        let revoked = revoked.map(|name| ("crlfile", Kind::Revocations, name));
        own.into_iter().flatten().chain(authorities).chain(revoked)
    });
    names.chain(lists).filter(|(_, _, name)| is_beside(name))
}

/// Whether the name is of a file in the folder of `broker.toml`, or below.
fn is_beside(name: &str) -> bool {
    let path = std::path::Path::new(name);
    path.components()
        .all(|part| matches!(part, Component::Normal(_)))
}

impl fmt::Display for FileProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { key, name, wrong } = self;
        write!(f, "`{key} = \"{}\"`: {wrong}", name.escape_debug())
    }
}

/// The folder of the copies, as the daemon's `broker.toml` names it, beside which it is.
pub const FOLDER: &str = "card";
/// What this program writes there itself, and the file that names the others.
const RESERVED: [&str; 5] = [
    "ca.crt",
    "broker-support.txt",
    "broker-report.txt",
    "broker-report.json",
    document::NAME,
];
/// Bytes of a file on the card.
const LIMIT: u64 = 1024 * 1024;
