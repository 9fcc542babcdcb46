// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Accepting a file: judge it without changing anything, then take it in an order that survives a power cut anywhere.
//!
//! The order: show a made login on the card; forget that somebody logged in; keep the files that it names; keep the
//! desired state; stamp; overwrite passwords and keys on the card; settle the stamp. Each step is durable before the next begins, and a file that is
//! refused, or whose desired state could not be kept, changes nothing.

mod fault;

use std::io;

use broker_config::{Note, Reading};

use crate::card::{self, CardFile};
use crate::desired::{Desired, DesiredError};
use crate::document::{self, Document, DocumentError};
use crate::login::Login;
use crate::provision::World;
use crate::report;
use crate::resolve::{ResolveError, Resolved, resolve};
use crate::secret::{Patch, scrub};
use crate::stamp::{Known, Stamp};

pub use fault::{Refusal, TakeError, Trouble};

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
        resolved: Box<Resolved>,
        patches: Vec<Patch>,
        /// The files that it names.
        card: Vec<CardFile>,
    },
    Refused(Vec<Refusal>),
    Missing,
    Unreadable(DocumentError),
    /// A file without a fault that this machine could not resolve.
    Unresolved(ResolveError),
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
    /// Names of files whose private key was taken from the card now.
    pub keys_taken: Vec<String>,
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
    let known = stamp.as_ref().map_or(Known::No, |stamp| {
        stamp.recognise(&document.bytes, &card::states(world, stamp.files()))
    });
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
        let torn = card::states(world, stamp.files()).contains(&card::State::Torn);
        if torn || verdict.is_err() || !stamp.patches().iter().all(whole) {
            return (Finding::Torn(stamp), Vec::new());
        }
    }
    let mut settings = match verdict {
        Ok(settings) => settings,
        Err(problems) => {
            return (
                Finding::Refused(problems.into_iter().map(Refusal::Schema).collect()),
                notes,
            );
        }
    };
    let card = card::gather(world, &mut settings.broker);
    let finding = match (resolve(settings, stored, world.random), card) {
        (Ok(resolved), Ok(card)) => Finding::Valid {
            resolved: Box::new(resolved),
            patches,
            card,
        },
        (Err(ResolveError::NotKept(users)), card) => {
            let files = card.err().into_iter().flatten().map(Refusal::File);
            Finding::Refused(
                users
                    .into_iter()
                    .map(Refusal::NotKept)
                    .chain(files)
                    .collect(),
            )
        }
        (Ok(_), Err(problems)) => {
            Finding::Refused(problems.into_iter().map(Refusal::File).collect())
        }
        (Err(error), _) => Finding::Unresolved(error),
    };
    (finding, notes)
}

/// Takes nothing for this cause.
pub fn hold_back(cause: TakeError) -> Acceptance {
    Acceptance {
        verdict: Verdict::NotTaken(cause),
        file: None,
        ignored: Vec::new(),
        notes: Vec::new(),
        taken: 0,
        keys_taken: Vec::new(),
        desired: None,
        made: None,
        troubles: Vec::new(),
    }
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
    let (mut taken, mut keys_taken) = (0, Vec::new());
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
        (
            Finding::Valid {
                resolved,
                patches,
                card,
            },
            Some(document),
        ) => match keep(world, document, &resolved, &card) {
            Err(error) => Verdict::NotTaken(error),
            Ok(()) => {
                taken = patches.len();
                keys_taken = new_keys(&card);
                troubles.extend(forget(world, document, patches, &card));
                let before = desired.replace(resolved.desired);
                made = resolved.made;
                troubles.extend(forget_copies(world, before.as_ref(), desired.as_ref()));
                Verdict::Accepted
            }
        },
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
        keys_taken,
        desired,
        made,
        troubles,
    }
}

/// Keeps the desired state, and before it the files that it names, on the device.
fn keep(
    world: &World,
    document: &Document,
    resolved: &Resolved,
    card: &[CardFile],
) -> Result<(), TakeError> {
    let (files, places) = (world.files, &world.places);
    files
        .make_folder(&places.state, 0o700)
        .map_err(TakeError::Keep)?;
    if let Some(login) = &resolved.made {
        report::announce(world, &document.name, login).map_err(TakeError::ShowLogin)?;
        forget_first_login(world).map_err(TakeError::Keep)?;
    }
    card::keep(world, card).map_err(TakeError::Keep)?;
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

/// The files whose private key is on the card until now.
pub fn new_keys(card: &[CardFile]) -> Vec<String> {
    let new = card.iter().filter(|file| file.is_secret && !file.is_kept);
    new.map(|file| file.name.clone()).collect()
}

fn forget_copies(
    world: &World,
    before: Option<&Desired>,
    now: Option<&Desired>,
) -> Option<Trouble> {
    let (before, now) = (before?, now?);
    card::forget(world, &before.broker, &now.broker)
        .err()
        .map(Trouble::Forget)
}

/// Stamps the file and takes its passwords and keys off the card.
fn forget(
    world: &World,
    document: &Document,
    patches: Vec<Patch>,
    card: &[CardFile],
) -> Option<Trouble> {
    let stamp = Stamp::before_scrubbing(&document.bytes, patches, card);
    match stamp.store(world.files, &world.places) {
        Ok(()) if stamp.is_settled() => None,
        Ok(()) => clean(world, document, stamp),
        Err(error) => Some(Trouble::Stamp(error)),
    }
}

/// Overwrites passwords and keys on the card and settles the stamp.
fn clean(world: &World, document: &Document, stamp: Stamp) -> Option<Trouble> {
    if let Err(error) = scrub(
        world.files,
        &document.path,
        &document.bytes,
        stamp.patches(),
    ) {
        return Some(Trouble::Scrub(error));
    }
    for file in stamp.files() {
        if let Err(error) = card::scrub_key(world, file) {
            return Some(Trouble::ScrubKey(file.name.clone(), error));
        }
    }
    stamp
        .after_scrubbing()
        .store(world.files, &world.places)
        .err()
        .map(Trouble::Stamp)
}
