// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Reads what goes into a backup, but for the store.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use super::manifest::MOST_FILES;
use super::places::{
    CONFIGURATION, DEEPEST, DEVICE, DEVICE_LIMIT, LIMIT, OF_DEVICE, ON_CARD, Places,
};
use super::redact;

/// Names in the backup with their contents, and what is to be told.
pub struct Gathered {
    pub files: Vec<(String, Vec<u8>)>,
    pub notes: Vec<String>,
}

/// Everything that may be in a backup, without secrets if so wanted.
pub fn gather(places: &Places, with_secrets: bool) -> Result<Gathered, String> {
    let mut gathered = Gathered {
        files: Vec::new(),
        notes: Vec::new(),
    };
    if let Some(path) = on_card(&places.card) {
        let contents = read(&path, LIMIT)?.unwrap_or_default();
        gathered.take_settings(ON_CARD, &path, contents, with_secrets)?;
    }
    for (name, path) in below(&places.configuration)? {
        let Some(contents) = read(&path, LIMIT)? else {
            continue;
        };
        let name = format!("{CONFIGURATION}/{name}");
        if name == SETTINGS {
            gathered.take_settings(&name, &path, contents, with_secrets)?;
        } else if with_secrets || !redact::is_secret(&contents) {
            if places.target(&name).is_none() {
                return Err(format!(
                    "the name of {} is too long for a backup",
                    path.display()
                ));
            }
            gathered.files.push((name, contents));
        }
    }
    for name in OF_DEVICE.iter().filter(|_| with_secrets) {
        let contents = read(&places.device.join(name), DEVICE_LIMIT)?;
        gathered
            .files
            .extend(contents.map(|contents| (format!("{DEVICE}/{name}"), contents)));
    }
    match gathered.files.len() {
        0 => Err(format!(
            "there are no settings in {}",
            places.configuration.display()
        )),
        1..MOST_FILES => Ok(gathered),
        _ => Err(format!(
            "there are more than {MOST_FILES} files in {}",
            places.configuration.display()
        )),
    }
}

impl Gathered {
    fn take_settings(
        &mut self,
        name: &str,
        path: &Path,
        contents: Vec<u8>,
        with_secrets: bool,
    ) -> Result<(), String> {
        let path = path.display();
        if broker_config::read(&contents).verdict.is_err() {
            self.notes.push(format!(
                "{path} has faults and is left out; see broker check {path}"
            ));
            return Ok(());
        }
        let contents = match with_secrets {
            true => contents,
            false => redact::without_secrets(&contents).ok_or_else(|| {
                format!("the secrets in {path} could not be left out: write it in UTF-8 and hashes without escapes, or use --with-secrets")
            })?,
        };
        self.files.push((name.to_owned(), contents));
        Ok(())
    }
}

/// The file as the provisioner would choose it.
fn on_card(card: &Path) -> Option<PathBuf> {
    let entries = fs::read_dir(card).ok()?;
    let names = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    let rank = |name: &str| match name {
        "broker.toml" => Some(0),
        _ if name.eq_ignore_ascii_case("broker.toml") => Some(1),
        _ if name.eq_ignore_ascii_case("broker.toml.txt") => Some(2),
        _ => None,
    };
    let best = names.filter_map(|name| Some((rank(&name)?, name))).min();
    best.map(|(_, name)| card.join(name))
}

/// Regular files below a folder by their relative names, sorted; links, half written files and what is made anew at
/// each start are left out.
fn below(folder: &Path) -> Result<Vec<(String, PathBuf)>, String> {
    let mut found = Vec::new();
    let mut waiting = vec![(String::new(), folder.to_owned(), 1)];
    while let Some((prefix, folder, depth)) = waiting.pop() {
        let told = |error: io::Error| format!("{} cannot be read: {error}", folder.display());
        let entries = match fs::read_dir(&folder) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            entries => entries.map_err(told)?,
        };
        for entry in entries {
            let entry = entry.map_err(told)?;
            let name = format!("{prefix}{}", entry.file_name().to_string_lossy());
            let kind = entry.file_type().map_err(told)?;
            if kind.is_dir() && depth < DEEPEST {
                waiting.push((format!("{name}/"), entry.path(), depth + 1));
            } else if kind.is_file() && !name.ends_with(".new") && name != FIREWALL {
                found.push((name, entry.path()));
            }
        }
        if found.len() > MOST_FILES {
            return Err(format!(
                "there are more than {MOST_FILES} files in {}",
                folder.display()
            ));
        }
    }
    found.sort();
    Ok(found)
}

/// `None` if there is no such file.
fn read(path: &Path, limit: u64) -> Result<Option<Vec<u8>>, String> {
    let mut contents = Vec::new();
    let result = File::open(path).and_then(|file| file.take(limit + 1).read_to_end(&mut contents));
    match result {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
            Err(format!("you may not read {}: use sudo", path.display()))
        }
        Err(error) => Err(format!("{} cannot be read: {error}", path.display())),
        Ok(_) if contents.len() as u64 > limit => Err(format!(
            "{} has more than {limit} bytes; is it the right file?",
            path.display()
        )),
        Ok(_) => Ok(Some(contents)),
    }
}

const SETTINGS: &str = "broker/broker.toml";
/// Made anew of the settings at each start.
const FIREWALL: &str = "firewall.nft";
