// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Logins being hashed now: an identical one waits for the same outcome instead of a hash of its own.

use std::collections::HashMap;
use std::future::Future;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use mqtt_core::Verdict;
use tokio::sync::OnceCell;

use super::fingerprint::Fingerprint;

/// The attempts under way, by fingerprint.
#[derive(Default)]
pub struct Attempts {
    outcomes: Mutex<HashMap<Fingerprint, Arc<OnceCell<Verdict>>>>,
}

/// One waiter for an outcome; the last one to leave removes it.
struct Share<'a> {
    attempts: &'a Attempts,
    fingerprint: Fingerprint,
    outcome: Arc<OnceCell<Verdict>>,
}

impl Attempts {
    /// The outcome of `judge`, or of the one under way for the same fingerprint; whoever comes after it is over begins anew.
    pub async fn share(
        &self,
        fingerprint: Fingerprint,
        judge: impl Future<Output = Verdict>,
    ) -> Verdict {
        let outcome = Arc::clone(self.lock().entry(fingerprint).or_default());
        let share = Share {
            attempts: self,
            fingerprint,
            outcome,
        };
        let verdict = share.outcome.get_or_init(|| judge).await.clone();
        let mut outcomes = self.lock();
        let is_this = |outcome: &Arc<_>| Arc::ptr_eq(outcome, &share.outcome);
        if outcomes.get(&fingerprint).is_some_and(is_this) {
            outcomes.remove(&fingerprint);
        }
        drop(outcomes);
        verdict
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Fingerprint, Arc<OnceCell<Verdict>>>> {
        self.outcomes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Share<'_> {
    fn drop(&mut self) {
        let mut outcomes = self.attempts.lock();
        // The map and this share: nobody else waits, and under the lock nobody can join.
        let entry = outcomes.get(&self.fingerprint);
        let is_this = entry.is_some_and(|outcome| Arc::ptr_eq(outcome, &self.outcome));
        if is_this && Arc::strong_count(&self.outcome) <= 2 {
            outcomes.remove(&self.fingerprint);
        }
    }
}
