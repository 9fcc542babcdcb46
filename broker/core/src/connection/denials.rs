// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The messages of a client that were denied: all are counted, and each of the first topics is told once.

use std::hash::{DefaultHasher, Hash, Hasher};

use mqtt_proto::{Reason, Topic};

/// Topics of one connection that are told; others are only counted.
const TOLD: usize = 16;

/// What one connection was denied.
#[derive(Default)]
pub(crate) struct Denials {
    /// How many messages.
    pub count: u64,
    /// Topic and reason of those that were told, as numbers: a topic may be long.
    told: Vec<u64>,
}

impl Denials {
    /// Counts one more; true if it is to be told.
    pub fn add(&mut self, topic: &Topic, reason: Reason) -> bool {
        self.count += 1;
        if self.told.len() >= TOLD {
            return false;
        }
        let mut number = DefaultHasher::new();
        (topic.as_str(), reason.code()).hash(&mut number);
        let number = number.finish();
        let new = !self.told.contains(&number);
        if new {
            self.told.push(number);
        }
        new
    }
}
