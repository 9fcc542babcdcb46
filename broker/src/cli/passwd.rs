// SPDX-License-Identifier: Apache-2.0 OR MIT
//! `broker passwd`: turns a password into lines for broker.toml, so that it need not stand there itself.

use std::fmt;
use std::io::{self, BufRead, IsTerminal, Read, Write};
use std::process::ExitCode;

use broker_config::{HashError, LoginMethod, PasswordHash};
use nix::sys::termios::{LocalFlags, SetArg, Termios, tcgetattr, tcsetattr};

use super::{failed, help, misused};

/// Runs the command with the arguments that follow its name.
pub fn run(arguments: lexopt::Parser) -> ExitCode {
    let Request { username, method } = match parse(arguments) {
        Ok(Some(request)) => request,
        Ok(None) => return help(HELP),
        Err(error) => return misused("passwd", error),
    };
    match read_password().and_then(|password| hash(&password, method)) {
        Ok(hash) => {
            print!("{}", lines(username.as_deref(), &hash));
            ExitCode::SUCCESS
        }
        Err(error) => failed("passwd", error, 1),
    }
}

struct Request {
    username: Option<String>,
    method: LoginMethod,
}

/// What is asked for; none when that is help.
fn parse(mut arguments: lexopt::Parser) -> Result<Option<Request>, lexopt::Error> {
    let mut username = None;
    let mut method = LoginMethod::Password;
    while let Some(argument) = arguments.next()? {
        match argument {
            lexopt::Arg::Long("help") | lexopt::Arg::Short('h') => return Ok(None),
            lexopt::Arg::Long("scram") => method = LoginMethod::Scram,
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
    Ok(Some(Request { username, method }))
}

fn lines(username: Option<&str>, hash: &PasswordHash) -> String {
    let auth = match hash.method() {
        LoginMethod::Password => String::new(),
        method => format!("auth = \"{}\"\n", method.name()),
    };
    let hash = format!("{auth}password_hash = \"{}\"\n", hash.as_str());
    match username {
        // A JSON string is a TOML string as well.
        Some(name) => format!(
            "[[user]]\nusername = {}\n{hash}",
            serde_json::Value::from(name)
        ),
        None => hash,
    }
}

fn hash(password: &[u8], method: LoginMethod) -> Result<PasswordHash, PasswordError> {
    let mut salt = [0; 16];
    getrandom::fill(&mut salt).map_err(|_| PasswordError::NoRandomness)?;
    let hash = match (method, std::str::from_utf8(password)) {
        (LoginMethod::Password, _) => PasswordHash::hash_argon2id(password, salt),
        (_, Ok(password)) => method.hash(password, salt),
        (_, Err(_)) => Err(HashError::Forbidden),
    };
    hash.map_err(PasswordError::Hash)
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
    Hash(HashError),
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
            Self::Hash(error) => error.fmt(f),
            Self::Different => f.write_str("the two are different; nothing was made"),
            Self::NoRandomness => f.write_str("the system gives no random bytes"),
        }
    }
}

/// Bytes; more than a password may have, so that a longer one shows.
const MAX_LINE: u64 = 1_024;

const HELP: &str = "\
Turn a password into a password_hash line for broker.toml (argon2id).

Usage: broker passwd [--scram] [USER]

  --scram  For a user with `auth = \"scram\"`, who proves the password by SCRAM-SHA-256 (MQTT 5).

With USER the whole [[user]] table is printed. The password is asked for twice on a terminal and never shown;
without a terminal it is the first line of standard input.";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lines_make_a_valid_broker_toml() {
        for method in [LoginMethod::Password, LoginMethod::Scram] {
            let hash = hash(b"secret", method).unwrap();
            let text = format!("version = 1\n{}", lines(Some("ann \"x\""), &hash));
            let settings = broker_config::read(text.as_bytes())
                .verdict
                .unwrap_or_else(|problems| panic!("{problems:?}"));
            let user = settings.broker.users.first();
            let user = user.map(|user| (user.username.as_str(), user.method));
            assert_eq!(user, Some(("ann \"x\"", method)));
            assert!(hash.verify(b"secret"));
        }
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
    fn a_password_that_cannot_be_used_is_refused() {
        let cases: [(&[u8], LoginMethod, HashError); 5] = [
            (b"", LoginMethod::Password, HashError::Length),
            (b"", LoginMethod::Scram, HashError::Length),
            (&[b'x'; 129], LoginMethod::Password, HashError::Length),
            (b"a\x07", LoginMethod::Scram, HashError::Forbidden),
            (b"\xff", LoginMethod::Scram, HashError::Forbidden),
        ];
        for (password, method, expected) in cases {
            let refused = hash(password, method).err();
            assert!(
                matches!(refused, Some(PasswordError::Hash(error)) if error == expected),
                "{password:?}"
            );
        }
    }
}
