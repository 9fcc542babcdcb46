// SPDX-License-Identifier: Apache-2.0 OR MIT
//! SIGKILL at random moments: under load, while the clients come back, and while the broker starts.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread;
use std::time::{Duration, Instant};

use tempfile::TempDir;
use tests::Random;

use crate::contestant::{Contestant, Running};
use crate::findings::{Findings, Kind};
use crate::fleet::Fleet;
use crate::link::Lost;
use crate::scene::Scene;
use crate::table::Row;

/// Kills a broker so many times and checks it after each; the store goes on from round to round.
pub fn run(contestant: &Contestant, rounds: u32, seed: u64, port: u16) -> Row {
    let findings = Arc::new(Findings::default());
    let mut random = Random::new(seed);
    let mut bench = Bench::new();
    let mut acknowledged = 0;
    let mut starts = Vec::new();
    for round in 0..=rounds {
        findings.enter(format!("{}, kill {round}, seed {seed}", contestant.name));
        let last = round == rounds;
        let started = bench.round(contestant, port, &findings, &mut random, last);
        starts.extend(started);
        if started.is_none() {
            // Its store is of no use any more.
            acknowledged += bench.fleet.acknowledged();
            bench = Bench::new();
        }
    }
    acknowledged += bench.fleet.acknowledged();
    starts.sort_unstable();
    if let Some(longest) = starts.last() {
        let median = starts[starts.len() / 2];
        println!("  start to first CONNACK: median {median:?}, longest {longest:?}");
    }
    Row::new(contestant, "kill -9", rounds, acknowledged, &findings)
}

/// A folder with a store, and the clients that know what must be in it.
struct Bench {
    folder: TempDir,
    fleet: Fleet,
}

impl Bench {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder can be made");
        std::fs::create_dir(folder.path().join("state")).expect("a folder can be made");
        Self {
            folder,
            fleet: Fleet::new(None),
        }
    }

    /// Starts the broker, checks it or lets it be killed in between, and kills it; how long the start took, if
    /// it started.
    fn round(
        &mut self,
        contestant: &Contestant,
        port: u16,
        findings: &Arc<Findings>,
        random: &mut Random,
        last: bool,
    ) -> Option<Duration> {
        let scratch = self.folder.path();
        let mut broker = match contestant.start(&scratch.join("state"), scratch, port) {
            Ok(broker) => broker,
            Err(printed) => {
                findings.report(Kind::Start, &printed);
                return None;
            }
        };
        let started = broker.started;
        let scene = Scene::new(broker.address, Arc::clone(findings));
        if !last && random.chance(EARLY) {
            let delay = Duration::from_millis(random.next_u64() % EARLY_MS);
            thread::scope(|scope| {
                scope.spawn(|| {
                    thread::sleep(delay);
                    broker.kill();
                });
                // It ends with the connection, as the broker does.
                let _ = self.fleet.check(&scene);
            });
            return Some(started);
        }
        let checked = self.fleet.check(&scene);
        tell(findings, &mut broker, checked);
        if !last {
            let length = Duration::from_millis(random.next_u64() % LOAD_MS);
            load(&mut self.fleet, &scene, &mut broker, random, length, || {
                false
            });
        }
        Some(started)
    }
}

/// Puts load on a broker for so long, or until there is enough of it, and kills it in the middle.
pub fn load(
    fleet: &mut Fleet,
    scene: &Scene,
    broker: &mut Running,
    random: &mut Random,
    length: Duration,
    is_enough: impl Fn() -> bool,
) {
    let end = Instant::now() + length;
    thread::scope(|scope| {
        scope.spawn(|| fleet.load(scene, random));
        while Instant::now() < end && !is_enough() {
            let left = end.saturating_duration_since(Instant::now());
            thread::sleep(left.min(Duration::from_millis(20)));
        }
        if broker.has_ended() {
            scene.findings.report(Kind::Start, "ended by itself");
        }
        broker.kill();
        scene.stop.store(true, Ordering::SeqCst);
    });
}

/// A check that does not come to its end is a finding of its own.
pub fn tell(findings: &Findings, broker: &mut Running, checked: Result<(), Lost>) {
    match checked {
        Ok(()) => {}
        Err(Lost::Ended) if broker.has_ended() => findings.report(Kind::Start, "ended by itself"),
        Err(lost) => findings.report(Kind::Damaged, &format!("the check ends: {lost}")),
    }
}

/// Percent of the kills that come while the clients come back.
const EARLY: usize = 30;
/// These come within so many milliseconds.
const EARLY_MS: u64 = 250;
/// The others within so many milliseconds of load.
const LOAD_MS: u64 = 500;
