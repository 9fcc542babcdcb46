// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Opens the store before the broker serves, and says in words what it holds and what it lost.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use broker_config::{Mode, Persistence};
use mqtt_core::{CommitSeq, Record, Stats, StorageState};
use mqtt_store::{Directory, Journal, OpenError, Opened, Options, RamDirectory, Reader};
use tokio::sync::{mpsc, watch};

use super::appender::{Appender, Handle, Shared};
use super::clock::Clock;
use super::failure::{Marker, chain};
use super::files::Folder;
use super::lock::{Lock, Locked};
use super::reads::Reads;
use super::snapshot::{self, Snapshot};
use super::writer::{DEGRADED, Parts, Writer};
use crate::logging::Log;
use crate::memory;

/// A store that is open, and its thread.
pub struct Storage {
    pub appender: Appender,
    pub handle: Handle,
    pub clock: Clock,
    pub reads: Reads,
    /// Announces what has become durable.
    pub progress: watch::Receiver<CommitSeq>,
    pub contents: Contents,
}

/// What a store brings back.
pub struct Contents {
    pub records: Vec<Record>,
    /// Numbers go on behind it.
    pub last: CommitSeq,
    /// When opening began.
    pub began: Instant,
    /// The store itself is in memory.
    pub in_memory: bool,
}

/// Where a store is, and how.
pub struct Place {
    pub persistence: Persistence,
    /// The daemon's state folder; without one everything is lost at its end.
    pub state: Option<PathBuf>,
    pub runtime: Option<PathBuf>,
}

/// A journal that is open, or the reason why there is none.
pub(super) struct Ground {
    /// When opening it began.
    began: Instant,
    journal: Option<Journal>,
    reader: Option<Reader>,
    snapshot: Option<Snapshot>,
    lock: Option<Lock>,
    /// It has no folder.
    is_homeless: bool,
    opened: Opened,
}

/// Opens the store and starts its thread; an error, in words, only where another program has it.
pub fn open(place: Place, log: &Log) -> Result<Storage, String> {
    let Place {
        mut persistence,
        state,
        runtime,
    } = place;
    let folder = state.as_deref().map(folder);
    if folder.is_none() {
        persistence = Persistence {
            mode: Mode::Memory,
            ..Persistence::default()
        };
        log.notice(
            "without a state folder sessions and retained messages are kept until the broker ends",
        );
    }
    let ground = match Ground::open(folder.as_deref(), persistence.mode) {
        Ok(ground) => ground,
        Err(Fault::Locked(who)) => {
            let folder = folder.unwrap_or_default();
            return Err(format!("the store {} is in use by {who}", folder.display()));
        }
        Err(fault) => {
            log.error(format!("{fault}; {DEGRADED}"));
            Ground::salvage(folder.as_deref()).unwrap_or_else(Ground::nothing)
        }
    };
    begin(ground, persistence, Marker::new(runtime), log)
}

/// Starts the thread that writes to the ground.
pub(super) fn begin(
    ground: Ground,
    persistence: Persistence,
    marker: Marker,
    log: &Log,
) -> Result<Storage, String> {
    let is_homeless = ground.is_homeless;
    report(&ground.opened, log);
    let last = newest(&ground.opened);
    let clock = Clock::after(ground.opened.stamp);
    let shared = Shared::new(persistence, last);
    if ground.journal.is_none() {
        shared.state.send_replace(StorageState::Failed);
    }
    let (requests, asked) = mpsc::unbounded_channel();
    let reader = ground.reader;
    let parts = Parts {
        journal: ground.journal,
        clock,
        marker,
        snapshot: ground.snapshot,
        log: log.clone(),
    };
    let (writer, progress) = Writer::new(Arc::clone(&shared), parts);
    let ended = start(writer, ground.lock)?;
    let reads = Reads {
        requests: asked,
        progress: progress.clone(),
        states: shared.state.subscribe(),
        reader,
    };
    Ok(Storage {
        appender: Appender::new(Arc::clone(&shared), requests),
        handle: Handle::new(shared, ended, is_homeless),
        clock,
        reads,
        progress,
        contents: Contents {
            records: ground.opened.records,
            last,
            began: ground.began,
            in_memory: persistence.mode == Mode::Memory,
        },
    })
}

/// The store's lock lives as long as its thread.
fn start(writer: Writer, lock: Option<Lock>) -> Result<watch::Receiver<()>, String> {
    let (alive, ended) = watch::channel(());
    let run = move || {
        let _held = (lock, alive);
        writer.run();
    };
    let thread = thread::Builder::new().name("broker-store".to_owned());
    thread
        .spawn(run)
        .map_err(|error| format!("the store's thread cannot be started: {error}"))?;
    Ok(ended)
}

impl Ground {
    pub(super) fn open(folder: Option<&Path>, mode: Mode) -> Result<Self, Fault> {
        let Some(path) = folder else {
            let mut ground = Self::on(Arc::new(RamDirectory::default()), None, None)?;
            ground.is_homeless = true;
            return Ok(ground);
        };
        let at = |error| Fault::Folder(path.to_owned(), error);
        let folder = Folder::open(path).map_err(at)?;
        let lock = Lock::take(path, "broker run").map_err(|locked| match locked {
            Locked::By(who) => Fault::Locked(who),
            Locked::Unknown(error) => at(error),
        })?;
        if mode != Mode::Memory {
            return Self::on(Arc::new(folder), None, Some(lock));
        }
        let snapshot = Snapshot::load(folder).map_err(at)?;
        let memory = snapshot.memory();
        let ground = Self::on(memory, Some(snapshot), Some(lock))?;
        if let Some(snapshot) = &ground.snapshot {
            snapshot.take_over().map_err(at)?;
        }
        Ok(ground)
    }

    pub(super) fn on(
        directory: Arc<dyn Directory>,
        snapshot: Option<Snapshot>,
        lock: Option<Lock>,
    ) -> Result<Self, Fault> {
        let began = Instant::now();
        let mut salt = [0; 8];
        getrandom::fill(&mut salt).map_err(|error| Fault::Random(error.into()))?;
        let on_disk = Options {
            salt: u64::from_ne_bytes(salt),
            ..Options::default()
        };
        // Beside it the core holds what is retained once more.
        let in_memory = memory::budget() as u64 / 3;
        let is_on_disk = lock.is_some() && snapshot.is_none();
        let options = Options {
            max_bytes: match is_on_disk {
                true => on_disk.max_bytes,
                false => on_disk.max_bytes.min(in_memory),
            },
            ..on_disk
        };
        let (journal, opened) = Journal::open(directory, options).map_err(Fault::Journal)?;
        Ok(Self {
            began,
            reader: Some(journal.reader()),
            journal: Some(journal),
            snapshot,
            lock,
            is_homeless: false,
            opened,
        })
    }

    /// A copy in memory of what can still be read: a worn-out card can often be read long after its last write.
    pub(super) fn salvage(folder: Option<&Path>) -> Option<Self> {
        let memory = snapshot::readable(&Folder::read_only(folder?)).ok()?;
        let ground = Self::on(Arc::new(memory), None, None).ok()?;
        Some(Self {
            journal: None,
            ..ground
        })
    }

    fn nothing() -> Self {
        Self {
            began: Instant::now(),
            journal: None,
            reader: None,
            snapshot: None,
            lock: None,
            is_homeless: false,
            opened: Opened::default(),
        }
    }
}

/// What the log says of a store that was read.
pub fn restored(stats: &Stats, took: Duration) -> String {
    format!(
        "restored in {} ms: sessions {}, subscriptions {}, retained messages {}, messages in queues {}",
        took.as_millis(),
        stats.clients_total(),
        stats.subscriptions + stats.shared_subscriptions,
        stats.retained_messages,
        stats.queued_messages
    )
}

/// What is not as a clean stop leaves it.
fn report(opened: &Opened, log: &Log) {
    let found = &opened.report;
    if found.torn_bytes > 0 {
        log.notice(format!(
            "the end of the store was cut off, {} bytes that were being written when the power went: \
             nobody was told that they were stored",
            found.torn_bytes
        ));
    }
    for damage in &found.damages {
        log.error(format!("the store is damaged: {damage}"));
    }
    if found.orphans > 0 {
        let count = found.orphans;
        log.warning(format!(
            "{count} records of the store belong to nothing that is there, and were dropped"
        ));
    }
}

/// The newest number that is in use: records that were never written have counted, too.
fn newest(opened: &Opened) -> CommitSeq {
    let names = opened.records.iter().map(|record| match record {
        Record::Message { location, .. } => location.0,
        Record::Entry(entry) => entry.id.0,
        _ => 0,
    });
    CommitSeq(names.fold(opened.last.0, u64::max))
}

/// Why a store cannot be used.
#[derive(Debug)]
pub(super) enum Fault {
    Locked(String),
    Folder(PathBuf, io::Error),
    Random(io::Error),
    Journal(OpenError),
}

impl std::fmt::Display for Fault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Locked(who) => write!(f, "the store is in use by {who}"),
            Self::Folder(path, error) => {
                write!(f, "the store {} cannot be used: {error}", path.display())
            }
            Self::Random(error) => write!(f, "the system gives no random bytes: {error}"),
            Self::Journal(error) => write!(f, "the store cannot be opened: {}", chain(error)),
        }
    }
}

/// Where the store is of a daemon with this state folder.
pub fn folder(state: &Path) -> PathBuf {
    state.join("store")
}
