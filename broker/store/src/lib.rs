// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The journal: durable changes in checksummed batches, in segments of a directory that the driver provides.
//!
//! [`Journal`] has one owner, who appends records, commits them as one batch, and lets it compact between commits.
//! [`Reader`]s fetch payloads beside it. The bytes are described in docs/store-format.md.
#![cfg_attr(
    not(test),
    deny(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::indexing_slicing
    )
)]

mod batch;
mod commit;
mod compaction;
mod cursor;
mod directory;
mod format;
mod frame;
mod index;
mod inspection;
mod journal;
mod key;
mod numbers;
mod op;
mod options;
mod properties;
mod quarantine;
mod ram;
mod reader;
mod recovery;
mod replay;
mod report;
mod restore;
mod scan;
mod segment;
mod topics;
mod value;
mod wear;

pub use commit::{ClassBytes, Commit, CommitError};
pub use directory::{Directory, File};
pub use inspection::{Inspection, inspect};
pub use journal::Journal;
pub use options::{Options, Stamp};
pub use ram::RamDirectory;
pub use reader::{ReadError, Reader};
pub use report::{Damage, OpenError, Opened, Report};
pub use topics::Topics;
pub use wear::{Wear, Written};
