// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Password hashes: argon2id and SCRAM-SHA-256 for ours, and Mosquitto's `$6$` and `$7$` so that an imported file
//! keeps its passwords.
//!
//! Salts are arguments; costs written in a file are bounded, because every login pays them.

use std::fmt;

use argon2::password_hash::{PasswordHash as Phc, Salt};
use argon2::{Algorithm, Argon2, Block, Params, Version};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};
use sha2::{Digest, Sha512};
use subtle::ConstantTimeEq;

use crate::LoginMethod;
use crate::scram::{SCHEME as SCRAM, ScramVerifier};

/// The hash of a password in a form whose scheme and costs are accepted; it has no `Debug`.
#[derive(Clone, PartialEq, Eq)]
pub struct PasswordHash {
    text: String,
    scheme: Scheme,
}

#[derive(Clone, PartialEq, Eq)]
enum Scheme {
    Argon2id {
        version: Version,
        params: Params,
        salt: Vec<u8>,
        digest: Vec<u8>,
    },
    /// Mosquitto before 2.0: SHA-512 of password and salt.
    Sha512 {
        salt: Vec<u8>,
        digest: Vec<u8>,
    },
    /// Mosquitto 2: PBKDF2 with HMAC-SHA-512.
    Pbkdf2 {
        iterations: u32,
        salt: Vec<u8>,
        digest: Vec<u8>,
    },
    Scram(ScramVerifier),
}

/// The memory argon2id works in, 19 MiB or what a hash asks for; whoever verifies many keeps it from one to the next.
#[derive(Default)]
pub struct HashMemory(Vec<Block>);

/// Why a text is not an accepted password hash.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InvalidHash {
    /// It begins with none of `$argon2id$`, `$6$`, `$7$`, `SCRAM-SHA-256$`.
    Scheme,
    /// Its parts are not those of its scheme.
    Form,
    /// A login would cost more than 64 MiB, 10 passes, 8 lanes or 1,000,000 iterations.
    Cost,
    /// SCRAM with fewer than 4,096 iterations.
    Weak,
}

/// Why a password was not hashed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HashError {
    /// The password is empty or longer than 128 bytes.
    Length,
    /// SASLprep forbids the password, so SCRAM cannot take it.
    Forbidden,
    /// The user logs in without a password.
    NoPassword,
    /// The hash function refused its parameters.
    Refused,
}

impl PasswordHash {
    /// Reads `$argon2id$…`, `$6$salt$hash`, `$7$iterations$salt$hash` or `SCRAM-SHA-256$…`.
    pub fn parse(text: &str) -> Result<Self, InvalidHash> {
        let parts: Vec<&str> = text.split('$').collect();
        let scheme = match parts.as_slice() {
            ["", "argon2id", ..] => parse_argon2id(text)?,
            ["", "6", salt, digest] => {
                let (salt, digest) = salt_and_digest(salt, digest)?;
                Scheme::Sha512 { salt, digest }
            }
            ["", "7", iterations, salt, digest] => {
                let iterations = iterations.parse().map_err(|_| InvalidHash::Form)?;
                let (salt, digest) = salt_and_digest(salt, digest)?;
                match iterations {
                    1..=MAX_ITERATIONS => Scheme::Pbkdf2 {
                        iterations,
                        salt,
                        digest,
                    },
                    _ => return Err(InvalidHash::Cost),
                }
            }
            ["", "6" | "7", ..] => return Err(InvalidHash::Form),
            [SCRAM, rest @ ..] => Scheme::Scram(ScramVerifier::parse(&rest.join("$"))?),
            _ => return Err(InvalidHash::Scheme),
        };
        Ok(Self {
            text: text.to_owned(),
            scheme,
        })
    }

    /// Hashes with argon2id, 19 MiB, 2 passes, 1 lane: about 60 ms on a PC, half a second on a Raspberry Pi 3.
    pub fn hash_argon2id(password: &[u8], salt: [u8; 16]) -> Result<Self, HashError> {
        Self::hash_argon2id_in(password, salt, &mut HashMemory::default())
    }

    /// As [`PasswordHash::hash_argon2id`], in memory that was taken before.
    fn hash_argon2id_in(
        password: &[u8],
        salt: [u8; 16],
        memory: &mut HashMemory,
    ) -> Result<Self, HashError> {
        if !(1..=MAX_PASSWORD).contains(&password.len()) {
            return Err(HashError::Length);
        }
        let params = Params::new(19 * 1024, 2, 1, None).map_err(|_| HashError::Refused)?;
        let blocks = memory.blocks(params.block_count());
        let mut digest = [0; DIGEST_LEN];
        Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
            .hash_password_into_with_memory(password, &salt, &mut digest, blocks)
            .map_err(|_| HashError::Refused)?;
        let (salt, digest) = (STANDARD_NO_PAD.encode(salt), STANDARD_NO_PAD.encode(digest));
        let text = format!("$argon2id$v=19$m=19456,t=2,p=1${salt}${digest}");
        let scheme = parse_argon2id(&text).map_err(|_| HashError::Refused)?;
        Ok(Self { text, scheme })
    }

    /// Derives the verifier of SCRAM-SHA-256, 16,384 iterations: about 10 ms on a PC, and as much for a client's login.
    pub fn hash_scram(password: &str, salt: [u8; 16]) -> Result<Self, HashError> {
        if !(1..=MAX_PASSWORD).contains(&password.len()) {
            return Err(HashError::Length);
        }
        let verifier = ScramVerifier::derive(password, &salt).ok_or(HashError::Forbidden)?;
        Ok(Self {
            text: verifier.to_text(),
            scheme: Scheme::Scram(verifier),
        })
    }

    /// The way to log in that this hash can judge.
    pub fn method(&self) -> LoginMethod {
        match self.scheme {
            Scheme::Scram(_) => LoginMethod::Scram,
            _ => LoginMethod::Password,
        }
    }

    /// The verifier, if the hash is of SCRAM-SHA-256.
    pub fn scram(&self) -> Option<&ScramVerifier> {
        match &self.scheme {
            Scheme::Scram(verifier) => Some(verifier),
            _ => None,
        }
    }

    /// Whether this is the hash of the password, in a time that does not depend on where they differ.
    pub fn verify(&self, password: &[u8]) -> bool {
        self.verify_in(password, &mut HashMemory::default())
    }

    /// As [`PasswordHash::verify`], in memory that was taken before.
    pub fn verify_in(&self, password: &[u8], memory: &mut HashMemory) -> bool {
        match &self.scheme {
            Scheme::Argon2id {
                version,
                params,
                salt,
                digest,
            } => {
                let mut found = vec![0; digest.len()];
                let blocks = memory.blocks(params.block_count());
                let hashed = Argon2::new(Algorithm::Argon2id, *version, params.clone())
                    .hash_password_into_with_memory(password, salt, &mut found, blocks);
                hashed.is_ok() && found.as_slice().ct_eq(digest).into()
            }
            Scheme::Sha512 { salt, digest } => {
                let found = Sha512::new()
                    .chain_update(password)
                    .chain_update(salt)
                    .finalize();
                found.as_slice().ct_eq(digest).into()
            }
            Scheme::Pbkdf2 {
                iterations,
                salt,
                digest,
            } => {
                let mut found = [0; SHA512_LEN];
                pbkdf2::pbkdf2_hmac::<Sha512>(password, salt, *iterations, &mut found);
                found.as_slice().ct_eq(digest).into()
            }
            Scheme::Scram(verifier) => {
                std::str::from_utf8(password).is_ok_and(|password| verifier.is_of(password))
            }
        }
    }

    /// The hash as it is written in a file.
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

impl LoginMethod {
    /// Hashes a password for logins of this kind.
    pub fn hash(self, password: &str, salt: [u8; 16]) -> Result<PasswordHash, HashError> {
        self.hash_in(password, salt, &mut HashMemory::default())
    }

    /// As [`LoginMethod::hash`], in memory that was taken before.
    pub fn hash_in(
        self,
        password: &str,
        salt: [u8; 16],
        memory: &mut HashMemory,
    ) -> Result<PasswordHash, HashError> {
        match self {
            Self::Password => PasswordHash::hash_argon2id_in(password.as_bytes(), salt, memory),
            Self::Scram => PasswordHash::hash_scram(password, salt),
            Self::Certificate => Err(HashError::NoPassword),
        }
    }
}

impl HashMemory {
    fn blocks(&mut self, count: usize) -> &mut [Block] {
        if self.0.len() < count {
            self.0.resize(count, Block::default());
        }
        self.0.get_mut(..count).unwrap_or_default()
    }
}

fn parse_argon2id(text: &str) -> Result<Scheme, InvalidHash> {
    let hash = Phc::new(text).map_err(|_| InvalidHash::Form)?;
    let params = Params::try_from(&hash).map_err(|_| InvalidHash::Form)?;
    let affordable = params.m_cost() <= MAX_MEMORY_KIB
        && params.t_cost() <= MAX_PASSES
        && params.p_cost() <= MAX_LANES;
    if !affordable {
        return Err(InvalidHash::Cost);
    }
    let (Some(salt), Some(digest)) = (hash.salt, hash.hash) else {
        return Err(InvalidHash::Form);
    };
    let mut decoded = [0; Salt::MAX_LENGTH];
    let salt = salt
        .decode_b64(&mut decoded)
        .map_err(|_| InvalidHash::Form)?
        .to_vec();
    let version = match hash.version.map(Version::try_from) {
        Some(version) => version.map_err(|_| InvalidHash::Form)?,
        None => Version::default(),
    };
    Ok(Scheme::Argon2id {
        version,
        params,
        salt,
        digest: digest.as_bytes().to_vec(),
    })
}

fn salt_and_digest(salt: &str, digest: &str) -> Result<(Vec<u8>, Vec<u8>), InvalidHash> {
    let salt = STANDARD.decode(salt).map_err(|_| InvalidHash::Form)?;
    let digest = STANDARD.decode(digest).map_err(|_| InvalidHash::Form)?;
    let fits = !salt.is_empty() && salt.len() <= MAX_SALT && digest.len() == SHA512_LEN;
    if fits {
        Ok((salt, digest))
    } else {
        Err(InvalidHash::Form)
    }
}

impl fmt::Display for InvalidHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Scheme => "this is not a password hash of a known kind",
            Self::Form => "this password hash is damaged or incomplete",
            Self::Weak => "this SCRAM-SHA-256 hash was made with fewer than 4,096 iterations",
            Self::Cost => "this password hash costs more per login than a Raspberry Pi can give",
        })
    }
}

impl std::error::Error for InvalidHash {}

impl fmt::Display for HashError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Length => "a password has 1 to 128 bytes",
            Self::Forbidden => "a password for SCRAM-SHA-256 has no control characters and one direction of writing",
            Self::NoPassword => "a user who logs in by certificate has no password",
            Self::Refused => "the hash function refused its parameters",
        })
    }
}

impl std::error::Error for HashError {}

/// Bytes in a password.
pub(crate) const MAX_PASSWORD: usize = 128;
const MAX_MEMORY_KIB: u32 = 64 * 1024;
const MAX_PASSES: u32 = 10;
const MAX_LANES: u32 = 8;
const MAX_ITERATIONS: u32 = 1_000_000;
const MAX_SALT: usize = 64;
const SHA512_LEN: usize = 64;
/// Bytes of a hash of argon2id.
const DIGEST_LEN: usize = 32;
