// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Where the running broker's control socket is, for the commands that ask it.

use std::path::PathBuf;

/// The options these commands share.
#[derive(Debug, PartialEq, Eq)]
pub struct Socket {
    pub path: PathBuf,
    /// Whether the answer is wanted as JSON.
    pub json: bool,
    /// Whether only what can be said without a broker is wanted.
    pub device: bool,
}

impl Socket {
    /// Reads the arguments; `None` when help was asked for. `is_status` allows the options of `broker status`.
    pub fn parse(
        mut arguments: lexopt::Parser,
        is_status: bool,
    ) -> Result<Option<Self>, lexopt::Error> {
        let mut socket = Self {
            path: PathBuf::from(DEFAULT_PATH),
            json: false,
            device: false,
        };
        while let Some(argument) = arguments.next()? {
            match argument {
                lexopt::Arg::Long("control") => socket.path = arguments.value()?.into(),
                lexopt::Arg::Long("json") if is_status => socket.json = true,
                lexopt::Arg::Long("device") if is_status => socket.device = true,
                lexopt::Arg::Long("help") | lexopt::Arg::Short('h') => return Ok(None),
                other => return Err(other.unexpected()),
            }
        }
        Ok(Some(socket))
    }
}

/// Where the packaged daemon opens it.
const DEFAULT_PATH: &str = "/run/broker/control";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_socket_is_the_packaged_one_unless_named() {
        let parse = |arguments: &[&str]| Socket::parse(lexopt::Parser::from_args(arguments), false);
        assert_eq!(
            parse(&[]).unwrap().unwrap().path,
            PathBuf::from("/run/broker/control")
        );
        assert_eq!(
            parse(&["--control", "x"]).unwrap().unwrap().path,
            PathBuf::from("x")
        );
        assert!(parse(&["--json"]).is_err());
        assert!(parse(&["--help"]).unwrap().is_none());
    }
}
