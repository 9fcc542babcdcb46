// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The files of users and rights that a configuration names; with anything wrong in them it is refused as a whole.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use broker_config::{AclFile, BrokerSettings, LineProblem, User};

use super::source::read_bounded;

/// What is wrong with one of them; its lines are fit for a log.
#[derive(Debug)]
pub struct FileTrouble {
    key: &'static str,
    path: PathBuf,
    what: What,
}

#[derive(Debug)]
enum What {
    Unreadable(io::Error),
    Lines(Vec<LineProblem>),
    /// Users that stand in a `[[user]]`, too: line there, and here.
    Twice(Vec<(u32, u32)>),
}

/// Adds the users of the password_file to the settings and returns what the acl_file says; all that is wrong otherwise.
///
/// Names of files are relative to the folder of the configuration.
pub fn read(
    folder: &Path,
    settings: &mut BrokerSettings,
) -> Result<Option<AclFile>, Vec<FileTrouble>> {
    let access = &settings.access;
    let users = read_one("password_file", folder, access.password_file.as_deref());
    let users = users.and_then(|read| match read {
        Some((path, bytes)) => more_users(path, &bytes, &settings.users),
        None => Ok(Vec::new()),
    });
    let acl = read_one("acl_file", folder, access.acl_file.as_deref());
    let acl = acl.and_then(|read| {
        let Some((path, bytes)) = read else {
            return Ok(None);
        };
        let trouble = |problems| trouble("acl_file", path, What::Lines(problems));
        broker_config::acl_file(&bytes).map(Some).map_err(trouble)
    });
    match (users, acl) {
        (Ok(users), Ok(acl)) => {
            settings.users.extend(users);
            Ok(acl)
        }
        (users, acl) => Err(users.err().into_iter().chain(acl.err()).collect()),
    }
}

fn read_one(
    key: &'static str,
    folder: &Path,
    name: Option<&str>,
) -> Result<Option<(PathBuf, Vec<u8>)>, FileTrouble> {
    let Some(name) = name else { return Ok(None) };
    let path = folder.join(name);
    match read_bounded(&path) {
        Ok(bytes) => Ok(Some((path, bytes))),
        Err(error) => Err(trouble(key, path, What::Unreadable(error))),
    }
}

fn more_users(path: PathBuf, bytes: &[u8], named: &[User]) -> Result<Vec<User>, FileTrouble> {
    const KEY: &str = "password_file";
    let users = match broker_config::password_file(bytes) {
        Ok(users) => users,
        Err(problems) => return Err(trouble(KEY, path, What::Lines(problems))),
    };
    let twice = users.iter().filter_map(|user| {
        let other = named.iter().find(|other| other.username == user.username)?;
        Some((other.line, user.line))
    });
    let twice: Vec<_> = twice.collect();
    match twice.is_empty() {
        true => Ok(users),
        false => Err(trouble(KEY, path, What::Twice(twice))),
    }
}

fn trouble(key: &'static str, path: PathBuf, what: What) -> FileTrouble {
    FileTrouble { key, path, what }
}

impl FileTrouble {
    /// Whether there is no such file.
    pub fn is_missing(&self) -> bool {
        matches!(&self.what, What::Unreadable(error) if error.kind() == io::ErrorKind::NotFound)
    }

    /// A line for each problem.
    pub fn lines(&self) -> Vec<String> {
        let place = format!("{} {}", self.key, self.path.display());
        match &self.what {
            What::Unreadable(error) => vec![format!("{place} cannot be read: {error}")],
            What::Lines(problems) => {
                let line = |problem: &LineProblem| format!("{place}, {problem}");
                problems.iter().map(line).collect()
            }
            What::Twice(twice) => {
                let line = |(there, here): &(u32, u32)| {
                    format!(
                        "{place}, line {here}: the [[user]] of line {there} has the same name; remove one of them"
                    )
                };
                twice.iter().take(MAX_TWICE).map(line).collect()
            }
        }
    }
}

impl fmt::Display for FileTrouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "its {}", self.key)
    }
}

/// Names that are told to stand twice.
const MAX_TWICE: usize = 100;

#[cfg(test)]
mod tests;
