// SPDX-License-Identifier: Apache-2.0 OR MIT
//! What a block device has written, as the kernel counts it.

use std::path::{Path, PathBuf};

/// A block device of its own.
pub struct Device(PathBuf);

/// Counted since the device exists.
#[derive(Clone, Copy)]
pub struct Written {
    pub bytes: u64,
    pub flushes: u64,
}

impl Device {
    /// `device` is a path such as `/dev/loop0`.
    pub fn new(device: &str) -> Self {
        let name = Path::new(device).file_name().unwrap_or_default();
        Self(Path::new("/sys/block").join(name).join("stat"))
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
