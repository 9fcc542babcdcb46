// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The threads that hash passwords: few and always the same, because each keeps the 19 MiB a hash works in.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use broker_config::HashMemory;
use tokio::sync::oneshot;

use super::backoff::{Origin, Rank};
use super::line::Line;
use crate::logging::Log;

type Job = Box<dyn FnOnce(&mut HashMemory) + Send>;

/// Does slow work, the addresses that ask for it in turn; its threads end when it is dropped.
pub struct Hashers {
    desk: Arc<Desk>,
    threads: usize,
}

/// Where work waits for a thread.
#[derive(Default)]
struct Desk {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    line: Line<Job>,
    closed: bool,
}

impl Hashers {
    /// Starts one thread, or two where there are more than two cores; a thread that cannot be started is logged.
    pub fn start(log: &Log) -> Self {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let desk = Arc::new(Desk::default());
        let mut threads = 0;
        for _ in 0..if cores <= 2 { 1 } else { 2 } {
            let desk = Arc::clone(&desk);
            let thread = std::thread::Builder::new().name("broker-hash".to_owned());
            match thread.spawn(move || desk.work()) {
                Ok(_) => threads += 1,
                Err(error) => log.error(format!(
                    "a thread for checking passwords cannot be started: {error}"
                )),
            }
        }
        Self { desk, threads }
    }

    /// Queues the work; it is skipped when nobody waits for its outcome any more.
    ///
    /// The receiver fails if the work panics, if there is no thread, or if it had to make room in the line.
    pub fn run<T: Send + 'static>(
        &self,
        rank: Rank,
        origin: Origin,
        work: impl FnOnce(&mut HashMemory) -> T + Send + 'static,
    ) -> oneshot::Receiver<T> {
        let (outcome, awaited) = oneshot::channel();
        let job = move |memory: &mut HashMemory| {
            if !outcome.is_closed() {
                // An outcome nobody waits for any more is dropped.
                let _ = outcome.send(work(memory));
            }
        };
        if self.threads > 0 {
            let lost = self.desk.lock().line.push(rank, origin, Box::new(job));
            // Its receiver is told when it is dropped.
            drop(lost);
            self.desk.changed.notify_one();
        }
        awaited
    }
}

impl Drop for Hashers {
    fn drop(&mut self) {
        self.desk.lock().closed = true;
        self.desk.changed.notify_all();
    }
}

impl Desk {
    fn work(&self) {
        let mut memory = HashMemory::default();
        while let Some(job) = self.next() {
            // The waiter of a job that panics is told by its channel; the thread goes on.
            drop(catch_unwind(AssertUnwindSafe(|| job(&mut memory))));
        }
    }

    /// The next job; none at the end.
    fn next(&self) -> Option<Job> {
        let mut state = self.lock();
        loop {
            if state.closed {
                return None;
            }
            if let Some(job) = state.line.pop() {
                return Some(job);
            }
            state = self
                .changed
                .wait(state)
                .unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::sync::mpsc;

    use super::*;

    fn run<T: Send + 'static>(
        hashers: &Hashers,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> oneshot::Receiver<T> {
        hashers.run(Rank::Known, None, move |_| work())
    }

    #[tokio::test]
    async fn a_job_that_panics_fails_alone() {
        let hashers = Hashers::start(&Log::silent());
        let failed = run(&hashers, || -> () { panic!("as the test wants it") });
        let done = run(&hashers, || 7);
        assert!(failed.await.is_err());
        assert_eq!(done.await, Ok(7));
    }

    #[tokio::test]
    async fn work_nobody_waits_for_is_skipped() {
        static RAN: AtomicBool = AtomicBool::new(false);
        let hashers = Hashers::start(&Log::silent());
        let (release, released) = mpsc::channel::<()>();
        let released = Arc::new(Mutex::new(released));
        // As many as there may be threads, so that the job behind them stays queued.
        let blockers = [released.clone(), released].map(|released| {
            run(&hashers, move || {
                drop(released.lock().map(|released| released.recv()));
            })
        });
        drop(run(&hashers, || RAN.store(true, Ordering::Relaxed)));
        drop(release);
        for blocker in blockers {
            blocker.await.unwrap();
        }
        run(&hashers, || ()).await.unwrap();
        assert!(!RAN.load(Ordering::Relaxed));
    }
}
