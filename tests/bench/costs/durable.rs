// SPDX-License-Identifier: Apache-2.0 OR MIT
//! QoS 1 for a client that is away, on a file system of its own: how many messages are acknowledged, and after `kill -9`, how many
//! of those are gone.

use std::collections::HashSet;
use std::io;
use std::net::SocketAddr;
use std::thread;
use std::time::{Duration, Instant};

use mqtt_proto::{QoS, Version};
use tests::packets::{connect, puback, publish_at, resume, subscribe};

use super::{Meter, explained};
use crate::client::{Client, PUBACK, PUBLISH};
use crate::contestant::Running;
use crate::experiment::Stage;
use crate::figure::*;

/// Acknowledgements a second, CPU time for each, and what was acknowledged and is lost.
pub fn measure(stage: &Stage) -> Result<Figures, String> {
    let disk = stage.disk.ok_or(NO_DISK)?;
    let folder = tempfile::tempdir_in(disk).map_err(|error| error.to_string())?;
    let start = || {
        stage
            .contestant
            .start_in(folder.path(), stage.wish, stage.ground)
    };
    let mut running = start()?;
    let length = stage.length.max(SHORTEST);
    let measured = publish(&running, length);
    let (mut figures, acknowledged) = explained(&mut running, measured)?;
    // Dropping is killing.
    drop(running);
    let mut running = start()?;
    let received = receive(&running);
    let received = explained(&mut running, received)?;
    let lost = acknowledged
        .iter()
        .filter(|message| !received.contains(*message))
        .count();
    figures.push((&LOST, lost as f64));
    Ok(figures)
}

fn publish(running: &Running, length: Duration) -> io::Result<(Figures, Vec<Message>)> {
    let mut away = Client::connect(running.address, resume(Version::V311, AWAY))?;
    away.put(subscribe(1, "durable/#", QoS::AtLeastOnce));
    away.flush()?;
    away.subscribed()?;
    away.leave()?;
    let before = Meter::at_rest(running)?;
    let begin = Instant::now();
    let published: io::Result<Vec<_>> = thread::scope(|scope| {
        let address = running.address;
        let publishers: Vec<_> = (0..PUBLISHERS)
            .map(|number| scope.spawn(move || publisher(address, number, begin + length)))
            .collect();
        let joined = publishers.into_iter().map(|thread| thread.join());
        joined
            .map(|counts| counts.unwrap_or_else(|_| Err(io::Error::other("a publisher panicked"))))
            .collect()
    });
    let acknowledged: Vec<Message> = (0..)
        .zip(published?)
        .flat_map(|(publisher, count)| (0..count).map(move |number| (publisher, number)))
        .collect();
    let rate = acknowledged.len() as f64 / begin.elapsed().as_secs_f64();
    let cpu = before.micros_each(running, acknowledged.len())?;
    Ok((vec![(&ACKNOWLEDGED, rate), (&CPU, cpu)], acknowledged))
}

/// Number of the publisher, and of the message among its own.
type Message = (u32, u32);

/// Publishes a window, waits until it is acknowledged, and begins again; returns how many were.
fn publisher(address: SocketAddr, publisher: u32, end: Instant) -> io::Result<u32> {
    let hello = connect(Version::V311, &format!("publisher-{publisher}"));
    let mut client = Client::connect(address, hello)?;
    let topic = format!("durable/{publisher}");
    let mut count = 0;
    while Instant::now() < end {
        for id in 1..=WINDOW {
            let payload = format!("{publisher:0HALF$}{:0HALF$}", count + id - 1);
            client.put(publish_at(QoS::AtLeastOnce, id as u16, &topic, payload));
        }
        client.flush()?;
        (0..WINDOW).try_for_each(|_| client.next_of(PUBACK).map(drop))?;
        count += WINDOW;
    }
    Ok(count)
}

/// Everything that waits for the client that was away; ends when nothing comes any more.
fn receive(running: &Running) -> io::Result<HashSet<Message>> {
    let mut received = HashSet::new();
    let mut client = Client::connect(running.address, resume(Version::V311, AWAY))?;
    client.be_impatient(SILENCE)?;
    while let Ok(message) = client.next_of(PUBLISH) {
        let text = String::from_utf8_lossy(message.payload());
        let halves = text.split_at_checked(HALF);
        let numbers =
            halves.and_then(|(one, other)| Some((one.parse().ok()?, other.parse().ok()?)));
        received.extend(numbers);
        let id = message.publish_id().ok_or(io::ErrorKind::InvalidData)?;
        client.put(puback(id));
        client.flush()?;
    }
    Ok(received)
}

const PUBLISHERS: u32 = 50;
const WINDOW: u32 = 20;
/// Digits of each of the two numbers in a payload.
const HALF: usize = 32;
const AWAY: &str = "away";
/// Fewer acknowledgements than those of so long say nothing.
const SHORTEST: Duration = Duration::from_secs(2);
/// A broker that is silent for so long has sent all it has.
const SILENCE: Duration = Duration::from_secs(2);
const NO_DISK: &str = "needs a file system of its own, which only root can make";
