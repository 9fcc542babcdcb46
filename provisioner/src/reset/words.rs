// SPDX-License-Identifier: Apache-2.0 OR MIT
//! A factory reset in words, for the person who asked for it.

use super::{Obstacle, Reset};
use crate::report::chain;

impl Reset {
    /// Sentences, a line each.
    pub fn lines(&self) -> Vec<String> {
        match self {
            Self::Done { log, .. } => {
                let mut lines: Vec<String> = DONE.map(str::to_owned).to_vec();
                if let Err(error) = log {
                    lines.push(format!(
                        "The log of this start is not kept: asking journald: {}.",
                        chain(error)
                    ));
                }
                lines
            }
            Self::NotDone(obstacle) => {
                let mut lines = obstacle.lines();
                lines.push("Nothing was erased.".to_owned());
                lines
            }
            Self::Unfinished(obstacle) => {
                let mut lines = obstacle.lines();
                lines.push(UNFINISHED.to_owned());
                lines
            }
        }
    }

    /// The word for programs.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Done { .. } => "done",
            Self::NotDone(_) => "not done",
            Self::Unfinished(_) => "unfinished",
        }
    }
}

impl Obstacle {
    fn lines(&self) -> Vec<String> {
        let lines = match self {
            Self::OtherText { file, host } => [
                format!("The file {} asks for a factory reset, but this device's host name is not in it.", file.escape_debug()),
                format!("To erase everything this device keeps, write {host} into it, and nothing else. If you do not want that, delete it."),
            ],
            Self::BrokerRuns => [
                "A factory reset is asked for, but the broker is running.".to_owned(),
                "Start the device again: it is done before the broker starts.".to_owned(),
            ],
            Self::Mark(error) => [
                format!("A factory reset is asked for, but this device's own storage cannot be written: {}.", chain(error)),
                "It is tried again at the next start; if that fails too, write the image onto the card anew.".to_owned(),
            ],
            Self::Withdraw(error) => [
                format!("A factory reset is asked for, but the file factory-reset cannot be taken off the card: {}.", chain(error)),
                "It would be done again at every start. Check the boot partition on another computer.".to_owned(),
            ],
            Self::Erase(error) => [
                format!("Not everything could be erased: {}.", chain(error)),
                "If this stands here again after the next start, write the image onto the card anew.".to_owned(),
            ],
        };
        lines.into()
    }
}

const DONE: [&str; 4] = [
    "Done: everything this device kept is erased: its keys and certificates, users and passwords, settings, the broker's",
    "messages and sessions, networks, and the log. broker.toml counts anew. A password of which only `0` is left in it is",
    "gone: write it again, in quotes. A private key in a file that says `taken` is gone too: put it onto the card again.",
    "Where TLS is used, clients need the new ca.crt.",
];
const UNFINISHED: &str = "Until the factory reset is finished, broker.toml is not taken and the broker does not start. The next start goes on with it.";
