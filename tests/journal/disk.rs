// SPDX-License-Identifier: Apache-2.0 OR MIT
//! A disk that can lose its power at every write and every sync, run full, and fail.
//!
//! What was written since a file's last sync is after a cut there, gone, or torn, each write by itself; names that were not synced
//! are there or not. `Disk::cuts` are the disks that a cut could have left, taken at every boundary while they are recorded.

use std::collections::BTreeMap;
use std::io;
use std::ops::Range;
use std::sync::{Arc, Mutex, MutexGuard};

use mqtt_store::{Directory, File};
use tests::Random;

/// Its clones are the same disk.
#[derive(Clone)]
pub struct Disk(Arc<Mutex<State>>);

struct State {
    files: Vec<Content>,
    names: BTreeMap<String, usize>,
    durable_names: BTreeMap<String, usize>,
    /// Changes of names since the last sync: the file that has it then, if any.
    renamed: Vec<(String, Option<usize>)>,
    /// Operations so far: everything that changes the disk.
    operations: u64,
    random: Random,
    fault: Option<Fault>,
    recording: Option<Recording>,
    /// Whether syncs do nothing, as those of a disk that lies.
    lies: bool,
    /// Bytes of all files at most.
    room: usize,
    /// What happens just before the next read.
    before_read: Option<Box<dyn FnOnce() + Send>>,
    /// A file, and the bytes of it that cannot be read.
    unreadable: Option<(usize, Range<usize>)>,
}

/// What fails from when on.
#[derive(Clone, Copy, Debug)]
pub struct Fault {
    /// The first operation that fails, counted from 0.
    pub at: u64,
    /// How many fail.
    pub count: u64,
    pub kind: io::ErrorKind,
}

#[derive(Default, Clone)]
struct Content {
    now: Vec<u8>,
    durable: Vec<u8>,
    unsynced: Vec<(usize, Vec<u8>)>,
}

/// What a cut leaves at each boundary, with the number of commits that were acknowledged then.
#[derive(Default)]
struct Recording {
    acknowledged: usize,
    cuts: Vec<(usize, Disk)>,
}

/// A file of the disk.
struct Handle {
    disk: Disk,
    file: usize,
}

impl Disk {
    pub fn new(seed: u64) -> Self {
        Self(Arc::new(Mutex::new(State {
            files: Vec::new(),
            names: BTreeMap::new(),
            durable_names: BTreeMap::new(),
            renamed: Vec::new(),
            operations: 0,
            random: Random::new(seed),
            fault: None,
            recording: None,
            lies: false,
            room: usize::MAX,
            before_read: None,
            unreadable: None,
        })))
    }

    pub fn shared(&self) -> Arc<dyn Directory> {
        Arc::new(self.clone())
    }

    pub fn record(&self) {
        self.state().recording = Some(Recording::default());
    }

    /// Another commit was acknowledged.
    pub fn acknowledge(&self) {
        if let Some(recording) = &mut self.state().recording {
            recording.acknowledged += 1;
        }
    }

    /// What cuts could have left so far.
    pub fn cuts(&self) -> Vec<(usize, Disk)> {
        let recording = self.state().recording.take();
        recording
            .map(|recording| recording.cuts)
            .unwrap_or_default()
    }

    pub fn fail(&self, fault: Option<Fault>) {
        let mut state = self.state();
        state.operations = 0;
        state.fault = fault;
    }

    pub fn operations(&self) -> u64 {
        self.state().operations
    }

    pub fn lie(&self) {
        self.state().lies = true;
    }

    /// Files cannot grow beyond this sum of bytes.
    pub fn limit(&self, room: usize) {
        self.state().room = room;
    }

    /// Happens once, just before something is read.
    pub fn before_read(&self, run: impl FnOnce() + Send + 'static) {
        self.state().before_read = Some(Box::new(run));
    }

    /// Reads of these bytes fail.
    pub fn make_unreadable(&self, name: &str, bytes: Range<usize>) {
        let mut state = self.state();
        state.unreadable = Some((state.names[name], bytes));
    }

    /// The disk as a cut leaves it now.
    pub fn cut(&self) -> Disk {
        self.state().cut()
    }

    /// Changes a file's bytes as rot does.
    pub fn alter(&self, name: &str, alter: impl FnOnce(&mut Vec<u8>)) {
        let mut state = self.state();
        let file = state.names[name];
        let content = &mut state.files[file];
        content.flush();
        alter(&mut content.now);
        content.durable = content.now.clone();
    }

    pub fn bytes(&self, name: &str) -> Vec<u8> {
        let state = self.state();
        state.files[state.names[name]].now.clone()
    }

    /// Puts a file there.
    pub fn place(&self, name: &str, bytes: Vec<u8>) {
        let mut state = self.state();
        let file = state.files.len();
        state.names.insert(name.to_owned(), file);
        state.files.push(Content {
            now: bytes,
            ..Content::default()
        });
    }

    pub fn names(&self) -> Vec<String> {
        self.state().names.keys().cloned().collect()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().expect("nothing panics while it holds it")
    }

    /// Runs an operation that changes the disk, unless it is to fail; a boundary lies before each.
    fn operate<T>(&self, run: impl FnOnce(&mut State) -> io::Result<T>) -> io::Result<T> {
        let mut state = self.state();
        if let Some(mut recording) = state.recording.take() {
            let cut = state.cut();
            recording.cuts.push((recording.acknowledged, cut));
            state.recording = Some(recording);
        }
        let number = state.operations;
        state.operations += 1;
        match state.fault {
            Some(fault) if (fault.at..fault.at.saturating_add(fault.count)).contains(&number) => {
                Err(fault.kind.into())
            }
            _ => run(&mut state),
        }
    }
}

impl State {
    fn cut(&mut self) -> Disk {
        let seed = self.random.next_u64();
        let mut names = self.durable_names.clone();
        for (name, file) in &self.renamed {
            if self.random.chance(50) {
                match file {
                    Some(file) => names.insert(name.clone(), *file),
                    None => names.remove(name),
                };
            }
        }
        let mut left = Disk::new(seed);
        let state = Arc::get_mut(&mut left.0)
            .expect("it is new")
            .get_mut()
            .expect("no lock");
        for (name, file) in names {
            let bytes = self.files[file].after_cut(&mut self.random);
            let content = Content {
                now: bytes.clone(),
                durable: bytes,
                unsynced: Vec::new(),
            };
            state.durable_names.insert(name.clone(), state.files.len());
            state.names.insert(name, state.files.len());
            state.files.push(content);
        }
        left
    }

    fn rename(&mut self, name: &str, file: Option<usize>) {
        match file {
            Some(file) => self.names.insert(name.to_owned(), file),
            None => self.names.remove(name),
        };
        self.renamed.push((name.to_owned(), file));
    }
}

impl Content {
    fn flush(&mut self) {
        for (offset, written) in self.unsynced.drain(..) {
            put(&mut self.durable, offset, &written);
        }
    }

    fn after_cut(&self, random: &mut Random) -> Vec<u8> {
        let mut bytes = self.durable.clone();
        for (offset, written) in &self.unsynced {
            // Kept, lost, torn before or behind a byte, or sector by sector.
            let byte = random.below(written.len() + 1);
            let mut keep = |range: Range<usize>| {
                put(&mut bytes, offset + range.start, &written[range]);
            };
            match random.below(5) {
                0 => keep(0..written.len()),
                1 => {}
                2 => keep(0..byte),
                3 => keep(byte..written.len()),
                _ => (0..written.len())
                    .step_by(512)
                    .filter(|_| random.chance(50))
                    .for_each(|at| keep(at..written.len().min(at + 512))),
            }
        }
        bytes
    }
}

fn put(bytes: &mut Vec<u8>, offset: usize, written: &[u8]) {
    let end = offset + written.len();
    if bytes.len() < end {
        bytes.resize(end, 0);
    }
    bytes[offset..end].copy_from_slice(written);
}

impl Directory for Disk {
    fn list(&self) -> io::Result<Vec<(String, u64)>> {
        let state = self.state();
        let len = |file: &usize| state.files[*file].now.len() as u64;
        let names = state.names.iter();
        Ok(names
            .map(|(name, file)| (name.clone(), len(file)))
            .collect())
    }

    fn create(&self, name: &str) -> io::Result<Arc<dyn File>> {
        let file = self.operate(|state| {
            state.files.push(Content::default());
            let file = state.files.len() - 1;
            state.rename(name, Some(file));
            Ok(file)
        })?;
        let disk = self.clone();
        Ok(Arc::new(Handle { disk, file }))
    }

    fn open(&self, name: &str) -> io::Result<Arc<dyn File>> {
        let file = self.state().names.get(name).copied();
        let file = file.ok_or(io::ErrorKind::NotFound)?;
        let disk = self.clone();
        Ok(Arc::new(Handle { disk, file }))
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        self.operate(|state| {
            let file = state.names.get(from).copied();
            let file = file.ok_or(io::ErrorKind::NotFound)?;
            state.rename(from, None);
            state.rename(to, Some(file));
            Ok(())
        })
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        self.operate(|state| {
            state.rename(name, None);
            Ok(())
        })
    }

    fn sync(&self) -> io::Result<()> {
        self.operate(|state| {
            if !state.lies {
                state.durable_names = state.names.clone();
                state.renamed.clear();
            }
            Ok(())
        })
    }
}

impl File for Handle {
    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        self.disk.operate(|state| {
            let used: usize = state
                .names
                .values()
                .map(|file| state.files[*file].now.len())
                .sum();
            let content = &mut state.files[self.file];
            let growth = (offset as usize + bytes.len()).saturating_sub(content.now.len());
            if growth > 0 && used + growth > state.room {
                return Err(io::ErrorKind::StorageFull.into());
            }
            put(&mut content.now, offset as usize, bytes);
            content.unsynced.push((offset as usize, bytes.to_vec()));
            Ok(())
        })
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        let run = self.disk.state().before_read.take();
        if let Some(run) = run {
            run();
        }
        let state = self.disk.state();
        let end = offset as usize + buffer.len();
        if let Some((file, bad)) = &state.unreadable {
            if *file == self.file && bad.start < end && (offset as usize) < bad.end {
                return Err(io::ErrorKind::Other.into());
            }
        }
        let now = &state.files[self.file].now;
        let rest = now.get(offset as usize..).unwrap_or_default();
        let len = rest.len().min(buffer.len());
        buffer[..len].copy_from_slice(&rest[..len]);
        Ok(len)
    }

    fn sync(&self) -> io::Result<()> {
        let synced = self.disk.operate(|state| {
            if !state.lies {
                state.files[self.file].flush();
            }
            Ok(())
        });
        if synced.is_err() {
            // As Linux does it: the bytes are still shown, and never written by a later sync.
            self.disk.state().files[self.file].unsynced.clear();
        }
        synced
    }

    fn len(&self) -> io::Result<u64> {
        Ok(self.disk.state().files[self.file].now.len() as u64)
    }
}
