// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Those who must not notice an attack: a pair that exchanges numbered messages at QoS 1, and a good client that
//! comes, publishes to itself and goes.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use mqtt_proto::{Packet, QoS, Version};
use tests::packets::{disconnect, puback, publish_at, subscribe};
use tests::{Connection, Daemon, tools};

/// A visit that takes longer was kept waiting by the attack, not by other work on a busy machine.
pub const KEPT_WAITING: Duration = Duration::from_secs(6);

/// The witnesses' messages follow each other at this distance, and so do the visits of the good client.
const PACE: Duration = Duration::from_millis(10);

/// Attacks would disturb each other's measurements.
static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

/// Attacks while witnesses watch; the daemon's memory must stay below `megabytes` all the time.
#[track_caller]
pub fn during(name: &str, daemon: &Daemon, megabytes: u64, attack: impl FnOnce()) {
    let _one_at_a_time = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    let over = AtomicBool::new(false);
    let port = daemon.port;
    let mut subscriber = Connection::client(daemon.port, Version::V5, "witness subscriber");
    subscribe_to(&mut subscriber, "witness");
    let mut publisher = Connection::client(daemon.port, Version::V311, "witness publisher");
    let (sent, received, mut times) = thread::scope(|scope| {
        let sent = scope.spawn(|| publish_until(&mut publisher, &over));
        let received = scope.spawn(|| receive_all(&mut subscriber));
        let times = scope.spawn(|| visit_until(port, &over));
        // Whatever the attack comes to, the others end, so that its failure is told.
        let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(attack));
        over.store(true, Ordering::Relaxed);
        let ended = (join(sent), join(received), join(times));
        outcome.unwrap_or_else(|cause| std::panic::resume_unwind(cause));
        ended
    });
    assert_eq!(received, sent, "messages of the witness");
    times.sort_unstable();
    let part = |hundredths: usize| times[(times.len() - 1) * hundredths / 100].as_millis();
    let used = tools::highest_memory(daemon.pid());
    println!(
        "{name}: {sent} messages of the witness, {} visits of the good client: median {} ms, 95 % {} ms, \
         longest {} ms; at most {used} MiB",
        times.len(),
        part(50),
        part(95),
        part(100)
    );
    assert!(
        part(100) < KEPT_WAITING.as_millis(),
        "the good client waits"
    );
    assert!(
        used < megabytes,
        "{used} MiB are used, at most {megabytes} are meant"
    );
}

fn join<T>(handle: thread::ScopedJoinHandle<'_, T>) -> T {
    handle
        .join()
        .unwrap_or_else(|cause| std::panic::resume_unwind(cause))
}

/// Publishes numbers, and an empty message at the end; returns how many numbers.
fn publish_until(publisher: &mut Connection, over: &AtomicBool) -> usize {
    let mut sent = 0;
    while !over.load(Ordering::Relaxed) {
        exchange(publisher, &sent.to_string());
        sent += 1;
        thread::sleep(PACE);
    }
    exchange(publisher, "");
    sent
}

fn exchange(publisher: &mut Connection, payload: &str) {
    publisher.send(publish_at(QoS::AtLeastOnce, 1, "witness", payload));
    assert!(matches!(publisher.receive(), Some(Packet::PubAck(_))));
}

/// Takes numbers in order up to the empty message; returns how many.
fn receive_all(subscriber: &mut Connection) -> usize {
    for expected in 0.. {
        let packet = subscriber.receive();
        let Some(Packet::Publish(message)) = packet else {
            panic!("message {expected} is missing: {packet:?}");
        };
        let id = message.packet_id.expect("the witness subscribed at QoS 1");
        subscriber.send(puback(id.get()));
        if message.payload.is_empty() {
            return expected;
        }
        assert_eq!(message.payload, expected.to_string());
    }
    unreachable!()
}

/// Connects, subscribes, publishes and receives again and again; returns how long each time took.
fn visit_until(port: u16, over: &AtomicBool) -> Vec<Duration> {
    let mut times = Vec::new();
    while !over.load(Ordering::Relaxed) || times.is_empty() {
        let begin = Instant::now();
        let mut good = Connection::client(port, Version::V5, "good");
        subscribe_to(&mut good, "good");
        good.send(publish_at(QoS::AtLeastOnce, 1, "good", "day"));
        let came = [good.receive(), good.receive()];
        assert!(
            came.iter()
                .any(|packet| matches!(packet, Some(Packet::Publish(_)))),
            "{came:?}"
        );
        times.push(begin.elapsed());
        good.send(disconnect(mqtt_proto::Reason::Success));
        thread::sleep(PACE);
    }
    times
}

fn subscribe_to(client: &mut Connection, filter: &str) {
    client.send(subscribe(1, filter, QoS::AtLeastOnce));
    assert!(matches!(client.receive(), Some(Packet::SubAck(_))));
}
