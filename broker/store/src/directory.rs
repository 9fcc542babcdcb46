// SPDX-License-Identifier: Apache-2.0 OR MIT
//! What the journal needs of a directory and its files; the driver has real ones.

use std::io;
use std::sync::Arc;

/// A directory of files.
pub trait Directory: Send + Sync {
    /// Names and lengths in bytes of all files.
    fn list(&self) -> io::Result<Vec<(String, u64)>>;

    /// Makes an empty file, or empties the one that is there.
    fn create(&self, name: &str) -> io::Result<Arc<dyn File>>;

    /// Opens a file that is there, for reading and writing.
    fn open(&self, name: &str) -> io::Result<Arc<dyn File>>;

    /// Gives a file another name; one that has it already is replaced.
    fn rename(&self, from: &str, to: &str) -> io::Result<()>;

    fn remove(&self, name: &str) -> io::Result<()>;

    /// Makes the names durable.
    fn sync(&self) -> io::Result<()>;
}

/// A file that many may use at once.
#[allow(
    clippy::len_without_is_empty,
    reason = "nobody asks whether a file has no bytes"
)]
pub trait File: Send + Sync {
    /// Writes all the bytes; the file grows where they are beyond its end.
    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()>;

    /// Reads until the buffer is full or the file ends, and says how much that was.
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize>;

    /// Makes the bytes and the length durable (fdatasync).
    fn sync(&self) -> io::Result<()>;

    /// Bytes.
    fn len(&self) -> io::Result<u64>;
}
