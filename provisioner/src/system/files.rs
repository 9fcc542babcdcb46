// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Files, one durable step per call, so that a test can stop after any of them.

use std::ffi::OsStr;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::{DirBuilderExt, FileExt, OpenOptionsExt, PermissionsExt, fchown};
use std::path::Path;

use nix::fcntl::OFlag;

/// What the provisioner does with files and folders; nothing is durable before its `sync`.
pub trait Files {
    /// The first `limit` bytes of a regular file; `None` if there is no such file.
    fn read(&self, path: &Path, limit: u64) -> io::Result<Option<Vec<u8>>>;
    /// The names in a folder, sorted, without those that are not UTF-8.
    fn list(&self, folder: &Path) -> io::Result<Vec<String>>;
    /// The length of a file in bytes; `None` if there is no such file.
    fn len(&self, path: &Path) -> io::Result<Option<u64>>;
    /// Makes a folder, and those above it readable by all, durably; one that exists stays as it is.
    fn make_folder(&self, folder: &Path, mode: u32) -> io::Result<()>;
    /// Makes a file with these contents in place of what has the name.
    fn create(&self, path: &Path, contents: &[u8], access: Access) -> io::Result<()>;
    /// Writes into a file where it stands, growing or creating it as needed.
    fn overwrite(&self, path: &Path, offset: u64, contents: &[u8]) -> io::Result<()>;
    /// Cuts a file to a length.
    fn truncate(&self, path: &Path, length: u64) -> io::Result<()>;
    /// Makes a file's contents, or a folder's names, durable.
    fn sync(&self, path: &Path) -> io::Result<()>;
    /// Gives a file another name in the same folder, replacing what has it.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;
    /// Removes a file; none is fine.
    fn remove(&self, path: &Path) -> io::Result<()>;
    /// Removes as much as it can of what is in a folder, at any depth, but these names; `false` if there is no such folder.
    fn clear(&self, folder: &Path, keep: &[&OsStr]) -> io::Result<bool>;
}

/// Permission bits and, where it is to differ from the caller's, the group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Access {
    pub mode: u32,
    pub group: Option<u32>,
}

impl Access {
    /// For root alone.
    pub const ROOTS: Self = Self {
        mode: 0o600,
        group: None,
    };
    /// Readable by everybody, writable by root.
    pub const EVERYBODYS: Self = Self {
        mode: 0o644,
        group: None,
    };
}

/// Replaces a file durably and whole: after a power cut it is the old one or the new one.
pub fn replace(files: &dyn Files, path: &Path, contents: &[u8], access: Access) -> io::Result<()> {
    let new = path.with_extension("new");
    files.create(&new, contents, access)?;
    files.sync(&new)?;
    files.rename(&new, path)?;
    match path.parent() {
        Some(folder) => files.sync(folder),
        None => Ok(()),
    }
}

/// Removes a file durably; none is fine.
pub fn discard(files: &dyn Files, path: &Path) -> io::Result<()> {
    if files.len(path)?.is_none() {
        return Ok(());
    }
    files.remove(path)?;
    match path.parent() {
        Some(folder) => files.sync(folder),
        None => Ok(()),
    }
}

/// Replaces a file on FAT where it stands, so that no freed cluster keeps the old text.
///
/// A shorter text is first padded to the old length with line ends; a power cut may leave a mixture of both.
pub fn rewrite(files: &dyn Files, path: &Path, contents: &[u8]) -> io::Result<()> {
    let old = files.len(path)?;
    let length = contents.len() as u64;
    // A file longer than any report of ours is not one, so its tail hides no login.
    let padding = old.unwrap_or(0).min(MAX_PADDED).saturating_sub(length);
    let mut padded = contents.to_vec();
    padded.extend((0..padding).map(|_| b'\n'));
    files.overwrite(path, 0, &padded)?;
    files.sync(path)?;
    if old.is_some_and(|old| old > length) {
        files.truncate(path, length)?;
        files.sync(path)?;
    }
    match (old, path.parent()) {
        (None, Some(folder)) => files.sync(folder),
        _ => Ok(()),
    }
}

/// The machine's own file systems.
pub struct Disk;

impl Files for Disk {
    fn read(&self, path: &Path, limit: u64) -> io::Result<Option<Vec<u8>>> {
        // Without NONBLOCK, opening a named pipe would wait for a writer for ever.
        let flags = (OFlag::O_NONBLOCK | OFlag::O_CLOEXEC).bits();
        let file = match OpenOptions::new().read(true).custom_flags(flags).open(path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        if !file.metadata()?.is_file() {
            return Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                "it is not a file",
            ));
        }
        let mut contents = Vec::new();
        file.take(limit).read_to_end(&mut contents)?;
        Ok(Some(contents))
    }

    fn list(&self, folder: &Path) -> io::Result<Vec<String>> {
        let mut names = Vec::new();
        for entry in fs::read_dir(folder)? {
            names.extend(entry?.file_name().into_string().ok());
        }
        names.sort();
        Ok(names)
    }

    fn len(&self, path: &Path) -> io::Result<Option<u64>> {
        match fs::symlink_metadata(path) {
            Ok(metadata) => Ok(Some(metadata.len())),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn make_folder(&self, folder: &Path, mode: u32) -> io::Result<()> {
        if folder.is_dir() {
            return Ok(());
        }
        let Some(above) = folder.parent() else {
            return Ok(());
        };
        self.make_folder(above, 0o755)?;
        fs::DirBuilder::new().mode(mode).create(folder)?;
        fs::set_permissions(folder, fs::Permissions::from_mode(mode))?;
        self.sync(above)
    }

    fn create(&self, path: &Path, contents: &[u8], access: Access) -> io::Result<()> {
        self.remove(path)?;
        let file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(PRIVATE)
            .open(path)?;
        fchown(&file, None, access.group)?;
        file.set_permissions(fs::Permissions::from_mode(access.mode))?;
        file.write_all_at(contents, 0)
    }

    fn overwrite(&self, path: &Path, offset: u64, contents: &[u8]) -> io::Result<()> {
        let mut options = OpenOptions::new();
        let file = options
            .write(true)
            .create(true)
            .truncate(false)
            .mode(PRIVATE)
            .custom_flags(NO_LINK)
            .open(path)?;
        file.write_all_at(contents, offset)
    }

    fn truncate(&self, path: &Path, length: u64) -> io::Result<()> {
        OpenOptions::new()
            .write(true)
            .custom_flags(NO_LINK)
            .open(path)?
            .set_len(length)
    }

    fn sync(&self, path: &Path) -> io::Result<()> {
        File::open(path)?.sync_all()
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        fs::rename(from, to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        match fs::remove_file(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            result => result,
        }
    }

    fn clear(&self, folder: &Path, keep: &[&OsStr]) -> io::Result<bool> {
        let entries = match fs::read_dir(folder) {
            Ok(entries) => entries,
            Err(error) if is_no_folder(&error) => return Ok(false),
            Err(error) => return Err(error),
        };
        let mut outcome = Ok(true);
        for entry in entries {
            let entry = entry?;
            if keep.contains(&entry.file_name().as_os_str()) {
                continue;
            }
            // A link is removed, not followed.
            let removed = match entry.file_type()?.is_dir() {
                true => fs::remove_dir_all(entry.path()),
                false => self.remove(&entry.path()),
            };
            outcome = outcome.and(removed.map(|()| true));
        }
        outcome
    }
}

fn is_no_folder(error: &io::Error) -> bool {
    use io::ErrorKind::{NotADirectory, NotFound};
    matches!(error.kind(), NotADirectory | NotFound)
}

/// Permission bits of a file until it gets its own.
const PRIVATE: u32 = 0o600;
/// A symbolic link in place of a file to be changed is an error.
const NO_LINK: i32 = OFlag::O_NOFOLLOW.bits();
/// Bytes up to which an old file's tail is blanked before it is cut off.
const MAX_PADDED: u64 = 1024 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_replaced_file_has_its_permissions_and_leaves_no_other_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("broker.toml");
        for contents in ["first, longer", "second"] {
            replace(
                &Disk,
                &path,
                contents.as_bytes(),
                Access {
                    mode: 0o640,
                    group: None,
                },
            )
            .unwrap();
            assert_eq!(fs::read_to_string(&path).unwrap(), contents);
        }
        assert_eq!(
            fs::metadata(&path).unwrap().permissions().mode() & 0o777,
            0o640
        );
        assert_eq!(Disk.list(folder.path()).unwrap(), ["broker.toml"]);
    }

    #[test]
    fn a_rewritten_file_keeps_nothing_of_the_old_one() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("broker-report.txt");
        for contents in ["password abc", "none", "now longer than both"] {
            rewrite(&Disk, &path, contents.as_bytes()).unwrap();
            assert_eq!(fs::read_to_string(&path).unwrap(), contents);
        }
    }

    #[test]
    fn only_regular_files_are_read_and_no_more_than_asked_for() {
        let folder = tempfile::tempdir().unwrap();
        let pipe = folder.path().join("pipe");
        nix::unistd::mkfifo(&pipe, nix::sys::stat::Mode::S_IRWXU).unwrap();
        assert!(Disk.read(&pipe, 10).is_err());
        assert!(Disk.read(folder.path(), 10).is_err());
        assert_eq!(Disk.read(&folder.path().join("none"), 10).unwrap(), None);
        let file = folder.path().join("file");
        fs::write(&file, "0123456789abc").unwrap();
        assert_eq!(
            Disk.read(&file, 10).unwrap().as_deref(),
            Some(b"0123456789".as_slice())
        );
    }

    #[test]
    fn a_cleared_folder_keeps_what_is_named_and_nothing_behind_a_link_goes() {
        let folder = tempfile::tempdir().unwrap();
        let (inside, other) = (folder.path().join("inside"), folder.path().join("other"));
        for path in [inside.join("deep/deeper"), other.clone()] {
            fs::create_dir_all(&path).unwrap();
            fs::write(path.join("file"), "x").unwrap();
        }
        fs::write(inside.join("lock"), "").unwrap();
        std::os::unix::fs::symlink(&other, inside.join("link")).unwrap();
        assert!(Disk.clear(&inside, &[OsStr::new("lock")]).unwrap());
        assert_eq!(Disk.list(&inside).unwrap(), ["lock"]);
        assert!(other.join("file").exists());
        for none in [folder.path().join("none"), other.join("file")] {
            assert!(!Disk.clear(&none, &[]).unwrap());
        }
    }

    #[test]
    fn a_link_is_not_written_through() {
        let folder = tempfile::tempdir().unwrap();
        let (link, target) = (folder.path().join("link"), folder.path().join("target"));
        fs::write(&target, "untouched").unwrap();
        std::os::unix::fs::symlink(&target, &link).unwrap();
        assert!(Disk.overwrite(&link, 0, b"x").is_err());
        assert_eq!(fs::read_to_string(&target).unwrap(), "untouched");
    }
}
