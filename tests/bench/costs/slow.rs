// SPDX-License-Identifier: Apache-2.0 OR MIT
//! One subscriber that stops reading: what the others notice, and what the broker keeps for it.

use crate::experiment::Stage;
use crate::figure::*;
use crate::load::Target;
use crate::load::stall::{Moment, Stall};

/// Latency of the others before and meanwhile, memory meanwhile, and what the others lost.
pub fn measure(stage: &Stage, name: &str) -> Result<Figures, String> {
    let stall = Stall::find(name).ok_or("there is no such slow consumer")?;
    let mut running = stage.start()?;
    let target = Target {
        address: running.address,
        transport: stage.wish.transport,
        version: stage.wish.version,
        authority: None,
    };
    let mut memory = Vec::new();
    let ran = stall.run(&target, &mut |moment| {
        if moment != Moment::Over {
            memory.push(running.process.memory());
        }
    });
    let outcome = super::explained(&mut running, ran)?;
    let memory: std::io::Result<Vec<u64>> = memory.into_iter().collect();
    let memory = memory.map_err(|error| error.to_string())?;
    let [begin, end] = memory[..] else {
        return Err("it was not measured from begin to end".to_owned());
    };
    let millis = |time: std::time::Duration| time.as_secs_f64() * 1e3;
    Ok(vec![
        (&CALM, millis(outcome.before.quantile(0.5))),
        (&MEANWHILE, millis(outcome.during.quantile(0.5))),
        (&KEPT, end.saturating_sub(begin) as f64 / 1e6),
        (&LOST, outcome.others.lost as f64),
        (&DUPLICATED, outcome.others.duplicated as f64),
        (&REORDERED, outcome.others.reordered as f64),
    ])
}
