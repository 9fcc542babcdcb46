// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Copies of damaged segments, for whoever wants to know what happened; the store itself does without them.

use std::io;

use crate::Directory;
use crate::scan::read_whole;
use crate::segment::Slot;

/// Damaged segments that are kept at most.
const KEPT_AT_MOST: usize = 8;

/// Where damaged segments go.
pub(crate) struct Quarantine<'a> {
    directory: &'a dyn Directory,
    names: Vec<String>,
}

impl<'a> Quarantine<'a> {
    /// `names` are there already.
    pub fn new(directory: &'a dyn Directory, names: Vec<String>) -> Self {
        Self { directory, names }
    }

    /// Copies a file; none where there are enough copies, or no room.
    pub fn copy(&mut self, slot: &Slot) -> Option<String> {
        let name = self.name(&slot.name)?;
        let mut bytes = Vec::new();
        read_whole(slot.file.as_ref(), slot.size, &mut bytes);
        let copied = self.write(&name, &bytes);
        if copied.is_err() {
            self.directory.remove(&name).ok();
            return None;
        }
        self.names.push(name.clone());
        Some(name)
    }

    /// Gives a file that can neither be read nor used another name; it stays where there are enough of them.
    pub fn put_aside(&mut self, slot: &Slot) -> Option<String> {
        let name = self.name(&slot.name)?;
        self.directory.rename(&slot.name, &name).ok()?;
        self.names.push(name.clone());
        Some(name)
    }

    fn name(&self, of: &str) -> Option<String> {
        if self.names.len() >= KEPT_AT_MOST {
            return None;
        }
        let mut names = (1..).map(|copy| format!("{of}.bad-{copy}"));
        names.find(|name| !self.names.contains(name))
    }

    fn write(&self, name: &str, bytes: &[u8]) -> io::Result<()> {
        let file = self.directory.create(name)?;
        file.write_at(bytes, 0)?;
        file.sync()?;
        self.directory.sync()
    }
}
