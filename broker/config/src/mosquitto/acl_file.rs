// SPDX-License-Identifier: Apache-2.0 OR MIT
//! `acl_file`: `user NAME`, `topic [right] FILTER` for that user, `pattern [right] FILTER` for all users.
//!
//! Entries before the first `user` are for clients without a user name. The right is readwrite where none stands.

use std::collections::BTreeMap;

use super::{LineFault, LineProblem, lines, verdict};
use crate::access::parse_filter;
use crate::resolve::MAX_ENTRIES;
use crate::{AclEntry, AclFault, AclRight};

/// What an acl_file says; whatever it does not allow is denied.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AclFile {
    /// For clients without a user name.
    pub anonymous: Vec<AclEntry>,
    /// By user name; `%u` and `%c` mean nothing here.
    pub users: BTreeMap<String, Vec<AclEntry>>,
    /// For everybody, asked where the others say nothing; `%u` is the user name and `%c` the client identifier.
    pub patterns: Vec<AclEntry>,
}

/// Reads an acl_file, or tells every line that is wrong.
pub fn acl_file(bytes: &[u8]) -> Result<AclFile, Vec<LineProblem>> {
    let mut file = AclFile::default();
    let (mut user, mut problems) = (None, Vec::new());
    for (line, text) in lines(bytes)? {
        if let Err(fault) = file.take(text, &mut user) {
            problems.push(LineProblem { line, fault });
        }
    }
    verdict(file, problems)
}

impl AclFile {
    fn take(&mut self, line: &str, user: &mut Option<String>) -> Result<(), LineFault> {
        let (word, rest) = split(line);
        let list = match word {
            "user" if rest.is_empty() => return Err(LineFault::UserMissing),
            "user" => {
                self.users.entry(rest.to_owned()).or_default();
                *user = Some(rest.to_owned());
                return Ok(());
            }
            "topic" => match user {
                Some(user) => self.users.entry(user.clone()).or_default(),
                None => &mut self.anonymous,
            },
            "pattern" => &mut self.patterns,
            _ => return Err(LineFault::Keyword),
        };
        list.push(entry(rest).map_err(LineFault::Entry)?);
        match list.len() > MAX_ENTRIES {
            true => Err(LineFault::TooManyEntries),
            false => Ok(()),
        }
    }
}

/// An entry with or without a right; a topic with spaces needs one.
fn entry(text: &str) -> Result<AclEntry, AclFault> {
    let (word, rest) = split(text);
    let (right, filter) = match rest {
        "" => (AclRight::ReadWrite, word),
        _ => (AclRight::named(word).ok_or(AclFault::Word)?, rest),
    };
    let filter = parse_filter(filter)?;
    Ok(AclEntry { right, filter })
}

/// The first word and what follows the spaces behind it.
fn split(text: &str) -> (&str, &str) {
    let text = text.trim_start_matches(' ');
    let (word, rest) = text.split_once(' ').unwrap_or((text, ""));
    (word, rest.trim_start_matches(' '))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listed(entries: &[AclEntry]) -> Vec<String> {
        entries.iter().map(AclEntry::to_string).collect()
    }

    #[test]
    fn entries_belong_to_the_user_above_and_before_the_first_to_nobody() {
        let text = "# remark\r\ntopic read public/#\r\n\r\nuser ann b\ntopic a\ntopic deny a/x y\nuser bob\npattern \
                    write %u/%c\ntopic  readwrite  c d \nuser ann b\ntopic write e";
        let file = acl_file(text.as_bytes()).unwrap_or_else(|problems| panic!("{problems:?}"));
        assert_eq!(listed(&file.anonymous), ["read public/#"]);
        let of = |name: &str| listed(&file.users[name]);
        assert_eq!(of("ann b"), ["readwrite a", "deny a/x y", "write e"]);
        assert_eq!(of("bob"), ["readwrite c d"]);
        assert_eq!(listed(&file.patterns), ["write %u/%c"]);
    }

    #[test]
    fn an_empty_file_allows_nothing_and_is_no_mistake() {
        assert_eq!(acl_file(b""), Ok(AclFile::default()));
        assert_eq!(acl_file(b"\xef\xbb\xbf# only\n\n"), Ok(AclFile::default()));
    }

    #[test]
    fn every_line_that_is_wrong_is_told() {
        let text = "topic\ntopc a\nuser\ntopic raed a\ntopic a/#/b\ntopic read a+\n  topic ok\npattern write";
        let problems = acl_file(text.as_bytes()).err().unwrap_or_default();
        let found: Vec<String> = problems.iter().map(LineProblem::to_string).collect();
        let expected = [
            "line 1: this entry names no topic",
            "line 2: a line begins with",
            "line 3: `user` without a name",
            "line 4: between `topic` or `pattern`",
            "line 5: `+` and `#` stand for whole levels",
            "line 6: `+` and `#` stand for whole levels",
        ];
        assert_eq!(found.len(), expected.len(), "{found:#?}");
        for (found, expected) in found.iter().zip(expected) {
            assert!(found.starts_with(expected), "{found}");
        }
    }

    #[test]
    fn what_is_no_text_or_too_much_is_refused() {
        let fault = |bytes: &[u8]| acl_file(bytes).err().map(|problems| problems[0]);
        let not_utf8 = LineProblem {
            line: 2,
            fault: LineFault::NotUtf8,
        };
        assert_eq!(fault(b"topic a\ntopic \xff\n"), Some(not_utf8));
        let many = "topic a\n".repeat(1_001);
        let too_many = LineProblem {
            line: 1_001,
            fault: LineFault::TooManyEntries,
        };
        assert_eq!(fault(many.as_bytes()), Some(too_many));
        let big = vec![b'#'; 1024 * 1024 + 1];
        assert!(fault(&big).is_some_and(|problem| problem.fault == LineFault::TooBig));
    }
}
