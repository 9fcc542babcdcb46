// SPDX-License-Identifier: Apache-2.0 OR MIT
//! 100,000 retained messages of 64 bytes: what it takes to keep them, what they hold, and what it takes to fetch them all.

use std::io;
use std::time::{Duration, Instant};

use mqtt_proto::{Publish, QoS, Version};
use tests::packets::{connect, publish_at, subscribe};

use super::{Meter, finished};
use crate::client::{Client, PUBACK, PUBLISH};
use crate::contestant::Running;
use crate::experiment::Stage;
use crate::figure::*;

/// CPU time to store and to fetch each, bytes for each, and how many of them were not sent.
pub fn measure(stage: &Stage) -> Result<Figures, String> {
    let mut running = stage.start()?;
    let measured = all(&running);
    finished(&mut running, measured)
}

fn all(running: &Running) -> io::Result<Figures> {
    let mut publisher = Client::connect(running.address, connect(Version::V311, "publisher"))?;
    let before = Meter::at_rest(running)?;
    for burst in 0..COUNT / BURST {
        for id in 1..=BURST {
            let number = burst * BURST + id - 1;
            publisher.put(message(id, number));
        }
        publisher.flush()?;
        (0..BURST).try_for_each(|_| publisher.next_of(PUBACK).map(drop))?;
    }
    let store = before.micros_each(running, COUNT)?;
    let memory = before.bytes_each(running, COUNT)?;

    let mut subscriber = Client::connect(running.address, connect(Version::V311, "subscriber"))?;
    let before = Meter::now(running)?;
    let begin = Instant::now();
    subscriber.put(subscribe(1, "#", QoS::AtMostOnce));
    subscriber.flush()?;
    subscriber.be_impatient(SILENCE)?;
    let mut fetched = 0;
    while fetched < COUNT && subscriber.next_of(PUBLISH).is_ok() {
        fetched += 1;
    }
    let elapsed = begin.elapsed();
    // What was not fetched has no cost: infinity is no figure.
    Ok(vec![
        (&STORE, store),
        (&PER_RETAINED, memory),
        (&FETCH, before.micros_each(running, fetched)?),
        (&RATE, fetched as f64 / elapsed.as_secs_f64()),
        (&LOST, (COUNT - fetched) as f64),
    ])
}

fn message(id: usize, number: usize) -> Publish {
    let topic = format!("retained/{}/{number}", number / 1_000);
    Publish {
        retain: true,
        ..publish_at(QoS::AtLeastOnce, id as u16, &topic, [b'x'; PAYLOAD])
    }
}

const COUNT: usize = 100_000;
const BURST: usize = 100;
const PAYLOAD: usize = 64;
/// A broker that is silent for so long has sent all it will.
const SILENCE: Duration = Duration::from_secs(3);
