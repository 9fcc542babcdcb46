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

    /// Copies a file, unless an equal copy is there; none where there are enough copies, or no room.
    pub fn copy(&mut self, slot: &Slot) -> Option<String> {
        let mut bytes = Vec::new();
        read_whole(slot.file.as_ref(), slot.size, &mut bytes);
        if let Some(name) = self.equal(&slot.name, &bytes) {
            return Some(name);
        }
        let name = self.name(&slot.name)?;
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

    /// A copy that an earlier start made of the same bytes.
    fn equal(&self, of: &str, bytes: &[u8]) -> Option<String> {
        let copies = self.names.iter().filter(|name| is_copy(name, of));
        let mut copies = copies.filter(|name| {
            let mut copy = vec![0; bytes.len() + 1];
            let file = self.directory.open(name);
            let read = file.and_then(|file| file.read_at(&mut copy, 0));
            read.is_ok_and(|read| copy.get(..read) == Some(bytes))
        });
        copies.next().cloned()
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

fn is_copy(name: &str, of: &str) -> bool {
    name.strip_prefix(of)
        .is_some_and(|rest| rest.starts_with(".bad-"))
}
