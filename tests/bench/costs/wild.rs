// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Very many filters with wildcards, and messages of which each matches two of them, or none.
//!
//! Half of the filters begin with `+`, half end with `#`: device `k` has `+/dK/t` and `s/dK/#`, which belong to two of the
//! hundred clients, and a message to `s/dK/t` goes to both.

use std::io;
use std::time::{Duration, Instant};

use mqtt_proto::{QoS, Subscribe, SubscribeFilter, Version};
use tests::packets::{connect, options, publish, publish_at, subscribe};

use super::{Meter, finished};
use crate::client::{Client, PUBACK, PUBLISH};
use crate::contestant::Running;
use crate::experiment::Stage;
use crate::figure::*;

/// CPU time and memory of each of `count` subscriptions, and CPU time of each message then.
pub fn measure(stage: &Stage, count: usize) -> Result<Figures, String> {
    let mut running = stage.start()?;
    let measured = all(&running, count, stage.length);
    finished(&mut running, measured)
}

fn all(running: &Running, count: usize, length: Duration) -> io::Result<Figures> {
    let connected = |name: &str| Client::connect(running.address, connect(Version::V311, name));
    let clients: io::Result<Vec<_>> = (0..CLIENTS).map(|n| connected(&format!("s{n}"))).collect();
    let (mut clients, mut publisher) = (clients?, connected("publisher")?);
    let before = Meter::at_rest(running)?;
    subscribe_all(&mut clients, count / 2)?;
    let cpu = before.micros_each(running, count)?;
    let memory = before.bytes_each(running, count)?;

    let mut devices = scattered(count / 2);
    let before = Meter::now(running)?;
    let sent = until(length, || {
        match_two(&mut publisher, &mut clients, &mut devices)
    })?;
    let match2 = before.micros_each(running, sent)?;
    let before = Meter::now(running)?;
    let sent = until(length, || match_none(&mut publisher, &mut devices))?;
    let nomatch = before.micros_each(running, sent)?;
    Ok(vec![
        (&SUBSCRIBE, cpu),
        (&PER_SUBSCRIPTION, memory),
        (&MATCH2, match2),
        (&NOMATCH, nomatch),
    ])
}

/// Every client subscribes to its filters, a hundred in a packet, all clients side by side.
fn subscribe_all(clients: &mut [Client], devices: usize) -> io::Result<()> {
    let begin = Instant::now();
    let own = devices / CLIENTS;
    for filters in [first_filter, second_filter] {
        for part in (0..own).step_by(PER_PACKET) {
            for (n, client) in clients.iter_mut().enumerate() {
                let devices = (part..own.min(part + PER_PACKET)).map(|i| i * CLIENTS + n);
                client.put(packet(devices.map(filters)));
                client.flush()?;
            }
            for client in clients.iter_mut() {
                client.subscribed()?;
            }
            if begin.elapsed() > PATIENCE {
                return Err(io::Error::other(format!(
                    "takes more than {PATIENCE:?} to subscribe"
                )));
            }
        }
    }
    Ok(())
}

fn packet(filters: impl Iterator<Item = String>) -> Subscribe {
    let mut packet = subscribe(1, "none", QoS::AtMostOnce);
    packet.filters = filters
        .map(|filter| SubscribeFilter {
            filter: tests::packets::filter(&filter),
            options: options(QoS::AtMostOnce),
        })
        .collect();
    packet
}

/// The filter of a device that belongs to the client of the same number, modulo [`CLIENTS`].
fn first_filter(device: usize) -> String {
    format!("+/d{device}/t")
}

/// The other one; its device is that of the client [`SHIFT`] before.
fn second_filter(number: usize) -> String {
    let block = number / CLIENTS * CLIENTS;
    format!("s/d{}/#", block + (number + SHIFT) % CLIENTS)
}

/// A burst of messages at QoS 0, and both deliveries of each.
fn match_two(
    publisher: &mut Client,
    clients: &mut [Client],
    devices: &mut impl Iterator<Item = usize>,
) -> io::Result<()> {
    let mut receivers = Vec::with_capacity(2 * BURST);
    for device in devices.take(BURST) {
        publisher.put(publish(&format!("s/d{device}/t"), [b'x'; PAYLOAD]));
        receivers.extend([device % CLIENTS, (device + CLIENTS - SHIFT) % CLIENTS]);
    }
    publisher.flush()?;
    for receiver in receivers {
        clients[receiver].next_of(PUBLISH)?;
    }
    Ok(())
}

/// A burst of messages at QoS 1 for nobody, and the acknowledgement of each.
fn match_none(publisher: &mut Client, devices: &mut impl Iterator<Item = usize>) -> io::Result<()> {
    for (id, device) in (1..=BURST as u16).zip(devices) {
        let topic = format!("s/none{device}/t");
        publisher.put(publish_at(QoS::AtLeastOnce, id, &topic, [b'x'; PAYLOAD]));
    }
    publisher.flush()?;
    (0..BURST).try_for_each(|_| publisher.next_of(PUBACK).map(drop))
}

/// Repeats a burst for so long; returns how many messages that were.
fn until(length: Duration, mut burst: impl FnMut() -> io::Result<()>) -> io::Result<usize> {
    let begin = Instant::now();
    let mut sent = 0;
    while begin.elapsed() < length {
        burst()?;
        sent += BURST;
    }
    Ok(sent)
}

/// Numbers below `count` in an order that no cache likes.
fn scattered(count: usize) -> impl Iterator<Item = usize> {
    (0..).map(move |n: usize| n.wrapping_mul(STEP) % count)
}

/// A prime larger than any number of devices.
const STEP: usize = 999_983;
const CLIENTS: usize = 100;
/// Filters in one SUBSCRIBE.
const PER_PACKET: usize = 50;
/// How far apart the two clients of a device are.
const SHIFT: usize = 37;
const BURST: usize = 64;
const PAYLOAD: usize = 64;
/// The longest time for all subscriptions.
const PATIENCE: Duration = Duration::from_secs(25);
