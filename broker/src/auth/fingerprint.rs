// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The fingerprint of a login under a secret key: equal logins, equal fingerprints.

use hmac::{Hmac, Mac};
use sha2::Sha256;

/// Stands for one pair of user name and password; tells nothing about them without the key.
pub type Fingerprint = [u8; 32];

/// A key that nobody outside of this process knows.
pub struct FingerprintKey(Hmac<Sha256>);

impl Default for FingerprintKey {
    /// The key of accounts that know nobody, where no fingerprint tells anything.
    fn default() -> Self {
        Self(Hmac::new(&[0; 64].into()))
    }
}

impl FingerprintKey {
    pub fn random() -> Result<Self, getrandom::Error> {
        let mut key = [0; 64];
        getrandom::fill(&mut key)?;
        Ok(Self(Hmac::new(&key.into())))
    }

    /// The key made of secrets, the same for the same ones in the same order.
    pub fn derived<'a>(secrets: impl Iterator<Item = &'a str>) -> Self {
        let mut mac: Hmac<Sha256> = Mac::new(&[0; 64].into());
        for secret in secrets {
            mac.update(&secret.len().to_be_bytes());
            mac.update(secret.as_bytes());
        }
        let mut key = [0; 64];
        key[..32].copy_from_slice(&mac.finalize().into_bytes());
        Self(Hmac::new(&key.into()))
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
