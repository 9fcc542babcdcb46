// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Judges logins: who may connect, decided away from the threads that serve connections.
//!
//! A password hash is slow on purpose, so hashes run one at a time (two from three cores on), identical attempts
//! share one, and a success is remembered: a thousand devices that come back at once cost nothing. Whoever fails again
//! and again waits, and addresses take turns, so that nobody's guesses keep out somebody else.

mod accounts;
mod attempt;
mod backoff;
mod fingerprint;
mod first_login;
mod hashers;
mod line;
mod recent;
mod scram;

use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::Instant;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use broker_config::{HashMemory, SCRAM, User};
use bytes::Bytes;
use bytestring::ByteString;
use mqtt_core::{LoginFailure, Verdict};
use mqtt_proto::Password;

use crate::logging::Log;
pub use accounts::AccountError;
use accounts::Accounts;
use attempt::Attempts;
use backoff::{Backoff, Origin, Rank};
use fingerprint::{Fingerprint, FingerprintKey};
use first_login::FirstLogin;
use hashers::Hashers;
use recent::Recent;
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
    first_login: FirstLogin,
}

/// The accounts of one configuration and all that was learnt about them; replaced as a whole.
struct Era {
    accounts: Accounts,
    key: FingerprintKey,
    /// Logins that succeeded lately, so that the same one need not be hashed again.
    remembered: Mutex<Recent<Fingerprint, ()>>,
    attempts: Attempts,
    backoff: Mutex<Backoff>,
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
            first_login: FirstLogin::new(state_folder, log),
        };
        Self {
            shared: Arc::new(shared),
        }
    }

    /// Takes these accounts in place of the former ones; on an error the former ones stay.
    ///
    /// Plain-text passwords are hashed first, on the thread that has the memory for it.
    pub async fn replace(&self, users: Vec<User>) -> Result<(), AccountError> {
        let key = FingerprintKey::random().map_err(|_| AccountError::NoRandomness)?;
        let hashers = &self.shared.hashers;
        let prepared = hashers.run(Rank::Known, None, move |memory| {
            Accounts::prepare(users, memory)
        });
        let accounts = prepared.await.map_err(|_| AccountError::Interrupted)??;
        let mut era = self
            .shared
            .era
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        *era = Arc::new(Era::new(accounts, key));
        Ok(())
    }

    /// Judges one login; waits for the password's hash unless the same one succeeded before.
    pub async fn judge(
        &self,
        origin: Origin,
        username: Option<ByteString>,
        password: Option<Password>,
    ) -> Verdict {
        loop {
            let era = self.era();
            let verdict = self
                .judge_in(&era, origin, username.as_deref(), password.as_ref())
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

    /// Judges a name that the client has proved by its certificate: somebody must have it, with whatever credential.
    pub fn recognise(&self, username: &str) -> Verdict {
        if self.era().accounts.knows(username) {
            self.shared.first_login.mark();
            return Verdict::Accepted;
        }
        Verdict::Refused(LoginFailure::UnknownIdentity)
    }

    /// Judges one step of enhanced authentication, with the name it told; `kept` is what lasts from step to step.
    ///
    /// It needs no slow hash: that is the client's part.
    pub fn step(
        &self,
        origin: Origin,
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
                Ok(first) => (self.challenge(origin, kept, &first), Some(first.username)),
                Err(failure) => (Verdict::Refused(failure), None),
            };
        };
        let verdict = self.finish(origin, &exchange, data);
        (verdict, Some(exchange.username))
    }

    /// Judges the last step; a user from an address that has to wait proves nothing.
    fn finish(&self, origin: Origin, exchange: &Exchange, data: &[u8]) -> Verdict {
        let (era, now) = (self.era(), Instant::now());
        let username = exchange.username.as_ref();
        if let Some(failure) = era.backoff().of_user(now, origin, username) {
            return Verdict::Refused(failure);
        }
        let failure = match exchange.finish(data) {
            Ok(_) if !self.is_current(exchange) => LoginFailure::WrongPassword,
            Ok(data) => {
                era.backoff().succeeded(origin, username);
                self.shared.first_login.mark();
                return Verdict::Proven(data);
            }
            Err(failure) => failure,
        };
        era.backoff().failed(now, origin, username);
        Verdict::Refused(failure)
    }

    fn challenge(
        &self,
        origin: Origin,
        kept: &mut Option<Box<Exchange>>,
        first: &ClientFirst<'_>,
    ) -> Verdict {
        let era = self.era();
        let waits = era
            .backoff()
            .of_user(Instant::now(), origin, &first.username);
        if let Some(failure) = waits {
            return Verdict::Refused(failure);
        }
        let (verifier, lost) = match era.accounts.verifier(&first.username) {
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
        origin: Origin,
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
            era.backoff().known(origin);
            return Verdict::Accepted;
        }
        loop {
            if let Some(failure) = era.refuses(origin, username) {
                return Verdict::Refused(failure);
            }
            let hash = self.hash(era, origin, username, password);
            match era.attempts.share(fingerprint, hash).await {
                // It may be another address that shares this attempt and has to wait.
                Verdict::Refused(failure) if failure.passes() => {}
                Verdict::Accepted => {
                    era.remember(fingerprint);
                    era.backoff().succeeded(origin, username);
                    return Verdict::Accepted;
                }
                verdict => return verdict,
            }
        }
    }

    /// Hashes the password on another thread, in its turn; busy when it had to make room for others.
    async fn hash(
        &self,
        era: &Arc<Era>,
        origin: Origin,
        username: &str,
        password: &[u8],
    ) -> Verdict {
        let rank = era.backoff().rank(Instant::now(), origin);
        let (era, username) = (Arc::clone(era), username.to_owned());
        let password = password.to_vec();
        let judged = self.shared.hashers.run(rank, origin, move |memory| {
            era.spend(origin, &username, &password, memory)
        });
        judged.await.unwrap_or(Verdict::Refused(LoginFailure::Busy))
    }
}

impl Era {
    fn new(accounts: Accounts, key: FingerprintKey) -> Self {
        Self {
            accounts,
            key,
            remembered: Mutex::default(),
            attempts: Attempts::default(),
            backoff: Mutex::default(),
        }
    }

    /// Why a password is not looked at now: there were too many failed logins.
    fn refuses(&self, origin: Origin, username: &str) -> Option<LoginFailure> {
        let (mut backoff, now) = (self.backoff(), Instant::now());
        backoff
            .of_user(now, origin, username)
            .or_else(|| backoff.of_address(now, origin))
    }

    /// The verdict by a hash, unless too many logins have failed since it was asked for; slow.
    fn spend(
        &self,
        origin: Origin,
        username: &str,
        password: &[u8],
        memory: &mut HashMemory,
    ) -> Verdict {
        if let Some(failure) = self.refuses(origin, username) {
            return Verdict::Refused(failure);
        }
        let spread = self.key.spread(username);
        let verdict = self.accounts.judge(username, password, spread, memory);
        if verdict != Verdict::Accepted {
            let (mut backoff, now) = (self.backoff(), Instant::now());
            backoff.failed(now, origin, username);
            backoff.hashed(now);
        }
        verdict
    }

    fn backoff(&self) -> MutexGuard<'_, Backoff> {
        self.backoff.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn remembers(&self, fingerprint: &Fingerprint) -> bool {
        self.remembered
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .get(fingerprint)
            .is_some()
    }

    fn remember(&self, fingerprint: Fingerprint) {
        self.remembered
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(fingerprint, ());
    }
}

/// Bytes of a user name or password that are looked at; longer ones are refused without a hash.
const MAX_CREDENTIAL: usize = 128;

#[cfg(test)]
mod step_tests;
#[cfg(test)]
mod tests;
