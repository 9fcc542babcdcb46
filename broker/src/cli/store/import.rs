// SPDX-License-Identifier: Apache-2.0 OR MIT
//! `broker store import`: a store made of an export, whole or not at all.
//!
//! The file is read twice: to find every fault, then to write. What is written becomes the store by one rename.

use std::fmt;
use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, Read, Seek};
use std::os::unix::fs::{MetadataExt, chown};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use mqtt_core::{Moment, Record};
use mqtt_store::{CommitError, Journal, OpenError, Options, Stamp};
use nix::fcntl::{AT_FDCWD, RenameFlags, renameat2};

use super::folder::{self, Store};
use super::index::{Fault, Index};
use crate::storage::{self, Folder, Lock, chain};

/// What came of it.
pub struct Done {
    pub records: u64,
    /// Where the store that was there is now.
    pub set_aside: Option<PathBuf>,
}

/// A store that is whole, beside the place where it belongs.
pub struct Prepared {
    state: PathBuf,
    store: PathBuf,
    new: PathBuf,
    there: bool,
    records: u64,
    /// Held until the end, also as the lock of what is set aside.
    _lock: Option<Lock>,
}

/// Makes the file's records the store below `state`; one that holds something is set aside only if `replace` says so.
pub fn import(file: &Path, state: &Path, replace: bool) -> Result<Done, Failure> {
    prepare(file, state, replace)?.commit()
}

/// Does all of it that leaves the store below `state` as it is.
pub fn prepare(file: &Path, state: &Path, replace: bool) -> Result<Prepared, Failure> {
    let mut file = File::open(file).map_err(Failure::Read)?;
    let faults = read(&mut file, |_| Ok(()))?;
    if !faults.is_empty() {
        return Err(Failure::Faults(faults));
    }
    let store = storage::folder(state);
    let there = store.exists();
    let lock = there.then(|| lock(&store)).transpose()?;
    if there && !replace && !is_empty(&store)? {
        return Err(Failure::NotEmpty(store));
    }
    let mut prepared = Prepared {
        state: state.to_owned(),
        store,
        new: state.join(NEW),
        there,
        records: 0,
        _lock: lock,
    };
    // What an import left that was cut off.
    remove(&prepared.new)?;
    prepared.records = write(&mut file, &prepared.new)?;
    Ok(prepared)
}

impl Prepared {
    /// Makes it the store.
    pub fn commit(self) -> Result<Done, Failure> {
        let _lock = lock(&self.new)?;
        let set_aside = exchange(&self.state, &self.new, &self.store, self.there)?;
        Ok(Done {
            records: self.records,
            set_aside,
        })
    }
}

impl Drop for Prepared {
    fn drop(&mut self) {
        // Nothing is there after it became the store; the next import removes it where this fails.
        let _ = remove(&self.new);
    }
}

fn lock(folder: &Path) -> Result<Lock, Failure> {
    Lock::take(folder, "broker store import")
        .map_err(|locked| Failure::Store(folder::Fault::Locked(folder.to_owned(), locked)))
}

/// Goes through the file once: each line is checked, each record handed on; returns what is wrong with which line.
fn read(
    file: &mut File,
    mut record: impl FnMut(Record) -> Result<(), Failure>,
) -> Result<Vec<(u64, Fault)>, Failure> {
    file.rewind().map_err(Failure::Read)?;
    let mut lines = BufReader::new(file);
    let (mut index, mut faults) = (Index::default(), Vec::new());
    let mut line = Vec::new();
    for number in 1.. {
        line.clear();
        let bounded = lines.by_ref().take(MAX_LINE).read_until(b'\n', &mut line);
        if bounded.map_err(Failure::Read)? == 0 {
            break;
        }
        match index.take(&line) {
            Ok(Some(taken)) => record(taken)?,
            Ok(None) => {}
            Err(fault) => faults.push((number, fault)),
        }
        if faults.len() >= MAX_FAULTS {
            return Ok(faults);
        }
    }
    faults.extend(index.finish());
    Ok(faults)
}

fn is_empty(folder: &Path) -> Result<bool, Failure> {
    let store = Store::open(folder.to_owned(), None).map_err(Failure::Store)?;
    let opened = &store.found.opened;
    Ok(opened.records.is_empty() && opened.report.damages.is_empty())
}

/// Writes the records of a file without faults to a folder of their own.
fn write(file: &mut File, new: &Path) -> Result<u64, Failure> {
    let made = |error| Failure::Write(new.to_owned(), error);
    let directory = Folder::open(new).map_err(made)?;
    let options = Options {
        salt: getrandom::u64().map_err(|error| made(error.into()))?,
        ..Options::default()
    };
    let (mut journal, _) = Journal::open(Arc::new(directory), options).map_err(Failure::Open)?;
    let (mut records, mut waiting) = (0, 0);
    let faults = read(file, |record| {
        waiting += weight(&record);
        records += 1;
        journal.append(record);
        if waiting >= BATCH {
            waiting = 0;
            journal.commit(STAMP).map_err(Failure::Commit)?;
            while journal.wants_compaction() && journal.compact(STAMP).map_err(Failure::Commit)? {}
        }
        Ok(())
    })?;
    if !faults.is_empty() {
        return Err(Failure::Changed);
    }
    // In a batch before the last one, so that it is known to be damaged if it ever is.
    journal.commit(STAMP).map_err(Failure::Commit)?;
    journal.close(STAMP).map_err(Failure::Commit)?;
    Ok(records)
}

/// Makes the new folder the store, owned as the state folder is; what was there is set aside.
fn exchange(
    state: &Path,
    new: &Path,
    store: &Path,
    there: bool,
) -> Result<Option<PathBuf>, Failure> {
    let made = |error| Failure::Write(store.to_owned(), error);
    give(new, &fs::metadata(state).map_err(made)?).map_err(made)?;
    if !there {
        fs::rename(new, store).map_err(made)?;
        sync(state).map_err(made)?;
        return Ok(None);
    }
    // At no moment there is no store, or half of one.
    let flags = RenameFlags::RENAME_EXCHANGE;
    renameat2(AT_FDCWD, new, AT_FDCWD, store, flags).map_err(|errno| made(errno.into()))?;
    let aside = (1..)
        .map(|number: u32| state.join(format!("store.replaced-{number}")))
        .find(|path| !path.exists());
    if let Some(aside) = &aside {
        fs::rename(new, aside).map_err(made)?;
    }
    sync(state).map_err(made)?;
    Ok(aside)
}

/// The daemon's user must be able to read what root wrote.
fn give(folder: &Path, like: &fs::Metadata) -> io::Result<()> {
    let (user, group) = (Some(like.uid()), Some(like.gid()));
    for entry in fs::read_dir(folder)? {
        chown(entry?.path(), user, group)?;
    }
    chown(folder, user, group)
}

fn sync(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

fn remove(folder: &Path) -> Result<(), Failure> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(Failure::Write(folder.to_owned(), error))
        }
        _ => Ok(()),
    }
}

fn weight(record: &Record) -> usize {
    match record {
        Record::Message { message, .. } | Record::Retained(message) => message.body.len() + RECORD,
        _ => RECORD,
    }
}

/// Why nothing was imported.
#[derive(Debug)]
pub enum Failure {
    Read(io::Error),
    Faults(Vec<(u64, Fault)>),
    /// It had no faults when it was read first.
    Changed,
    NotEmpty(PathBuf),
    Store(folder::Fault),
    Write(PathBuf, io::Error),
    Open(OpenError),
    Commit(CommitError),
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Read(error) => write!(f, "the file cannot be read: {error}"),
            Self::Faults(faults) => write!(f, "{} faults", faults.len()),
            Self::Changed => f.write_str("the file changed while it was read"),
            Self::NotEmpty(store) => write!(
                f,
                "{} is not empty; --replace sets it aside",
                store.display()
            ),
            Self::Store(fault) => fault.fmt(f),
            Self::Write(path, error) => write!(f, "{} cannot be written: {error}", path.display()),
            Self::Open(error) => f.write_str(&chain(error)),
            Self::Commit(error) => f.write_str(&chain(error)),
        }
    }
}

/// Beside the store until it is whole.
const NEW: &str = "store.importing";
/// Bytes; the longest payload as JSON writes it is shorter.
const MAX_LINE: u64 = 2 << 30;
/// More are not looked for.
pub const MAX_FAULTS: usize = 100;
/// Bytes after which a batch is committed.
const BATCH: usize = 256 * 1024;
/// Bytes of a record besides its payload, about.
const RECORD: usize = 256;
/// Running time begins anew, and remaining times count from there.
const STAMP: Stamp = Stamp {
    moment: Moment::from_millis(0),
    wall: None,
};
