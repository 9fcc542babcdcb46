// SPDX-License-Identifier: Apache-2.0 OR MIT
//! What a table says of power cuts: a line for each kind of run, with what was tried, what was found after the cuts, and what failed.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use crate::card::Card;
use crate::scene::places;

/// The cuts of one kind of run.
pub struct Tally {
    /// The card and the device before the run.
    before: Card,
    secrets: Vec<Vec<u8>>,
    steps: usize,
    cuts: usize,
    /// What the next start found, and how often.
    states: BTreeMap<String, usize>,
    failures: BTreeSet<String>,
}

impl Tally {
    /// Of a run that changes storage in so many steps and takes these secrets off the boot partition.
    pub fn new(before: &Card, secrets: &[Vec<u8>], steps: usize) -> Self {
        Self {
            before: before.clone(),
            secrets: secrets.to_vec(),
            steps,
            cuts: 0,
            states: BTreeMap::new(),
            failures: BTreeSet::new(),
        }
    }

    /// Counts what a cut left; `whole` is what must hold of it.
    pub fn see(&mut self, left: &Card, whole: Result<(), String>) {
        self.cuts += 1;
        *self.states.entry(self.state(left)).or_default() += 1;
        self.failures.extend(whole.err());
    }

    /// Writes the line of this kind, which has the name of its test, and fails if any cut did.
    pub fn settle(self) {
        if let Some((_, kind)) = std::thread::current()
            .name()
            .and_then(|name| name.rsplit_once("::"))
        {
            let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("cuts");
            fs::create_dir_all(&folder).unwrap();
            fs::write(folder.join(kind), self.line(kind)).unwrap();
        }
        let failures: Vec<_> = self.failures.into_iter().collect();
        assert!(failures.is_empty(), "{}", failures.join("\n"));
    }

    /// How far the run had come, by what differs from before, and whether a secret still stands on the boot partition.
    fn state(&self, left: &Card) -> String {
        let places = places();
        let stages = [
            (&places.desired, "kept"),
            (&places.server_certificate, "signed"),
            (&places.configuration, "applied"),
            (&places.report_text, "told"),
        ];
        let done = stages
            .into_iter()
            .filter(|(path, _)| left.text(path) != self.before.text(path));
        let mut words: Vec<_> = done.map(|(_, word)| word).collect();
        let holds = |secret: &Vec<u8>| left.holds(&places.boot, secret);
        if self.secrets.iter().any(holds) {
            words.push("in clear");
        }
        match words.is_empty() {
            true => "as before".to_owned(),
            false => words.join("+"),
        }
    }

    fn line(&self, kind: &str) -> String {
        let (steps, cuts, failures) = (self.steps, self.cuts, self.failures.len());
        let states: Vec<_> = self
            .states
            .iter()
            .map(|(state, number)| format!("{number} {state}"))
            .collect();
        let (kind, states) = (kind.replace('_', " "), states.join(", "));
        format!("{kind:<60}{steps:>6} steps{cuts:>6} cuts{failures:>3} failed  {states}\n")
    }
}
