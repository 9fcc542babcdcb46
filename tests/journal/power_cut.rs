// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Power cuts at every write and every sync: the store opens, says what some commit at or behind the last acknowledged one said, and a
//! second cut while it recovers changes nothing.

use mqtt_store::{Journal, Options};
use tests::Random;

use crate::disk::{Disk, Fault};
use crate::model::Model;
use crate::properties::{options, stamp};
use crate::seeds;
use crate::workload::Workload;

/// What a random run left: disks after cuts, and the model after each commit.
struct Run {
    cuts: Vec<(usize, Disk)>,
    commits: Vec<Model>,
}

#[test]
fn an_acknowledged_commit_survives_every_cut() {
    let mut cuts = 0;
    for seed in seeds(80) {
        let mut random = Random::new(seed);
        let options = options(*random.pick(&[1_024, 2_048, 8_192]));
        let run = run(&mut random, &Disk::new(seed), options);
        for (acknowledged, disk) in run.cuts {
            cuts += 1;
            let possible = &run.commits[acknowledged..];
            let possible = &possible[..possible.len().min(2)];
            check(&disk, options, possible, &mut random);
        }
    }
    assert!(cuts > 5_000, "{cuts} cuts only");
}

#[test]
fn a_disk_that_does_not_sync_is_found_out() {
    let lost = (0..20).any(|seed| {
        let mut random = Random::new(seed);
        let disk = Disk::new(seed);
        disk.lie();
        let options = options(2_048);
        let run = run(&mut random, &disk, options);
        run.cuts.iter().any(|(acknowledged, disk)| {
            let (journal, opened) = Journal::open(disk.shared(), options).expect("it opens");
            let now = Model::of(&opened.records, &journal.reader());
            !run.commits[*acknowledged..]
                .iter()
                .any(|model| model.restored() == now)
        })
    });
    assert!(
        lost,
        "the cuts of this disk lose nothing: the test above proves nothing"
    );
}

const SECOND: Fault = Fault {
    at: 1,
    count: 1,
    kind: std::io::ErrorKind::Other,
};

/// Appends, commits, compacts and reopens, cut at every boundary.
fn run(random: &mut Random, disk: &Disk, options: Options) -> Run {
    let mut workload = Workload::new(3_000);
    let mut model = Model::default();
    let mut commits = vec![model.clone()];
    let (mut journal, _) = Journal::open(disk.shared(), options).expect("it opens");
    disk.record();
    for step in 0..150 {
        match random.below(12) {
            0..=7 => {
                let record = workload.next(random);
                model.apply(&record);
                journal.append(record);
            }
            8..=9 => {
                commits.push(model.clone());
                // Sometimes the process dies between a write and its sync, and starts again on what is there.
                let dies = random.chance(10);
                disk.fail(dies.then_some(SECOND));
                let committed = journal.commit(stamp(step));
                disk.fail(None);
                if committed.is_err() {
                    let open = Journal::open(disk.shared(), options);
                    let (again, opened) = open.expect("it opens");
                    model = Model::of(&opened.records, &again.reader());
                    workload.last = opened.last.0;
                    journal = again;
                    commits.pop();
                    commits.push(model.clone());
                }
                disk.acknowledge();
            }
            10 => {
                while journal.wants_compaction() && journal.compact(stamp(step)).expect("room") {}
            }
            _ if random.chance(20) => {
                let open = Journal::open(disk.shared(), options);
                let (again, opened) = open.expect("it opens");
                workload.last = opened.last.0;
                model = commits[commits.len() - 1].restored();
                journal = again;
            }
            _ => {}
        }
    }
    Run {
        cuts: disk.cuts(),
        commits,
    }
}

fn check(disk: &Disk, options: Options, possible: &[Model], random: &mut Random) {
    disk.record();
    let (mut journal, opened) = Journal::open(disk.shared(), options).expect("it opens");
    let now = Model::of(&opened.records, &journal.reader());
    let is_possible = possible.iter().any(|model| model.restored() == now);
    assert!(is_possible, "{now:#?}\nis none of\n{possible:#?}");
    assert_eq!(opened.report.damages, vec![], "a cut is no damage");
    // Recovery was cut at every boundary, too.
    for (_, disk) in disk.cuts() {
        let (journal, opened) = Journal::open(disk.shared(), options).expect("it opens");
        assert_eq!(Model::of(&opened.records, &journal.reader()), now);
    }
    // It goes on from there.
    let mut workload = Workload::new(500);
    workload.last = opened.last.0;
    let mut model = now;
    for _ in 0..3 {
        let record = workload.next(random);
        model.apply(&record);
        journal.append(record);
        journal.commit(stamp(1)).expect("there is room");
    }
    let left = disk.cut();
    let (journal, opened) = Journal::open(left.shared(), options).expect("it opens");
    assert_eq!(
        Model::of(&opened.records, &journal.reader()),
        model.restored()
    );
}
