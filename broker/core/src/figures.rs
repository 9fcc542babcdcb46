// SPDX-License-Identifier: Apache-2.0 OR MIT
//! What the driver measures of its store; [`crate::sys`] publishes it.

/// The store at one moment; without a store everything is empty.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StoreFigures {
    /// `ok`, `full` or `failed`.
    pub state: &'static str,
    /// As `[persistence]` names it.
    pub mode: &'static str,
    /// Milliseconds; 99 of 100 flushes took no longer.
    pub flush_ms: u64,
    /// Bytes of what still counts.
    pub bytes_live: u64,
    /// Bytes of everything in the files.
    pub bytes_total: u64,
    /// Since the store was made.
    pub total: WrittenBytes,
    /// Today; a day is 24 hours of running time.
    pub today: WrittenBytes,
    /// Since the broker's start.
    pub start: WrittenBytes,
    /// A day, over today and the seven days before; none in the first hour of a store.
    pub per_day: Option<u64>,
    /// Days for which the card lasts at that rate; none without a rate, or without writing.
    pub life_days: Option<u64>,
}

/// Bytes that reached the device, in whole pages.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct WrittenBytes {
    pub all: u64,
    /// Of these, retained messages.
    pub retained: u64,
    /// Messages that wait, and their places in queues.
    pub queue: u64,
    /// Sessions, their subscriptions and wills.
    pub session: u64,
    /// The rest of the pages, headers, copies.
    pub overhead: u64,
}
