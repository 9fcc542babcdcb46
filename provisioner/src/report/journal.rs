// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The report as journal lines, most important first; the login is never among them.

use super::{Report, Summary, chain, outcome};
use crate::accept::Verdict;
use crate::apply::Outcome;
use crate::plan::Step;
use crate::reset::Reset;

/// How urgent a line is, numbered as in syslog.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Urgency {
    Error = 3,
    Warning = 4,
    Notice = 5,
    Info = 6,
}

/// One line for the journal.
pub type Line = (Urgency, String);

/// The lines of a report.
pub fn lines(report: &Report) -> Vec<Line> {
    let mut lines = vec![headline(report)];
    lines.extend(report.reset.as_ref().map(line_of_reset));
    if let Some(Verdict::Refused(refusals)) = &report.verdict {
        lines.extend(
            refusals
                .iter()
                .map(|refusal| (Urgency::Error, refusal.to_string())),
        );
    }
    lines.extend(
        report
            .warnings()
            .into_iter()
            .map(|warning| (Urgency::Warning, warning)),
    );
    lines.extend(report.steps.iter().map(line_of_step));
    if let Some(login) = &report.login {
        let text = format!(
            "the login of `{}` stands in broker-report.txt on the boot partition",
            login.username
        );
        lines.push((Urgency::Notice, text));
    }
    lines
}

fn line_of_reset(reset: &Reset) -> Line {
    let urgency = match reset {
        Reset::Done { .. } => Urgency::Notice,
        Reset::NotDone(_) => Urgency::Warning,
        Reset::Unfinished(_) => Urgency::Error,
    };
    (
        urgency,
        format!("factory reset: {}", reset.lines().join(" ")),
    )
}

/// What became of a step.
pub fn line_of_step((step, result): &(Step, Outcome)) -> Line {
    let urgency = match result {
        Outcome::Failed(_) => Urgency::Error,
        _ => Urgency::Notice,
    };
    (urgency, format!("{step}: {}", outcome(result)))
}

fn headline(report: &Report) -> Line {
    let file = report.file.as_deref().unwrap_or("broker.toml");
    let (urgency, text) = match (&report.verdict, report.summary()) {
        (Some(Verdict::Unreadable(error)), _) => (Urgency::Error, chain(error)),
        (Some(Verdict::NotTaken(error)), _) => (
            Urgency::Error,
            format!("{file} could not be taken: {}", chain(error)),
        ),
        (_, Summary::Partly) => (
            Urgency::Warning,
            format!("{file} was taken, but not every step succeeded"),
        ),
        (_, Summary::Refused) => (
            Urgency::Error,
            format!("{file} has a fault, so nothing of it was applied"),
        ),
        (_, Summary::Missing) => (
            Urgency::Warning,
            "there is no broker.toml on the boot partition".to_owned(),
        ),
        _ => (
            Urgency::Info,
            format!("the settings of {file} are in force"),
        ),
    };
    let locked = if report.locked {
        "; the broker is locked"
    } else {
        ""
    };
    (urgency, format!("{text}{locked}"))
}
