// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Tasks the broker cannot do without: the end of one of them ends the process, which systemd starts again.

use std::future::Future;

use tokio::sync::mpsc;
use tokio::task::AbortHandle;

/// Starts essential tasks; clones report to the same [`Failures`].
#[derive(Clone)]
pub struct Supervisor {
    failures: mpsc::UnboundedSender<&'static str>,
}

/// Where the end of an essential task arrives; bounded by the number of such tasks.
pub struct Failures {
    ended: mpsc::UnboundedReceiver<&'static str>,
}

impl Supervisor {
    pub fn new() -> (Self, Failures) {
        let (failures, ended) = mpsc::unbounded_channel();
        (Self { failures }, Failures { ended })
    }

    /// Starts a task that must not end unless it is aborted.
    pub fn essential<F>(&self, name: &'static str, task: F) -> AbortHandle
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let task = tokio::spawn(task);
        let abort = task.abort_handle();
        let failures = self.failures.clone();
        tokio::spawn(async move {
            let aborted = matches!(task.await, Err(error) if error.is_cancelled());
            if !aborted {
                // The receiver is gone only when the process is ending anyway.
                let _ = failures.send(name);
            }
        });
        abort
    }
}

impl Failures {
    /// The name of the next essential task that ended.
    pub async fn next(&mut self) -> &'static str {
        match self.ended.recv().await {
            Some(name) => name,
            None => std::future::pending().await,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_panic_and_an_end_are_reported_and_an_abort_is_not() {
        let (supervisor, mut failures) = Supervisor::new();
        supervisor
            .essential("aborted", std::future::pending())
            .abort();
        supervisor.essential("ended", async {});
        assert_eq!(failures.next().await, "ended");
        supervisor.essential("panicked", async { panic!("as the test wants it") });
        assert_eq!(failures.next().await, "panicked");
    }
}
