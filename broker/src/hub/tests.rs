// SPDX-License-Identifier: Apache-2.0 OR MIT
//! What only several connections, several threads or a slow store show.

use std::time::Instant;

use mqtt_core::{CommitSeq, FetchRequest, Record, StorageState};
use mqtt_proto::Packet;
use tokio::sync::watch;
use tokio::time::{Duration, timeout};

use super::follow;
use crate::dialogue::{Client, connect_with, hub, hub_with, payload, publish};
use crate::storage::{Contents, Store};

/// A store whose records become durable when the test says so.
struct SlowStore {
    appended: watch::Sender<u64>,
    durable: watch::Receiver<CommitSeq>,
    gave_up: bool,
}

impl Store for SlowStore {
    fn append(&mut self, records: &mut Vec<Record>, _: bool) {
        self.appended
            .send_modify(|count| *count += records.len() as u64);
        records.clear();
    }

    fn durable(&self) -> CommitSeq {
        match self.gave_up {
            true => CommitSeq(*self.appended.borrow()),
            false => *self.durable.borrow(),
        }
    }

    fn want(&mut self, _: CommitSeq) {}

    fn give_up(&mut self) {
        self.gave_up = true;
    }

    fn fetch(&mut self, _: &mut Vec<FetchRequest>) {}
}

fn slow_store(appended: watch::Sender<u64>, durable: watch::Receiver<CommitSeq>) -> SlowStore {
    SlowStore {
        appended,
        durable,
        gave_up: false,
    }
}

#[tokio::test(start_paused = true)]
async fn a_store_that_fails_ends_whom_it_owes_and_nobody_else() {
    let (appended, mut pending) = watch::channel(0);
    let (_advance, durable) = watch::channel(CommitSeq(0));
    let hub = hub_with(slow_store(appended, durable));
    let mut promised = Client::open(&hub);
    promised.send(&[connect_with("persistent", false)]).await;
    pending.wait_for(|count| *count > 0).await.unwrap();
    let mut clean = Client::subscribed(&hub, "clean").await;

    hub.store_is(StorageState::Failed);
    let told = timeout(PATIENCE, promised.next()).await;
    assert!(
        matches!(told, Ok(None)),
        "told of what is not durable: {told:?}"
    );
    clean.send(&[publish("no promise")]).await;
    assert_eq!(payload(clean.next().await), "no promise");
}

#[tokio::test(start_paused = true)]
async fn a_promise_is_told_when_it_is_durable_and_holds_up_nobody_else() {
    let (appended, mut pending) = watch::channel(0);
    let (advance, durable) = watch::channel(CommitSeq(0));
    let progress = durable.clone();
    let hub = hub_with(slow_store(appended, durable));
    tokio::spawn(follow(hub.clone(), progress));

    let mut promised = Client::open(&hub);
    promised.send(&[connect_with("persistent", false)]).await;
    let count = *pending.wait_for(|count| *count > 0).await.unwrap();
    let mut clean = Client::subscribed(&hub, "clean").await;
    clean.send(&[publish("no promise")]).await;
    assert_eq!(payload(clean.next().await), "no promise");
    let early = timeout(PATIENCE, promised.next()).await;
    assert!(early.is_err(), "told before it is durable");

    advance.send(CommitSeq(count)).unwrap();
    let told = timeout(PATIENCE, promised.next()).await;
    assert!(matches!(told, Ok(Some(Packet::ConnAck(_)))));
}

#[tokio::test(start_paused = true)]
async fn the_numbers_of_a_store_that_holds_nothing_go_on() {
    let (appended, mut pending) = watch::channel(10);
    let (_advance, durable) = watch::channel(CommitSeq(10));
    let hub = hub_with(slow_store(appended, durable));
    hub.restore(Contents {
        in_memory: false,
        records: Vec::new(),
        last: CommitSeq(10),
        began: Instant::now(),
    });
    let mut promised = Client::open(&hub);
    promised.send(&[connect_with("persistent", false)]).await;
    pending.wait_for(|count| *count > 10).await.unwrap();
    let early = timeout(PATIENCE, promised.next()).await;
    assert!(early.is_err(), "told before it is durable");
}

#[tokio::test(start_paused = true)]
async fn a_client_who_waits_for_the_store_is_read_only_so_far() {
    let (appended, mut pending) = watch::channel(0);
    let (advance, durable) = watch::channel(CommitSeq(0));
    let progress = durable.clone();
    let hub = hub_with(slow_store(appended, durable));
    tokio::spawn(follow(hub.clone(), progress));
    let mut eager = Client::open(&hub);
    eager.send(&[connect_with("persistent", false)]).await;
    let count = *pending.wait_for(|count| *count > 0).await.unwrap();

    let flood: Vec<_> = (0..200_000).map(|_| publish("x")).collect();
    let early = timeout(PATIENCE, eager.send(&flood)).await;
    assert!(
        early.is_err(),
        "all of it was read before anything was durable"
    );

    advance.send(CommitSeq(count)).unwrap();
    let told = timeout(PATIENCE, eager.next()).await;
    assert!(matches!(told, Ok(Some(Packet::ConnAck(_)))));
    timeout(PATIENCE, eager.send(&flood))
        .await
        .expect("it is read on");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn no_wake_up_is_lost_between_threads() {
    const CLIENTS: usize = 12;
    const MESSAGES: usize = 300;
    let hub = hub();
    let mut clients = Vec::new();
    for number in 0..CLIENTS {
        clients.push(Client::subscribed(&hub, &number.to_string()).await);
    }
    let tasks = clients.into_iter().map(|mut client| {
        tokio::spawn(async move {
            let mut received = 0;
            for _ in 0..MESSAGES {
                client.send(&[publish("x")]).await;
                payload(client.next().await);
                received += 1;
            }
            while received < CLIENTS * MESSAGES {
                payload(client.next().await);
                received += 1;
            }
            client
        })
    });
    for task in tasks.collect::<Vec<_>>() {
        timeout(PATIENCE, task)
            .await
            .expect("a message is missing")
            .unwrap();
    }
}

/// Far longer than the exchange takes on any machine.
const PATIENCE: Duration = Duration::from_secs(60);
