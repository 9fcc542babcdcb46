// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Files beside the configuration in Mosquitto's formats: bytes in; what they say, or all that is wrong with them, out.

mod acl_file;
mod password_file;

use std::fmt;

use crate::{AclFault, InvalidHash};
pub use acl_file::{AclFile, acl_file};
pub use password_file::password_file;

/// One thing that is wrong with such a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LineProblem {
    /// From 1.
    pub line: u32,
    pub fault: LineFault,
}

/// What is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LineFault {
    TooBig,
    NotUtf8,
    /// An acl_file's line begins with none of its words.
    Keyword,
    /// `user` without a name.
    UserMissing,
    /// An entry that is none.
    Entry(AclFault),
    TooManyEntries,
    /// A password_file's line has no `:`.
    NoColon,
    Username,
    UserTwice {
        first_line: u32,
    },
    /// Nothing follows the name.
    NoHash,
    /// What follows the name is no hash of Mosquitto's; it may be a password.
    Plain,
    Hash(InvalidHash),
    /// Only the first 100 are listed.
    More {
        count: usize,
    },
}

/// The lines of a file that say something, with their numbers.
fn lines(bytes: &[u8]) -> Result<Vec<(u32, &str)>, Vec<LineProblem>> {
    let problem = |line, fault| Err(vec![LineProblem { line, fault }]);
    if bytes.len() > MAX_FILE {
        return problem(1, LineFault::TooBig);
    }
    let text = match std::str::from_utf8(bytes) {
        Ok(text) => text.strip_prefix('\u{feff}').unwrap_or(text),
        Err(error) => {
            let valid = bytes.get(..error.valid_up_to()).unwrap_or_default();
            let before = valid.iter().filter(|byte| **byte == b'\n').count();
            return problem(number(before), LineFault::NotUtf8);
        }
    };
    let lines = text.split('\n').enumerate();
    let lines = lines.map(|(index, line)| (number(index), line.trim_end()));
    Ok(lines
        .filter(|(_, line)| !line.is_empty() && !line.starts_with('#'))
        .collect())
}

/// The number of a line with so many before it.
fn number(before: usize) -> u32 {
    u32::try_from(before).unwrap_or(u32::MAX).saturating_add(1)
}

/// What was read, if nothing is wrong; or else the first problems.
fn verdict<T>(read: T, mut problems: Vec<LineProblem>) -> Result<T, Vec<LineProblem>> {
    let surplus = problems.len().saturating_sub(MAX_PROBLEMS);
    problems.truncate(MAX_PROBLEMS);
    let Some(last) = problems.last().copied() else {
        return Ok(read);
    };
    if surplus > 0 {
        problems.push(LineProblem {
            line: last.line,
            fault: LineFault::More { count: surplus },
        });
    }
    Err(problems)
}

impl fmt::Display for LineProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: {}", self.line, self.fault)
    }
}

impl fmt::Display for LineFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::TooBig => "the file is larger than 1 MiB; is this the right one?",
            Self::NotUtf8 => "this is not UTF-8; save the file as UTF-8",
            Self::Keyword => "a line begins with `user`, `topic`, `pattern` or `#`",
            Self::UserMissing => "`user` without a name; write it behind",
            Self::Entry(AclFault::Word) => {
                "between `topic` or `pattern` and the topic may stand `read`, `write`, `readwrite` or `deny`"
            }
            Self::Entry(fault) => return fault.fmt(f),
            Self::TooManyEntries => {
                "more than 1,000 entries for one user or of patterns; let `+`, `#`, `%u` or `%c` stand for several"
            }
            Self::NoColon => "a line is a user name, `:` and a hash, as mosquitto_passwd writes it",
            Self::Username => {
                "a user name has 1 to 128 bytes, no control characters and none of `+`, `#`, `/`"
            }
            Self::UserTwice { first_line } => {
                return write!(f, "the user of line {first_line} has the same name");
            }
            Self::NoHash => "this user has no password; remove the line, or use mosquitto_passwd",
            Self::Plain => {
                "what follows the name is no hash; if it is the password, use `mosquitto_passwd -U`"
            }
            Self::Hash(fault) => return fault.fmt(f),
            Self::More { count } => return write!(f, "there are {count} more problems"),
        })
    }
}

/// Bytes of a file.
const MAX_FILE: usize = 1024 * 1024;
/// Problems that are listed.
const MAX_PROBLEMS: usize = 100;
