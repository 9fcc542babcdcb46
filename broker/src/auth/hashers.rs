// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The threads that hash passwords: few and always the same, because each keeps the 19 MiB a hash works in.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, Mutex, PoisonError};

use broker_config::HashMemory;
use tokio::sync::oneshot;

use crate::logging::Log;

type Job = Box<dyn FnOnce(&mut HashMemory) + Send>;

/// Does slow work in the order in which it was asked for; its threads end when it is dropped.
pub struct Hashers {
    jobs: Sender<Job>,
}

impl Hashers {
    /// Starts one thread, or two where there are more than two cores; a thread that cannot be started is logged.
    pub fn start(log: &Log) -> Self {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let (jobs, queue) = mpsc::channel();
        let queue = Arc::new(Mutex::new(queue));
        for _ in 0..if cores <= 2 { 1 } else { 2 } {
            let queue = Arc::clone(&queue);
            let thread = std::thread::Builder::new().name("broker-hash".to_owned());
            if let Err(error) = thread.spawn(move || work(&queue)) {
                log.error(format!(
                    "a thread for checking passwords cannot be started: {error}"
                ));
            }
        }
        Self { jobs }
    }

    /// Queues the work; it is skipped when nobody waits for its outcome any more.
    ///
    /// The receiver fails if the work panics or there is no thread. The caller bounds how much is queued.
    pub fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut HashMemory) -> T + Send + 'static,
    ) -> oneshot::Receiver<T> {
        let (outcome, awaited) = oneshot::channel();
        let job = move |memory: &mut HashMemory| {
            if !outcome.is_closed() {
                // An outcome nobody waits for any more is dropped.
                let _ = outcome.send(work(memory));
            }
        };
        // Without a thread the job is dropped, which the receiver notices.
        let _ = self.jobs.send(Box::new(job));
        awaited
    }
}

fn work(queue: &Mutex<Receiver<Job>>) {
    let mut memory = HashMemory::default();
    loop {
        let job = queue.lock().unwrap_or_else(PoisonError::into_inner).recv();
        match job {
            // The waiter of a job that panics is told by its channel; the thread goes on.
            Ok(job) => drop(catch_unwind(AssertUnwindSafe(|| job(&mut memory)))),
            Err(_) => return,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, Ordering};

    use super::*;

    #[tokio::test]
    async fn a_job_that_panics_fails_alone() {
        let hashers = Hashers::start(&Log::silent());
        let failed = hashers.run(|_| -> () { panic!("as the test wants it") });
        let done = hashers.run(|_| 7);
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
            hashers.run(move |_| drop(released.lock().map(|released| released.recv())))
        });
        drop(hashers.run(|_| RAN.store(true, Ordering::Relaxed)));
        drop(release);
        for blocker in blockers {
            blocker.await.unwrap();
        }
        hashers.run(|_| ()).await.unwrap();
        assert!(!RAN.load(Ordering::Relaxed));
    }
}
