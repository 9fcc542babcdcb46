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
mod scram;

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use broker_config::{SCRAM, User};
use bytes::Bytes;
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
use scram::ClientFirst;
pub use scram::Exchange;

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
                FingerprintKey::default(),
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

    /// Judges one step of enhanced authentication, with the name it told; `kept` is what lasts from step to step.
    ///
    /// It needs no slow hash: that is the client's part.
    pub fn step(
        &self,
        kept: &mut Option<Box<Exchange>>,
        method: &str,
        data: &[u8],
    ) -> (Verdict, Option<ByteString>) {
        if method != SCRAM {
            return (Verdict::Refused(LoginFailure::UnknownMethod), None);
        }
        let Some(exchange) = kept.take() else {
            if data.is_empty() {
                return (Verdict::Continue(Bytes::new()), None);
            }
            return match ClientFirst::parse(data) {
                Ok(first) => (self.challenge(kept, &first), Some(first.username)),
                Err(failure) => (Verdict::Refused(failure), None),
            };
        };
        let verdict = match exchange.finish(data) {
            Ok(_) if !self.is_current(&exchange) => Verdict::Refused(LoginFailure::WrongPassword),
            Ok(data) => {
                self.shared.first_login.mark();
                Verdict::Proven(data)
            }
            Err(failure) => Verdict::Refused(failure),
        };
        (verdict, Some(exchange.username))
    }

    fn challenge(&self, kept: &mut Option<Box<Exchange>>, first: &ClientFirst<'_>) -> Verdict {
        let (verifier, lost) = match self.era().accounts.verifier(&first.username) {
            Ok(found) => found,
            Err(failure) => return Verdict::Refused(failure),
        };
        let mut fresh = [0; 18];
        if getrandom::fill(&mut fresh).is_err() {
            return Verdict::Refused(LoginFailure::Busy);
        }
        let (exchange, answer) = Exchange::begin(first, verifier, lost, &STANDARD.encode(fresh));
        *kept = Some(Box::new(exchange));
        Verdict::Continue(answer)
    }

    /// Whether the accounts still are those by which the exchange began, as far as it is concerned.
    fn is_current(&self, exchange: &Exchange) -> bool {
        let current = self.era().accounts.verifier(&exchange.username);
        current.is_ok_and(|(verifier, _)| verifier == exchange.verifier)
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
mod step_tests;
#[cfg(test)]
mod tests;
