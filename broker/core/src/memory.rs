// SPDX-License-Identifier: Apache-2.0 OR MIT
//! What clients make the broker hold, in bytes: every part that waits carries a charge, and its end gives it back.
//!
//! A message counts once, however many sessions it waits for. Bytes are estimates that lie above what is allocated.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use mqtt_proto::{Filter, Property, Will};

/// The sum of all charges.
#[derive(Clone, Debug, Default)]
pub(crate) struct Ledger(Arc<AtomicUsize>);

/// Bytes held on behalf of a client, until it is dropped; a clone is another charge.
#[derive(Debug)]
pub(crate) struct Charge {
    ledger: Ledger,
    bytes: usize,
}

impl Ledger {
    pub fn charge(&self, bytes: usize) -> Charge {
        self.0.fetch_add(bytes, Ordering::Relaxed);
        Charge {
            ledger: self.clone(),
            bytes,
        }
    }

    /// Bytes held now.
    pub fn held(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }
}

impl Charge {
    pub fn grow(&mut self, bytes: usize) {
        self.ledger.0.fetch_add(bytes, Ordering::Relaxed);
        self.bytes += bytes;
    }

    /// Gives back at most what was charged.
    pub fn shrink(&mut self, bytes: usize) {
        let bytes = bytes.min(self.bytes);
        self.ledger.0.fetch_sub(bytes, Ordering::Relaxed);
        self.bytes -= bytes;
    }
}

impl Clone for Charge {
    fn clone(&self) -> Self {
        self.ledger.charge(self.bytes)
    }
}

impl Drop for Charge {
    fn drop(&mut self) {
        self.ledger.0.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

/// A subscription: its filter in the session and in the routes, and with wildcards a node for each level.
pub(crate) fn of_subscription(filter: &Filter) -> usize {
    let nodes = match filter.is_wildcard() {
        true => filter.levels().count() * LEVEL,
        false => 0,
    };
    SUBSCRIPTION + 2 * filter.as_str().len() + nodes
}

/// A will that waits.
pub(crate) fn of_will(will: &Will) -> usize {
    let properties = will.properties.len() * size_of::<Property>() + will.properties.encoded_len();
    MESSAGE + will.topic.as_str().len() + will.payload.len() + properties
}

/// A connection with its buffers in the driver.
pub(crate) const CONNECTION: usize = 8 * 1024;
/// A session without its subscriptions and messages.
pub(crate) const SESSION: usize = 1024;
/// A message without topic, properties and payload.
pub(crate) const MESSAGE: usize = 256;
/// A small retained message, without topic and payload.
pub(crate) const PACKED: usize = 160;
/// A message that the store has, without its payload.
pub(crate) const STORED: usize = 128;
/// A message's place in one session.
pub(crate) const ENTRY: usize = 192;
/// A subscription without its filter.
const SUBSCRIPTION: usize = 256;
/// A level of a filter with wildcards.
const LEVEL: usize = 192;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_charged_is_given_back() {
        let ledger = Ledger::default();
        let mut first = ledger.charge(100);
        let second = first.clone();
        first.grow(50);
        assert_eq!(ledger.held(), 250);
        first.shrink(1_000);
        assert_eq!(ledger.held(), 100);
        drop((first, second));
        assert_eq!(ledger.held(), 0);
    }
}
