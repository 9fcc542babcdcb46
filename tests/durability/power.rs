// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Power cuts: a broker is recorded with the disk below it, the disk is cut at random positions of its log, and what the
//! broker makes of each rest is held against what its clients knew at that position.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tempfile::TempDir;
use tests::Random;

use crate::card::{self, Card};
use crate::contestant::Contestant;
use crate::diary::Position;
use crate::findings::{Findings, Kind};
use crate::fleet::Fleet;
use crate::image::{Cutter, Entry, Image};
use crate::kill;
use crate::scene::Scene;
use crate::table::Row;

/// Cuts the power so many times, [`CUTS`] of each recording.
pub fn run(contestant: &Contestant, cuts: u32, seed: u64, port: u16) -> Row {
    let findings = Arc::new(Findings::default());
    let mut random = Random::new(seed);
    let scratch = tempfile::tempdir().expect("a temporary folder can be made");
    let mut stand = Stand {
        contestant,
        port,
        findings: Arc::clone(&findings),
        scratch,
        acknowledged: 0,
        repaired: 0,
    };
    let mut left = cuts;
    while left > 0 {
        let number = left.min(CUTS);
        let context = format!(
            "{}, seed {seed}, {} cuts done",
            contestant.name,
            cuts - left
        );
        stand.record_and_cut(number, &mut random, &context);
        left -= number;
    }
    println!(
        "  {cuts} cuts, {} of them repaired by e2fsck",
        stand.repaired
    );
    Row::new(contestant, "power cut", cuts, stand.acknowledged, &findings)
}

/// A broker, and where its findings go.
struct Stand<'a> {
    contestant: &'a Contestant,
    port: u16,
    findings: Arc<Findings>,
    scratch: TempDir,
    acknowledged: u64,
    /// File systems that had to be repaired.
    repaired: u32,
}

/// What happened on a disk, and the clients that can tell what they knew when.
struct Recording {
    start: Image,
    log: Vec<Entry>,
    fleet: Fleet,
}

impl Stand<'_> {
    fn record_and_cut(&mut self, cuts: u32, random: &mut Random, context: &str) {
        let recording = self.record(random, context);
        recording.describe();
        // One is at the end: whoever writes nothing for long has most to lose there.
        let mut positions: Vec<_> = (1..cuts)
            .map(|_| 1 + random.below(recording.log.len()))
            .chain([recording.log.len()])
            .collect();
        positions.sort_unstable();
        let mut cutter = Cutter::new(recording.start, &recording.log);
        for position in positions {
            self.findings.enter(format!(
                "{context}, cut at {position} of {}",
                recording.log.len()
            ));
            let image = cutter.cut(position, random);
            let known = |noted: &Position| recording.fleet.at(position as u64, Some(noted));
            let Some(second) = self.check(image, known) else {
                continue;
            };
            if random.chance(AGAIN) && !second.log.is_empty() {
                self.cut_again(second, random, &format!("{context}, cut at {position}"));
            }
        }
    }

    /// Cuts the power while the broker recovers from a cut.
    fn cut_again(&mut self, recording: Recording, random: &mut Random, context: &str) {
        let position = 1 + random.below(recording.log.len());
        self.findings.enter(format!(
            "{context} and at {position} of {}",
            recording.log.len()
        ));
        let image = Cutter::new(recording.start, &recording.log).cut(position, random);
        self.check(image, |noted| {
            recording.fleet.at(position as u64, Some(noted))
        });
    }

    /// Several lives of a broker on one disk; each but the first begins with a recovery.
    fn record(&mut self, random: &mut Random, context: &str) -> Recording {
        let start = card::format(SIZE);
        let card = Card::insert(start.clone()).expect("a new file system can be mounted");
        let mut fleet = Fleet::new(Some(card.served.position()));
        // What a kill does to the others is counted elsewhere.
        let findings = match self.contestant.is_ours() && !self.contestant.is_control {
            true => Arc::clone(&self.findings),
            false => Arc::default(),
        };
        findings.enter(format!("{context}, recording"));
        let state = state_below(card.root());
        for _ in 0..LIVES {
            let started = self
                .contestant
                .start(&state, self.scratch.path(), self.port);
            let mut broker = match started {
                Ok(broker) => broker,
                Err(printed) => {
                    findings.report(Kind::Start, &printed);
                    break;
                }
            };
            let scene = Scene::new(broker.address, Arc::clone(&findings));
            let checked = fleet.check(&scene);
            kill::tell(&findings, &mut broker, checked);
            let length = Duration::from_millis(LOAD_MS.0 + random.next_u64() % LOAD_MS.1);
            let is_full = || card.served.logged() > LOG;
            kill::load(&mut fleet, &scene, &mut broker, random, length, is_full);
            if is_full() {
                break;
            }
        }
        Recording {
            start,
            log: card.served.take_log(),
            fleet,
        }
    }

    /// Checks what a cut has left; the recording of that, unless nothing starts. A disk on which our broker breaks a
    /// promise is kept in a file.
    fn check(&mut self, image: Image, known: impl Fn(&Position) -> Fleet) -> Option<Recording> {
        let start = image.clone();
        let before = self.findings.total();
        let checked = self.start_and_check(image, known);
        let is_broken = self.findings.total() > before;
        if is_broken && self.contestant.is_ours() && !self.contestant.is_control {
            let own = std::env::current_exe().expect("a program knows its own path");
            let path = own.with_file_name(KEPT);
            match start.save(&path) {
                Ok(()) => println!("  the disk after the cut is in {}", path.display()),
                Err(error) => println!("  {}: {error}", path.display()),
            }
        }
        let (log, fleet) = checked?;
        Some(Recording { start, log, fleet })
    }

    fn start_and_check(
        &mut self,
        image: Image,
        known: impl Fn(&Position) -> Fleet,
    ) -> Option<(Vec<Entry>, Fleet)> {
        let card = match Card::insert(image) {
            Ok(card) => card,
            Err(error) => {
                self.findings.report(Kind::Start, &format!("ext4: {error}"));
                return None;
            }
        };
        self.repaired += u32::from(card.repaired);
        let state = state_below(card.root());
        let mut fleet = known(card.served.position());
        self.acknowledged += fleet.acknowledged();
        let started = self
            .contestant
            .start(&state, self.scratch.path(), self.port);
        let mut broker = match started {
            Ok(broker) => broker,
            Err(printed) => {
                self.findings.report(Kind::Start, &printed);
                return None;
            }
        };
        let scene = Scene::new(broker.address, Arc::clone(&self.findings));
        let checked = fleet.check(&scene);
        kill::tell(&self.findings, &mut broker, checked);
        broker.kill();
        Some((card.served.take_log(), fleet))
    }
}

impl Recording {
    fn describe(&self) {
        let (mut writes, mut bytes, mut flushes) = (0, 0, 0);
        for entry in &self.log {
            match entry {
                Entry::Write { data, .. } => {
                    writes += 1;
                    bytes += data.len();
                }
                Entry::Flush => flushes += 1,
            }
        }
        println!(
            "  recorded on ext4 (loop device on FUSE, {} MiB): {writes} writes, {bytes} bytes, {flushes} flushes, {} acknowledgements",
            SIZE >> 20,
            self.fleet.acknowledged()
        );
    }
}

/// The folder for the state, there for good before the broker starts, as on an installed system.
fn state_below(root: &Path) -> PathBuf {
    let state = root.join("state");
    std::fs::create_dir_all(&state).expect("a folder can be made");
    for folder in [&state, root] {
        let opened = std::fs::File::open(folder).and_then(|folder| folder.sync_all());
        opened.expect("a folder can be synced");
    }
    state
}

/// The last disk on which our broker broke a promise, beside this program.
const KEPT: &str = "durability-cut.img";
/// Cuts of one recording.
const CUTS: u32 = 100;
/// Percent of the cuts after which the recovery is cut as well.
const AGAIN: usize = 20;
/// Starts of the broker in one recording.
const LIVES: u32 = 3;
/// The shortest load of a life, and how much longer it may be, in milliseconds.
const LOAD_MS: (u64, u64) = (500, 2_000);
/// Bytes of writes at which a recording ends, for who writes everything again and again.
const LOG: u64 = 256 << 20;
/// Bytes of the file system: with a second group, which has a copy of the superblock.
const SIZE: u64 = 256 << 20;
