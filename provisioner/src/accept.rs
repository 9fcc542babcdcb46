// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Accepting a file: judge it without changing anything, then take it in an order that survives a power cut anywhere.
//!
//! The order: show a made login on the card; forget that somebody logged in; keep the desired state; stamp; overwrite
//! the passwords on the card; settle the stamp. Each step is durable before the next begins, and a file that is
//! refused, or whose desired state could not be kept, changes nothing.

use std::error::Error;
use std::fmt;
use std::io;

use broker_config::{Note, Problem, Reading};

use crate::desired::{Desired, DesiredError};
use crate::document::{self, Document, DocumentError};
use crate::login::Login;
use crate::provision::World;
use crate::report;
use crate::resolve::{NotKept, ResolveError, Resolved, resolve};
use crate::secret::{Patch, ScrubError, scrub};
use crate::stamp::{Known, Stamp};

/// What is on the card and on the device, before anything is changed.
pub struct Judgement {
    pub finding: Finding,
    pub document: Option<Document>,
    pub notes: Vec<Note>,
    /// What was accepted before.
    pub stored: Option<Desired>,
    pub damage: Option<DesiredError>,
}

/// What the card holds.
pub enum Finding {
    /// The file accepted before.
    Known,
    /// That file, with an overwriting that a power cut tore; it must be finished before the file can be read.
    Torn(Stamp),
    /// A new or edited file without a fault.
    Valid {
        resolved: Resolved,
        patches: Vec<Patch>,
    },
    Refused(Vec<Refusal>),
    Missing,
    Unreadable(DocumentError),
    /// A file without a fault that this machine could not resolve.
    Unresolved(ResolveError),
}

/// One fault of a file.
pub enum Refusal {
    Schema(Problem),
    NotKept(NotKept),
}

/// What came of the file.
pub struct Acceptance {
    pub verdict: Verdict,
    pub file: Option<String>,
    /// Other files that could be meant.
    pub ignored: Vec<String>,
    pub notes: Vec<Note>,
    /// Passwords taken from the card now.
    pub taken: usize,
    /// What is to be in force now: of this file, or of the last good one.
    pub desired: Option<Desired>,
    /// A login made now and shown already.
    pub made: Option<Login>,
    pub troubles: Vec<Trouble>,
}

/// The answer to the person who edited the file.
pub enum Verdict {
    /// Taken now.
    Accepted,
    /// Taken at an earlier start.
    Known,
    Refused(Vec<Refusal>),
    Missing,
    Unreadable(DocumentError),
    /// Valid, but not taken.
    NotTaken(TakeError),
}

/// Why a valid file was not taken; nothing was changed.
#[derive(Debug)]
pub enum TakeError {
    Resolve(ResolveError),
    /// A login nobody can read would lock everybody out.
    ShowLogin(io::Error),
    Keep(io::Error),
}

/// What went wrong beside the settings themselves.
#[derive(Debug)]
pub enum Trouble {
    Damaged(DesiredError),
    Stamp(io::Error),
    /// Plain-text passwords are still on the card.
    Scrub(ScrubError),
}

/// Looks at the card and the device; changes nothing.
pub fn judge(world: &World) -> Judgement {
    let (stored, damage) = match Desired::load(world.files, &world.places) {
        Ok(stored) => (stored, None),
        Err(error) => (None, Some(error)),
    };
    let (document, missing) = match document::find(world.files, &world.places.boot) {
        Ok(document) => (document, Finding::Missing),
        Err(error) => (None, Finding::Unreadable(error)),
    };
    let (finding, notes) = match &document {
        Some(document) => judge_document(world, document, stored.as_ref()),
        None => (missing, Vec::new()),
    };
    Judgement {
        finding,
        document,
        notes,
        stored,
        damage,
    }
}

fn judge_document(
    world: &World,
    document: &Document,
    stored: Option<&Desired>,
) -> (Finding, Vec<Note>) {
    let stamp = stored.and_then(|_| Stamp::load(world.files, &world.places));
    let known = stamp
        .as_ref()
        .map_or(Known::No, |stamp| stamp.recognise(&document.bytes));
    if known == Known::Settled {
        return (Finding::Known, Vec::new());
    }
    let Reading {
        verdict,
        notes,
        secrets,
    } = broker_config::read(&document.bytes);
    let patches: Vec<Patch> = secrets.iter().map(Patch::over).collect();
    if let (Known::Scrubbing, Some(stamp)) = (known, stamp) {
        let whole = |patch: &Patch| patches.contains(patch) || patch.is_in_place(&document.bytes);
        if verdict.is_err() || !stamp.patches().iter().all(whole) {
            return (Finding::Torn(stamp), Vec::new());
        }
    }
    let settings = match verdict {
        Ok(settings) => settings,
        Err(problems) => {
            return (
                Finding::Refused(problems.into_iter().map(Refusal::Schema).collect()),
                notes,
            );
        }
    };
    let finding = match resolve(settings, stored, world.random) {
        Ok(resolved) => Finding::Valid { resolved, patches },
        Err(ResolveError::NotKept(users)) => {
            Finding::Refused(users.into_iter().map(Refusal::NotKept).collect())
        }
        Err(error) => Finding::Unresolved(error),
    };
    (finding, notes)
}

/// Takes what was judged, as far as it can be taken.
pub fn take(world: &World, judgement: Judgement) -> Acceptance {
    let Judgement {
        finding,
        document,
        notes,
        stored,
        damage,
    } = judgement;
    let mut troubles: Vec<Trouble> = damage.into_iter().map(Trouble::Damaged).collect();
    let mut made = None;
    let mut taken = 0;
    let mut desired = stored;
    let verdict = match (finding, &document) {
        (Finding::Known, _) => Verdict::Known,
        (Finding::Refused(refusals), _) => Verdict::Refused(refusals),
        (Finding::Unreadable(error), _) => Verdict::Unreadable(error),
        (Finding::Unresolved(error), _) => Verdict::NotTaken(TakeError::Resolve(error)),
        (Finding::Torn(stamp), Some(document)) => {
            troubles.extend(clean(world, document, stamp));
            Verdict::Known
        }
        (Finding::Valid { resolved, patches }, Some(document)) => {
            match keep(world, document, &resolved) {
                Err(error) => Verdict::NotTaken(error),
                Ok(()) => {
                    desired = Some(resolved.desired);
                    made = resolved.made;
                    taken = patches.len();
                    troubles.extend(forget(world, document, patches));
                    Verdict::Accepted
                }
            }
        }
        (Finding::Missing | Finding::Torn(_) | Finding::Valid { .. }, _) => Verdict::Missing,
    };
    let (file, ignored) = document.map_or((None, Vec::new()), |document| {
        (Some(document.name), document.ignored)
    });
    Acceptance {
        verdict,
        file,
        ignored,
        notes,
        taken,
        desired,
        made,
        troubles,
    }
}

/// Keeps the desired state on the device.
fn keep(world: &World, document: &Document, resolved: &Resolved) -> Result<(), TakeError> {
    let (files, places) = (world.files, &world.places);
    files
        .make_folder(&places.state, 0o700)
        .map_err(TakeError::Keep)?;
    if let Some(login) = &resolved.made {
        report::announce(world, &document.name, login).map_err(TakeError::ShowLogin)?;
        forget_first_login(world).map_err(TakeError::Keep)?;
    }
    resolved
        .desired
        .store(files, places)
        .map_err(TakeError::Keep)
}

/// Removes the sign that somebody logged in, which is not about the login made now.
fn forget_first_login(world: &World) -> io::Result<()> {
    match world.files.len(&world.places.first_login)? {
        Some(_) => world.files.remove(&world.places.first_login),
        None => Ok(()),
    }
}

/// Stamps the file and takes its passwords off the card.
fn forget(world: &World, document: &Document, patches: Vec<Patch>) -> Option<Trouble> {
    let stamp = Stamp::before_scrubbing(&document.bytes, patches);
    match stamp.store(world.files, &world.places) {
        Ok(()) if stamp.patches().is_empty() => None,
        Ok(()) => clean(world, document, stamp),
        Err(error) => Some(Trouble::Stamp(error)),
    }
}

/// Overwrites the passwords on the card and settles the stamp.
fn clean(world: &World, document: &Document, stamp: Stamp) -> Option<Trouble> {
    if let Err(error) = scrub(
        world.files,
        &document.path,
        &document.bytes,
        stamp.patches(),
    ) {
        return Some(Trouble::Scrub(error));
    }
    stamp
        .after_scrubbing()
        .store(world.files, &world.places)
        .err()
        .map(Trouble::Stamp)
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Schema(problem) => problem.fmt(f),
            Self::NotKept(user) => user.fmt(f),
        }
    }
}

impl fmt::Display for TakeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Resolve(_) => "preparing the settings",
            Self::ShowLogin(_) => "writing the new login into the report on the boot partition",
            Self::Keep(_) => "keeping the settings on this device",
        })
    }
}

impl Error for TakeError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Resolve(source) => Some(source),
            Self::ShowLogin(source) | Self::Keep(source) => Some(source),
        }
    }
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Damaged(error) => error.fmt(f),
            Self::Stamp(_) => {
                f.write_str("remembering which file was taken; it is taken again at the next start")
            }
            Self::Scrub(_) => f.write_str("passwords still stand in plain text on the card"),
        }
    }
}

impl Error for Trouble {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Damaged(error) => error.source(),
            Self::Stamp(source) => Some(source),
            Self::Scrub(source) => Some(source),
        }
    }
}
