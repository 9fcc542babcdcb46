// SPDX-License-Identifier: Apache-2.0 OR MIT
//! What came of a run, told to the person who edited the card.
//!
//! One [`Report`], four readers: `text` for people and `json` for programs, both on the boot partition, `console` for a
//! screen, and `journal` lines. Hashes and passwords are in none of them, except a login this program made and nobody has used yet.

mod console;
mod journal;
mod json;
pub mod text;

use std::error::Error;
use std::io;

use broker_config::{Note, Update, UpdateOutcome};

use crate::accept::{Trouble, Verdict};
use crate::apply::{Outcome, StepError};
use crate::certificates::{Fingerprint, Loss, Work};
use crate::clock::Moment;
use crate::division::Division;
use crate::document;
use crate::firewall::Openings;
use crate::login::Login;
use crate::network::{self, Code};
use crate::plan::Step;
use crate::provision::World;
use crate::reset::Reset;
use crate::sockets::Socket;
use crate::ssh::Door;
use crate::system::{CallError, files};

pub use journal::{Line, Urgency, line_of_step, lines};
pub use text::quoted;

/// Everything a report says.
pub struct Report {
    pub moment: Moment,
    /// `None` while the file is being taken.
    pub verdict: Option<Verdict>,
    /// `None` if none was asked for.
    pub reset: Option<Reset>,
    pub file: Option<String>,
    pub ignored: Vec<String>,
    pub notes: Vec<Note>,
    /// Passwords taken from the card now.
    pub taken: usize,
    /// Names of files whose private key was taken from the card now.
    pub keys_taken: Vec<String>,
    pub troubles: Vec<Trouble>,
    pub steps: Vec<(Step, Outcome)>,
    /// What came of the last update of the packages.
    pub update: Option<Update>,
    /// How cable and Wi-Fi are, where the file says something about them.
    pub network: Vec<network::Finding>,
    /// `None` where nobody looked.
    pub division: Option<Division>,
    /// `None` if no state is kept on this device.
    pub access: Option<Access>,
    /// The broker has no configuration and lets nobody in.
    pub locked: bool,
    pub login: Option<Login>,
}

/// Who may connect, and where.
pub struct Access {
    /// What clients call this machine, such as `broker.local`.
    pub host: String,
    pub users: Vec<String>,
    /// The first user of whom a client needs nothing but name and password.
    pub example: Option<String>,
    pub allow_anonymous: bool,
    /// What the appliance's firewall lets through.
    pub openings: Openings,
    pub sockets: Vec<Socket>,
    /// `None` if no listener needs one.
    pub authority: Option<Authority>,
    /// `None` if no key may log in over SSH.
    pub door: Option<Door>,
}

/// The device's certification authority, as clients need to know it.
pub struct Authority {
    pub fingerprint: Fingerprint,
    pub made: Moment,
    pub replaces: Option<Loss>,
}

/// The report in one word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Summary {
    /// Being taken; to be seen only after a power cut.
    Unfinished,
    Applied,
    /// In force except for the steps that failed.
    Partly,
    Refused,
    Missing,
    Unreadable,
    NotTaken,
}

impl Report {
    pub fn summary(&self) -> Summary {
        let failed = self
            .steps
            .iter()
            .any(|(_, outcome)| matches!(outcome, Outcome::Failed(_)))
            || self
                .network
                .iter()
                .any(|finding| finding.code == Code::Failed);
        match &self.verdict {
            None => Summary::Unfinished,
            Some(Verdict::Refused(_)) => Summary::Refused,
            Some(Verdict::Missing) => Summary::Missing,
            Some(Verdict::Unreadable(_)) => Summary::Unreadable,
            Some(Verdict::NotTaken(_)) => Summary::NotTaken,
            Some(Verdict::Accepted | Verdict::Known) if failed => Summary::Partly,
            Some(Verdict::Accepted | Verdict::Known) => Summary::Applied,
        }
    }

    /// Everything the person should look at although the file may be right, a sentence each.
    fn warnings(&self) -> Vec<String> {
        let mut warnings: Vec<String> =
            self.troubles.iter().map(|trouble| chain(trouble)).collect();
        warnings.extend(self.steps.iter().filter_map(warning_of_step));
        let told =
            |finding: &&network::Finding| matches!(finding.code, Code::Waiting | Code::Failed);
        let network = self.network.iter().filter(told);
        warnings.extend(network.map(|finding| finding.text.clone()));
        let update = self.update.iter();
        let did_not_work = update.filter(|update| update.outcome != UpdateOutcome::Works);
        warnings.extend(did_not_work.map(|update| update.text.clone()));
        for socket in self.access.iter().flat_map(|access| &access.sockets) {
            warnings.extend(
                socket
                    .obstacle
                    .as_ref()
                    .map(|obstacle| format!("{}: {obstacle}", socket.listener)),
            );
        }
        for name in &self.ignored {
            let used = self.file.as_deref().unwrap_or("broker.toml");
            warnings.push(format!(
                "there is also a file `{name}`, which was not read because `{used}` is there"
            ));
        }
        warnings
    }

    /// What was unusual and is fine, a sentence each.
    fn notes(&self) -> Vec<String> {
        let renamed = self.file.iter().filter(|name| *name != document::NAME);
        let named = renamed.map(|name| {
            format!(
                "the file is named `{name}`; that is fine, `{}` is usual",
                document::NAME
            )
        });
        let update = self.update.iter();
        let works = update.filter(|update| update.outcome == UpdateOutcome::Works);
        named
            .chain(works.map(|update| update.text.clone()))
            .chain(self.notes.iter().map(ToString::to_string))
            .collect()
    }
}

/// What a step means for clients, where it means something.
pub fn warning_of_step((step, outcome): &(Step, Outcome)) -> Option<String> {
    match (step, outcome) {
        (
            Step::Certificates(Work::MakeAuthority {
                replaces: Some(loss),
                ..
            }),
            Outcome::Done,
        ) => Some(format!(
            "this device has a new certification authority, because {loss}: copy the new ca.crt to every client that \
             uses TLS, and make clients' certificates anew"
        )),
        _ => None,
    }
}

impl Summary {
    /// The word for programs.
    pub fn code(self) -> &'static str {
        match self {
            Self::Unfinished => "unfinished",
            Self::Applied => "applied",
            Self::Partly => "partly",
            Self::Refused => "refused",
            Self::Missing => "missing",
            Self::Unreadable => "unreadable",
            Self::NotTaken => "not taken",
        }
    }
}

/// Shows a made login on the card before it comes into force; failing means that nobody could read it.
pub fn announce(world: &World, file: &str, login: &Login) -> io::Result<()> {
    let report = Report {
        moment: world.now,
        verdict: None,
        reset: None,
        file: Some(file.to_owned()),
        ignored: Vec::new(),
        notes: Vec::new(),
        taken: 0,
        keys_taken: Vec::new(),
        troubles: Vec::new(),
        steps: Vec::new(),
        update: None,
        network: Vec::new(),
        division: None,
        access: None,
        locked: false,
        login: Some(login.clone()),
    };
    publish(world, &report)
}

/// Writes both reports onto the boot partition, one durable before the other is touched.
pub fn publish(world: &World, report: &Report) -> io::Result<()> {
    files::rewrite(
        world.files,
        &world.places.report_json,
        json::render(report).as_bytes(),
    )?;
    files::rewrite(
        world.files,
        &world.places.report_text,
        text::render(report).replace('\n', "\r\n").as_bytes(),
    )
}

/// Shows the report in short on the machine's screen; below `--root` there is none.
pub fn show(world: &World, report: &Report, is_on_card: bool) -> io::Result<()> {
    match world.machine {
        Some(machine) => machine.screen.show(&console::render(report, is_on_card)),
        None => Ok(()),
    }
}

/// An error and its causes in one line.
pub fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let more = error.to_string();
        // A library may repeat its cause in its own words.
        if !text.ends_with(&more) {
            text.push_str(": ");
            text.push_str(&more);
        }
        cause = error.source();
    }
    text.replace(char::is_control, " ")
}

/// What became of a step, in words.
fn outcome(outcome: &Outcome) -> String {
    match outcome {
        Outcome::Done => "done".to_owned(),
        Outcome::BelowRoot => {
            "left to you: with --root the machine itself is not changed".to_owned()
        }
        Outcome::Pointless => "not tried, because an earlier step failed".to_owned(),
        Outcome::Failed(error @ StepError::TimeZone(CallError::Refused(_))) => {
            format!(
                "FAILED: {}; is this a name from the tz database?",
                chain(error)
            )
        }
        Outcome::Failed(error) => format!("FAILED: {}", chain(error)),
    }
}
