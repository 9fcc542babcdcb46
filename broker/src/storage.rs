// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Where durable changes go: taken in inside the core's lock, written by a thread of its own, told when they are durable.

mod appender;
mod budget;
mod clock;
mod failure;
mod figures;
mod files;
mod intake;
mod lock;
mod opening;
mod reads;
mod snapshot;
mod supervision;
#[cfg(test)]
mod tests;
mod wear;
mod writer;

pub use appender::Handle;
pub use clock::Clock;
pub use failure::chain;
pub use figures::Report;
pub use files::Folder;
pub use lock::{Lock, Locked};
pub use opening::{Contents, Place, Storage, folder, open, restored};
pub use reads::answer;
pub use supervision::watch;
pub use wear::{amount, figures, in_words, trouble};

use mqtt_core::{CommitSeq, FetchRequest, Record};

/// A log of durable changes; records are numbered on in the order of their append.
pub trait Store: Send {
    /// Takes the records in order, emptying the list; never waits. Those of a batch that is not `whole` become durable
    /// together with the next.
    fn append(&mut self, records: &mut Vec<Record>, whole: bool);

    /// The newest record that may be told of.
    fn durable(&self) -> CommitSeq;

    /// Somebody waits for this commit.
    fn want(&mut self, commit: CommitSeq);

    /// Nothing becomes durable any more: what follows is told at once and kept nowhere.
    fn give_up(&mut self);

    /// Takes the requests, emptying the list; each is answered by [`mqtt_core::Command::Fetched`].
    fn fetch(&mut self, requests: &mut Vec<FetchRequest>);
}
