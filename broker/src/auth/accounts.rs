// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The users of one configuration, each with the hash of its password.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use broker_config::{
    Credential, HashMemory, LoginMethod, PasswordHash, ScramVerifier, Secret, User,
};
use mqtt_core::{LoginFailure, Verdict};

use super::fingerprint::FingerprintKey;

/// Users by name.
#[derive(Default)]
pub struct Accounts {
    hashes: BTreeMap<String, PasswordHash>,
    /// Those who log in by certificate only.
    by_certificate: BTreeSet<String>,
    /// What unknown names are given by the dialogue of SCRAM; the same as long as the users are the same.
    shadows: FingerprintKey,
    /// Passwords that were compared with a hash.
    #[cfg(test)]
    pub compared: std::sync::atomic::AtomicUsize,
}

impl Accounts {
    /// Hashes what stands in plain text; slow, one hash for each such user.
    pub fn prepare(users: Vec<User>, memory: &mut HashMemory) -> Result<Self, AccountError> {
        let (by_certificate, users): (Vec<User>, Vec<User>) = users
            .into_iter()
            .partition(|user| user.credential == Credential::Certificate);
        let hashes = users.into_iter().map(|user| {
            let hash = match user.credential {
                Credential::Hash(hash) => hash,
                Credential::Plain(secret) => hashed(user.method, &secret, &user.username, memory)?,
                Credential::Kept | Credential::Certificate => {
                    return Err(AccountError::PasswordTaken {
                        username: user.username,
                        line: user.line,
                    });
                }
            };
            Ok((user.username, hash))
        });
        let hashes: BTreeMap<String, PasswordHash> = hashes.collect::<Result<_, _>>()?;
        Ok(Self {
            shadows: FingerprintKey::derived(hashes.values().map(PasswordHash::as_str)),
            hashes,
            by_certificate: by_certificate
                .into_iter()
                .map(|user| user.username)
                .collect(),
            #[cfg(test)]
            compared: std::sync::atomic::AtomicUsize::default(),
        })
    }

    pub fn is_empty(&self) -> bool {
        self.hashes.is_empty()
    }

    /// Whether there is a user of this name.
    pub fn knows(&self, username: &str) -> bool {
        self.hashes.contains_key(username) || self.by_certificate.contains(username)
    }

    /// The verdict on a user name and password; slow.
    ///
    /// An unknown name, and that of a user who logs in by SCRAM only, is compared with the hash of the user that `spread`
    /// picks, so that it takes as long as a known one.
    pub fn judge(
        &self,
        username: &str,
        password: &[u8],
        spread: usize,
        memory: &mut HashMemory,
    ) -> Verdict {
        let is_password = |hash: &&PasswordHash| hash.method() == LoginMethod::Password;
        let known = self.hashes.get(username).filter(is_password);
        let stand_in = || {
            let hashes = || self.hashes.values().filter(is_password);
            hashes().nth(spread.checked_rem(hashes().count())?)
        };
        let matches = known.or_else(stand_in).is_some_and(|hash| {
            #[cfg(test)]
            self.compared
                .fetch_add(1, std::sync::atomic::Ordering::Relaxed);
            hash.verify_in(password, memory)
        });
        if matches && known.is_some() {
            Verdict::Accepted
        } else {
            Verdict::Refused(self.failure(username))
        }
    }

    /// Why a login with this name failed; for the log, never for the peer.
    pub fn failure(&self, username: &str) -> LoginFailure {
        match self.hashes.get(username).map(PasswordHash::method) {
            Some(LoginMethod::Password) => LoginFailure::WrongPassword,
            Some(LoginMethod::Scram) => LoginFailure::MethodRequired,
            _ if self.by_certificate.contains(username) => LoginFailure::CertificateRequired,
            _ => LoginFailure::UnknownUser,
        }
    }

    /// The verifier for this name, with the failure that awaits it whatever is proven.
    ///
    /// An unknown name is treated like one of the users, always the same one while the users stay the same: refused at
    /// once or given a verifier of its own. So no answer tells whether a name exists.
    pub fn verifier(
        &self,
        username: &str,
    ) -> Result<(ScramVerifier, Option<LoginFailure>), LoginFailure> {
        if let Some(known) = self.hashes.get(username) {
            let verifier = known.scram().cloned();
            return Ok((verifier.ok_or(LoginFailure::MethodNotOfUser)?, None));
        }
        let pick = self.shadows.spread(username).checked_rem(self.hashes.len());
        let like = pick.and_then(|pick| self.hashes.values().nth(pick)?.scram());
        let like = like.ok_or(LoginFailure::MethodOfNobody)?;
        let seed = self.shadows.fingerprint(username, b"salt");
        let shadow = ScramVerifier::of_nobody(seed, like.iterations);
        Ok((shadow, Some(self.failure(username))))
    }
}

fn hashed(
    method: LoginMethod,
    secret: &Secret,
    username: &str,
    memory: &mut HashMemory,
) -> Result<PasswordHash, AccountError> {
    let mut salt = [0; 16];
    getrandom::fill(&mut salt).map_err(|_| AccountError::NoRandomness)?;
    method
        .hash_in(secret.expose(), salt, memory)
        .map_err(|_| AccountError::NotHashed {
            username: username.to_owned(),
        })
}

/// Why accounts cannot be used.
#[derive(Debug, PartialEq, Eq)]
pub enum AccountError {
    /// `password = 0`: the password was taken from this file and is kept by the provisioner.
    PasswordTaken {
        username: String,
        line: u32,
    },
    NotHashed {
        username: String,
    },
    NoRandomness,
    /// The hashing was cut short by the end of the program.
    Interrupted,
}

impl fmt::Display for AccountError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::PasswordTaken { username, line } => write!(
                f,
                "line {line}: the password of user `{username}` was taken from this file by the provisioner, \
                 which alone keeps it; write a `password` or a `password_hash`"
            ),
            Self::NotHashed { username } => {
                write!(f, "the password of user `{username}` cannot be hashed")
            }
            Self::NoRandomness => f.write_str("the system gives no random bytes"),
            Self::Interrupted => f.write_str("hashing the passwords was interrupted"),
        }
    }
}

impl std::error::Error for AccountError {}
