// SPDX-License-Identifier: Apache-2.0 OR MIT
//! One program at a time uses a store: a lock file in its folder, which says who has it.

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::fcntl::{Flock, FlockArg};

/// Held until it is dropped, or until the process ends, however it does.
pub struct Lock(#[allow(dead_code, reason = "it is held, not read")] Flock<fs::File>);

/// Why the store is not ours.
#[derive(Debug)]
pub enum Locked {
    /// Another program has it; in its own words.
    By(String),
    Unknown(io::Error),
}

impl Lock {
    /// Takes the lock of a folder that is there; `who` is told to others who want it, as in `broker run`.
    pub fn take(folder: &Path, who: &str) -> Result<Self, Locked> {
        let path: PathBuf = folder.join(NAME);
        let mut options = OpenOptions::new();
        let options = options.read(true).write(true).create(true).truncate(false);
        let file = options.mode(0o600).open(&path).map_err(Locked::Unknown)?;
        let mut lock = Flock::lock(file, FlockArg::LockExclusiveNonblock)
            .map_err(|(_, errno)| refused(&path, errno))?;
        // The lock holds without the note.
        let _ = lock.set_len(0);
        let _ = lock.write_all(format!("{who}, process {}", std::process::id()).as_bytes());
        Ok(Self(lock))
    }

    /// Shares the lock of a folder with others who only read; none where no program ever took it, or the folder is not there.
    pub fn share(folder: &Path) -> Result<Option<Self>, Locked> {
        let path = folder.join(NAME);
        let file = match fs::File::open(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(Locked::Unknown(error)),
        };
        let lock = Flock::lock(file, FlockArg::LockSharedNonblock);
        lock.map(|lock| Some(Self(lock)))
            .map_err(|(_, errno)| refused(&path, errno))
    }
}

fn refused(path: &Path, errno: Errno) -> Locked {
    match errno {
        Errno::EWOULDBLOCK => Locked::By(holder(path)),
        errno => Locked::Unknown(errno.into()),
    }
}

/// What the holder wrote; it comes from a file that only our own user may write.
fn holder(path: &Path) -> String {
    match fs::read_to_string(path) {
        Ok(text) if !text.is_empty() => text.escape_default().take(100).collect(),
        _ => "another program".to_owned(),
    }
}

/// The lock file's name; no file of the journal has it.
pub const NAME: &str = "lock";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_holder_is_told_who_the_first_is() {
        let folder = std::env::temp_dir().join(format!("broker-lock-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        let first = Lock::take(&folder, "broker run").unwrap();
        match Lock::take(&folder, "broker store") {
            Err(Locked::By(who)) => {
                assert_eq!(who, format!("broker run, process {}", std::process::id()));
            }
            other => panic!("{:?}", other.err()),
        }
        drop(first);
        assert!(Lock::take(&folder, "broker store").is_ok());
        fs::remove_dir_all(&folder).unwrap();
    }
}
