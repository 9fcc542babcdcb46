// SPDX-License-Identifier: Apache-2.0 OR MIT
//! What the driver tells the journal: sizes, and the time of each batch.

use mqtt_core::Moment;

/// How a journal keeps its directory.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// Bytes of a segment, 1 to 16 MiB, default 1 MiB; smaller ones are for tests.
    pub segment_size: u32,
    /// Bytes of all segments together, default 1 GiB; less than 8 segments counts as 8.
    pub max_bytes: u64,
    /// Whether a commit waits until the device has it, default true; without it a power cut may take everything.
    pub sync: bool,
    /// A random number that a new store keeps and nobody outside learns, so that no payload can pose as a batch.
    pub salt: u64,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            segment_size: 1 << 20,
            max_bytes: 1 << 30,
            sync: true,
            salt: 0,
        }
    }
}

/// The time of a batch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stamp {
    /// The broker's own running time.
    pub moment: Moment,
    /// Unix time in milliseconds, only while the clock is trusted.
    pub wall: Option<u64>,
}
