// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Judges logins: who may connect, decided away from the threads that serve connections.
//!
//! A password hash is slow on purpose, so hashes run one at a time (two from three cores on), identical attempts
//! share one, and a success is remembered: a thousand devices that come back at once cost nothing.

mod accounts;
mod attempt;
mod fingerprint;
mod first_login;
mod hashers;
mod remembered;

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use broker_config::User;
use bytestring::ByteString;
use mqtt_core::{LoginFailure, Verdict};
use mqtt_proto::Password;
use tokio::sync::Semaphore;

use crate::logging::Log;
pub use accounts::AccountError;
use accounts::Accounts;
use attempt::Attempts;
use fingerprint::{Fingerprint, FingerprintKey};
use first_login::FirstLogin;
use hashers::Hashers;
use remembered::Remembered;

/// A handle of the one authenticator; clones share its accounts.
#[derive(Clone)]
pub struct Authenticator {
    shared: Arc<Shared>,
}

struct Shared {
    era: RwLock<Arc<Era>>,
    hashers: Hashers,
    /// One permit for each hash that may wait for its turn.
    waiting: Semaphore,
    first_login: FirstLogin,
}

/// The accounts of one configuration and all that was learnt about them; replaced as a whole.
struct Era {
    accounts: Accounts,
    key: FingerprintKey,
    remembered: Mutex<Remembered>,
    attempts: Attempts,
}

impl Authenticator {
    /// An authenticator that knows nobody and refuses everybody; `state_folder` takes the mark of the first login.
    pub fn new(state_folder: Option<PathBuf>, log: Log) -> Self {
        let shared = Shared {
            era: RwLock::new(Arc::new(Era::new(
                Accounts::default(),
                FingerprintKey::unused(),
            ))),
            hashers: Hashers::start(&log),
            waiting: Semaphore::new(MAX_WAITING),
            first_login: FirstLogin::new(state_folder, log),
        };
        Self {
            shared: Arc::new(shared),
        }
    }

    /// Takes these accounts in place of the former ones; on an error the former ones stay.
    ///
    /// Plain-text passwords are hashed first, away from the serving threads.
    pub async fn replace(&self, users: Vec<User>) -> Result<(), AccountError> {
        let key = FingerprintKey::random().map_err(|_| AccountError::NoRandomness)?;
        let accounts = tokio::task::spawn_blocking(move || Accounts::prepare(users))
            .await
            .map_err(|_| AccountError::Interrupted)??;
        let mut era = self
            .shared
            .era
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        *era = Arc::new(Era::new(accounts, key));
        Ok(())
    }

    /// Judges one login; waits for the password's hash unless the same one succeeded before.
    pub async fn judge(&self, username: Option<ByteString>, password: Option<Password>) -> Verdict {
        loop {
            let era = self.era();
            let verdict = self
                .judge_in(&era, username.as_deref(), password.as_ref())
                .await;
            // A verdict from accounts that were replaced meanwhile is none.
            if Arc::ptr_eq(&era, &self.era()) {
                if verdict == Verdict::Accepted && username.is_some() {
                    self.shared.first_login.mark();
                }
                return verdict;
            }
        }
    }

    fn era(&self) -> Arc<Era> {
        Arc::clone(
            &self
                .shared
                .era
                .read()
                .unwrap_or_else(PoisonError::into_inner),
        )
    }

    async fn judge_in(
        &self,
        era: &Arc<Era>,
        username: Option<&str>,
        password: Option<&Password>,
    ) -> Verdict {
        let Some(username) = username else {
            // The core asks only where the listener lets everybody in.
            return Verdict::Accepted;
        };
        let Some(password) = password else {
            return Verdict::Refused(LoginFailure::NoPassword);
        };
        let password = password.as_bytes();
        if username.len() > MAX_CREDENTIAL
            || password.len() > MAX_CREDENTIAL
            || era.accounts.is_empty()
        {
            return Verdict::Refused(era.accounts.failure(username));
        }
        let fingerprint = era.key.fingerprint(username, password);
        if era.remembers(&fingerprint) {
            return Verdict::Accepted;
        }
        let hash = self.hash(era, username, password);
        let verdict = era.attempts.share(fingerprint, hash).await;
        if verdict == Verdict::Accepted {
            era.remember(fingerprint);
        }
        verdict
    }

    /// Hashes the password on another thread, in its turn; busy when too many wait.
    async fn hash(&self, era: &Arc<Era>, username: &str, password: &[u8]) -> Verdict {
        let busy = Verdict::Refused(LoginFailure::Busy);
        let Ok(_place) = self.shared.waiting.try_acquire() else {
            return busy;
        };
        let (era, username) = (Arc::clone(era), username.to_owned());
        let password = password.to_vec();
        let judged = self.shared.hashers.run(move |memory| {
            era.accounts
                .judge(&username, &password, era.key.spread(&username), memory)
        });
        judged.await.unwrap_or(busy)
    }
}

impl Era {
    fn new(accounts: Accounts, key: FingerprintKey) -> Self {
        Self {
            accounts,
            key,
            remembered: Mutex::default(),
            attempts: Attempts::default(),
        }
    }

    fn remembers(&self, fingerprint: &Fingerprint) -> bool {
        self.remembered
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .contains(fingerprint)
    }

    fn remember(&self, fingerprint: Fingerprint) {
        self.remembered
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(fingerprint);
    }
}

/// Bytes of a user name or password that are looked at; longer ones are refused without a hash.
const MAX_CREDENTIAL: usize = 128;
/// Different logins that wait for their hash; one more is told that the server is busy.
const MAX_WAITING: usize = 512;

#[cfg(test)]
mod tests;
