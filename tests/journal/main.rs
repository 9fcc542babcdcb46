// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The journal against a model of it, on disks that lose power, run full, fail and rot.

mod corruption;
mod damage;
mod disk;
mod faults;
mod full;
mod model;
mod power_cut;
mod properties;
mod readers;
mod records;
mod samples;
mod wear;
mod workload;

/// The seeds of one test; `PROPERTY_SEED=N` runs that one only, `JOURNAL_ROUNDS=N` N times as many.
fn seeds(count: u64) -> impl Iterator<Item = u64> {
    let rounds = std::env::var("JOURNAL_ROUNDS").ok();
    let rounds: u64 = rounds.map_or(1, |rounds| {
        rounds.parse().expect("JOURNAL_ROUNDS is a number")
    });
    let count = count * rounds;
    let own = std::env::var("PROPERTY_SEED").ok();
    let own: Option<u64> = own.map(|seed| seed.parse().expect("PROPERTY_SEED is a number"));
    let range = own.map_or(0..count, |seed| seed..seed + 1);
    range.inspect(|seed| println!("PROPERTY_SEED={seed}"))
}
