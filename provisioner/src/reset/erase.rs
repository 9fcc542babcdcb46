// SPDX-License-Identifier: Apache-2.0 OR MIT
//! What a factory reset takes away: everything the owner brought, and everything made for him.
//!
//! The folders themselves stay. What cannot be erased does not keep the rest from it.

use std::ffi::OsStr;
use std::io;
use std::path::Path;

use crate::discovery;
use crate::provision::World;
use crate::system::files;

/// Keys, certificates, users, settings and the broker's state, durably; the first failure is told.
pub fn everything(world: &World) -> io::Result<()> {
    let places = &world.places;
    let own = [&places.lock, &places.network_lock, &places.reset_mark].map(|path| name(path));
    let results = [
        clear(world, &places.state, &own),
        clear(world, &places.configuration_folder, &[]),
        clear(world, &places.broker_state, &[]),
        host_keys(world),
        files::discard(world.files, &places.time_servers),
        remove_all(world, &places.connections, "broker-"),
        remove_all(world, &places.services, discovery::STEM),
        clean_card(world),
    ];
    results.into_iter().collect()
}

/// By which others know this machine over SSH; sshd makes new ones. Where its settings are not ours, neither are they.
fn host_keys(world: &World) -> io::Result<()> {
    let places = &world.places;
    let is_ours = matches!(world.files.len(&places.sshd_settings), Ok(Some(_)));
    match places.host_key.parent().filter(|_| is_ours) {
        Some(folder) => remove_all(world, folder, "ssh_host_"),
        None => Ok(()),
    }
}

/// The files of a folder whose names begin so; no folder is fine.
fn remove_all(world: &World, folder: &Path, beginning: &str) -> io::Result<()> {
    let names = world.files.list(folder).unwrap_or_default().into_iter();
    let names: Vec<String> = names.filter(|name| name.starts_with(beginning)).collect();
    for name in &names {
        world.files.remove(&folder.join(name))?;
    }
    match names.is_empty() {
        true => Ok(()),
        false => world.files.sync(folder),
    }
}

/// The journal, of which journald is to begin a new one, and the warnings of earlier starts; only failing to erase is an error
/// of the reset.
pub fn log(world: &World) -> io::Result<io::Result<()>> {
    clear(world, &world.places.warnings, &[])?;
    for journal in &world.places.journals {
        // Of each machine a folder, which journald expects to stay.
        for name in world.files.list(journal).unwrap_or_default() {
            clear(world, &journal.join(name), &[])?;
        }
    }
    Ok(world
        .machine
        .map_or(Ok(()), |machine| machine.log.begin_anew()))
}

/// What this program wrote onto the card about the device as it was, overwritten first, so that no freed cluster keeps
/// it; the report is about to be written anew.
fn clean_card(world: &World) -> io::Result<()> {
    let places = &world.places;
    for file in [&places.authority_on_card, &places.support] {
        if let Ok(Some(_)) = world.files.len(file) {
            files::rewrite(world.files, file, b"")?;
            files::discard(world.files, file)?;
        }
    }
    Ok(())
}

fn clear(world: &World, folder: &Path, keep: &[&OsStr]) -> io::Result<()> {
    if world.files.clear(folder, keep)? {
        world.files.sync(folder)?;
    }
    Ok(())
}

fn name(path: &Path) -> &OsStr {
    path.file_name().unwrap_or_default()
}
