// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Everything that can be wrong with a `broker.toml`, each with a code, a sentence and its usual remedy.

mod access;
mod machine;
mod tls;

use std::fmt;

use crate::InvalidHash;
use crate::hint::Hint;
use crate::reference::{
    AUTH, BIND_ADDRESS, Form, Key, MODE, PROTOCOL, SOCKET, SOCKET_DOMAIN, Table,
};
use crate::syntax::Syntax;
pub use access::AccessFault;
pub use machine::MachineFault;
pub use tls::TlsFault;

/// What is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    // The file as a whole.
    TooBig,
    NotUtf8,
    Utf16WithoutMark,
    BrokenUtf16,
    NotText,
    TooDeep,
    Syntax(Syntax),
    Empty,
    VersionMissing,
    UnknownVersion,
    // Any table.
    UnknownKey(Table),
    UnknownTable,
    RepeatedHeading(Table),
    SingleHeading(Table),
    NotATable(Table),
    WrongType {
        key: &'static Key,
        found: Found,
    },
    OutOfRange {
        key: &'static Key,
        min: i64,
        max: i64,
    },
    // The machine.
    Machine(MachineFault),
    // Limits.
    Span,
    // Users.
    TooManyUsers,
    UsernameMissing,
    UsernameLength,
    UsernameCharacter,
    UserTwice {
        first_line: u32,
    },
    PasswordMissing,
    PasswordAndHash,
    PasswordEmpty,
    PasswordLength,
    /// It is the one of the sample file.
    PasswordKnown,
    PasswordHash(InvalidHash),
    Auth,
    /// A verifier of SCRAM for a user who logs in by password.
    ScramHash,
    /// The hash of a password for a user who logs in by SCRAM.
    NoScramHash,
    /// SASLprep forbids or changes the name.
    ScramUsername,
    /// SASLprep forbids the password.
    ScramPassword,
    // Listeners.
    TooManyListeners,
    Overlap {
        first_line: u32,
    },
    Address(AddressFault),
    Protocol,
    NoProtocolVersion,
    SocketDomain,
    /// The address is of the other family.
    OtherDomain,
    Interface,
    SocketPath,
    SocketAndAddress,
    Tls(TlsFault),
    // Rights.
    Access(AccessFault),
    // Persistence.
    Mode,
    /// The mode has none.
    NoWindow,
    /// It is longer than the mode allows.
    GroupWindow,
    /// The mode does not write.
    NoBudget,
    /// Only the first 100 problems are listed.
    More {
        count: usize,
    },
}

/// What was found where another type of value belongs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Found {
    Boolean,
    Integer,
    Fraction,
    Text,
    DateOrTime,
    List,
    Table,
}

/// Why a text is no address to listen on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AddressFault {
    Empty,
    WithPort,
    Url,
    Interface,
    Wildcard,
    Nonsense,
}

impl Fault {
    /// A word for programs, and the name of the fixture that shows the fault.
    pub fn code(self) -> &'static str {
        match self {
            Self::TooBig => "too-big",
            Self::NotUtf8 => "not-utf-8",
            Self::Utf16WithoutMark => "utf-16-without-mark",
            Self::BrokenUtf16 => "broken-utf-16",
            Self::NotText => "not-text",
            Self::TooDeep => "too-deep",
            Self::Syntax(syntax) => syntax.code(),
            Self::Empty => "empty",
            Self::VersionMissing => "version-missing",
            Self::UnknownVersion => "unknown-version",
            Self::UnknownKey(_) => "unknown-key",
            Self::UnknownTable => "unknown-table",
            Self::RepeatedHeading(_) => "repeated-heading",
            Self::SingleHeading(_) => "single-heading",
            Self::NotATable(_) => "not-a-table",
            Self::WrongType { .. } => "wrong-type",
            Self::OutOfRange { .. } => "out-of-range",
            Self::Machine(machine) => machine.code(),
            Self::Span => "bad-span",
            Self::TooManyUsers => "too-many-users",
            Self::UsernameMissing => "username-missing",
            Self::UsernameLength => "username-length",
            Self::UsernameCharacter => "username-character",
            Self::UserTwice { .. } => "user-twice",
            Self::PasswordMissing => "password-missing",
            Self::PasswordAndHash => "password-and-hash",
            Self::PasswordEmpty => "password-empty",
            Self::PasswordLength => "password-length",
            Self::PasswordKnown => "password-known",
            Self::PasswordHash(_) => "bad-password-hash",
            Self::Auth => "bad-auth",
            Self::ScramHash => "scram-hash",
            Self::NoScramHash => "no-scram-hash",
            Self::ScramUsername => "scram-username",
            Self::ScramPassword => "scram-password",
            Self::TooManyListeners => "too-many-listeners",
            Self::Overlap { .. } => "listeners-overlap",
            Self::Address(_) => "bad-address",
            Self::Protocol => "bad-protocol",
            Self::NoProtocolVersion => "no-protocol-version",
            Self::SocketDomain => "bad-socket-domain",
            Self::OtherDomain => "other-socket-domain",
            Self::Interface => "bad-interface",
            Self::SocketPath => "bad-socket-path",
            Self::SocketAndAddress => "socket-and-address",
            Self::Tls(tls) => tls.code(),
            Self::Access(access) => access.code(),
            Self::Mode => "bad-mode",
            Self::NoWindow => "no-window",
            Self::GroupWindow => "group-window",
            Self::NoBudget => "no-budget",
            Self::More { .. } => "more-problems",
        }
    }

    /// What usually helps.
    pub(crate) fn remedy(self) -> Hint {
        match self {
            Self::TooBig => Hint::Do("a broker.toml has a few kilobytes: is this the right file?"),
            Self::NotUtf8 => Hint::Do("save it as UTF-8 (the editor calls it \"encoding\")"),
            Self::Utf16WithoutMark | Self::BrokenUtf16 => Hint::Do("save it as UTF-8"),
            Self::NotText => Hint::Do("save it once more as a plain text file in UTF-8"),
            Self::TooDeep => Hint::Do("compare it with the sample: its tables are not nested"),
            Self::Syntax(syntax) => syntax.remedy(),
            Self::Empty | Self::VersionMissing => {
                Hint::Do("begin the file with the line `version = 1`")
            }
            Self::UnknownVersion => Hint::Do("this broker reads `version = 1`"),
            Self::UnknownKey(table) => Hint::KeysOf(table),
            Self::UnknownTable => Hint::KeysOf(Table::Top),
            Self::RepeatedHeading(table) | Self::SingleHeading(table) | Self::NotATable(table) => {
                Hint::Heading(table)
            }
            Self::WrongType { key, .. } => key.remedy(),
            Self::OutOfRange { key, .. } => Hint::Write(key),
            Self::Machine(machine) => machine.remedy(),
            Self::Span => {
                Hint::Do("write `\"14d\"`: h hours, d days, w weeks, m months of 30 days, y years")
            }
            Self::TooManyUsers => {
                Hint::Do("at most 1,000 users fit: let several devices share one")
            }
            Self::UsernameMissing => Hint::Do("write `username = \"…\"` below the heading"),
            Self::UsernameLength => Hint::Do("write a name of that length"),
            Self::UsernameCharacter => Hint::Do("choose a name without them"),
            Self::UserTwice { .. } => Hint::Do("remove one of them or give it another name"),
            Self::PasswordMissing => Hint::Do("write `password = \"…\"` below the name"),
            Self::PasswordAndHash => Hint::Do("keep one of them"),
            Self::PasswordEmpty => Hint::Do("write a password between the quotes"),
            Self::PasswordLength => Hint::Do("choose one of at most 128 bytes"),
            Self::PasswordKnown => Hint::Do("choose one of your own"),
            Self::PasswordHash(InvalidHash::Weak) => {
                Hint::Do("make another with `broker passwd --scram`")
            }
            Self::Auth => AUTH.remedy(),
            Self::ScramHash => Hint::Do("write `auth = \"scram\"` below the name"),
            Self::NoScramHash => {
                Hint::Do("write what `broker passwd --scram` prints, or the password itself")
            }
            Self::ScramUsername => {
                Hint::Do("choose a name of letters a-z, digits and hyphens, or another `auth`")
            }
            Self::ScramPassword => Hint::Do("choose one of letters, digits and ASCII signs"),
            Self::PasswordHash(InvalidHash::Scheme) => {
                Hint::Do("write what `broker passwd` prints, or a Mosquitto hash ($6$, $7$)")
            }
            Self::PasswordHash(InvalidHash::Cost) => Hint::Do("make another with `broker passwd`"),
            Self::PasswordHash(InvalidHash::Form) => {
                Hint::Do("copy it completely, or make one with `broker passwd`")
            }
            Self::TooManyListeners => Hint::Do("at most 64 are possible: remove some"),
            Self::Overlap { .. } => {
                Hint::Do("give one of them another `port`, `bind_address` or `socket`")
            }
            Self::Address(address) => address.remedy(),
            Self::Protocol => PROTOCOL.remedy(),
            Self::NoProtocolVersion => Hint::Do("leave the line out to accept all versions"),
            Self::SocketDomain => SOCKET_DOMAIN.remedy(),
            Self::OtherDomain => Hint::Do("take `socket_domain` or `bind_address` out"),
            Self::Interface => Hint::Do("write one name as `ip link` shows it, such as `\"eth0\"`"),
            Self::SocketPath => SOCKET.remedy(),
            Self::SocketAndAddress => {
                Hint::Do("keep `socket` alone, or give the port a `[[listener]]` of its own")
            }
            Self::Tls(tls) => tls.remedy(),
            Self::Access(access) => access.remedy(),
            Self::Mode => MODE.remedy(),
            Self::NoWindow => {
                Hint::Do("take it out, or write `mode = \"group\"` or `mode = \"relaxed\"`")
            }
            Self::GroupWindow => Hint::Do("write a shorter one, or `mode = \"relaxed\"`"),
            Self::NoBudget => Hint::Do("take it out, or choose another `mode`"),
            Self::More { .. } => Hint::Do("correct those above first"),
        }
    }
}

impl Key {
    fn remedy(&'static self) -> Hint {
        match self.form {
            Form::Word(words) => Hint::OneOf(words),
            _ => Hint::Write(self),
        }
    }
}

impl AddressFault {
    fn remedy(self) -> Hint {
        match self {
            Self::WithPort => Hint::Do("write the port as `port = …` on a line of its own"),
            Self::Url => Hint::Do("write the bare address, such as `\"192.168.1.10\"`"),
            Self::Interface => Hint::Do(
                "write `interface` in place of `bind_address`, or leave the line out for all",
            ),
            Self::Empty | Self::Wildcard => {
                Hint::Do("leave the line out to listen on all addresses")
            }
            Self::Nonsense => Hint::Write(&BIND_ADDRESS),
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sentence = match self {
            Self::TooBig => "the file is larger than 1 MiB",
            Self::NotUtf8 => "from here on the file is not UTF-8, it may be Latin-1 or Shift-JIS",
            Self::Utf16WithoutMark => "the file is UTF-16 without a byte order mark",
            Self::BrokenUtf16 => "the file begins like UTF-16 and then is not",
            Self::NotText => "the file is not text, or it was not saved completely",
            Self::TooDeep => "lists and tables are nested more than 64 deep",
            Self::Syntax(syntax) => return syntax.fmt(f),
            Self::Empty => "the file says nothing, `version = 1` is missing",
            Self::VersionMissing => "`version = 1` is missing",
            Self::UnknownVersion => "unknown version of the file's format",
            Self::UnknownKey(Table::Top) => "unknown key at the top of the file",
            Self::UnknownKey(table) => return write!(f, "unknown key in {}", table.heading()),
            Self::UnknownTable => "unknown table",
            Self::RepeatedHeading(_) => "there is only one such table",
            Self::SingleHeading(_) => "there may be several such tables",
            Self::NotATable(_) => "this is the name of a table",
            Self::WrongType { key, found } => {
                return write!(f, "expected {}, found {}", key.form, found);
            }
            Self::OutOfRange { min, max, .. } => {
                return write!(f, "the number must be from {min} to {max}");
            }
            Self::Machine(machine) => return machine.fmt(f),
            Self::Span => {
                "a span of time is a number with a letter behind it, in quotes, or \"never\""
            }
            Self::TooManyUsers => "too many users",
            Self::UsernameMissing => "this user has no name",
            Self::UsernameLength => "a user name has 1 to 128 bytes",
            Self::UsernameCharacter => {
                "a user name has no control characters and none of `+`, `#`, `/`"
            }
            Self::UserTwice { first_line } => {
                return write!(f, "the user of line {first_line} has the same name");
            }
            Self::PasswordMissing => "this user has no password",
            Self::PasswordAndHash => "this user has a password and a hash",
            Self::PasswordEmpty => "the password is empty",
            Self::PasswordLength => "the password is longer than 128 bytes",
            Self::PasswordKnown => "this is the example of the sample file, which everybody knows",
            Self::PasswordHash(fault) => return fault.fmt(f),
            Self::Auth => "unknown way to log in",
            Self::ScramHash => {
                "this hash is for logins by SCRAM-SHA-256, and `auth = \"scram\"` is missing"
            }
            Self::NoScramHash => "`auth = \"scram\"` needs another kind of hash",
            Self::ScramUsername => "SCRAM-SHA-256 writes this user name differently or not at all",
            Self::ScramPassword => {
                "SCRAM-SHA-256 takes no control characters and one direction of writing"
            }
            Self::TooManyListeners => "too many listeners",
            Self::Overlap { first_line } => {
                return write!(f, "the listener of line {first_line} already listens there");
            }
            Self::Address(address) => return address.fmt(f),
            Self::Protocol => "unknown protocol",
            Self::NoProtocolVersion => "nobody could connect without any version",
            Self::SocketDomain => "unknown family of addresses",
            Self::OtherDomain => "the address of this listener is of the other family",
            Self::Interface => "a network interface has a name of 1 to 15 letters and digits",
            Self::SocketPath => {
                "a Unix socket has an absolute path of at most 107 bytes without control characters"
            }
            Self::SocketAndAddress => "a Unix socket has no port, address or interface",
            Self::Tls(tls) => return tls.fmt(f),
            Self::Access(access) => return access.fmt(f),
            Self::Mode => "unknown mode of persistence",
            Self::NoWindow => "this mode does not wait for a window",
            Self::GroupWindow => "mode \"group\" waits at most 2000 milliseconds",
            Self::NoBudget => "mode \"memory\" writes at a clean stop only",
            Self::More { count } => return write!(f, "there are {count} more problems"),
        };
        f.write_str(sentence)
    }
}

impl fmt::Display for AddressFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Empty => "the address is empty",
            Self::WithPort => "the address contains a port",
            Self::Url => "this is a URL, not an address",
            Self::Interface => "this is the name of a network interface, not an address",
            Self::Wildcard => "`*` is not an address",
            Self::Nonsense => "this is neither an address nor a host name",
        })
    }
}

impl fmt::Display for Form {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Boolean => "true or false",
            Self::Integer { .. } => "a whole number",
            Self::Span => "a span of time in quotes",
            Self::Integers { .. } => "a list of whole numbers",
            Self::Texts => "a list of texts in quotes",
            Self::Text | Self::Secret | Self::Word(_) => "text in quotes",
        })
    }
}

impl fmt::Display for Found {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Boolean => "true or false",
            Self::Integer => "a whole number",
            Self::Fraction => "a number with a fraction",
            Self::Text => "text in quotes",
            Self::DateOrTime => "a date or time",
            Self::List => "a list",
            Self::Table => "a table",
        })
    }
}
