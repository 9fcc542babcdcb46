// SPDX-License-Identifier: Apache-2.0 OR MIT
//! How the store is, as the driver tells it, and what is refused while it takes nothing new.

use std::fmt;

use mqtt_proto::{Filter, Topic};

/// Whether what must be kept can be.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum StorageState {
    #[default]
    Ok,
    /// There is room for what ends things and frees space, not for what would have to be kept.
    Full,
    /// Nothing is kept any more.
    Failed,
}

/// What a client asked to be kept.
#[derive(Clone, Debug)]
pub enum Unstored {
    /// A QoS 1 or 2 message; it was refused.
    Message(Topic),
    /// A QoS 0 message that should be retained; it was delivered and not retained.
    Retained(Topic),
    /// A subscription of a session that outlives its connection; it was refused.
    Subscription(Filter),
}

impl StorageState {
    pub fn is_ok(self) -> bool {
        self == Self::Ok
    }

    /// The sentence for a client that is refused.
    pub(crate) fn told(self) -> &'static str {
        match self {
            Self::Ok => "the server's store works",
            Self::Full => "the server's store is full, and this would have to be kept",
            Self::Failed => "the server's store has failed, and this would have to be kept",
        }
    }
}

impl fmt::Display for StorageState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Ok => "the store works",
            Self::Full => "the store is full",
            Self::Failed => "the store has failed",
        })
    }
}
