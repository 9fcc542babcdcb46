// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Where durable changes go, as the hub sees it.

mod memory;

pub use memory::MemoryStore;

use bytes::Bytes;
use mqtt_core::{CommitSeq, Location, Record};
use tokio::sync::watch;

/// A log of durable changes; records are numbered 1, 2, 3 … in the order of their append.
pub trait Store: Send {
    /// Takes the records in order, emptying the list; never waits.
    fn append(&mut self, records: &mut Vec<Record>);

    /// The newest record that survives a power cut.
    fn durable(&self) -> CommitSeq;

    /// Announces each advance of [`Store::durable`]; none where records are durable as soon as they are appended.
    fn progress(&self) -> Option<watch::Receiver<CommitSeq>>;

    /// The payload of a record, unless it was forgotten.
    fn read(&self, location: Location) -> Option<Bytes>;
}
