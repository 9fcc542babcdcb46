// SPDX-License-Identifier: Apache-2.0 OR MIT
//! A double of the card and the device's storage that forgets, at a power cut, what was not made durable.
//!
//! Names and contents have two versions each, the one a running program sees and the one that is durable. A cut after
//! a given number of changing steps makes every later call fail; [`Card::restarted`] is what the next boot finds.

mod files;

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};

use provisioner::system::Files;

/// The storage of one device.
#[derive(Clone, Default)]
pub struct Card(RefCell<Storage>);

#[derive(Clone, Default)]
struct Storage {
    names: BTreeMap<PathBuf, usize>,
    durable_names: BTreeMap<PathBuf, usize>,
    /// Also those without a name any more, as a raw read of the card would find them.
    nodes: Vec<Node>,
    /// What files lost by being cut shorter, as it still stands in freed clusters.
    freed: Vec<Vec<u8>>,
    folders: BTreeSet<PathBuf>,
    read_only: Option<PathBuf>,
    /// No file below it can take another cluster.
    full: Option<PathBuf>,
    /// What cannot be read any more.
    unreadable: BTreeSet<PathBuf>,
    /// Changing steps made so far.
    steps: usize,
    cut_after: Option<usize>,
}

#[derive(Clone, Default)]
struct Node {
    seen: Vec<u8>,
    durable: Vec<u8>,
    /// What happened since the last sync.
    changes: Vec<Change>,
    /// Permission bits; those of a file made by writing into it are a private one's.
    mode: u32,
}

#[derive(Clone)]
enum Change {
    Write(usize, Vec<u8>),
    Truncate(usize),
}

/// Which of the changes that were not made durable a power cut leaves.
#[derive(Clone, Copy, Debug)]
pub enum Survivors {
    Nothing,
    Everything,
    /// New names, and nothing of what was written: as where a rename overtakes the contents.
    Names,
    /// The first half of each write.
    Halves,
    /// The second half of each write.
    Tails,
    /// Every other change.
    Alternate,
}

impl Survivors {
    pub const ALL: [Self; 6] = [
        Self::Nothing,
        Self::Everything,
        Self::Names,
        Self::Halves,
        Self::Tails,
        Self::Alternate,
    ];
}

impl Card {
    /// A card with a boot folder and nothing on it.
    pub fn with_folder(folder: &Path) -> Self {
        let card = Self::default();
        card.0.borrow_mut().folders.insert(folder.to_owned());
        card
    }

    /// Puts a file there, durably, as another computer would, in folders made for it.
    pub fn put(&self, path: &Path, contents: &[u8]) {
        let mut storage = self.0.borrow_mut();
        storage.add_folders_above(path);
        let node = Node {
            seen: contents.to_vec(),
            durable: contents.to_vec(),
            ..Node::default()
        };
        storage.nodes.push(node);
        let number = storage.nodes.len() - 1;
        storage.names.insert(path.to_owned(), number);
        storage.durable_names.insert(path.to_owned(), number);
    }

    /// Takes a file away, as another computer would.
    pub fn take_away(&self, path: &Path) {
        let mut storage = self.0.borrow_mut();
        storage.names.remove(path);
        storage.durable_names.remove(path);
    }

    pub fn text(&self, path: &Path) -> Option<String> {
        let bytes = self.read(path, u64::MAX).ok().flatten()?;
        Some(String::from_utf8_lossy(&bytes).into_owned())
    }

    /// Makes every write below a folder fail.
    pub fn make_read_only(&self, folder: &Path) {
        self.0.borrow_mut().read_only = Some(folder.to_owned());
    }

    /// Leaves no room below a folder: files there grow no further than the clusters they have.
    pub fn fill(&self, folder: &Path) {
        self.0.borrow_mut().full = Some(folder.to_owned());
    }

    /// Makes every reading of a file or folder fail, as worn memory does.
    pub fn spoil(&self, path: &Path) {
        self.0.borrow_mut().unreadable.insert(path.to_owned());
    }

    /// Takes a folder away with all that is in it, as a partition that is not there.
    pub fn take_out(&self, folder: &Path) {
        let mut storage = self.0.borrow_mut();
        storage.folders.remove(folder);
        storage.names.retain(|path, _| !path.starts_with(folder));
        storage.durable_names = storage.names.clone();
    }

    /// The contents of every file with a name.
    pub fn files(&self) -> BTreeMap<PathBuf, Vec<u8>> {
        let storage = self.0.borrow();
        let files = storage.names.iter();
        files
            .map(|(path, number)| (path.clone(), storage.nodes[*number].seen.clone()))
            .collect()
    }

    /// Cuts the power after so many more changing steps.
    pub fn cut_after(&self, steps: usize) {
        let mut storage = self.0.borrow_mut();
        storage.steps = 0;
        storage.cut_after = Some(steps);
    }

    /// Changing steps since the last call of `cut_after`.
    pub fn steps(&self) -> usize {
        self.0.borrow().steps
    }

    /// What is found after the power came back.
    pub fn restarted(&self, survivors: Survivors) -> Self {
        let mut storage = self.0.borrow().clone();
        if matches!(survivors, Survivors::Everything | Survivors::Names) {
            storage.durable_names = storage.names.clone();
        }
        storage.names = storage.durable_names.clone();
        for node in &mut storage.nodes {
            for (number, change) in std::mem::take(&mut node.changes).into_iter().enumerate() {
                if let Some(change) = surviving(change, number, survivors) {
                    change.make(&mut node.durable);
                }
            }
            node.seen = node.durable.clone();
        }
        for path in storage.names.clone().keys() {
            storage.add_folders_above(path);
        }
        storage.cut_after = None;
        storage.read_only = None;
        Self(RefCell::new(storage))
    }

    /// Everything durable, to tell whether two cuts leave the same.
    pub fn durable(&self) -> (BTreeMap<PathBuf, usize>, Vec<Vec<u8>>) {
        let storage = self.0.borrow();
        let contents = storage.nodes.iter().map(|node| node.durable.clone());
        (storage.durable_names.clone(), contents.collect())
    }

    /// Whether these bytes stand anywhere in a file of the folder, also in one that lost its name, or in what a file lost.
    pub fn holds(&self, folder: &Path, secret: &[u8]) -> bool {
        let storage = self.0.borrow();
        let outside = storage
            .names
            .iter()
            .filter(|(path, _)| !path.starts_with(folder));
        let outside: BTreeSet<usize> = outside.map(|(_, node)| *node).collect();
        let here = storage
            .nodes
            .iter()
            .enumerate()
            .filter(|(number, _)| !outside.contains(number));
        let mut bytes = here
            .flat_map(|(_, node)| [&node.seen, &node.durable])
            .chain(&storage.freed);
        bytes.any(|bytes| bytes.windows(secret.len()).any(|window| window == secret))
    }

    /// Every file that still has a name and holds these bytes.
    pub fn files_with(&self, secret: &[u8]) -> Vec<PathBuf> {
        let storage = self.0.borrow();
        let holds = |bytes: &[u8]| bytes.windows(secret.len()).any(|window| window == secret);
        let names = storage.names.iter();
        let found = names.filter(|(_, node)| holds(&storage.nodes[**node].seen));
        found.map(|(path, _)| path.clone()).collect()
    }

    /// Permission bits of every file, also of one that lost its name, in which these bytes stand.
    pub fn modes_of_files_with(&self, secret: &[u8]) -> BTreeSet<u32> {
        let storage = self.0.borrow();
        let holds = |bytes: &Vec<u8>| bytes.windows(secret.len()).any(|window| window == secret);
        let nodes = storage.nodes.iter();
        nodes
            .filter(|node| holds(&node.seen) || holds(&node.durable))
            .map(|node| node.mode)
            .collect()
    }

    /// Runs one changing step; at the cut it happens, but is not durable, and nothing works afterwards.
    fn change<T>(
        &self,
        path: &Path,
        step: impl FnOnce(&mut Storage) -> io::Result<T>,
    ) -> io::Result<T> {
        let mut storage = self.0.borrow_mut();
        storage.powered()?;
        if storage
            .read_only
            .as_ref()
            .is_some_and(|folder| path.starts_with(folder))
        {
            return Err(io::ErrorKind::ReadOnlyFilesystem.into());
        }
        storage.steps += 1;
        step(&mut storage)
    }

    /// Whether a file can take so many bytes.
    fn room(&self, path: &Path, length: usize) -> io::Result<()> {
        let storage = self.0.borrow();
        let has = storage.node(path).map_or(0, |node| node.seen.len());
        let full = storage.full.as_ref();
        match full.is_some_and(|folder| path.starts_with(folder)) {
            true if length > has.next_multiple_of(CLUSTER) => {
                Err(io::ErrorKind::StorageFull.into())
            }
            _ => Ok(()),
        }
    }
}

impl Storage {
    fn legible(&self, path: &Path) -> io::Result<()> {
        match self.unreadable.contains(path) {
            true => Err(io::Error::other("input/output error")),
            false => Ok(()),
        }
    }

    fn powered(&self) -> io::Result<()> {
        match self.cut_after {
            Some(limit) if self.steps >= limit => Err(io::Error::other("the power is off")),
            _ => Ok(()),
        }
    }

    fn node(&self, path: &Path) -> Option<&Node> {
        self.nodes.get(*self.names.get(path)?)
    }

    fn node_mut(&mut self, path: &Path) -> io::Result<&mut Node> {
        let number = self
            .names
            .get(path)
            .copied()
            .ok_or(io::ErrorKind::NotFound)?;
        self.nodes
            .get_mut(number)
            .ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    fn add_folders_above(&mut self, path: &Path) {
        let above = path.ancestors().skip(1).map(Path::to_owned);
        self.folders.extend(above);
    }

    fn new_file(&mut self, path: &Path) -> io::Result<()> {
        let folder = path.parent().unwrap_or(path);
        if !self.folders.contains(folder) {
            return Err(io::ErrorKind::NotFound.into());
        }
        self.nodes.push(Node::default());
        self.names.insert(path.to_owned(), self.nodes.len() - 1);
        Ok(())
    }
}

impl Node {
    fn apply(&mut self, change: Change) {
        change.make(&mut self.seen);
        self.changes.push(change);
    }
}

impl Change {
    fn make(&self, bytes: &mut Vec<u8>) {
        match self {
            Self::Truncate(length) => bytes.truncate(*length),
            Self::Write(offset, contents) => {
                let end = offset + contents.len();
                if bytes.len() < end {
                    bytes.resize(end, 0);
                }
                bytes[*offset..end].copy_from_slice(contents);
            }
        }
    }
}

fn surviving(change: Change, number: usize, survivors: Survivors) -> Option<Change> {
    match (survivors, change) {
        (Survivors::Nothing | Survivors::Names, _) => None,
        (Survivors::Everything, change) => Some(change),
        (Survivors::Alternate, change) => (number % 2 == 1).then_some(change),
        (Survivors::Halves, Change::Write(offset, bytes)) => {
            Some(Change::Write(offset, bytes[..bytes.len() / 2].to_vec()))
        }
        (Survivors::Tails, Change::Write(offset, bytes)) => {
            let half = bytes.len() / 2;
            Some(Change::Write(offset + half, bytes[half..].to_vec()))
        }
        (Survivors::Halves | Survivors::Tails, change @ Change::Truncate(_)) => Some(change),
    }
}

/// Bytes of a cluster of the boot partition.
const CLUSTER: usize = 4096;
