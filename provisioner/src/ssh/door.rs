// SPDX-License-Identifier: Apache-2.0 OR MIT
//! What a person needs to know to log in: who may, and by which fingerprint the machine is recognised.

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};
use broker_config::AuthorizedKey;
use sha2::{Digest, Sha256};

use crate::desired::Desired;
use crate::provision::World;

/// The way in as a report tells it.
pub struct Door {
    /// Every key that may log in.
    pub keys: Vec<Key>,
    /// The machine's own, once sshd has made it.
    pub host_key: Option<Key>,
}

/// A public key in few words.
pub struct Key {
    /// Such as `ssh-ed25519`.
    pub kind: String,
    /// As `ssh-keygen -l` prints it.
    pub fingerprint: String,
    /// What its owner wrote behind it; may be empty.
    pub remark: String,
}

impl Door {
    /// `None` where no key is to log in.
    pub fn of(world: &World, desired: &Desired) -> Option<Self> {
        let keys = &desired.machine.authorized_keys;
        if keys.is_empty() {
            return None;
        }
        let host_key = world.files.read(&world.places.host_key, LIMIT);
        let host_key = host_key.ok().flatten();
        let host_key = host_key.and_then(|bytes| String::from_utf8(bytes).ok());
        Some(Self {
            keys: keys.iter().map(Key::of).collect(),
            host_key: host_key
                .and_then(|line| AuthorizedKey::parse(&line).ok())
                .map(|key| Key::of(&key)),
        })
    }
}

impl Key {
    fn of(key: &AuthorizedKey) -> Self {
        let mut words = key.as_str().split_ascii_whitespace();
        let kind = words.next().unwrap_or_default().to_owned();
        let remark: Vec<_> = words.skip(1).collect();
        // Whoever made the value saw it decode.
        let blob = STANDARD.decode(key.key()).unwrap_or_default();
        let digest = STANDARD_NO_PAD.encode(Sha256::digest(blob));
        Self {
            kind,
            fingerprint: format!("SHA256:{digest}"),
            remark: remark.join(" "),
        }
    }
}

/// Bytes of a public key.
const LIMIT: u64 = 16 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fingerprint_is_what_ssh_keygen_prints() {
        let line = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIB+XqylKywY4P6kvF1qaNqLSnyUsBENKBRgq47iG3Pbk somebody at home";
        let key = Key::of(&AuthorizedKey::parse(line).unwrap());
        assert_eq!(key.kind, "ssh-ed25519");
        assert_eq!(
            key.fingerprint,
            "SHA256:qg6MBQOEwPhz5OcpGHT+AJkEuM3xA8jf2Rcc86p6p+Q"
        );
        assert_eq!(key.remark, "somebody at home");
    }
}
