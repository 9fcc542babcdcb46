// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The two ends of what waits to be written: the hub's, inside the core's lock, and everybody else's.

use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread::Thread;
use std::time::{Duration, Instant};

use broker_config::{Mode, Persistence};
use mqtt_core::{CommitSeq, FetchRequest, Record, StorageState};
use tokio::sync::{mpsc, watch};

use super::Store;
use super::figures::{Figures, Report};
use super::intake::Intake;

/// What the hub, the store's thread and whoever tells of the store share.
pub struct Shared {
    intake: Mutex<Intake>,
    /// The store's thread, which sleeps until something is due.
    pub thread: OnceLock<Thread>,
    pub durable: AtomicU64,
    /// Promises are told before they are durable.
    eager: AtomicBool,
    /// Bytes in the intake, about.
    pub waiting: AtomicUsize,
    pub state: watch::Sender<StorageState>,
    pub figures: Figures,
}

impl Shared {
    pub fn new(persistence: Persistence, last: CommitSeq) -> Arc<Self> {
        Arc::new(Self {
            intake: Mutex::new(Intake::new(persistence, last)),
            thread: OnceLock::new(),
            durable: AtomicU64::new(last.0),
            eager: AtomicBool::new(is_eager(persistence.mode)),
            waiting: AtomicUsize::new(0),
            state: watch::Sender::default(),
            figures: Figures::default(),
        })
    }

    pub fn intake(&self) -> MutexGuard<'_, Intake> {
        self.intake.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn state(&self) -> StorageState {
        *self.state.borrow()
    }

    /// Lets the store's thread look what is due.
    fn wake(&self) {
        if let Some(thread) = self.thread.get() {
            thread.unpark();
        }
    }
}

/// The hub's end.
pub struct Appender {
    shared: Arc<Shared>,
    appended: CommitSeq,
    wanted: CommitSeq,
    gave_up: bool,
    reads: mpsc::UnboundedSender<FetchRequest>,
}

impl Appender {
    /// `reads` gets at most 16 requests of each connection at a time.
    pub fn new(shared: Arc<Shared>, reads: mpsc::UnboundedSender<FetchRequest>) -> Self {
        let appended = shared.intake().appended();
        Self {
            shared,
            appended,
            wanted: CommitSeq::default(),
            gave_up: false,
            reads,
        }
    }
}

impl Store for Appender {
    fn append(&mut self, records: &mut Vec<Record>, whole: bool) {
        self.appended.0 += records.len() as u64;
        if self.gave_up {
            return records.clear();
        }
        let mut intake = self.shared.intake();
        let is_due = intake.append(records, whole, Instant::now());
        self.shared.waiting.store(intake.bytes(), Ordering::Relaxed);
        drop(intake);
        if is_due {
            self.shared.wake();
        }
    }

    fn durable(&self) -> CommitSeq {
        if self.gave_up {
            return self.appended;
        }
        // Whoever is told at once waits, too, while the device cannot keep up: that bounds what a power cut takes.
        let keeps_up = || self.shared.waiting.load(Ordering::Relaxed) < MAX_BEHIND;
        match self.shared.eager.load(Ordering::Relaxed) && keeps_up() {
            true => self.appended,
            false => CommitSeq(self.shared.durable.load(Ordering::Acquire)),
        }
    }

    fn want(&mut self, commit: CommitSeq) {
        if commit <= self.wanted {
            return;
        }
        self.wanted = commit;
        let is_due = self.shared.intake().want(commit, Instant::now());
        if is_due {
            self.shared.wake();
        }
    }

    fn give_up(&mut self) {
        self.gave_up = true;
    }

    fn fetch(&mut self, requests: &mut Vec<FetchRequest>) {
        for request in requests.drain(..) {
            // Nobody answers any more at the end of the process.
            let _ = self.reads.send(request);
        }
    }
}

/// Everybody else's end; clones are the same.
#[derive(Clone)]
pub struct Handle {
    shared: Arc<Shared>,
    /// Its sender goes with the thread.
    ended: watch::Receiver<()>,
    /// There is no folder for it, so that no setting has an effect.
    is_homeless: bool,
}

impl Handle {
    /// One of a store that nobody writes.
    #[cfg(test)]
    pub fn idle() -> Self {
        let shared = Shared::new(Persistence::default(), CommitSeq(0));
        Self::new(shared, watch::channel(()).1, false)
    }

    pub fn new(shared: Arc<Shared>, ended: watch::Receiver<()>, is_homeless: bool) -> Self {
        Self {
            shared,
            ended,
            is_homeless,
        }
    }

    /// Takes other settings; says in words what needs a restart.
    pub fn reconfigure(&self, persistence: Persistence) -> Option<&'static str> {
        if self.is_homeless {
            return None;
        }
        let mut intake = self.shared.intake();
        let running = intake.persistence.mode;
        let restart = (running == Mode::Memory) != (persistence.mode == Mode::Memory);
        if restart {
            return Some(RESTART);
        }
        intake.persistence = persistence;
        drop(intake);
        self.shared
            .eager
            .store(is_eager(persistence.mode), Ordering::Relaxed);
        self.shared.wake();
        None
    }

    /// Has everything written, and the store closed.
    pub fn stop(&self) {
        self.shared.intake().stop = true;
        self.shared.wake();
    }

    /// Waits until the store's thread has ended.
    pub async fn ended(&self) {
        // Nothing is ever sent.
        let _ = self.ended.clone().changed().await;
    }

    pub fn state(&self) -> StorageState {
        self.shared.state()
    }

    /// How long the flush takes that is under way; none where there is none.
    pub fn flushing(&self) -> Option<Duration> {
        self.shared.figures.flushing(Instant::now())
    }

    pub fn report(&self) -> Report {
        let persistence = self.shared.intake().persistence;
        self.shared.figures.report(self.shared.state(), persistence)
    }

    /// Announces each change of the store's state.
    pub fn states(&self) -> watch::Receiver<StorageState> {
        self.shared.state.subscribe()
    }
}

fn is_eager(mode: Mode) -> bool {
    matches!(mode, Mode::Relaxed | Mode::Memory)
}

/// Bytes.
const MAX_BEHIND: usize = 8 * 1024 * 1024;
const RESTART: &str = "mode \"memory\" begins and ends with a restart of the broker (`systemctl restart broker`): \
                       until then persistence stays as it is";
