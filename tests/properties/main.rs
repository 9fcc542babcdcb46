// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Random runs against simple rules: nothing lost, nothing twice, nothing out of order, nothing left over.
//!
//! Every run depends on its seed only. `PROPERTY_SEED=N` adds a run with a seed of one's own.

mod models;
mod noise;
mod rights;

/// The seeds of one test.
fn seeds(count: u64) -> impl Iterator<Item = u64> {
    let own = std::env::var("PROPERTY_SEED").ok();
    let own = own.map(|seed| seed.parse().expect("PROPERTY_SEED is a number"));
    (0..count)
        .chain(own)
        .inspect(|seed| println!("PROPERTY_SEED={seed}"))
}
