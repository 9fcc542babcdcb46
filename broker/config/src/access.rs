// SPDX-License-Identifier: Apache-2.0 OR MIT
//! What a `broker.toml` says about rights: entries of access lists, groups, and where else they stand.

use std::fmt;

use mqtt_proto::{Filter, FilterError};

/// What is said of rights besides those of single users.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AccessSettings {
    /// In the order of the file, names unique, at most 1,000.
    pub groups: Vec<Group>,
    /// What clients without a user name may; none where they may what a user without entries may.
    pub anonymous_acl: Option<Vec<AclEntry>>,
    /// A file in Mosquitto's format that says all about rights: absolute, or relative to the folder of this file.
    pub acl_file: Option<String>,
    /// A file in Mosquitto's format with more users, named in the same way.
    pub password_file: Option<String>,
    pub mode: AclMode,
}

/// What one user may: everything outside of `$` topics, and to read `$SYS/#`, where both are none.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UserAccess {
    pub acl: Option<Vec<AclEntry>>,
    /// Names of `[[group]]`s.
    pub groups: Option<Vec<String>>,
}

/// One `[[group]]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Group {
    pub name: String,
    pub acl: Vec<AclEntry>,
}

/// One entry of an access list, such as `read commands/%u/#`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AclEntry {
    pub right: AclRight,
    /// With `%u` for the user name and `%c` for the client identifier, where it stands in a `broker.toml`.
    pub filter: Filter,
}

/// What an entry says of the topics that its filter matches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AclRight {
    Read,
    Write,
    ReadWrite,
    /// Neither, whatever other entries say.
    Deny,
}

/// How SUBSCRIBE is answered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum AclMode {
    /// Granted only if all that the filter asks for may be read.
    #[default]
    Truthful,
    /// Always granted.
    Mosquitto,
}

/// Why a text is no entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AclFault {
    /// It does not begin with a right.
    Word,
    /// Nothing follows the right.
    NoFilter,
    Wildcard,
    /// Too long or too deep, or with a character no topic has.
    Filter,
    Share,
    /// A right to publish to `$…`.
    ServerWrite,
    /// A right to read `$…` other than `$SYS`.
    ServerRead,
}

impl UserAccess {
    /// Whether the user may only what is listed.
    pub fn is_listed(&self) -> bool {
        self.acl.is_some() || self.groups.is_some()
    }
}

impl AclEntry {
    /// Reads a right, a space, and a topic filter, which may have spaces in it.
    pub fn parse(text: &str) -> Result<Self, AclFault> {
        let (word, filter) = text.split_once(' ').unwrap_or((text, ""));
        let right = AclRight::named(word).ok_or(AclFault::Word)?;
        let filter = parse_filter(filter.trim_start_matches(' '))?;
        let server = filter.starts_with('$') && right != AclRight::Deny;
        let is_sys = &*filter == "$SYS" || filter.starts_with("$SYS/");
        if filter.share().is_some() {
            Err(AclFault::Share)
        } else if server && right != AclRight::Read {
            Err(AclFault::ServerWrite)
        } else if server && !is_sys {
            Err(AclFault::ServerRead)
        } else {
            Ok(Self { right, filter })
        }
    }

    /// Whether it is about the user's own name.
    pub fn names_user(&self) -> bool {
        self.filter.contains("%u")
    }
}

/// A topic filter as an entry may have it.
pub(crate) fn parse_filter(text: &str) -> Result<Filter, AclFault> {
    if text.contains(char::is_control) {
        return Err(AclFault::Filter);
    }
    Filter::new(text.into()).map_err(|error| match error {
        FilterError::Empty => AclFault::NoFilter,
        FilterError::HashNotLast | FilterError::WildcardInLevel => AclFault::Wildcard,
        FilterError::ShareWithoutFilter | FilterError::ShareGroup => AclFault::Share,
        FilterError::NullCharacter | FilterError::TooLong | FilterError::TooManyLevels => {
            AclFault::Filter
        }
    })
}

impl AclRight {
    /// As written in an entry.
    pub fn name(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Write => "write",
            Self::ReadWrite => "readwrite",
            Self::Deny => "deny",
        }
    }

    pub(crate) fn named(name: &str) -> Option<Self> {
        let mut all = [Self::Read, Self::Write, Self::ReadWrite, Self::Deny].into_iter();
        all.find(|right| right.name() == name)
    }
}

impl AclMode {
    /// As written in the file.
    pub fn name(self) -> &'static str {
        match self {
            Self::Truthful => "truthful",
            Self::Mosquitto => "mosquitto",
        }
    }

    /// The mode of that name.
    pub fn named(name: &str) -> Option<Self> {
        let mut all = [Self::Truthful, Self::Mosquitto].into_iter();
        all.find(|mode| mode.name() == name)
    }
}

impl fmt::Display for AclEntry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.right.name(), self.filter)
    }
}

impl fmt::Display for AclFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Word => "an entry begins with `read`, `write`, `readwrite` or `deny`",
            Self::NoFilter => "this entry names no topic",
            Self::Wildcard => "`+` and `#` stand for whole levels, `#` for the last ones only",
            Self::Filter => {
                "a topic has at most 65535 bytes and 128 levels, and here no control characters"
            }
            Self::Share => "a shared subscription is judged by the filter behind its group",
            Self::ServerWrite => "nobody may publish to topics that start with `$`",
            Self::ServerRead => "of the topics that start with `$` only `$SYS` can be read",
        })
    }
}

impl std::error::Error for AclFault {}
