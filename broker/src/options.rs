// SPDX-License-Identifier: Apache-2.0 OR MIT
//! What `broker run` was told on its command line and by the service manager.

use std::path::PathBuf;

/// Options of `broker run`.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct RunOptions {
    /// The configuration named on the command line; without it [`DEFAULT_CONFIG`] is read, which may be missing.
    pub config: Option<PathBuf>,
    /// Where the control socket is; none without a runtime folder.
    pub control: Option<PathBuf>,
    /// Where the daemon keeps state; none for a daemon that keeps nothing.
    pub state: Option<PathBuf>,
    /// The service manager's folder for sockets.
    pub runtime: Option<PathBuf>,
}

impl RunOptions {
    /// Reads the arguments after `run`; `None` when help was asked for.
    pub fn parse(mut arguments: lexopt::Parser) -> Result<Option<Self>, lexopt::Error> {
        let mut options = Self::default();
        while let Some(argument) = arguments.next()? {
            match argument {
                lexopt::Arg::Long("config") | lexopt::Arg::Short('c') => {
                    options.config = Some(arguments.value()?.into());
                }
                lexopt::Arg::Long("control") => options.control = Some(arguments.value()?.into()),
                lexopt::Arg::Long("state") => options.state = Some(arguments.value()?.into()),
                lexopt::Arg::Long("help") | lexopt::Arg::Short('h') => return Ok(None),
                other => return Err(other.unexpected()),
            }
        }
        options.complete(folder("RUNTIME_DIRECTORY"), folder("STATE_DIRECTORY"));
        Ok(Some(options))
    }

    /// Fills what the command line left open from the service manager's folders.
    fn complete(&mut self, runtime: Option<PathBuf>, state: Option<PathBuf>) {
        self.control = self
            .control
            .take()
            .or_else(|| runtime.as_ref().map(|folder| folder.join("control")));
        self.state = self.state.take().or(state);
        self.runtime = runtime;
    }
}

/// The first of the colon-separated folders in a variable that systemd sets.
fn folder(variable: &str) -> Option<PathBuf> {
    let folders = std::env::var_os(variable)?;
    std::env::split_paths(&folders)
        .next()
        .filter(|folder| folder.is_absolute())
}

/// The configuration the provisioner writes.
pub const DEFAULT_CONFIG: &str = "/etc/broker/broker.toml";

/// Printed by `broker run --help`.
pub const HELP: &str = "\
Start the broker in the foreground; Ctrl-C or SIGTERM stops it, SIGHUP lets it read its configuration again.

Usage: broker run [--config FILE] [--control PATH] [--state FOLDER]

  -c, --config FILE    The broker.toml to use; a missing or faulty one is an error.
                       Without this option /etc/broker/broker.toml is used, and where it is missing or
                       faulty the broker stays locked, without a listener, until it is told to reload.
      --control PATH   Where to open the socket for `broker status` and `broker reload`
                       (default: `control` in the folder RUNTIME_DIRECTORY names, else none)
      --state FOLDER   Where to keep state, sessions and retained messages in `store` below it
                       (default: the folder STATE_DIRECTORY names, else they end with the broker)";

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(arguments: &[&str]) -> Result<Option<RunOptions>, lexopt::Error> {
        RunOptions::parse(lexopt::Parser::from_args(arguments))
    }

    #[test]
    fn the_command_line_names_the_files() {
        let options = parse(&["--config", "a.toml", "--control", "b", "--state", "c"])
            .unwrap()
            .unwrap();
        assert_eq!(options.config, Some("a.toml".into()));
        assert_eq!(options.control, Some("b".into()));
        assert_eq!(options.state, Some("c".into()));
    }

    #[test]
    fn the_service_managers_folders_fill_what_is_open() {
        let mut options = RunOptions {
            state: Some("mine".into()),
            ..RunOptions::default()
        };
        options.complete(Some("/run/broker".into()), Some("/var/lib/broker".into()));
        assert_eq!(options.control, Some("/run/broker/control".into()));
        assert_eq!(options.state, Some("mine".into()));
    }

    #[test]
    fn help_is_asked_for_and_unknown_arguments_are_refused() {
        assert!(parse(&["--help"]).unwrap().is_none());
        assert!(parse(&["--root", "x"]).is_err());
        assert!(parse(&["file.toml"]).is_err());
    }
}
