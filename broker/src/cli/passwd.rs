// SPDX-License-Identifier: Apache-2.0 OR MIT
//! `broker passwd`: turns a password into lines for broker.toml, so that it need not stand there itself.

use std::fmt;
use std::io::{self, BufRead, IsTerminal, Read, Write};
use std::process::ExitCode;

use broker_config::PasswordHash;
use nix::sys::termios::{LocalFlags, SetArg, Termios, tcgetattr, tcsetattr};

use super::{failed, help, misused};

/// Runs the command with the arguments that follow its name.
pub fn run(arguments: lexopt::Parser) -> ExitCode {
    let username = match parse(arguments) {
        Ok(Some(username)) => username,
        Ok(None) => return help(HELP),
        Err(error) => return misused("passwd", error),
    };
    match read_password().and_then(|password| hash(&password)) {
        Ok(hash) => {
            print!("{}", lines(username.as_deref(), &hash));
            ExitCode::SUCCESS
        }
        Err(error) => failed("passwd", error, 1),
    }
}

/// The user name, if one is given; the outer `None` when help was asked for.
fn parse(mut arguments: lexopt::Parser) -> Result<Option<Option<String>>, lexopt::Error> {
    let mut username = None;
    while let Some(argument) = arguments.next()? {
        match argument {
            lexopt::Arg::Long("help") | lexopt::Arg::Short('h') => return Ok(None),
            lexopt::Arg::Value(value) if username.is_none() => {
                username = Some(
                    value
                        .into_string()
                        .map_err(lexopt::Error::NonUnicodeValue)?,
                );
            }
            other => return Err(other.unexpected()),
        }
    }
    Ok(Some(username))
}

fn lines(username: Option<&str>, hash: &PasswordHash) -> String {
    let hash = format!("password_hash = \"{}\"\n", hash.as_str());
    match username {
        // A JSON string is a TOML string as well.
        Some(name) => format!(
            "[[user]]\nusername = {}\n{hash}",
            serde_json::Value::from(name)
        ),
        None => hash,
    }
}

fn hash(password: &[u8]) -> Result<PasswordHash, PasswordError> {
    let mut salt = [0; 16];
    getrandom::fill(&mut salt).map_err(|_| PasswordError::NoRandomness)?;
    PasswordHash::hash_argon2id(password, salt).map_err(|_| PasswordError::Length)
}

/// Asks twice on a terminal; elsewhere the first line of standard input is the password.
fn read_password() -> Result<Vec<u8>, PasswordError> {
    let input = io::stdin();
    if !input.is_terminal() {
        return Ok(read_line(&mut input.lock())?);
    }
    let _silence = Silence::begin()?;
    let first = ask("Password: ")?;
    if first == ask("The same again: ")? {
        Ok(first)
    } else {
        Err(PasswordError::Different)
    }
}

fn ask(prompt: &str) -> io::Result<Vec<u8>> {
    let mut terminal = io::stderr();
    write!(terminal, "{prompt}")?;
    let password = read_line(&mut io::stdin().lock());
    writeln!(terminal)?;
    password
}

fn read_line(input: &mut impl BufRead) -> io::Result<Vec<u8>> {
    let mut line = Vec::new();
    input.take(MAX_LINE).read_until(b'\n', &mut line)?;
    while let Some(b'\n' | b'\r') = line.last() {
        line.pop();
    }
    Ok(line)
}

/// The terminal shows nothing of what is typed until this is dropped.
struct Silence {
    before: Termios,
}

impl Silence {
    fn begin() -> io::Result<Self> {
        let before = tcgetattr(io::stdin())?;
        let mut silent = before.clone();
        silent.local_flags.remove(LocalFlags::ECHO);
        tcsetattr(io::stdin(), SetArg::TCSAFLUSH, &silent)?;
        Ok(Self { before })
    }
}

impl Drop for Silence {
    fn drop(&mut self) {
        // A terminal that is gone needs no echo.
        let _ = tcsetattr(io::stdin(), SetArg::TCSAFLUSH, &self.before);
    }
}

#[derive(Debug)]
enum PasswordError {
    Input(io::Error),
    Length,
    Different,
    NoRandomness,
}

impl From<io::Error> for PasswordError {
    fn from(error: io::Error) -> Self {
        Self::Input(error)
    }
}

impl fmt::Display for PasswordError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Input(error) => write!(f, "the password cannot be read: {error}"),
            Self::Length => f.write_str("a password has 1 to 128 bytes"),
            Self::Different => f.write_str("the two are different; nothing was made"),
            Self::NoRandomness => f.write_str("the system gives no random bytes"),
        }
    }
}

/// Bytes; more than a password may have, so that a longer one shows.
const MAX_LINE: u64 = 1_024;

const HELP: &str = "\
Turn a password into a password_hash line for broker.toml (argon2id).

Usage: broker passwd [USER]

With USER the whole [[user]] table is printed. The password is asked for twice on a terminal and never shown;
without a terminal it is the first line of standard input.";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lines_make_a_valid_broker_toml() {
        let hash = hash(b"secret").unwrap();
        let text = format!("version = 1\n{}", lines(Some("ann \"x\""), &hash));
        let settings = broker_config::read(text.as_bytes())
            .verdict
            .unwrap_or_else(|problems| panic!("{problems:?}"));
        assert_eq!(
            settings
                .broker
                .users
                .first()
                .map(|user| user.username.as_str()),
            Some("ann \"x\"")
        );
        assert!(hash.verify(b"secret"));
    }

    #[test]
    fn a_line_ends_before_its_line_break() {
        let cases: [(&[u8], &[u8]); 4] = [
            (b"a b\n", b"a b"),
            (b"a\r\nb\n", b"a"),
            (b"a", b"a"),
            (b"", b""),
        ];
        for (input, expected) in cases {
            assert_eq!(read_line(&mut &*input).unwrap(), expected);
        }
    }

    #[test]
    fn an_empty_and_a_long_password_are_refused() {
        assert!(matches!(hash(b""), Err(PasswordError::Length)));
        assert!(matches!(hash(&[b'x'; 129]), Err(PasswordError::Length)));
    }
}
