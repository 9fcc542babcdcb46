// SPDX-License-Identifier: Apache-2.0 OR MIT
//! What came of the last update of the packages, as `broker-update.service` leaves it for both programs to show.

use serde::de::IntoDeserializer;
use serde::de::value::Error;
use serde::{Deserialize, Serialize};

/// The file it stands in, of at most [`Update::MAX_BYTES`].
pub const UPDATE_RESULT: &str = "/var/lib/broker-update/result";

/// A finished update; for programs it is told as it stands here.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Update {
    pub outcome: UpdateOutcome,
    /// The version before; empty if there was none to go back to.
    pub from: String,
    pub to: String,
    /// A sentence for people, not escaped.
    pub text: String,
}

/// Which version runs since, in the file and for programs in small letters with a hyphen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum UpdateOutcome {
    /// The new one.
    Works,
    /// The one before.
    RolledBack,
    /// Neither, as far as could be seen.
    Failed,
}

impl Update {
    /// More is not read.
    pub const MAX_BYTES: u64 = 4096;

    /// Reads lines `NAME=VALUE`; none if it is of another version than 1, or damaged.
    pub fn read(text: &str) -> Option<Self> {
        let value = |name: &str| {
            let lines = text.lines().filter_map(|line| line.split_once('='));
            let mut named = lines.filter(|(found, _)| *found == name);
            named.next().map(|(_, value)| value.to_owned())
        };
        if value("v")? != "1" {
            return None;
        }
        let outcome = value("outcome")?;
        let outcome: Result<_, Error> = Deserialize::deserialize(outcome.into_deserializer());
        Some(Self {
            outcome: outcome.ok()?,
            from: value("from")?,
            to: value("to")?,
            text: value("text")?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROLLED_BACK: &str = "v=1\noutcome=rolled-back\nfrom=0.1.0\nto=0.2.0\ntext=Update 0.2.0 did not work: a=b. 0.1.0 runs again.\n";

    #[test]
    fn what_the_service_leaves_is_read() {
        let update = Update::read(ROLLED_BACK).unwrap();
        assert_eq!(update.outcome, UpdateOutcome::RolledBack);
        assert_eq!(
            (update.from.as_str(), update.to.as_str()),
            ("0.1.0", "0.2.0")
        );
        assert_eq!(
            update.text,
            "Update 0.2.0 did not work: a=b. 0.1.0 runs again."
        );
    }

    #[test]
    fn another_version_and_a_damaged_file_say_nothing() {
        let other = ROLLED_BACK.replace("v=1", "v=2");
        let unknown = ROLLED_BACK.replace("rolled-back", "exploded");
        for text in ["", "v=1\n", "\0\0\0\0", other.as_str(), unknown.as_str()] {
            assert_eq!(Update::read(text), None, "{text:?}");
        }
    }
}
