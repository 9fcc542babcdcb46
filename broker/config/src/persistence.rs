// SPDX-License-Identifier: Apache-2.0 OR MIT
//! What `[persistence]` says.

use std::time::Duration;

/// What is on the device when a client is told.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Persistence {
    pub mode: Mode,
    /// Milliseconds, only with the modes that have a window; their default if absent.
    pub window_ms: Option<u32>,
    /// Megabytes, not with mode "memory".
    pub sd_budget_mb_per_day: Option<u32>,
    /// Terabytes, not with mode "memory"; [`CARD_ENDURANCE`] if absent.
    pub card_endurance_tb: Option<u32>,
}

/// When a promise is told.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mode {
    /// When the device has it.
    #[default]
    Sync,
    /// The same, and the device is written once in a window.
    Group,
    /// At once; the device is written once in a window.
    Relaxed,
    /// At once; the device is written at a clean stop.
    Memory,
}

impl Persistence {
    /// Bytes that may be written to the card before it wears out.
    pub fn card_endurance(&self) -> u64 {
        let terabytes = self.card_endurance_tb.unwrap_or(CARD_ENDURANCE);
        u64::from(terabytes) * 1_000_000_000_000
    }

    /// The window in force; zero in the modes that have none.
    pub fn window(&self) -> Duration {
        let default = match self.mode {
            Mode::Sync | Mode::Memory => return Duration::ZERO,
            Mode::Group => 200,
            Mode::Relaxed => 1_000,
        };
        Duration::from_millis(self.window_ms.unwrap_or(default).into())
    }
}

impl Mode {
    /// As written in the file.
    pub fn name(self) -> &'static str {
        match self {
            Self::Sync => "sync",
            Self::Group => "group",
            Self::Relaxed => "relaxed",
            Self::Memory => "memory",
        }
    }

    /// The mode of that name.
    pub fn named(name: &str) -> Option<Self> {
        let mut all = [Self::Sync, Self::Group, Self::Relaxed, Self::Memory].into_iter();
        all.find(|mode| mode.name() == name)
    }

    /// Whether it writes once in a window.
    pub(crate) fn has_window(self) -> bool {
        matches!(self, Self::Group | Self::Relaxed)
    }
}

/// Terabytes: a card of 32 GB that can be written 500 times, an assumption.
const CARD_ENDURANCE: u32 = 16;
