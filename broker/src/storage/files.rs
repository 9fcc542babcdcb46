// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The store's folder and files as the operating system has them; only the broker's own user may look into them.

use std::fs::{self, OpenOptions};
use std::io::{self, ErrorKind};
use std::os::unix::fs::{DirBuilderExt, FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use mqtt_store::{Directory, File};

use super::lock;

/// A folder of the file system.
pub struct Folder {
    path: PathBuf,
    /// Otherwise whoever tries to write gets an error.
    is_writable: bool,
}

impl Folder {
    /// Opens it; makes it if it is not there.
    pub fn open(path: &Path) -> io::Result<Self> {
        fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(path)?;
        Ok(Self {
            path: path.to_owned(),
            is_writable: true,
        })
    }

    /// One to be read only, whether it is there or not.
    pub fn read_only(path: &Path) -> Self {
        Self {
            path: path.to_owned(),
            is_writable: false,
        }
    }

    fn options() -> OpenOptions {
        let mut options = OpenOptions::new();
        options.read(true).write(true).mode(0o600);
        options
    }

    /// Where a name is, to be changed.
    fn to_change(&self, name: &str) -> io::Result<PathBuf> {
        match self.is_writable {
            true => Ok(self.path.join(name)),
            false => Err(ErrorKind::ReadOnlyFilesystem.into()),
        }
    }
}

impl Directory for Folder {
    fn list(&self) -> io::Result<Vec<(String, u64)>> {
        let mut files = Vec::new();
        for entry in fs::read_dir(&self.path)? {
            let entry = entry?;
            let metadata = entry.metadata()?;
            // Names that are not text are none of ours.
            let name = entry.file_name().into_string().ok();
            let name = name.filter(|name| metadata.is_file() && name != lock::NAME);
            files.extend(name.map(|name| (name, metadata.len())));
        }
        Ok(files)
    }

    fn create(&self, name: &str) -> io::Result<Arc<dyn File>> {
        let path = self.to_change(name)?;
        let file = Self::options().create(true).truncate(true).open(path)?;
        Ok(Arc::new(OnDisk(file)))
    }

    fn open(&self, name: &str) -> io::Result<Arc<dyn File>> {
        let opened = self.to_change(name);
        let opened = opened.and_then(|path| Self::options().open(path));
        let file = opened.or_else(|error| match error.kind() {
            // What cannot be written may still be read.
            ErrorKind::ReadOnlyFilesystem | ErrorKind::PermissionDenied => {
                fs::File::open(self.path.join(name))
            }
            _ => Err(error),
        })?;
        Ok(Arc::new(OnDisk(file)))
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        fs::rename(self.to_change(from)?, self.to_change(to)?)
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        fs::remove_file(self.to_change(name)?)
    }

    fn sync(&self) -> io::Result<()> {
        fs::File::open(&self.path)?.sync_all()
    }
}

struct OnDisk(fs::File);

impl File for OnDisk {
    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        self.0.write_all_at(bytes, offset)
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        let mut filled = 0;
        while let Some(rest) = buffer.get_mut(filled..).filter(|rest| !rest.is_empty()) {
            match self.0.read_at(rest, offset + filled as u64) {
                Ok(0) => break,
                Ok(count) => filled += count,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(filled)
    }

    fn sync(&self) -> io::Result<()> {
        self.0.sync_data()
    }

    fn len(&self) -> io::Result<u64> {
        Ok(self.0.metadata()?.len())
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn files_keep_what_was_written_and_are_for_nobody_else() {
        let path = std::env::temp_dir().join(format!("broker-files-{}", std::process::id()));
        let folder = Folder::open(&path).unwrap();
        let file = folder.create("a").unwrap();
        file.write_at(b"world", 6).unwrap();
        file.write_at(b"hello", 0).unwrap();
        file.sync().unwrap();
        folder.sync().unwrap();
        fs::write(path.join(lock::NAME), "").unwrap();
        fs::create_dir(path.join("folder")).unwrap();

        folder.rename("a", "b").unwrap();
        assert_eq!(folder.list().unwrap(), [("b".to_owned(), 11)]);
        let mut buffer = [0; 20];
        let file = folder.open("b").unwrap();
        assert_eq!(file.read_at(&mut buffer, 3).unwrap(), 8);
        assert_eq!(&buffer[..8], b"lo\0world");
        assert_eq!(file.len().unwrap(), 11);
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(&path), mode(&path.join("b"))), (0o700, 0o600));
        let read_only = Folder::read_only(&path);
        let file = read_only.open("b").unwrap();
        assert_eq!(file.read_at(&mut buffer, 3).unwrap(), 8);
        assert!(file.write_at(b"x", 0).is_err());
        assert!(read_only.create("c").is_err());
        assert!(read_only.rename("b", "c").is_err());
        assert!(read_only.remove("b").is_err());

        folder.remove("b").unwrap();
        assert!(folder.open("b").is_err());
        fs::remove_dir_all(&path).unwrap();
    }
}
