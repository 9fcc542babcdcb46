// SPDX-License-Identifier: Apache-2.0 OR MIT
//! A hundred messages of 64 bytes for each of a thousand clients that are away: what it takes to queue them, what they hold,
//! and what it takes to deliver them when the clients come back.

use std::io;

use mqtt_proto::{QoS, Version};
use tests::packets::{connect, puback, publish_at, resume, subscribe};

use super::{Meter, finished};
use crate::client::{Client, PUBACK, PUBLISH};
use crate::contestant::Running;
use crate::experiment::Stage;
use crate::figure::*;

/// CPU time to queue and to drain each, and bytes for each.
pub fn measure(stage: &Stage) -> Result<Figures, String> {
    let mut running = stage.start()?;
    let measured = all(&running);
    finished(&mut running, measured)
}

fn all(running: &Running) -> io::Result<Figures> {
    for number in 0..SESSIONS {
        let mut client = come_back(running, number)?;
        client.accepted()?;
        client.put(subscribe(1, &topic(number), QoS::AtLeastOnce));
        client.flush()?;
        client.subscribed()?;
        client.leave()?;
    }
    let mut publisher = Client::connect(running.address, connect(Version::V311, "publisher"))?;
    let before = Meter::at_rest(running)?;
    for round in 0..EACH {
        for burst in 0..SESSIONS / BURST {
            for id in 1..=BURST {
                let topic = topic(burst * BURST + id - 1);
                let payload = format!("{round:0PAYLOAD$}");
                publisher.put(publish_at(QoS::AtLeastOnce, id as u16, &topic, payload));
            }
            publisher.flush()?;
            (0..BURST).try_for_each(|_| publisher.next_of(PUBACK).map(drop))?;
        }
    }
    let fill = before.micros_each(running, SESSIONS * EACH)?;
    let memory = before.bytes_each(running, SESSIONS * EACH)?;

    let before = Meter::now(running)?;
    for wave in 0..SESSIONS / BURST {
        let opened: io::Result<Vec<_>> = (0..BURST)
            .map(|n| come_back(running, wave * BURST + n))
            .collect();
        for mut client in opened? {
            client.accepted()?;
            take(&mut client)?;
        }
    }
    let drain = before.micros_each(running, SESSIONS * EACH)?;
    Ok(vec![(&FILL, fill), (&PER_QUEUED, memory), (&DRAIN, drain)])
}

fn come_back(running: &Running, number: usize) -> io::Result<Client> {
    let hello = resume(Version::V311, &format!("away-{number}"));
    Client::open(running.address, hello)
}

fn topic(number: usize) -> String {
    format!("queued/{number}")
}

/// Takes all messages and acknowledges them together.
fn take(client: &mut Client) -> io::Result<()> {
    for _ in 0..EACH {
        let message = client.next_of(PUBLISH)?;
        let id = message.publish_id().ok_or(io::ErrorKind::InvalidData)?;
        client.put(puback(id));
    }
    client.flush()
}

const SESSIONS: usize = 1_000;
/// Messages for each session.
const EACH: usize = 100;
const BURST: usize = 100;
const PAYLOAD: usize = 64;
