// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The way of a run, top to bottom: accept, observe, plan, apply, report.

use std::io;

use broker_config::{LoginMethod, NotHashed, Update};

use crate::accept::{self, Acceptance, Finding, Refusal, TakeError, Verdict};
use crate::apply::{Outcome, carry_out};
use crate::certificates::{self, Authority};
use crate::clock::Moment;
use crate::desired::{Desired, DesiredError};
use crate::division;
use crate::firewall::Openings;
use crate::login::Login;
use crate::network;
use crate::observed::observe;
use crate::places::Places;
use crate::plan::{Plan, Step};
use crate::report::{self, Access, Line, Report, Urgency, chain};
use crate::reset::{self, Reset};
use crate::secret::passwords;
use crate::sockets;
use crate::ssh::Door;
use crate::system::{Accounts, Files, Machine, Network, Randomness};

/// Everything a run reaches outside itself.
pub struct World<'a> {
    pub places: Places,
    pub files: &'a dyn Files,
    /// `None` below `--root`: what would change is only reported.
    pub machine: Option<Machine<'a>>,
    pub network: &'a dyn Network,
    pub random: &'a dyn Randomness,
    pub accounts: Accounts,
    pub now: Moment,
}

/// What `plan` found.
pub enum Dry {
    /// The card's file is right, or there is none and the last good settings stay; what would change.
    Right(String),
    /// The file's problems.
    Wrong(String),
    /// Why the card, or what is kept on the device, could not be read.
    Unreadable(String),
}

/// Makes the machine match the card: the journal's lines, and whether the report stands on the card.
pub fn apply(world: &World) -> (Vec<Line>, io::Result<()>) {
    let fault = division::fault(world);
    let reset = match fault {
        Some(_) => None,
        None => reset::run(world),
    };
    let acceptance = match (fault, &reset) {
        (Some(fault), _) => accept::hold_back(TakeError::State(fault)),
        (None, Some(Reset::Unfinished(_))) => accept::hold_back(TakeError::Reset),
        (None, Some(Reset::Done { .. } | Reset::NotDone(_)) | None) => {
            accept::take(world, accept::judge(world))
        }
    };
    let steps = match acceptance
        .desired
        .as_ref()
        .map(|desired| Plan::new(desired, &observe(world, desired)))
    {
        Some(Ok(plan)) => carry_out(world, plan),
        // Without a state there is nothing to apply; a kept state holds only hashes.
        None | Some(Err(_)) => Vec::new(),
    };
    reset::let_broker_start(world, reset.as_ref());
    let network = network_known(world, &acceptance);
    let report = tell(world, acceptance, reset, steps, network);
    let written = report::publish(world, &report);
    let mut lines = report::lines(&report);
    if let Err(error) = &written {
        let text = format!(
            "the report could not be written onto the boot partition: {}",
            chain(error)
        );
        lines.push((Urgency::Error, text));
    }
    if let Err(error) = report::show(world, &report, written.is_ok()) {
        let text = format!("the console does not show the report: {}", chain(&error));
        lines.push((Urgency::Warning, text));
    }
    (lines, written)
}

/// What `apply` would do; changes nothing.
pub fn plan(world: &World) -> Dry {
    if let Some(fault) = division::fault(world) {
        return Dry::Unreadable(TakeError::State(fault).to_string());
    }
    if reset::is_due(world) {
        return Dry::Right(RESET.to_owned());
    }
    let judgement = accept::judge(world);
    if let Some(error @ DesiredError::Read(_)) = &judgement.damage {
        return Dry::Unreadable(chain(error));
    }
    let (desired, first) = match intention(judgement.finding, judgement.stored) {
        Ok(intention) => intention,
        Err(dry) => return dry,
    };
    let Some(desired) = desired else {
        return Dry::Right(format!("{first}the broker stays locked\n"));
    };
    match whole_plan(world, &desired) {
        Ok(plan) if plan.steps.is_empty() && !first.is_empty() => Dry::Right(first),
        Ok(plan) => Dry::Right(format!("{first}{plan}")),
        Err(error) => Dry::Unreadable(format!(
            "the password of `{}` is not hashed",
            error.username
        )),
    }
}

/// What is missing, the network included, which a run of its own sets up.
pub fn whole_plan(world: &World, desired: &Desired) -> Result<Plan, NotHashed> {
    let mut plan = Plan::new(desired, &observe(world, desired))?;
    let network = Plan::of_network(&desired.machine, &network::see(world, &desired.machine));
    plan.steps.extend(network.steps);
    Ok(plan)
}

/// What would be the desired state, and what would be done to the card before that is applied.
fn intention(finding: Finding, stored: Option<Desired>) -> Result<(Option<Desired>, String), Dry> {
    Ok(match finding {
        Finding::Refused(refusals) => return Err(Dry::Wrong(problems(&refusals))),
        Finding::Unreadable(error) => return Err(Dry::Unreadable(chain(&error))),
        Finding::Unresolved(error) => return Err(Dry::Unreadable(chain(&error))),
        Finding::Missing => (stored, "there is no broker.toml\n".to_owned()),
        Finding::Known => (stored, String::new()),
        Finding::Torn(_) => (
            stored,
            "finish overwriting the passwords on the card\n".to_owned(),
        ),
        Finding::Valid {
            resolved,
            patches,
            card,
        } => {
            let made = resolved.made.map(|login| {
                format!(
                    "make a login for `{}`, shown in the report\n",
                    login.username
                )
            });
            let taken = format!("take {} from the card\n", passwords(patches.len()));
            let taken = Some(taken).filter(|_| !patches.is_empty());
            let keys = accept::new_keys(&card);
            let keys = keys
                .iter()
                .map(|name| format!("take the private key in `{name}` from the card\n"));
            (
                Some(resolved.desired),
                made.into_iter().chain(taken).chain(keys).collect(),
            )
        }
    })
}

fn problems(refusals: &[Refusal]) -> String {
    refusals
        .iter()
        .map(|refusal| format!("{refusal}\n"))
        .collect()
}

/// What is known of the network; for a file taken now it is set up anew.
fn network_known(world: &World, acceptance: &Acceptance) -> Vec<network::Finding> {
    let Some(desired) = &acceptance.desired else {
        return Vec::new();
    };
    if matches!(acceptance.verdict, Verdict::Accepted) {
        network::begin_anew(world, &desired.machine);
    }
    network::known(world, &desired.machine)
}

fn tell(
    world: &World,
    acceptance: Acceptance,
    reset: Option<Reset>,
    steps: Vec<(Step, Outcome)>,
    network: Vec<network::Finding>,
) -> Report {
    let Acceptance {
        verdict,
        file,
        ignored,
        notes,
        taken,
        keys_taken,
        desired,
        made,
        troubles,
    } = acceptance;
    let pending = || Login::pending(world.files, &world.places, desired.as_ref()?);
    let login = made.or_else(pending);
    let access = desired
        .as_ref()
        .map(|desired| access(world, desired, &steps));
    Report {
        moment: world.now,
        verdict: Some(verdict),
        file,
        ignored,
        notes,
        taken,
        keys_taken,
        troubles,
        steps,
        update: last_update(world),
        network,
        division: division::known(world),
        access,
        locked: matches!(world.files.len(&world.places.configuration), Ok(None))
            || matches!(reset, Some(Reset::Unfinished(_))),
        reset,
        login,
    }
}

/// None where none was made, or what came of it cannot be read.
fn last_update(world: &World) -> Option<Update> {
    let read = world
        .files
        .read(&world.places.update_result, Update::MAX_BYTES);
    Update::read(std::str::from_utf8(&read.ok()??).ok()?)
}

fn access(world: &World, desired: &Desired, steps: &[(Step, Outcome)]) -> Access {
    let addresses = world.network.addresses();
    let listening = world.network.listening();
    let users = &desired.broker.users;
    let example = users
        .iter()
        .find(|user| user.method == LoginMethod::Password);
    Access {
        host: host(world, desired, steps),
        users: users.iter().map(|user| user.username.clone()).collect(),
        example: example.map(|user| user.username.clone()),
        allow_anonymous: desired.broker.allow_anonymous,
        openings: Openings::of(desired),
        sockets: sockets::examine(
            &desired.broker.listeners,
            &addresses,
            &listening,
            world.accounts.broker_user,
        ),
        authority: authority(world, desired),
        door: Door::of(world, desired),
    }
}

/// The device's authority, if a listener needs it and it could be made.
fn authority(world: &World, desired: &Desired) -> Option<report::Authority> {
    let wanted = certificates::are_wanted(desired).then_some(());
    let kept = wanted.and_then(|()| Authority::load(world.files, &world.places).ok()?)?;
    Some(report::Authority {
        fingerprint: kept.fingerprint,
        made: kept.made,
        replaces: kept.replaces,
    })
}

/// What clients call this machine: its name in multicast DNS, or `localhost` below `--root`.
pub fn host(world: &World, desired: &Desired, steps: &[(Step, Outcome)]) -> String {
    let refused = |(step, outcome): &(Step, Outcome)| {
        matches!(step, Step::SetHostName { .. }) && matches!(outcome, Outcome::Failed(_))
    };
    // The unit has a view of its own of the kernel's name, which a name set at this start does not reach.
    let set = desired
        .machine
        .hostname
        .as_ref()
        .filter(|_| !steps.iter().any(refused))
        .map(ToString::to_string);
    let name = world
        .machine
        .and_then(|_| set.or_else(|| world.network.host_name()));
    match name
        .as_deref()
        .and_then(|name| name.split('.').next())
        .filter(|name| !name.is_empty())
    {
        Some(label) => format!("{label}.local"),
        None => "localhost".to_owned(),
    }
}

const RESET: &str = "erase everything this device keeps, as the file factory-reset asks for, then take broker.toml anew\n";
