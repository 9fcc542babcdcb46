// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Reads a backup and checks all of it: what it does not list, or not exactly so, is refused.

use std::collections::BTreeSet;
use std::fmt;
use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use sha2::{Digest, Sha256};

use crate::cli::backup::manifest::{FORMAT, Listed, MOST_FILES, Manifest, hex};
use crate::cli::backup::places::{CONFIGURATION, DEVICE, MANIFEST, ON_CARD, Places, STORE, Target};

/// A backup without a fault.
pub struct Archive {
    pub manifest: Manifest,
    /// But for the store.
    pub files: Vec<(Target, Vec<u8>)>,
    /// Whether the store was in it, which is written to a file of its own.
    pub has_store: bool,
}

/// Why a file is no backup that can be restored.
#[derive(Debug)]
pub enum Wrong {
    Unreadable(io::Error),
    NoBackup,
    NewerFormat(u32),
    TooManyFiles,
    /// A name that no backup has, or that is there twice.
    Name(String),
    TooLong(String),
    /// A link, a folder or the like.
    NoFile(String),
    /// It is not what the list says stands here.
    NotListed(String),
    Missing(String),
    Damaged(String),
    /// A secret in a backup that says it has none.
    Secret(String),
    Settings(String, String),
    Write(io::Error),
}

/// Reads all of it; its store is written to `store`.
pub fn read(file: &Path, places: &Places, store: &Path) -> Result<Archive, Wrong> {
    let mut tar = tar::Archive::new(File::open(file).map_err(Wrong::Unreadable)?);
    // Raw entries: nothing that a header says is followed, and no name is put together of several.
    let mut entries = tar.entries().map_err(|_| Wrong::NoBackup)?.raw(true);
    let manifest = manifest(entries.next())?;
    let mut archive = Archive {
        files: Vec::new(),
        has_store: false,
        manifest,
    };
    for listed in &archive.manifest.files {
        let mut entry = match entries.next() {
            Some(Ok(entry)) => entry,
            Some(Err(_)) | None => return Err(Wrong::Missing(shown(&listed.name))),
        };
        is_listed(&entry, listed)?;
        if listed.name == STORE {
            let mut options = OpenOptions::new();
            let options = options.write(true).create(true).truncate(true).mode(0o600);
            let out = options.open(store).map_err(Wrong::Write)?;
            copy(&mut entry, listed, out)?;
            archive.has_store = true;
        } else if let Some(target) = places.target(&listed.name) {
            let mut contents = Vec::new();
            copy(&mut entry, listed, &mut contents)?;
            is_right(&listed.name, &contents)?;
            archive.files.push((target, contents));
        }
    }
    match entries.next() {
        None => Ok(archive),
        Some(_) => Err(Wrong::NotListed("something behind its end".to_owned())),
    }
}

type Entry<'a> = tar::Entry<'a, File>;

fn manifest(first: Option<io::Result<Entry>>) -> Result<Manifest, Wrong> {
    let entry = first.and_then(Result::ok).ok_or(Wrong::NoBackup)?;
    let is_ours =
        entry.header().entry_type().is_file() && *entry.path_bytes() == *MANIFEST.as_bytes();
    if !is_ours || entry.size() > LONGEST_MANIFEST {
        return Err(Wrong::NoBackup);
    }
    let mut text = Vec::new();
    entry
        .take(LONGEST_MANIFEST)
        .read_to_end(&mut text)
        .map_err(Wrong::Unreadable)?;
    let value: serde_json::Value = serde_json::from_slice(&text).map_err(|_| Wrong::NoBackup)?;
    match value.get("format").and_then(serde_json::Value::as_u64) {
        Some(format) if format == u64::from(FORMAT) => (),
        Some(format) => {
            return Err(Wrong::NewerFormat(
                u32::try_from(format).unwrap_or(u32::MAX),
            ));
        }
        None => return Err(Wrong::NoBackup),
    }
    let manifest: Manifest = serde_json::from_value(value).map_err(|_| Wrong::NoBackup)?;
    judge(&manifest)?;
    Ok(manifest)
}

/// Whether the names are those of a backup, each once, and the lengths within bounds.
fn judge(manifest: &Manifest) -> Result<(), Wrong> {
    if manifest.files.len() > MOST_FILES {
        return Err(Wrong::TooManyFiles);
    }
    let nowhere = Places::below(Path::new("/"));
    let (mut seen, mut together) = (BTreeSet::new(), 0);
    for Listed { name, bytes, .. } in &manifest.files {
        let limit = match name.as_str() {
            STORE => Some(LARGEST_STORE),
            _ => nowhere.target(name).map(|target| target.limit),
        };
        match limit {
            Some(limit) if *bytes > limit => return Err(Wrong::TooLong(shown(name))),
            Some(_) if seen.insert(name) => (),
            _ => return Err(Wrong::Name(shown(name))),
        }
        together += if name == STORE { 0 } else { *bytes };
        if together > TOGETHER {
            return Err(Wrong::TooManyFiles);
        }
        let of_device = name
            .split_once('/')
            .is_some_and(|(folder, _)| folder == DEVICE);
        if of_device && !manifest.with_secrets {
            return Err(Wrong::Secret(shown(name)));
        }
    }
    Ok(())
}

fn is_listed(entry: &Entry, listed: &Listed) -> Result<(), Wrong> {
    let name = || shown(&String::from_utf8_lossy(&entry.path_bytes()));
    if !entry.header().entry_type().is_file() {
        return Err(Wrong::NoFile(name()));
    }
    match *entry.path_bytes() == *listed.name.as_bytes() && entry.size() == listed.bytes {
        true => Ok(()),
        false => Err(Wrong::NotListed(name())),
    }
}

fn copy(entry: &mut Entry, listed: &Listed, mut out: impl Write) -> Result<(), Wrong> {
    let mut digest = Sha256::new();
    let mut buffer = vec![0; 64 * 1024];
    let mut bytes = 0;
    loop {
        let length = entry.read(&mut buffer).map_err(Wrong::Unreadable)?;
        let part = buffer.get(..length).unwrap_or_default();
        if part.is_empty() {
            break;
        }
        digest.update(part);
        out.write_all(part).map_err(Wrong::Write)?;
        bytes += part.len() as u64;
    }
    match bytes == listed.bytes && hex(&digest.finalize()) == listed.sha256 {
        true => Ok(()),
        false => Err(Wrong::Damaged(shown(&listed.name))),
    }
}

/// Whether a `broker.toml` is one that this version takes.
fn is_right(name: &str, contents: &[u8]) -> Result<(), Wrong> {
    let is_settings = name == ON_CARD || name.strip_prefix(CONFIGURATION) == Some("/broker.toml");
    match broker_config::read(contents).verdict {
        Err(problems) if is_settings => {
            let first = problems.first().map(ToString::to_string);
            Err(Wrong::Settings(shown(name), first.unwrap_or_default()))
        }
        _ => Ok(()),
    }
}

/// A name from outside, for a person.
fn shown(name: &str) -> String {
    name.escape_debug().take(100).collect()
}

impl fmt::Display for Wrong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreadable(error) => write!(f, "it cannot be read: {error}"),
            Self::NoBackup => f.write_str("it is no backup: `broker backup` writes one"),
            Self::NewerFormat(format) => {
                write!(
                    f,
                    "it has format {format}, which another version wrote; this one reads format {FORMAT}"
                )
            }
            Self::TooManyFiles => write!(
                f,
                "it lists more than {MOST_FILES} files, or more than 32 MiB beside the store"
            ),
            Self::Name(name) => write!(
                f,
                "it has a file {name}, which no backup has, or has it twice"
            ),
            Self::TooLong(name) => write!(f, "{name} in it is longer than it can be"),
            Self::NoFile(name) => {
                write!(f, "{name} in it is a link or a folder, which no backup has")
            }
            Self::NotListed(name) => write!(f, "it has {name} where its list says otherwise"),
            Self::Missing(name) => write!(f, "it ends before {name}: copy it once more"),
            Self::Damaged(name) => write!(f, "{name} in it is damaged: copy it once more"),
            Self::Secret(name) => write!(f, "it says that it has no secrets, and has {name}"),
            Self::Settings(name, problem) => {
                write!(f, "this version does not take {name} in it: {problem}")
            }
            Self::Write(error) => write!(f, "its store cannot be written to this device: {error}"),
        }
    }
}

/// Bytes of the manifest, with 256 names of 100 bytes.
const LONGEST_MANIFEST: u64 = 256 * 1024;
/// Bytes of all files but the store: they are held in memory.
const TOGETHER: u64 = 32 << 20;
/// Bytes of the store as text: 64 GiB.
const LARGEST_STORE: u64 = 64 << 30;
