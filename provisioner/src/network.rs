// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Cable and Wi-Fi by way of NetworkManager: one profile for each table of the file, tried before it is kept.
//!
//! `profile` says what a table is as a profile, `due` looks and decides, `attempt` does it, and `finding` tells what
//! came of it. A unit of its own runs this, because it may take minutes and nothing is to wait for it.

mod attempt;
mod cause;
mod due;
mod finding;
mod profile;

use broker_config::MachineSettings;

use crate::apply::{self, Outcome, StepError};
use crate::desired::Desired;
use crate::plan::{Plan, Step};
use crate::provision::World;
use crate::report::{self, Line, Urgency, chain};

pub use attempt::{NetworkError, carry_out};
pub use due::{Seen, Work, see, work};
pub use finding::{Code, Finding, known};

/// Brings cable and Wi-Fi up as the file says: the journal's lines, and whether what came of it could be kept for the
/// report.
pub fn set_up(world: &World) -> (Vec<Line>, bool) {
    let wanted = match Desired::load(world.files, &world.places) {
        // After a factory reset nothing is wanted, and what was made for the owner before goes.
        Ok(desired) => desired.map_or_else(MachineSettings::default, |desired| desired.machine),
        Err(error) => return (vec![(Urgency::Error, chain(&error))], false),
    };
    due::settle(world, &wanted);
    let seen = see(world, &wanted);
    let steps = apply::carry_out(world, Plan::of_network(&wanted, &seen));
    let findings = finding::find(&wanted, &see(world, &wanted), &failures(&steps));
    let mut lines: Vec<Line> = steps.iter().map(report::line_of_step).collect();
    lines.extend(findings.iter().map(Finding::line));
    if findings.is_empty() && steps.is_empty() {
        return (lines, true);
    }
    let kept = finding::keep(world, &findings);
    if let Err(error) = &kept {
        let text = format!("what came of it could not be kept: {}", chain(error));
        lines.push((Urgency::Error, text));
    }
    // Anew, because one that runs already may have read what was found before. Where it cannot be started, a timer starts it.
    let told = world.machine.map(|machine| {
        machine.units.try_restart(REPORT)?;
        machine.units.start(REPORT)
    });
    if let Some(Err(error)) = told {
        let text = format!("the report is written later: {}", chain(&error));
        lines.push((Urgency::Warning, text));
    }
    (lines, kept.is_ok())
}

/// Forgets what was found for an earlier file, and has the network of this one set up; in a boot that follows anyway.
pub fn begin_anew(world: &World, wanted: &MachineSettings) {
    let was_set_up = finding::forget(world);
    let is_wanted = wanted.ethernet.is_some() || wanted.wlan.is_some();
    if let Some(machine) = world.machine.filter(|_| was_set_up || is_wanted) {
        // Where systemd does not answer, the next start does it, and until then the report says that it is not done.
        let _ = machine.units.try_restart(UNIT);
    }
}

fn failures(steps: &[(Step, Outcome)]) -> Vec<(&Work, &NetworkError)> {
    let failures = steps
        .iter()
        .filter_map(|(step, outcome)| match (step, outcome) {
            (Step::Network(work), Outcome::Failed(StepError::Network(error))) => {
                Some((work, error))
            }
            _ => None,
        });
    failures.collect()
}

/// Runs `set_up`.
const UNIT: &str = "broker-provision-network.service";
/// Writes the report anew.
const REPORT: &str = "broker-provision-report.service";
