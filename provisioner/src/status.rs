// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Whether card, device and machine agree, for `broker-provision status`; changes nothing.

use crate::accept::{self, Finding};
use crate::plan::Step;
use crate::provision::{World, whole_plan};
use crate::report::chain;
use crate::reset;

/// What `status` prints, and whether everything agrees.
pub struct Status {
    pub text: String,
    pub in_force: bool,
}

/// Compares the card with the device, and the device with the machine.
pub fn status(world: &World) -> Status {
    let judgement = accept::judge(world);
    let (card, agrees) = match &judgement.finding {
        Finding::Known => ("its broker.toml is the one taken last".to_owned(), true),
        Finding::Torn(_) => (
            "its passwords are not overwritten completely; apply finishes this".to_owned(),
            false,
        ),
        Finding::Valid { .. } => (
            "its broker.toml was changed and is right; apply takes it".to_owned(),
            false,
        ),
        Finding::Refused(refusals) => (
            format!(
                "its broker.toml has problems ({}); plan lists them",
                refusals.len()
            ),
            false,
        ),
        Finding::Missing => ("there is no broker.toml".to_owned(), false),
        Finding::Unreadable(error) => (chain(error), false),
        Finding::Unresolved(error) => (chain(error), false),
    };
    let mut text = format!("card      {card}\n");
    let is_reset_due = reset::is_due(world);
    if is_reset_due {
        text.push_str(
            "card      its file factory-reset asks for everything to be erased at the next start\n",
        );
    }
    let kept = match (&judgement.stored, &judgement.damage) {
        (_, Some(error)) => chain(error),
        (None, None) => "nothing was taken yet; the broker stays locked".to_owned(),
        (Some(desired), None) => {
            format!(
                "{} users, {} listeners",
                desired.broker.users.len(),
                desired.broker.listeners.len()
            )
        }
    };
    text.push_str(&format!("device    {kept}\n"));
    let stored = judgement.stored.as_ref();
    let plan = stored.and_then(|desired| whole_plan(world, desired).ok());
    // Below `--root` nobody can say what the machine's own settings are.
    let is_missing = |step: &Step| world.machine.is_some() || step.is_a_file();
    let matches = plan
        .as_ref()
        .is_some_and(|plan| !plan.steps.iter().any(is_missing));
    for line in plan.iter().flat_map(|plan| {
        plan.to_string()
            .lines()
            .map(str::to_owned)
            .collect::<Vec<_>>()
    }) {
        text.push_str(&format!("machine   {line}\n"));
    }
    Status {
        text,
        in_force: agrees && matches && !is_reset_due,
    }
}
