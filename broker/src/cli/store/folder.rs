// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Where the store is, and opening it for reading while no broker has it.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use mqtt_store::{Inspection, OpenError, inspect};

use crate::storage::{self, Folder, Lock, Locked, chain};

/// A store as it lies on the disk; nothing there is changed.
pub struct Store {
    pub folder: PathBuf,
    pub found: Inspection,
    _lock: Option<Lock>,
}

impl Store {
    /// Reads the store below a state folder, unless a program has it.
    pub fn read(state: &Path) -> Result<Self, Fault> {
        let folder = storage::folder(state);
        let lock = Lock::share(&folder).map_err(|locked| Fault::Locked(folder.clone(), locked))?;
        Self::open(folder, lock)
    }

    /// The same where nobody else can have it.
    pub fn open(folder: PathBuf, lock: Option<Lock>) -> Result<Self, Fault> {
        if !folder.is_dir() {
            return Err(Fault::Absent(folder));
        }
        match inspect(&Folder::read_only(&folder)) {
            Ok(found) => Ok(Self {
                folder,
                found,
                _lock: lock,
            }),
            Err(error) => Err(Fault::Unreadable(folder, error)),
        }
    }
}

/// Why a store cannot be read.
#[derive(Debug)]
pub enum Fault {
    Absent(PathBuf),
    Locked(PathBuf, Locked),
    Unreadable(PathBuf, OpenError),
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Absent(folder) => write!(
                f,
                "there is no store in {}; name the broker's state folder with --state",
                folder.display()
            ),
            Self::Locked(folder, Locked::By(who)) => write!(
                f,
                "{} is in use ({who}); stop it first, as with `systemctl stop broker`",
                folder.display()
            ),
            Self::Locked(folder, Locked::Unknown(error))
                if error.kind() == io::ErrorKind::PermissionDenied =>
            {
                write!(f, "you may not read {}: use sudo", folder.display())
            }
            Self::Locked(folder, Locked::Unknown(error)) => {
                write!(f, "{} cannot be read: {error}", folder.display())
            }
            Self::Unreadable(folder, error) => {
                write!(f, "{} cannot be read: {}", folder.display(), chain(error))
            }
        }
    }
}
