// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The end of a broker and the begin of the next one, and what the store must hold at any time in between.

use std::collections::BTreeMap;
use std::time::Duration;

use mqtt_core::{Broker, Command, CommitSeq, Effects, Event, Limits, Record};

use crate::disk::{Disk, picture};
use crate::world::State;
use crate::{Random, World};

/// Things in the store up to which it is compared after each move; with more it is after each `RARELY`th.
const FEW: usize = 100;
const RARELY: usize = 1_000;
/// Moves from one comparison to the next in a long run.
const SELDOM: usize = 20;

/// Comparisons of the store with the broker.
#[derive(Default)]
pub(crate) struct Checks {
    /// How often they could have been compared.
    done: usize,
    seldom: bool,
    /// The newest record when a broker was last restored for it.
    restored: CommitSeq,
}

impl World {
    /// The power fails and comes back: connections are gone, and so is all that was not durable.
    #[track_caller]
    pub fn crash(&self) {
        let mut state = self.state();
        let records = state.store.crash();
        state.begin_anew(records);
    }

    /// For a long run: the store is not compared with the broker after each of its moves.
    pub(crate) fn compare_seldom(&self) {
        self.state().checks.seldom = true;
    }

    /// A clean stop, for which the store has time, and a new start.
    #[track_caller]
    pub fn restart(&self) {
        self.restart_after(Duration::ZERO);
    }

    /// The same with a while in which no broker runs.
    #[track_caller]
    pub fn restart_after(&self, off: Duration) {
        self.release_commits();
        self.shutdown();
        let now = self.now().after(off);
        self.state().now = now;
        self.crash();
    }

    /// A clean stop, and a new start with other limits.
    #[track_caller]
    pub fn restart_with(&self, change: impl FnOnce(&mut Limits)) {
        change(&mut self.state().params.limits);
        self.restart();
    }

    /// Whatever a store has lost, a broker begins, and takes out of the store what it can make nothing of.
    #[track_caller]
    pub(crate) fn check_damage(&self, random: &mut Random) {
        let state = self.state();
        let mut disk = state.store.disk().clone();
        let one_in = 2 + random.below(20);
        disk.damage(random, one_in);
        let restored = state.restored(&mut disk, Disk::forgive);
        assert!(restored.keys().eq(disk.picture().keys()), "{restored:?}");
    }

    /// The payloads that only the store has cannot be read any more.
    pub fn spoil_payloads(&self) {
        self.state().store.spoil();
    }
}

impl State {
    /// A new broker with what the store brings back.
    #[track_caller]
    fn begin_anew(&mut self, records: Vec<Record>) {
        for link in self.links.values_mut() {
            link.closed = true;
        }
        self.readable.clear();
        self.woken.clear();
        self.parked.clear();
        self.logins.waiting.clear();
        self.fetches.waiting.clear();
        self.work_held = false;
        (self.unended, self.open) = (0, 0);
        self.effects = Effects::default();
        self.broker = Broker::new(self.params.clone(), self.now);
        // Rights come before what they are about.
        self.commands = vec![Command::Access(self.access.clone())];
        self.broker
            .enter(self.now, &mut self.commands, &mut self.effects);
        let committed = self.store.appended();
        self.broker
            .restore(self.now, records, committed, &mut self.effects);
        self.act();
        self.commands = vec![Command::Listeners(self.listeners.clone())];
        self.settle();
    }

    /// The store holds what the broker does, and a broker restored from it would hold the same.
    #[track_caller]
    pub(crate) fn check_store(&mut self) {
        if !self.store.is_settled() || self.effects.unfinished {
            return;
        }
        let disk = self.store.disk();
        let step = match (disk.len() + self.open, self.checks.seldom) {
            (FEW.., _) => RARELY,
            (_, true) => SELDOM,
            (_, false) => 1,
        };
        self.checks.done += 1;
        if self.checks.done % step > 0 {
            return;
        }
        let broker = self.broker.snapshot();
        if broker.is_empty() && disk.len() == 0 {
            return;
        }
        assert_same(
            &picture(&broker),
            &disk.picture(),
            "the broker and its store",
        );
        if std::mem::replace(&mut self.checks.restored, self.store.appended())
            < self.store.appended()
        {
            self.check_restored();
        }
    }

    #[track_caller]
    fn check_restored(&self) {
        let mut disk = self.store.disk().clone();
        let restored = self.restored(&mut disk, Disk::apply);
        assert_same(
            &restored,
            &disk.picture(),
            "a restored broker and its store",
        );
    }

    /// Restores another broker, whose records go to the disk; returns a picture of it.
    fn restored(&self, disk: &mut Disk, apply: fn(&mut Disk, Record)) -> Picture {
        let mut params = self.params.clone();
        params.limits.sys_interval = Duration::ZERO;
        let mut broker = Broker::new(params, self.now);
        let (mut fx, mut commands) = (Effects::default(), Vec::new());
        let committed = self.store.appended();
        broker.restore(self.now, disk.records(), committed, &mut fx);
        loop {
            fx.records.drain(..).for_each(|record| apply(disk, record));
            let told = |event: &Event| matches!(event, Event::SessionExpired { .. });
            assert!(fx.events.drain(..).all(|event| told(&event)));
            if !fx.unfinished {
                return picture(&broker.snapshot());
            }
            commands.push(Command::Tick);
            broker.enter(self.now, &mut commands, &mut fx);
        }
    }
}

type Picture = BTreeMap<String, String>;

#[track_caller]
fn assert_same(one: &Picture, other: &Picture, what: &str) {
    let only = |one: &Picture, other: &Picture| {
        let differs = one
            .iter()
            .filter(|(key, text)| other.get(*key) != Some(text));
        let lines: Vec<_> = differs
            .map(|(key, text)| format!("  {key}: {text}\n"))
            .collect();
        lines.concat()
    };
    let (here, there) = (only(one, other), only(other, one));
    assert!(one == other, "{what} differ:\n{here}and\n{there}");
}
