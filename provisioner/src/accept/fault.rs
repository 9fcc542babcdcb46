// SPDX-License-Identifier: Apache-2.0 OR MIT
//! What can be wrong with a file, or with taking it, in words.

use std::error::Error;
use std::fmt;
use std::io;

use broker_config::Problem;

use crate::card::FileProblem;
use crate::desired::DesiredError;
use crate::resolve::{NotKept, ResolveError};
use crate::secret::ScrubError;

/// One fault of a file.
pub enum Refusal {
    Schema(Problem),
    NotKept(NotKept),
    /// About a file that it names.
    File(FileProblem),
}

/// Why a valid file was not taken; nothing was changed.
#[derive(Debug)]
pub enum TakeError {
    Resolve(ResolveError),
    /// A login nobody can read would lock everybody out.
    ShowLogin(io::Error),
    Keep(io::Error),
    /// A factory reset has to be finished first.
    Reset,
    /// What this device keeps cannot be reached, for this reason: it must not take itself for a new one.
    State(String),
}

/// What went wrong beside the settings themselves.
#[derive(Debug)]
pub enum Trouble {
    Damaged(DesiredError),
    Stamp(io::Error),
    /// Plain-text passwords are still on the card.
    Scrub(ScrubError),
    /// The private key in the file of this name is still on the card.
    ScrubKey(String, ScrubError),
    /// Copies of files that are no longer named are still on the device.
    Forget(io::Error),
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Schema(problem) => problem.fmt(f),
            Self::NotKept(user) => user.fmt(f),
            Self::File(problem) => problem.fmt(f),
        }
    }
}

impl fmt::Display for TakeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::State(fault) => {
                return write!(f, "settings and messages cannot be reached: {fault}");
            }
            Self::Resolve(_) => "preparing the settings",
            Self::ShowLogin(_) => "writing the new login into the report on the boot partition",
            Self::Keep(_) => "keeping the settings on this device",
            Self::Reset => "the factory reset is not finished",
        })
    }
}

impl Error for TakeError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Resolve(source) => Some(source),
            Self::ShowLogin(source) | Self::Keep(source) => Some(source),
            Self::Reset | Self::State(_) => None,
        }
    }
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Damaged(error) => error.fmt(f),
            Self::Stamp(_) => {
                f.write_str("remembering which file was taken; it is taken again at the next start")
            }
            Self::Scrub(_) => f.write_str("passwords still stand in plain text on the card"),
            Self::ScrubKey(name, _) => {
                write!(
                    f,
                    "the private key in `{}` is still on the card",
                    name.escape_debug()
                )
            }
            Self::Forget(_) => f.write_str("removing copies of files that are no longer named"),
        }
    }
}

impl Error for Trouble {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Damaged(error) => error.source(),
            Self::Stamp(source) | Self::Forget(source) => Some(source),
            Self::Scrub(source) | Self::ScrubKey(_, source) => Some(source),
        }
    }
}
