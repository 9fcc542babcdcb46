// SPDX-License-Identifier: Apache-2.0 OR MIT
//! What `broker-provision` was told on its command line.

use std::path::PathBuf;

use lexopt::Arg::{Long, Short, Value};
use lexopt::ValueExt;

/// What is to be done, and where.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Options {
    pub command: Command,
    pub root: Option<PathBuf>,
    pub boot: Option<PathBuf>,
}

/// What is to be done.
#[derive(Debug, Default, PartialEq, Eq)]
pub enum Command {
    Apply,
    Network,
    Plan,
    Status,
    /// Looks after the device's certificates.
    Certificate,
    /// Lets the activity LED follow the broker until asked to end.
    Led,
    /// Writes the bundle for somebody who helps.
    Support {
        /// Only if a file on the boot partition asks for it.
        if_asked: bool,
    },
    Cert(Cert),
    #[default]
    Help,
    Version,
}

/// What is to be done about clients' certificates.
#[derive(Debug, PartialEq, Eq)]
pub enum Cert {
    Client {
        name: String,
        days: u32,
        folder: PathBuf,
    },
    /// A name or a serial number.
    Revoke(String),
    List,
}

impl Options {
    /// Reads the arguments.
    pub fn parse(mut parser: lexopt::Parser) -> Result<Self, lexopt::Error> {
        let mut options = Self::default();
        let (mut words, mut days, mut folder) = (Vec::new(), DAYS, None);
        let mut if_asked = false;
        while let Some(argument) = parser.next()? {
            match argument {
                Short('h') | Long("help") => return Ok(options),
                Short('V') | Long("version") => {
                    options.command = Command::Version;
                    return Ok(options);
                }
                Long("root") => options.root = Some(parser.value()?.into()),
                Long("boot") => options.boot = Some(parser.value()?.into()),
                Long("if-asked") => if_asked = true,
                Long("days") => days = parser.value()?.parse()?,
                Long("out") => folder = Some(parser.value()?.into()),
                Value(word) => words.push(word.string()?),
                other => return Err(other.unexpected()),
            }
        }
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        options.command = match words.as_slice() {
            [] => Command::Help,
            ["apply"] => Command::Apply,
            ["network"] => Command::Network,
            ["plan"] => Command::Plan,
            ["status"] => Command::Status,
            ["certificate"] => Command::Certificate,
            ["led"] => Command::Led,
            ["support"] => Command::Support { if_asked },
            ["cert", "list"] => Command::Cert(Cert::List),
            ["cert", "revoke", which] => Command::Cert(Cert::Revoke((*which).to_owned())),
            ["cert", "client", name] => Command::Cert(Cert::Client {
                name: (*name).to_owned(),
                days,
                folder: folder.take().unwrap_or_else(|| PathBuf::from(".")),
            }),
            _ => return Err(format!("`{}` is no command", words.join(" ")).into()),
        };
        let is_for_client = matches!(options.command, Command::Cert(Cert::Client { .. }));
        if (folder.is_some() || days != DAYS) && !is_for_client {
            return Err("--days and --out are for `cert client`".into());
        }
        if if_asked && options.command != (Command::Support { if_asked }) {
            return Err("--if-asked is for `support`".into());
        }
        Ok(options)
    }
}

/// Days a client's certificate counts for if nothing else is said: two years.
const DAYS: u32 = 730;

/// Printed by `broker-provision --help`.
pub const HELP: &str = "\
broker-provision makes this machine match the broker.toml on its boot partition.

usage: broker-provision [--root DIR] [--boot DIR] COMMAND

  apply    take broker.toml if it is new, make the machine match it, and write
           broker-report.txt and broker-report.json beside it
  plan     say what apply would change, or what is wrong with the file
  network  bring cable and Wi-Fi up as the file taken last says, and have the
           report written anew; goes back to what worked if they do not come up
  status   say whether card, device and machine agree

  certificate
           make anew what is due of the certificates this device makes
  led      show on the activity LED how the broker is, until ended
  support [--if-asked]
           write broker-support.txt beside broker.toml, without any secret, for
           somebody who helps; --if-asked: only if a file `support` is there
  cert client NAME [--days N] [--out FOLDER]
           make NAME.crt and NAME.key, with which a client logs in as NAME
           (730 days, into this folder)
  cert list
           show all of them
  cert revoke NAME|SERIAL
           let nobody in with them any more

  --root DIR   work below DIR, with the boot partition at DIR/boot/firmware;
               host name and time zone are only reported, no D-Bus is opened
  --boot DIR   the boot partition is at DIR
  -h, --help   print this
  -V, --version

exit status
  apply    0 the report was written, also if it says that the file was refused;
           1 it was not
  plan     0 the file is right, 1 it has problems, 2 it could not be read
  status   0 everything agrees, 1 something does not
  network  0 what came of it is in the report, also if it failed
  others   0 done, 1 not done
  2 for arguments that are not understood
";

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(arguments: &[&str]) -> Result<Command, String> {
        let parser = lexopt::Parser::from_args(arguments);
        let options = Options::parse(parser).map_err(|error| error.to_string())?;
        Ok(options.command)
    }

    #[test]
    fn a_clients_certificate_counts_two_years_and_lands_in_this_folder() {
        let client = |days, folder: &str| {
            Ok(Command::Cert(Cert::Client {
                name: "one".to_owned(),
                days,
                folder: folder.into(),
            }))
        };
        assert_eq!(parse(&["cert", "client", "one"]), client(730, "."));
        let given = ["cert", "client", "--days", "9", "one", "--out", "x"];
        assert_eq!(parse(&given), client(9, "x"));
    }

    #[test]
    fn what_is_not_understood_is_refused() {
        let cases: [&[&str]; 6] = [
            &["cert"],
            &["cert", "client"],
            &["cert", "client", "one", "two"],
            &["cert", "client", "one", "--days", "many"],
            &["apply", "--days", "9"],
            &["--what"],
        ];
        for arguments in cases {
            assert!(parse(arguments).is_err(), "{arguments:?}");
        }
    }
}
