// SPDX-License-Identifier: Apache-2.0 OR MIT
//! How the card is divided, as `broker-card.service` told it at this start; where that does not run, nothing is known.

use std::fmt;
use std::path::Path;

use crate::provision::World;

/// Where settings and messages lie.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Division {
    /// On a partition of their own, of so many MiB.
    State { mib: u64, root: Root },
    /// With everything else on the root partition.
    Root,
}

/// What becomes of changes to the root file system.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Root {
    Kept,
    /// They are in memory until the machine is switched off.
    Forgotten,
}

/// What was found at this start.
pub fn known(world: &World) -> Option<Division> {
    let told = told(world, &world.places.division)?;
    let mut words = told.split_whitespace();
    match (words.next()?, words.next(), words.next()) {
        ("state", Some(mib), overlay) => Some(Division::State {
            mib: mib.parse().ok()?,
            root: overlay.map_or(Root::Kept, |_| Root::Forgotten),
        }),
        ("root", None, None) => Some(Division::Root),
        _ => None,
    }
}

/// Why settings and messages cannot be reached.
pub fn fault(world: &World) -> Option<String> {
    told(world, &world.places.division_fault).map(|text| text.trim().to_owned())
}

fn told(world: &World, file: &Path) -> Option<String> {
    let bytes = world.files.read(file, LIMIT).ok()??;
    Some(String::from_utf8_lossy(&bytes).into_owned())
}

impl Division {
    /// Sentences, a line each.
    pub fn lines(self) -> Vec<String> {
        let mut lines = vec![format!("{self}.")];
        if let Self::State {
            root: Root::Forgotten,
            ..
        } = self
        {
            lines.extend(FORGOTTEN.map(str::to_owned));
        }
        lines
    }
}

impl fmt::Display for Division {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            // GiB with one decimal, rounded down.
            Self::State { mib, .. } => write!(
                f,
                "Settings and messages lie on a partition of their own, {}.{} GiB",
                mib / 1024,
                mib % 1024 * 10 / 1024
            ),
            Self::Root => f.write_str("This card has no partition of its own for settings and messages: everything lies on the root partition"),
        }
    }
}

const FORGOTTEN: [&str; 2] = [
    "The root file system is read-only, because cmdline.txt says so (overlayroot): updates and every other change outside of",
    "settings and messages are forgotten at the next start.",
];
/// Bytes of a file that are read.
const LIMIT: u64 = 4096;
