// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Mode "memory": the journal's files in memory, read from the device at the start, written there at a clean stop.

use std::io;
use std::sync::Arc;

use mqtt_store::{Directory, RamDirectory};

use super::files::Folder;

/// Where the files in memory go.
pub struct Snapshot {
    memory: RamDirectory,
    folder: Folder,
}

impl Snapshot {
    /// Reads what the folder has; it stays there until [`Snapshot::take_over`].
    pub fn load(folder: Folder) -> io::Result<Self> {
        let memory = RamDirectory::default();
        for (name, _) in folder.list()? {
            // A save that a power cut ended has left some.
            if !name.ends_with(UNFINISHED) {
                copy(&folder, &memory, &name, &name)?;
            }
        }
        Ok(Self { memory, folder })
    }

    pub fn memory(&self) -> Arc<dyn Directory> {
        Arc::new(self.memory.clone())
    }

    /// Removes what was read: after a power cut it would be a state that was left behind.
    pub fn take_over(&self) -> io::Result<()> {
        for (name, _) in self.folder.list()? {
            self.folder.remove(&name)?;
        }
        self.folder.sync()
    }

    /// Writes every file, all under other names first; returns how many.
    pub fn save(&self) -> io::Result<usize> {
        let files = self.memory.list()?;
        for (name, _) in &files {
            copy(&self.memory, &self.folder, name, &unfinished(name))?;
        }
        for (name, _) in &files {
            self.folder.rename(&unfinished(name), name)?;
        }
        self.folder.sync()?;
        Ok(files.len())
    }
}

/// A copy of every file, as far as it can be read.
pub fn readable(folder: &Folder) -> io::Result<RamDirectory> {
    let memory = RamDirectory::default();
    for (name, _) in folder.list()? {
        // The journal knows what to do with half a file.
        let _ = copy(folder, &memory, &name, &name);
    }
    Ok(memory)
}

fn unfinished(name: &str) -> String {
    format!("{name}{UNFINISHED}")
}

fn copy(from: &dyn Directory, to: &dyn Directory, name: &str, copy: &str) -> io::Result<()> {
    let (from, to) = (from.open(name)?, to.create(copy)?);
    let mut buffer = vec![0; CHUNK];
    let mut offset = 0;
    loop {
        let count = from.read_at(&mut buffer, offset)?;
        to.write_at(buffer.get(..count).unwrap_or_default(), offset)?;
        offset += count as u64;
        if count < buffer.len() {
            return to.sync();
        }
    }
}

const UNFINISHED: &str = ".unfinished";
/// Bytes copied at a time.
const CHUNK: usize = 256 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_saved_is_loaded_once() {
        let path = std::env::temp_dir().join(format!("broker-snapshot-{}", std::process::id()));
        let open = || Snapshot::load(Folder::open(&path).unwrap()).unwrap();
        let first = open();
        let file = first.memory().create("a").unwrap();
        file.write_at(&vec![7; CHUNK + 10], 0).unwrap();
        assert_eq!(first.save().unwrap(), 1);

        std::fs::write(path.join(unfinished("b")), "half").unwrap();
        let second = open();
        assert_eq!(second.memory().list().unwrap().len(), 1);
        let file = second.memory().open("a").unwrap();
        assert_eq!(file.len().unwrap(), CHUNK as u64 + 10);
        second.take_over().unwrap();
        assert!(open().memory().list().unwrap().is_empty());
        std::fs::remove_dir_all(&path).unwrap();
    }
}
