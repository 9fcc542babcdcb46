// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The fingerprint of a login under a key that lives in this process only: equal logins, equal fingerprints.

use hmac::{Hmac, Mac};
use sha2::Sha256;

/// Stands for one pair of user name and password; tells nothing about them without the key.
pub type Fingerprint = [u8; 32];

/// A random key, new for each configuration.
pub struct FingerprintKey(Hmac<Sha256>);

impl FingerprintKey {
    pub fn random() -> Result<Self, getrandom::Error> {
        let mut key = [0; 64];
        getrandom::fill(&mut key)?;
        Ok(Self(Hmac::new(&key.into())))
    }

    /// The key of accounts that know nobody, where no fingerprint is ever made.
    pub fn unused() -> Self {
        Self(Hmac::new(&[0; 64].into()))
    }

    pub fn fingerprint(&self, username: &str, password: &[u8]) -> Fingerprint {
        let mut mac = self.0.clone();
        mac.update(&username.len().to_be_bytes());
        mac.update(username.as_bytes());
        mac.update(password);
        mac.finalize().into_bytes().into()
    }

    /// A number that is always the same for one user name and cannot be foreseen.
    pub fn spread(&self, username: &str) -> usize {
        let [a, b, c, d, ..] = self.fingerprint(username, b"");
        usize::try_from(u32::from_be_bytes([a, b, c, d])).unwrap_or_default()
    }
}
