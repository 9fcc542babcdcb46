// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The users of one configuration, each with the hash of its password.

use std::collections::BTreeMap;
use std::fmt;

use broker_config::{Credential, HashMemory, PasswordHash, Secret, User};
use mqtt_core::{LoginFailure, Verdict};

/// Users by name.
#[derive(Default)]
pub struct Accounts {
    hashes: BTreeMap<String, PasswordHash>,
}

impl Accounts {
    /// Hashes what stands in plain text; slow, one hash for each such user.
    pub fn prepare(users: Vec<User>) -> Result<Self, AccountError> {
        let hashes = users.into_iter().map(|user| {
            let hash = match user.credential {
                Credential::Hash(hash) => hash,
                Credential::Plain(secret) => hashed(&secret, &user.username)?,
                Credential::Kept => {
                    return Err(AccountError::PasswordTaken {
                        username: user.username,
                        line: user.line,
                    });
                }
            };
            Ok((user.username, hash))
        });
        Ok(Self {
            hashes: hashes.collect::<Result<_, _>>()?,
        })
    }

    pub fn is_empty(&self) -> bool {
        self.hashes.is_empty()
    }

    /// The verdict on a user name and password; slow.
    ///
    /// An unknown name is compared with the hash of the user that `spread` picks, so that it takes as long as a known one.
    pub fn judge(
        &self,
        username: &str,
        password: &[u8],
        spread: usize,
        memory: &mut HashMemory,
    ) -> Verdict {
        let known = self.hashes.get(username);
        let stand_in = || {
            self.hashes
                .values()
                .nth(spread.checked_rem(self.hashes.len())?)
        };
        let matches = known
            .or_else(stand_in)
            .is_some_and(|hash| hash.verify_in(password, memory));
        if matches && known.is_some() {
            Verdict::Accepted
        } else {
            Verdict::Refused(self.failure(username))
        }
    }

    /// Why a login with this name failed; for the log, never for the peer.
    pub fn failure(&self, username: &str) -> LoginFailure {
        if self.hashes.contains_key(username) {
            LoginFailure::WrongPassword
        } else {
            LoginFailure::UnknownUser
        }
    }
}

fn hashed(secret: &Secret, username: &str) -> Result<PasswordHash, AccountError> {
    let mut salt = [0; 16];
    getrandom::fill(&mut salt).map_err(|_| AccountError::NoRandomness)?;
    PasswordHash::hash_argon2id(secret.expose().as_bytes(), salt).map_err(|_| {
        AccountError::NotHashed {
            username: username.to_owned(),
        }
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
