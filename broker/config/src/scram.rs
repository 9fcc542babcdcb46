// SPDX-License-Identifier: Apache-2.0 OR MIT
//! SCRAM-SHA-256 without its dialogue: the verifier kept of a password, and what it proves. [RFC 5802, RFC 7677]
//!
//! The verifier is written as PostgreSQL writes it: `SCRAM-SHA-256$iterations:salt$StoredKey:ServerKey`.

use std::borrow::Cow;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, Mac};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use crate::InvalidHash;

/// What is kept of a password for SCRAM-SHA-256; it proves a login and cannot be used for one. It has no `Debug`.
#[derive(Clone, PartialEq, Eq)]
pub struct ScramVerifier {
    pub iterations: u32,
    /// 1 to 64 bytes.
    pub salt: Vec<u8>,
    stored_key: Key,
    server_key: Key,
}

impl ScramVerifier {
    /// Derives the keys with 16,384 iterations; none for a password that SASLprep forbids.
    ///
    /// It takes about 10 ms on a PC, and every login costs its client as much.
    pub(crate) fn derive(password: &str, salt: &[u8]) -> Option<Self> {
        Self::derive_with(password, salt, ITERATIONS)
    }

    fn derive_with(password: &str, salt: &[u8], iterations: u32) -> Option<Self> {
        let prepared = prepared(password)?;
        let mut salted = Key::default();
        pbkdf2::pbkdf2_hmac::<Sha256>(prepared.as_bytes(), salt, iterations, &mut salted);
        Some(Self {
            iterations,
            salt: salt.to_vec(),
            stored_key: Sha256::digest(hmac(&salted, b"Client Key")).into(),
            server_key: hmac(&salted, b"Server Key"),
        })
    }

    /// A verifier of no password, for a name nobody has: `seed` decides its salt, 16 bytes like those made here.
    pub fn of_nobody(seed: Key, iterations: u32) -> Self {
        let salt = hmac(&seed, b"salt");
        Self {
            iterations,
            salt: salt.into_iter().take(SALT_LEN).collect(),
            stored_key: seed,
            server_key: seed,
        }
    }

    /// Reads what stands behind `SCRAM-SHA-256$`.
    pub(crate) fn parse(text: &str) -> Result<Self, InvalidHash> {
        let decode = |text: &str| STANDARD.decode(text).map_err(|_| InvalidHash::Form);
        let key = |text: &str| Key::try_from(decode(text)?).map_err(|_| InvalidHash::Form);
        let (cost, keys) = text.split_once('$').ok_or(InvalidHash::Form)?;
        let (iterations, salt) = cost.split_once(':').ok_or(InvalidHash::Form)?;
        let (stored, server) = keys.split_once(':').ok_or(InvalidHash::Form)?;
        let iterations = iterations.parse().map_err(|_| InvalidHash::Form)?;
        let salt = decode(salt)?;
        if salt.is_empty() || salt.len() > MAX_SALT {
            return Err(InvalidHash::Form);
        }
        if iterations < MIN_ITERATIONS {
            return Err(InvalidHash::Weak);
        }
        if iterations > MAX_ITERATIONS {
            return Err(InvalidHash::Cost);
        }
        Ok(Self {
            iterations,
            salt,
            stored_key: key(stored)?,
            server_key: key(server)?,
        })
    }

    /// The text that [`ScramVerifier::parse`] reads, with its prefix.
    pub(crate) fn to_text(&self) -> String {
        format!(
            "{SCHEME}${}:{}${}:{}",
            self.iterations,
            STANDARD.encode(&self.salt),
            STANDARD.encode(self.stored_key),
            STANDARD.encode(self.server_key)
        )
    }

    /// Whether this is the verifier of the password; as slow as deriving it.
    pub(crate) fn is_of(&self, password: &str) -> bool {
        let found = Self::derive_with(password, &self.salt, self.iterations);
        found.is_some_and(|found| found.stored_key.ct_eq(&self.stored_key).into())
    }

    /// The server's signature, if the client's proof over the same messages is right.
    pub fn prove(&self, messages: &[u8], proof: &[u8]) -> Option<Key> {
        let proof = Key::try_from(proof).ok()?;
        let signature = hmac(&self.stored_key, messages);
        let mut client_key = proof;
        for (byte, mask) in client_key.iter_mut().zip(signature) {
            *byte ^= mask;
        }
        let stored: Key = Sha256::digest(client_key).into();
        let right: bool = stored.ct_eq(&self.stored_key).into();
        right.then(|| hmac(&self.server_key, messages))
    }
}

/// The text as SASLprep makes it, so that equal texts have equal bytes; none where it is forbidden or becomes empty.
pub fn prepared(text: &str) -> Option<Cow<'_, str>> {
    stringprep::saslprep(text)
        .ok()
        .filter(|text| !text.is_empty())
}

fn hmac(key: &Key, message: &[u8]) -> Key {
    // HMAC takes a key of any length, this one as well as a padded one.
    let mut block = [0; 64];
    for (place, byte) in block.iter_mut().zip(key) {
        *place = *byte;
    }
    let mac: Hmac<Sha256> = Mac::new(&block.into());
    mac.chain_update(message).finalize().into_bytes().into()
}

type Key = [u8; 32];

/// The name of the method and of the verifier's text.
pub const SCHEME: &str = "SCRAM-SHA-256";
const ITERATIONS: u32 = 16_384;
/// What RFC 7677 asks for at least.
const MIN_ITERATIONS: u32 = 4_096;
const MAX_ITERATIONS: u32 = 1_000_000;
const MAX_SALT: usize = 64;
const SALT_LEN: usize = 16;
