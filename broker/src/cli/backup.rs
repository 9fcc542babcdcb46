// SPDX-License-Identifier: Apache-2.0 OR MIT
//! `broker backup`: settings and store of this device in one file, with its secrets or without.

mod gather;
pub mod manifest;
pub mod places;
mod redact;

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use sha2::{Digest, Sha256};

use super::{failed, help, misused, store};
use crate::logging::Timestamp;
use gather::Gathered;
use manifest::{FORMAT, Listed, Manifest, hex};
use places::{MANIFEST, Places, STORE};

/// Runs the command with the arguments that follow its name; 1 where nothing was written.
pub fn run(arguments: lexopt::Parser) -> ExitCode {
    let arguments = match Arguments::parse(arguments) {
        Ok(Some(arguments)) => arguments,
        Ok(None) => return help(HELP),
        Err(error) => return misused("backup", error),
    };
    match back_up(&arguments) {
        Ok(told) => help(&told.join("\n")),
        Err(fault) => failed("backup", fault, 1),
    }
}

struct Arguments {
    file: PathBuf,
    with_secrets: bool,
    root: PathBuf,
}

impl Arguments {
    fn parse(mut arguments: lexopt::Parser) -> Result<Option<Self>, lexopt::Error> {
        let (mut file, mut with_secrets, mut root) = (None, false, PathBuf::from("/"));
        while let Some(argument) = arguments.next()? {
            match argument {
                lexopt::Arg::Long("with-secrets") => with_secrets = true,
                lexopt::Arg::Long("root") => root = arguments.value()?.into(),
                lexopt::Arg::Long("help") | lexopt::Arg::Short('h') => return Ok(None),
                lexopt::Arg::Value(value) if file.is_none() => file = Some(value.into()),
                other => return Err(other.unexpected()),
            }
        }
        let file = file.ok_or("the FILE to write is missing")?;
        Ok(Some(Self {
            file,
            with_secrets,
            root,
        }))
    }
}

/// Writes the file whole or not at all; what is to be told, a line each.
fn back_up(arguments: &Arguments) -> Result<Vec<String>, String> {
    let places = Places::below(&arguments.root);
    let Gathered { files, mut notes } = gather::gather(&places, arguments.with_secrets)?;
    let export = beside(&arguments.file, ".store");
    let outcome = store::back_up(&places.state, &export).and_then(|found| {
        write(arguments, &files, found.is_some().then_some(&export)).map(|()| found)
    });
    // What was written of it is of no use without the rest.
    let _ = fs::remove_file(&export);
    let found = outcome?;
    let mut told = vec![format!(
        "{} is written: {} files",
        arguments.file.display(),
        files.len()
    )];
    match found {
        Some(lost) => {
            told.push("sessions, messages and retained messages are in it".to_owned());
            notes.extend(lost);
        }
        None => notes.push("there is no store, so no messages are in it".to_owned()),
    }
    told.extend(notes.into_iter().map(|note| format!("note: {note}")));
    told.push(match arguments.with_secrets {
        true => WITH_SECRETS.to_owned(),
        false => WITHOUT_SECRETS.to_owned(),
    });
    Ok(told)
}

/// The file is there whole or not at all, and for nobody else to read.
fn write(
    arguments: &Arguments,
    files: &[(String, Vec<u8>)],
    store: Option<&PathBuf>,
) -> Result<(), String> {
    let told =
        |error: io::Error| format!("{} cannot be written: {error}", arguments.file.display());
    let mut listed: Vec<Listed> = files
        .iter()
        .map(|(name, contents)| Listed::of(name, contents))
        .collect();
    if let Some(export) = store {
        listed.push(list(STORE, export).map_err(told)?);
    }
    let manifest = Manifest {
        format: FORMAT,
        program: concat!("broker ", env!("CARGO_PKG_VERSION")).to_owned(),
        host: nix::unistd::gethostname().map_or_else(
            |_| String::new(),
            |name| name.to_string_lossy().into_owned(),
        ),
        made: Timestamp::now().to_string(),
        with_secrets: arguments.with_secrets,
        files: listed,
    };
    let new = beside(&arguments.file, ".new");
    let written = pack(&new, &manifest, files, store);
    if written.is_err() {
        let _ = fs::remove_file(&new);
    }
    written
        .and_then(|()| fs::rename(&new, &arguments.file))
        .map_err(told)?;
    let folder = arguments
        .file
        .parent()
        .filter(|path| !path.as_os_str().is_empty());
    let folder = File::open(folder.unwrap_or(Path::new(".")));
    folder.and_then(|folder| folder.sync_all()).map_err(told)
}

fn pack(
    new: &Path,
    manifest: &Manifest,
    files: &[(String, Vec<u8>)],
    store: Option<&PathBuf>,
) -> io::Result<()> {
    let mut options = OpenOptions::new();
    let file = options
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(new)?;
    let mut tar = tar::Builder::new(&file);
    let listing = serde_json::to_vec_pretty(manifest)?;
    append(&mut tar, MANIFEST, listing.len() as u64, listing.as_slice())?;
    for (name, contents) in files {
        append(&mut tar, name, contents.len() as u64, contents.as_slice())?;
    }
    if let Some(export) = store {
        let export = File::open(export)?;
        append(&mut tar, STORE, export.metadata()?.len(), export)?;
    }
    tar.into_inner()?;
    file.sync_all()
}

fn append(
    tar: &mut tar::Builder<&File>,
    name: &str,
    bytes: u64,
    contents: impl Read,
) -> io::Result<()> {
    let mut header = tar::Header::new_ustar();
    header.set_path(name)?;
    header.set_size(bytes);
    header.set_mode(0o600);
    header.set_cksum();
    tar.append(&header, contents)
}

fn list(name: &str, path: &Path) -> io::Result<Listed> {
    let mut digest = Sha256::new();
    let mut file = File::open(path)?;
    let mut buffer = vec![0; 64 * 1024];
    let mut bytes = 0;
    loop {
        let length = file.read(&mut buffer)?;
        let Some(part) = buffer.get(..length).filter(|part| !part.is_empty()) else {
            let sha256 = hex(&digest.finalize());
            return Ok(Listed {
                name: name.to_owned(),
                bytes,
                sha256,
            });
        };
        digest.write_all(part)?;
        bytes += length as u64;
    }
}

fn beside(file: &Path, ending: &str) -> PathBuf {
    let mut name = file.as_os_str().to_owned();
    name.push(ending);
    PathBuf::from(name)
}

const WITH_SECRETS: &str = "\
the hashes of passwords, the private keys and the password of the Wi-Fi are in it: who has the file can pretend to be
this device, so keep it as you keep a key";
const WITHOUT_SECRETS: &str = "\
passwords, private keys and this device's authority are not in it; --with-secrets takes them along";

const HELP: &str = "\
Write settings, sessions and messages of this device into one file, for `broker restore`. Only root can.

Usage: broker backup FILE [--with-secrets]

      --with-secrets   Take along the hashes of passwords, private keys, the Wi-Fi's password, and this device's
                       authority, so that users log in and clients trust the restored device as before
      --root DIR       The device's root file system (default: /)

The broker must be stopped (systemctl stop broker). FILE is a tar archive, replaced whole, readable for its owner only.

Exit status: 0 done, 1 not done, 2 the arguments are wrong.";
