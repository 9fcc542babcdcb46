// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Asks a running broker over its control socket; used by `broker status` and `broker reload`.

use std::fmt;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::protocol::{Action, Answer, Body, Request, VERSION};

/// Asks once and waits for the answer, at most 30 s.
pub fn ask(path: &Path, action: Action) -> Result<Body, AskError> {
    let stream =
        UnixStream::connect(path).map_err(|error| AskError::Unreachable(path.to_owned(), error))?;
    exchange(stream, action)
}

fn exchange(stream: UnixStream, action: Action) -> Result<Body, AskError> {
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    let mut request =
        serde_json::to_vec(&Request { v: VERSION, action }).map_err(io::Error::from)?;
    request.push(b'\n');
    (&stream).write_all(&request)?;
    let mut line = Vec::new();
    BufReader::new(&stream)
        .take(MAX_ANSWER)
        .read_until(b'\n', &mut line)?;
    if line.is_empty() {
        return Err(AskError::NoAnswer);
    }
    let answer: Answer = serde_json::from_slice(&line).map_err(|_| AskError::NotUnderstood)?;
    match answer {
        Answer { v: VERSION, body } => Ok(body),
        Answer { .. } => Err(AskError::NotUnderstood),
    }
}

/// Why there is no answer.
#[derive(Debug)]
pub enum AskError {
    Unreachable(PathBuf, io::Error),
    Failed(io::Error),
    NoAnswer,
    NotUnderstood,
}

impl From<io::Error> for AskError {
    fn from(error: io::Error) -> Self {
        Self::Failed(error)
    }
}

impl fmt::Display for AskError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreachable(path, error) => match error.kind() {
                io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused => {
                    write!(
                        f,
                        "no broker is running: nothing listens on {}",
                        path.display()
                    )
                }
                io::ErrorKind::PermissionDenied => write!(
                    f,
                    "you may not open {}: use sudo, or become a member of the group `broker`",
                    path.display()
                ),
                _ => write!(f, "{} cannot be opened: {error}", path.display()),
            },
            Self::Failed(error)
                if matches!(
                    error.kind(),
                    io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut
                ) =>
            {
                write!(
                    f,
                    "the broker does not answer within {} s",
                    PATIENCE.as_secs()
                )
            }
            Self::Failed(error) => write!(f, "talking to the broker failed: {error}"),
            Self::NoAnswer => f.write_str("the broker closed the control socket without an answer"),
            Self::NotUnderstood => {
                f.write_str("the running broker is of another version; restart it")
            }
        }
    }
}

/// A reload hashes passwords, which takes a slow machine a while.
const PATIENCE: Duration = Duration::from_secs(30);
/// Bytes; a thousand clients with long names need less.
const MAX_ANSWER: u64 = 16 * 1024 * 1024;
