// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Puts files in their places, all or none: when one cannot be written, those before it get back what they had.
//!
//! A power cut in between leaves a mark, beside which the broker does not start; the same restore, done again, ends it.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt, fchown};
use std::path::{Path, PathBuf};

use crate::cli::backup::places::{DEVICE_LIMIT, Places, Target};

/// What was changed so far.
pub struct Changes<'a> {
    places: &'a Places,
    /// With what had the name before.
    before: Vec<(&'a Target, Option<Vec<u8>>)>,
}

impl<'a> Changes<'a> {
    /// Leaves the mark.
    pub fn begin(places: &'a Places) -> io::Result<Self> {
        let changes = Self {
            places,
            before: Vec::new(),
        };
        make_folder(&places.state, 0o700)?;
        File::create(places.unfinished())?.sync_all()?;
        sync(&places.state)?;
        Ok(changes)
    }

    /// Puts contents in a place; `None` takes away what is there.
    pub fn put(&mut self, target: &'a Target, contents: Option<&[u8]>) -> Result<(), String> {
        let told = |error: io::Error| match error.kind() {
            io::ErrorKind::PermissionDenied => {
                format!("you may not write {}: use sudo", target.path.display())
            }
            _ => format!("{} cannot be written: {error}", target.path.display()),
        };
        self.before
            .push((target, read(&target.path).map_err(told)?));
        replace(self.places, target, contents).map_err(told)
    }

    /// Undoes everything; an error names what could not be undone.
    pub fn undo(self) -> Result<(), String> {
        for (target, before) in self.before.iter().rev() {
            replace(self.places, target, before.as_deref()).map_err(|error| {
                format!(
                    "{} could not get back what it had: {error}",
                    target.path.display()
                )
            })?;
        }
        self.finish()
    }

    /// Takes the mark away.
    pub fn finish(self) -> Result<(), String> {
        let mark = self.places.unfinished();
        fs::remove_file(&mark)
            .and_then(|()| sync(&self.places.state))
            .map_err(|error| {
                format!(
                    "{} could not be removed, remove it by hand: {error}",
                    mark.display()
                )
            })
    }
}

/// Whole and durably, with the owner and the permissions of its place.
fn replace(places: &Places, target: &Target, contents: Option<&[u8]>) -> io::Result<()> {
    let path = &target.path;
    let folder = path.parent().unwrap_or(path);
    let Some(contents) = contents else {
        return match fs::remove_file(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            result => result.and_then(|()| sync(folder)),
        };
    };
    make_folder(folder, if target.is_roots { 0o700 } else { 0o755 })?;
    let mut name = path.as_os_str().to_owned();
    name.push(".new");
    let new = PathBuf::from(name);
    match fs::remove_file(&new) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => (),
    }
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&new)?;
    if path.starts_with(&places.configuration) {
        fchown(
            &file,
            None,
            Some(fs::metadata(&places.configuration)?.gid()),
        )?;
        file.set_permissions(fs::Permissions::from_mode(0o640))?;
    }
    file.write_all(contents)?;
    file.sync_all()?;
    fs::rename(&new, path)?;
    sync(folder)
}

fn read(path: &Path) -> io::Result<Option<Vec<u8>>> {
    let mut contents = Vec::new();
    match File::open(path).and_then(|file| file.take(DEVICE_LIMIT).read_to_end(&mut contents)) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        result => result.map(|_| Some(contents)),
    }
}

fn make_folder(folder: &Path, mode: u32) -> io::Result<()> {
    fs::DirBuilder::new()
        .recursive(true)
        .mode(mode)
        .create(folder)
}

fn sync(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}
