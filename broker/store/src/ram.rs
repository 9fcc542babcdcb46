// SPDX-License-Identifier: Apache-2.0 OR MIT
//! A directory in memory: for `mode = "memory"`, and beneath the disk doubles of the tests.

use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::{Directory, File};

/// Files in memory; its clones are the same directory.
#[derive(Clone, Default)]
pub struct RamDirectory {
    files: Arc<Mutex<BTreeMap<String, Arc<RamFile>>>>,
}

/// A file in memory.
#[derive(Default)]
struct RamFile(Mutex<Contents>);

#[derive(Default)]
struct Contents {
    bytes: Vec<u8>,
    /// Zeros behind the bytes take no memory.
    len: usize,
}

impl RamDirectory {
    fn files(&self) -> MutexGuard<'_, BTreeMap<String, Arc<RamFile>>> {
        held(&self.files)
    }
}

impl Directory for RamDirectory {
    fn list(&self) -> io::Result<Vec<(String, u64)>> {
        let files = self.files();
        Ok(files
            .iter()
            .map(|(name, file)| (name.clone(), held(&file.0).len as u64))
            .collect())
    }

    fn create(&self, name: &str) -> io::Result<Arc<dyn File>> {
        let file = Arc::<RamFile>::default();
        self.files().insert(name.to_owned(), Arc::clone(&file));
        Ok(file)
    }

    fn open(&self, name: &str) -> io::Result<Arc<dyn File>> {
        match self.files().get(name) {
            Some(file) => Ok(Arc::clone(file) as Arc<dyn File>),
            None => Err(io::ErrorKind::NotFound.into()),
        }
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        let mut files = self.files();
        let file = files.remove(from).ok_or(io::ErrorKind::NotFound)?;
        files.insert(to.to_owned(), file);
        Ok(())
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        let removed = self.files().remove(name);
        removed
            .map(|_| ())
            .ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    fn sync(&self) -> io::Result<()> {
        Ok(())
    }
}

impl File for RamFile {
    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        let start = usize::try_from(offset).map_err(|_| io::ErrorKind::InvalidInput)?;
        let end = start
            .checked_add(bytes.len())
            .ok_or(io::ErrorKind::InvalidInput)?;
        let mut file = held(&self.0);
        file.len = file.len.max(end);
        if start >= file.bytes.len() && bytes.iter().all(|byte| *byte == 0) {
            return Ok(());
        }
        if file.bytes.len() < end {
            file.bytes.resize(end, 0);
        }
        if let Some(place) = file.bytes.get_mut(start..end) {
            place.copy_from_slice(bytes);
        }
        Ok(())
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        let file = held(&self.0);
        let start = usize::try_from(offset).unwrap_or(usize::MAX);
        let len = file.len.saturating_sub(start).min(buffer.len());
        let rest = file.bytes.get(start..).unwrap_or_default();
        let (known, zeros) = buffer
            .get_mut(..len)
            .unwrap_or_default()
            .split_at_mut(rest.len().min(len));
        known.copy_from_slice(rest.get(..known.len()).unwrap_or_default());
        zeros.fill(0);
        Ok(len)
    }

    fn sync(&self) -> io::Result<()> {
        Ok(())
    }

    fn len(&self) -> io::Result<u64> {
        Ok(held(&self.0).len as u64)
    }
}

/// Nothing panics while it holds one of these locks, so a poisoned one is sound.
fn held<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
