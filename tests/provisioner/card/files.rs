// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The storage as the provisioner uses it: each call that changes something is one step.

use std::ffi::OsStr;
use std::io;
use std::path::{Path, PathBuf};

use provisioner::system::{Access, Files};

use super::{Card, Change};

impl Files for Card {
    fn read(&self, path: &Path, limit: u64) -> io::Result<Option<Vec<u8>>> {
        let storage = self.0.borrow();
        storage.powered()?;
        storage.legible(path)?;
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        Ok(storage
            .node(path)
            .map(|node| node.seen.iter().copied().take(limit).collect()))
    }

    fn list(&self, folder: &Path) -> io::Result<Vec<String>> {
        let storage = self.0.borrow();
        storage.powered()?;
        storage.legible(folder)?;
        if !storage.folders.contains(folder) {
            return Err(io::ErrorKind::NotFound.into());
        }
        let paths = storage.names.keys().chain(&storage.folders);
        let inside = paths.filter(|path| path.parent() == Some(folder));
        Ok(inside
            .filter_map(|path| Some(path.file_name()?.to_str()?.to_owned()))
            .collect())
    }

    fn len(&self, path: &Path) -> io::Result<Option<u64>> {
        let storage = self.0.borrow();
        storage.powered()?;
        Ok(storage.node(path).map(|node| node.seen.len() as u64))
    }

    fn make_folder(&self, folder: &Path, _mode: u32) -> io::Result<()> {
        self.change(folder, |storage| {
            storage.folders.insert(folder.to_owned());
            Ok(())
        })
    }

    fn create(&self, path: &Path, contents: &[u8], access: Access) -> io::Result<()> {
        self.room(path, contents.len())?;
        self.change(path, |storage| {
            storage.new_file(path)?;
            storage.node_mut(path)?.mode = access.mode;
            storage
                .node_mut(path)?
                .apply(Change::Write(0, contents.to_vec()));
            Ok(())
        })
    }

    fn overwrite(&self, path: &Path, offset: u64, contents: &[u8]) -> io::Result<()> {
        let offset = usize::try_from(offset).map_err(io::Error::other)?;
        self.room(path, offset + contents.len())?;
        self.change(path, |storage| {
            if storage.node(path).is_none() {
                storage.new_file(path)?;
            }
            storage
                .node_mut(path)?
                .apply(Change::Write(offset, contents.to_vec()));
            Ok(())
        })
    }

    fn truncate(&self, path: &Path, length: u64) -> io::Result<()> {
        self.change(path, |storage| {
            let length = usize::try_from(length).map_err(io::Error::other)?;
            let node = storage.node_mut(path)?;
            let tail = node.seen.get(length..).unwrap_or_default().to_vec();
            node.apply(Change::Truncate(length));
            storage.freed.push(tail);
            Ok(())
        })
    }

    fn sync(&self, path: &Path) -> io::Result<()> {
        self.change(path, |storage| {
            if storage.folders.contains(path) {
                let outside = |name: &PathBuf| name.parent() != Some(path);
                let folders = &storage.folders;
                let went_with_its_folder = |name: &PathBuf| {
                    name.starts_with(path)
                        && name.parent().is_some_and(|one| !folders.contains(one))
                };
                storage
                    .durable_names
                    .retain(|name, _| outside(name) && !went_with_its_folder(name));
                let inside = storage.names.iter().filter(|(name, _)| !outside(name));
                storage
                    .durable_names
                    .extend(inside.map(|(name, node)| (name.clone(), *node)));
                return Ok(());
            }
            let node = storage.node_mut(path)?;
            node.durable = node.seen.clone();
            node.changes.clear();
            Ok(())
        })
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.change(from, |storage| {
            let number = storage.names.remove(from).ok_or(io::ErrorKind::NotFound)?;
            storage.names.insert(to.to_owned(), number);
            Ok(())
        })
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        self.change(path, |storage| {
            storage.names.remove(path);
            Ok(())
        })
    }

    fn clear(&self, folder: &Path, keep: &[&OsStr]) -> io::Result<bool> {
        let is_kept = |path: &Path| {
            let name = path.file_name().unwrap_or_default();
            path == folder || (path.parent() == Some(folder) && keep.contains(&name))
        };
        let (files, folders) = {
            let storage = self.0.borrow();
            storage.powered()?;
            if !storage.folders.contains(folder) {
                return Ok(false);
            }
            let inside = |path: &&PathBuf| path.starts_with(folder) && !is_kept(path);
            let files: Vec<PathBuf> = storage.names.keys().filter(inside).cloned().collect();
            let folders: Vec<PathBuf> = storage.folders.iter().filter(inside).cloned().collect();
            (files, folders)
        };
        for file in files {
            self.remove(&file)?;
        }
        for inner in folders.iter().rev() {
            self.change(inner, |storage| Ok(storage.folders.remove(inner)))?;
        }
        Ok(true)
    }
}
