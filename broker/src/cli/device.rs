// SPDX-License-Identifier: Apache-2.0 OR MIT
//! What `broker status` says of the device itself, without asking the daemon: until when it gets security updates, and
//! what came of the last update of the broker.

use std::fmt::{self, Display};
use std::fs::File;
use std::io::Read;
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use broker_config::{UPDATE_RESULT, Update};
use serde_json::{Value, json};

use crate::logging::Field;
use crate::tls::date;

/// Each is none where nothing is known.
pub struct Device {
    support: Option<Support>,
    update: Option<Update>,
}

/// Until when the operating system gets security updates.
struct Support {
    /// The day, such as `2028-08-09`.
    end: String,
    term: Term,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Term {
    Current,
    /// Less than [`NOTICE_DAYS`] are left.
    Ending,
    Ended,
}

impl Device {
    /// Reads the files of this machine; one that is missing or damaged says nothing.
    pub fn look() -> Self {
        let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH);
        let now = since_1970.map_or(0, |since| since.as_secs());
        let os_release = read(OS_RELEASE);
        Self {
            support: os_release.and_then(|text| Support::read(&text, now)),
            update: read(UPDATE_RESULT).and_then(|text| Update::read(&text)),
        }
    }

    /// For programs.
    pub fn json(&self) -> Value {
        json!({
            "support": self.support.as_ref().map(|support| json!({
                "end": support.end,
                "state": support.term.word(),
                "text": support.sentence(),
            })),
            "update": self.update,
        })
    }
}

impl Display for Device {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(support) = &self.support {
            writeln!(f, "Support    {}", support.sentence())?;
        }
        if let Some(update) = &self.update {
            writeln!(f, "Update     {}", Field(&update.text))?;
        }
        Ok(())
    }
}

impl Support {
    /// From the line SUPPORT_END of os-release(5), seen `now` seconds after 1970.
    fn read(os_release: &str, now: u64) -> Option<Self> {
        let mut lines = os_release.lines();
        let end = lines.find_map(|line| line.strip_prefix("SUPPORT_END="))?;
        let end = end.trim_matches(['"', '\'']);
        let is_date = end.len() == 10
            && end.bytes().enumerate().all(|(place, byte)| match place {
                4 | 7 => byte == b'-',
                _ => byte.is_ascii_digit(),
            });
        // Dates of this form are ordered as text.
        let term = match () {
            () if end < date(now).as_str() => Term::Ended,
            () if end < date(now + NOTICE_DAYS * DAY).as_str() => Term::Ending,
            () => Term::Current,
        };
        is_date.then(|| Self {
            end: end.to_owned(),
            term,
        })
    }

    fn sentence(&self) -> String {
        let end = &self.end;
        match self.term {
            Term::Current => format!("This system gets security updates until {end}."),
            Term::Ending => format!(
                "This system gets security updates only until {end}: make a backup, and write the image of a newer release onto the card before that day."
            ),
            Term::Ended => format!(
                "This system gets NO security updates any more since {end}: make a backup, and write the image of a newer release onto the card."
            ),
        }
    }
}

impl Term {
    fn word(self) -> &'static str {
        match self {
            Self::Current => "current",
            Self::Ending => "ending",
            Self::Ended => "ended",
        }
    }
}

fn read(path: &str) -> Option<String> {
    let mut text = String::new();
    let file = File::open(Path::new(path)).ok()?;
    file.take(Update::MAX_BYTES)
        .read_to_string(&mut text)
        .ok()
        .map(|_| text)
}

const OS_RELEASE: &str = "/etc/os-release";
const DAY: u64 = 86_400;
/// Half a year.
const NOTICE_DAYS: u64 = 183;

#[cfg(test)]
mod tests {
    use super::*;
    use broker_config::UpdateOutcome;

    const END: &str = "ID=debian\nSUPPORT_END=2028-08-09\n";
    /// 9 August 2028, its first second.
    const LAST_DAY: u64 = 1_849_392_000;

    #[test]
    fn the_sentence_changes_half_a_year_before_the_end_and_after_its_day() {
        let cases = [
            (0, Term::Current),
            (LAST_DAY - NOTICE_DAYS * DAY, Term::Current),
            (LAST_DAY - (NOTICE_DAYS - 1) * DAY, Term::Ending),
            (LAST_DAY + DAY - 1, Term::Ending),
            (LAST_DAY + DAY, Term::Ended),
        ];
        for (now, expected) in cases {
            assert_eq!(Support::read(END, now).unwrap().term, expected, "{now}");
        }
    }

    #[test]
    fn a_system_without_a_date_says_nothing() {
        for text in [
            "",
            "ID=debian\n",
            "SUPPORT_END=soon\n",
            "SUPPORT_END=2028-8-9\n",
        ] {
            assert!(Support::read(text, 0).is_none(), "{text}");
        }
        assert_eq!(
            Support::read("SUPPORT_END=\"2028-08-09\"", 0).unwrap().end,
            "2028-08-09"
        );
    }

    #[test]
    fn people_and_programs_are_told_the_same() {
        let device = Device {
            support: Support::read(END, 0),
            update: Some(Update {
                outcome: UpdateOutcome::RolledBack,
                from: "0.1.0".to_owned(),
                to: "0.2.0".to_owned(),
                text: "Update 0.2.0 did not work.\u{1b}[2J".to_owned(),
            }),
        };
        assert_eq!(
            device.to_string(),
            "Support    This system gets security updates until 2028-08-09.\n\
             Update     Update 0.2.0 did not work.\\u{1b}[2J\n"
        );
        let json = device.json();
        assert_eq!(json["support"]["end"], "2028-08-09");
        assert_eq!(json["support"]["state"], "current");
        assert_eq!(json["update"]["outcome"], "rolled-back");
    }
}
