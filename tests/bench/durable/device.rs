// SPDX-License-Identifier: Apache-2.0 OR MIT
//! What a block device has written, as the kernel counts it.

use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use nix::sys::stat::{major, minor};

/// A block device of its own.
pub struct Device(PathBuf);

/// Counted since the device exists.
#[derive(Clone, Copy)]
pub struct Written {
    pub bytes: u64,
    pub flushes: u64,
}

impl Device {
    /// That of the file system which the folder is on.
    pub fn below(folder: &Path) -> Self {
        let metadata = std::fs::metadata(folder)
            .unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
        let (major, minor) = (major(metadata.dev()), minor(metadata.dev()));
        Self(format!("/sys/dev/block/{major}:{minor}/stat").into())
    }

    /// See Documentation/block/stat.rst of the kernel: sectors of 512 bytes, flush requests.
    pub fn written(&self) -> Written {
        let text = std::fs::read_to_string(&self.0)
            .unwrap_or_else(|error| panic!("{}: {error}", self.0.display()));
        let field = |index: usize| {
            let value = text.split_whitespace().nth(index).map(str::parse);
            value.and_then(Result::ok).unwrap_or(0)
        };
        Written {
            bytes: field(6) * 512,
            flushes: field(15),
        }
    }
}
