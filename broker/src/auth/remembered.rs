// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Logins that succeeded lately, so that the same one need not be hashed again.

use std::collections::HashSet;

use super::fingerprint::Fingerprint;

/// Fingerprints in two halves; when the recent half is full it becomes the former one, whose content is forgotten.
#[derive(Default)]
pub struct Remembered {
    recent: HashSet<Fingerprint>,
    former: HashSet<Fingerprint>,
}

impl Remembered {
    /// Whether the login is remembered; asking makes it recent.
    pub fn contains(&mut self, fingerprint: &Fingerprint) -> bool {
        if self.recent.contains(fingerprint) {
            return true;
        }
        let found = self.former.contains(fingerprint);
        if found {
            self.insert(*fingerprint);
        }
        found
    }

    pub fn insert(&mut self, fingerprint: Fingerprint) {
        if self.recent.len() >= MAX_RECENT {
            self.former = std::mem::take(&mut self.recent);
        }
        self.recent.insert(fingerprint);
    }
}

/// Half of the 4,096 logins that are remembered at most.
const MAX_RECENT: usize = 2_048;

#[cfg(test)]
mod tests {
    use super::*;

    fn login(number: usize) -> Fingerprint {
        let mut fingerprint = [0; 32];
        fingerprint[..8].copy_from_slice(&number.to_be_bytes());
        fingerprint
    }

    #[test]
    fn the_least_recent_logins_are_forgotten_first() {
        let mut remembered = Remembered::default();
        for number in 0..2 * MAX_RECENT {
            remembered.insert(login(number));
        }
        assert!(remembered.contains(&login(0)), "4,096 are remembered");
        assert!(
            remembered.contains(&login(MAX_RECENT)),
            "asking for one does not forget the recent half"
        );
        assert!(
            !remembered.contains(&login(1)),
            "asking for one more forgets the oldest half"
        );
    }

    #[test]
    fn a_login_that_keeps_coming_back_is_never_forgotten() {
        let mut remembered = Remembered::default();
        remembered.insert(login(0));
        for number in 1..10 * MAX_RECENT {
            remembered.insert(login(number));
            assert!(remembered.contains(&login(0)));
            assert!(remembered.recent.len() + remembered.former.len() <= 2 * MAX_RECENT);
        }
    }
}
