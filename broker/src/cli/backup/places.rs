// SPDX-License-Identifier: Apache-2.0 OR MIT
//! What a backup can hold, by its name there, and where each of it is on a device.

use std::path::{Path, PathBuf};

/// The folders of a device, below its root.
pub struct Places {
    /// Of the daemon's configuration, keys and certificates.
    pub configuration: PathBuf,
    /// Of the daemon's state.
    pub state: PathBuf,
    /// Of `broker-provision`; not there without it.
    pub device: PathBuf,
    /// The boot partition.
    pub card: PathBuf,
}

/// Where something of a backup belongs.
#[derive(Debug, PartialEq, Eq)]
pub struct Target {
    pub path: PathBuf,
    /// For root alone; the rest of what is not on the card is for the daemon too.
    pub is_roots: bool,
    /// Bytes it may have.
    pub limit: u64,
}

impl Places {
    pub fn below(root: &Path) -> Self {
        Self {
            configuration: root.join("etc/broker"),
            state: root.join("var/lib/broker"),
            device: root.join("var/lib/broker-provision"),
            card: root.join("boot/firmware"),
        }
    }

    /// Stands while a restore is under way; the broker's unit does not start beside it.
    pub fn unfinished(&self) -> PathBuf {
        self.state.join("restore-unfinished")
    }

    /// Which file of the card was taken last; without it the card is taken anew.
    pub fn stamp(&self) -> PathBuf {
        self.device.join("stamp.json")
    }

    /// The file for this name; `None` if no backup holds such a name.
    pub fn target(&self, name: &str) -> Option<Target> {
        let target = |path, is_roots, limit| Target {
            path,
            is_roots,
            limit,
        };
        if name == ON_CARD {
            return Some(target(self.card.join("broker.toml"), false, LIMIT));
        }
        let (folder, rest) = name.split_once('/')?;
        match folder {
            DEVICE if OF_DEVICE.contains(&rest) => {
                Some(target(self.device.join(rest), true, DEVICE_LIMIT))
            }
            CONFIGURATION if is_inside(rest) => {
                Some(target(self.configuration.join(rest), false, LIMIT))
            }
            _ => None,
        }
    }
}

/// Whether a relative path leads nowhere but down, and is no longer than a file system takes.
fn is_inside(path: &str) -> bool {
    let parts = path.split('/');
    let is_plain = |part: &str| {
        !part.is_empty() && part != "." && part != ".." && !part.chars().any(char::is_control)
    };
    path.len() <= LONGEST_PATH && parts.clone().count() <= DEEPEST && parts.clone().all(is_plain)
}

/// The name of the list of all that follows.
pub const MANIFEST: &str = "manifest.json";
/// The name of the store, as `broker store export` writes it.
pub const STORE: &str = "store.jsonl";
/// The name of the file on the boot partition.
pub const ON_CARD: &str = "card/broker.toml";
/// Before the names of files of the daemon's configuration.
pub const CONFIGURATION: &str = "broker";
/// Before the names of what `broker-provision` keeps.
pub const DEVICE: &str = "device";
/// What it keeps that a device is known by: settings with hashes, authority, certificates.
pub const OF_DEVICE: [&str; 4] = ["desired.json", "ca.key", "issued", "certificates.json"];
/// Folders in one another.
pub const DEEPEST: usize = 8;
/// Bytes of a file of the configuration, of which a `broker.toml` is the largest.
pub const LIMIT: u64 = 1024 * 1024;
/// Bytes of one that `broker-provision` keeps.
pub const DEVICE_LIMIT: u64 = 4 * 1024 * 1024;
/// Bytes of a path, so that a plain tar header has room for it.
const LONGEST_PATH: usize = 90;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_of_a_backup_have_a_place_and_none_leads_out() {
        let places = Places::below(Path::new("/x"));
        let path = |name: &str| places.target(name).map(|target| target.path);
        assert_eq!(
            path("card/broker.toml"),
            Some("/x/boot/firmware/broker.toml".into())
        );
        assert_eq!(
            path("broker/tls/server.pem"),
            Some("/x/etc/broker/tls/server.pem".into())
        );
        assert_eq!(
            path("device/ca.key"),
            Some("/x/var/lib/broker-provision/ca.key".into())
        );
        let long = format!("broker/{}", "x".repeat(91));
        let deep = format!("broker/{}x", "d/".repeat(8));
        for name in [
            "",
            "broker",
            "broker/",
            "/etc/passwd",
            "broker//etc/passwd",
            "broker/../passwd",
            "broker/a/../../../passwd",
            "broker/./a",
            "broker/a\nb",
            "card/config.txt",
            "device/lock",
            "device/../x",
            "store.jsonl",
            "manifest.json",
            &long,
            &deep,
        ] {
            assert_eq!(places.target(name), None, "{name:?}");
        }
    }
}
