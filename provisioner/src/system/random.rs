// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Randomness for salts and generated passwords.

use std::io;

/// Fills a buffer with bytes nobody can guess.
pub trait Randomness {
    fn fill(&self, buffer: &mut [u8]) -> io::Result<()>;
}

/// The kernel's random source, which waits until it is ready early in a boot.
pub struct Entropy;

impl Randomness for Entropy {
    fn fill(&self, buffer: &mut [u8]) -> io::Result<()> {
        getrandom::fill(buffer).map_err(io::Error::other)
    }
}
