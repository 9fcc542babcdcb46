// SPDX-License-Identifier: Apache-2.0 OR MIT
//! What can be wrong with the keys that are about rights.

use std::fmt;

use crate::AclFault;
use crate::hint::Hint;
use crate::reference::{ACL_MODE, GROUP_NAME};

/// What is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AccessFault {
    Entry(AclFault),
    TooManyEntries,
    /// An entry for clients without a user name has one in it.
    Nameless,
    TooManyGroups,
    GroupName,
    GroupTwice {
        first_line: u32,
    },
    GroupWithoutAcl,
    UnknownGroup,
    /// Entries here and in a file.
    AlsoFile,
    Mode,
}

impl AccessFault {
    pub(super) fn code(self) -> &'static str {
        match self {
            Self::Entry(AclFault::Word) => "acl-word",
            Self::Entry(AclFault::NoFilter) => "acl-without-topic",
            Self::Entry(AclFault::Wildcard) => "acl-wildcard",
            Self::Entry(AclFault::Filter) => "acl-topic",
            Self::Entry(AclFault::Share) => "acl-share",
            Self::Entry(AclFault::ServerWrite) => "acl-server-write",
            Self::Entry(AclFault::ServerRead) => "acl-server-read",
            Self::TooManyEntries => "too-many-entries",
            Self::Nameless => "acl-nameless",
            Self::TooManyGroups => "too-many-groups",
            Self::GroupName => "bad-group-name",
            Self::GroupTwice { .. } => "group-twice",
            Self::GroupWithoutAcl => "group-without-acl",
            Self::UnknownGroup => "unknown-group",
            Self::AlsoFile => "acl-and-file",
            Self::Mode => "bad-acl-mode",
        }
    }

    pub(super) fn remedy(self) -> Hint {
        match self {
            Self::Entry(AclFault::Word | AclFault::NoFilter) => {
                Hint::Do("write it as in `\"read commands/%u/#\"`")
            }
            Self::Entry(AclFault::Wildcard) => {
                Hint::Do("write it as in `\"read sensors/+/state\"` or `\"read sensors/#\"`")
            }
            Self::Entry(AclFault::Filter) => Hint::Do("write a shorter topic of usual letters"),
            Self::Entry(AclFault::Share) => Hint::Do("leave `$share/` and the group's name out"),
            Self::Entry(AclFault::ServerWrite) => {
                Hint::Do("write `\"read $SYS/#\"`, or take the entry out")
            }
            Self::Entry(AclFault::ServerRead) => Hint::Do("take the entry out"),
            Self::TooManyEntries => {
                Hint::Do("at most 1,000 fit: let `+`, `#`, `%u` or `%c` stand for several")
            }
            Self::Nameless => Hint::Do("leave `%u` out, or write the entry for a user"),
            Self::TooManyGroups => Hint::Do("at most 1,000 are possible: remove some"),
            Self::GroupName => Hint::Write(&GROUP_NAME),
            Self::GroupTwice { .. } => Hint::Do("remove one of them or give it another name"),
            Self::GroupWithoutAcl => Hint::Do("write `acl = […]` below its name"),
            Self::UnknownGroup => Hint::Do("write a `[[group]]` of that `name`"),
            Self::AlsoFile => Hint::Do("take it out, or take `acl_file` out of [broker]"),
            Self::Mode => ACL_MODE.remedy(),
        }
    }
}

impl fmt::Display for AccessFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Entry(fault) => return fault.fmt(f),
            Self::TooManyEntries => "there are too many entries",
            Self::Nameless => "a client without a user name has none for `%u`",
            Self::TooManyGroups => "too many groups",
            Self::GroupName => "a group has a name of 1 to 128 bytes without control characters",
            Self::GroupTwice { first_line } => {
                return write!(f, "the group of line {first_line} has the same name");
            }
            Self::GroupWithoutAcl => "this group has no entries",
            Self::UnknownGroup => "there is no such group",
            Self::AlsoFile => "all rights stand in the `acl_file` of [broker]",
            Self::Mode => "unknown way to answer subscriptions",
        })
    }
}
