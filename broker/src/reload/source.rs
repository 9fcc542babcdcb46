// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Reads the daemon's `broker.toml`, and says why it is not used.

use std::fmt;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use broker_config::{AclFile, BrokerSettings, Problem};

use super::files::{self, FileTrouble};
use crate::auth::AccountError;

/// A valid file.
pub struct Loaded {
    /// The users of the password_file are among the others.
    pub settings: BrokerSettings,
    /// What the acl_file says, where there is one.
    pub acl: Option<AclFile>,
    /// What was unusual and accepted, for the log.
    pub notes: Vec<String>,
}

/// Why a file is not used; its `Display` is one sentence, fit for a status line.
#[derive(Debug)]
pub enum Refusal {
    Missing(PathBuf),
    Unreadable(PathBuf, io::Error),
    Invalid(PathBuf, Vec<Problem>),
    /// A file that it names cannot be used.
    Files(PathBuf, Vec<FileTrouble>),
    Accounts(PathBuf, AccountError),
}

/// Reads and checks the file away from the serving threads.
pub async fn load(path: PathBuf) -> Result<Loaded, Refusal> {
    let named = path.clone();
    let reading = tokio::task::spawn_blocking(move || check(&path)).await;
    reading.unwrap_or_else(|_| {
        Err(Refusal::Unreadable(
            named,
            io::ErrorKind::Interrupted.into(),
        ))
    })
}

fn check(path: &Path) -> Result<Loaded, Refusal> {
    let bytes = read_bounded(path).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => Refusal::Missing(path.to_owned()),
        _ => Refusal::Unreadable(path.to_owned(), error),
    })?;
    let reading = broker_config::read(&bytes);
    let notes = reading
        .notes
        .iter()
        .map(|note| format!("{}: {note}", path.display()))
        .collect();
    let settings = reading
        .verdict
        .map_err(|problems| Refusal::Invalid(path.to_owned(), problems))?;
    let mut settings = settings.broker;
    let acl = files::read(folder(path), &mut settings)
        .map_err(|troubles| Refusal::Files(path.to_owned(), troubles))?;
    Ok(Loaded {
        settings,
        acl,
        notes,
    })
}

/// The folder of a configuration, to which the names in it are relative.
pub fn folder(config: &Path) -> &Path {
    config.parent().unwrap_or(Path::new(""))
}

/// The file's bytes, or enough of them for the schema to refuse it as too big.
pub fn read_bounded(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path)?.take(MAX_READ).read_to_end(&mut bytes)?;
    Ok(bytes)
}

impl Refusal {
    /// The sentence, then each problem on a line of its own.
    pub fn lines(&self) -> Vec<String> {
        let mut lines = vec![self.to_string()];
        match self {
            Self::Invalid(_, problems) => lines.extend(problems.iter().map(Problem::to_string)),
            Self::Files(_, troubles) => lines.extend(troubles.iter().flat_map(FileTrouble::lines)),
            Self::Missing(_) | Self::Unreadable(..) | Self::Accounts(..) => {}
        }
        lines
    }

    /// Exit status of a program that cannot go on without the file: 1 for a faulty one, 2 for one that cannot be read.
    pub fn exit_status(&self) -> u8 {
        match self {
            Self::Invalid(..) | Self::Files(..) | Self::Accounts(..) => 1,
            Self::Missing(_) | Self::Unreadable(..) => 2,
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing(path) => write!(f, "{} is missing", path.display()),
            Self::Unreadable(path, error) => {
                write!(f, "{} cannot be read: {error}", path.display())
            }
            Self::Invalid(path, problems) => {
                let s = if problems.len() == 1 { "" } else { "s" };
                write!(
                    f,
                    "{} is refused, {} problem{s}",
                    path.display(),
                    problems.len()
                )
            }
            Self::Files(path, troubles) => {
                write!(f, "{} is refused because of ", path.display())?;
                for (index, trouble) in troubles.iter().enumerate() {
                    write!(f, "{}{trouble}", if index == 0 { "" } else { " and " })?;
                }
                Ok(())
            }
            Self::Accounts(path, error) => write!(f, "{} is refused, {error}", path.display()),
        }
    }
}

/// Bytes; one more than the largest file the schema accepts.
const MAX_READ: u64 = 1024 * 1024 + 1;

#[cfg(test)]
mod tests {
    use super::*;

    fn check_text(name: &str, text: &str) -> Result<Loaded, Refusal> {
        let path =
            std::env::temp_dir().join(format!("broker-source-{}-{name}.toml", std::process::id()));
        std::fs::write(&path, text).unwrap();
        let loaded = check(&path);
        std::fs::remove_file(&path).unwrap();
        loaded
    }

    #[test]
    fn a_valid_file_gives_the_brokers_settings() {
        let loaded = check_text("valid", "version = 1\n[broker]\nallow_anonymous = true\n");
        assert!(loaded.is_ok_and(|loaded| loaded.settings.allow_anonymous));
    }

    #[test]
    fn a_faulty_file_is_refused_with_a_line_for_each_problem() {
        let Err(refusal) = check_text("faulty", "version = 1\nfoo = 1\nbar = 2\n") else {
            panic!("accepted");
        };
        assert_eq!(refusal.lines().len(), 3, "{:?}", refusal.lines());
        assert!(
            refusal.to_string().ends_with("is refused, 2 problems"),
            "{refusal}"
        );
        assert_eq!(refusal.exit_status(), 1);
    }

    #[test]
    fn a_missing_file_is_named() {
        let Err(refusal) = check(Path::new("/nonexistent/broker.toml")) else {
            panic!("accepted");
        };
        assert_eq!(refusal.lines(), ["/nonexistent/broker.toml is missing"]);
        assert_eq!(refusal.exit_status(), 2);
    }
}
