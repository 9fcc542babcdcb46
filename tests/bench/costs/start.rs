// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The time from the start of the process to the first CONNACK, memory when nobody is there, and the size of the program.

use std::thread;
use std::time::Duration;

use mqtt_proto::Version;
use tests::packets::connect;

use crate::client::Client;
use crate::experiment::Stage;
use crate::figure::*;
use crate::kind::Kind;

/// The median of the starts, then the rest of the last one.
pub fn measure(stage: &Stage) -> Result<Figures, String> {
    let mut times = Vec::with_capacity(STARTS);
    let mut memory = 0;
    for _ in 0..STARTS {
        let running = stage.start()?;
        let hello = connect(Version::V311, "first");
        let client = Client::connect(running.address, hello).map_err(|error| error.to_string())?;
        times.push(running.started.elapsed());
        drop(client);
        thread::sleep(REST);
        memory = running
            .process
            .memory()
            .map_err(|error| error.to_string())?;
    }
    times.sort();
    let mut figures: Figures = vec![
        (&START, times[STARTS / 2].as_secs_f64() * 1e3),
        (&IDLE_MEMORY, memory as f64 / 1e6),
    ];
    if stage.contestant.kind == Kind::Ours {
        let program = std::fs::metadata(&stage.contestant.program);
        let size = program.map_err(|error| error.to_string())?.len();
        figures.push((&BINARY, size as f64 / 1e6));
    }
    Ok(figures)
}

const STARTS: usize = 5;
const REST: Duration = Duration::from_millis(500);
