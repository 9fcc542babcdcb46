// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The thread that writes, on a device that blocks, fills up and fails when a test says so.

use std::io;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex};

use broker_config::{Mode, Persistence};
use mqtt_core::{Body, CommitSeq, Message, Record, StorageState};
use mqtt_proto::{Properties, QoS, Topic};
use mqtt_store::{Directory, File, Journal, Options, RamDirectory, Stamp};
use nix::errno::Errno;
use tokio::sync::watch;
use tokio::time::{Duration, timeout};

use super::failure::Marker;
use super::opening::{Ground, begin};
use super::*;
use crate::logging::Log;

/// A directory in memory whose writes obey a test.
#[derive(Clone, Default)]
struct Device {
    memory: RamDirectory,
    rules: Arc<Rules>,
}

#[derive(Default)]
struct Rules {
    /// What happens to writes and syncs.
    now: Mutex<Rule>,
    changed: Condvar,
    syncs: AtomicUsize,
}

#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum Rule {
    #[default]
    Work,
    /// A sync takes until the rule changes.
    Block,
    Fail,
    /// No file grows.
    NoRoom,
}

impl Device {
    fn obey(&self, rule: Rule) {
        *self.rules.now.lock().unwrap() = rule;
        self.rules.changed.notify_all();
    }

    fn syncs(&self) -> usize {
        self.rules.syncs.load(Ordering::SeqCst)
    }

    fn file(&self, file: Arc<dyn File>) -> Arc<dyn File> {
        let rules = Arc::clone(&self.rules);
        Arc::new(Obedient { file, rules })
    }
}

impl Rules {
    fn check(&self, blocks: bool) -> io::Result<()> {
        let mut rule = self.now.lock().unwrap();
        while blocks && *rule == Rule::Block {
            rule = self.changed.wait(rule).unwrap();
        }
        match *rule {
            Rule::Fail => Err(Errno::EIO.into()),
            Rule::Work | Rule::Block | Rule::NoRoom => Ok(()),
        }
    }

    fn check_growth(&self) -> io::Result<()> {
        match *self.now.lock().unwrap() {
            Rule::NoRoom => Err(Errno::ENOSPC.into()),
            _ => Ok(()),
        }
    }
}

impl Directory for Device {
    fn list(&self) -> io::Result<Vec<(String, u64)>> {
        self.memory.list()
    }

    fn create(&self, name: &str) -> io::Result<Arc<dyn File>> {
        self.rules.check(false)?;
        Ok(self.file(self.memory.create(name)?))
    }

    fn open(&self, name: &str) -> io::Result<Arc<dyn File>> {
        Ok(self.file(self.memory.open(name)?))
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        self.memory.rename(from, to)
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        self.memory.remove(name)
    }

    fn sync(&self) -> io::Result<()> {
        self.rules.check(false)
    }
}

struct Obedient {
    file: Arc<dyn File>,
    rules: Arc<Rules>,
}

impl File for Obedient {
    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        self.rules.check(false)?;
        if offset + bytes.len() as u64 > self.file.len()? {
            self.rules.check_growth()?;
        }
        self.file.write_at(bytes, offset)
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        self.file.read_at(buffer, offset)
    }

    fn sync(&self) -> io::Result<()> {
        self.rules.syncs.fetch_add(1, Ordering::SeqCst);
        self.rules.check(true)?;
        self.file.sync()
    }

    fn len(&self) -> io::Result<u64> {
        self.file.len()
    }
}

/// Has the journal make its spare segments, so that no sync but those of commits is left.
fn prepare(device: &Device) {
    let opened = Journal::open(Arc::new(device.clone()), Options::default());
    let mut journal = opened.unwrap().0;
    while journal.compact(Stamp::default()).unwrap() {}
    journal.close(Stamp::default()).unwrap();
}

fn storage_on(device: &Device, mode: Mode, marker: Marker) -> Storage {
    let ground = Ground::on(Arc::new(device.clone()), None, None)
        .ok()
        .unwrap();
    let persistence = Persistence {
        mode,
        ..Persistence::default()
    };
    begin(ground, persistence, marker, &Log::silent()).unwrap()
}

fn storage(device: &Device) -> Storage {
    storage_on(device, Mode::Sync, Marker::new(None))
}

fn retained(number: u64, len: usize) -> Record {
    let topic = Topic::new(format!("t/{number}").into()).unwrap();
    let body = Body::Inline(vec![0; len].into());
    let (qos, properties) = ((QoS::AtLeastOnce, true), Properties::new());
    Record::Retained(Arc::new(Message::new(topic, qos, properties, body, None)))
}

/// A promise, which somebody waits for.
fn promise(storage: &mut Storage, number: u64) {
    promise_of(storage, number, 10);
}

fn promise_of(storage: &mut Storage, number: u64, len: usize) {
    let store = &mut storage.appender;
    store.append(&mut vec![retained(number, len)], true);
    store.want(CommitSeq(number));
}

async fn reaches<T: PartialEq + Copy>(values: &mut watch::Receiver<T>, expected: T) {
    let reached = values.wait_for(|value| *value == expected);
    timeout(PATIENCE, reached).await.unwrap().unwrap();
}

async fn stopped(storage: &Storage) {
    storage.handle.stop();
    timeout(PATIENCE, storage.handle.ended()).await.unwrap();
}

#[tokio::test]
async fn what_comes_while_a_flush_runs_shares_the_next() {
    let device = Device::default();
    prepare(&device);
    let mut storage = storage(&device);
    promise(&mut storage, 1);
    reaches(&mut storage.progress, CommitSeq(1)).await;

    device.obey(Rule::Block);
    let before = device.syncs();
    promise(&mut storage, 2);
    let flushing = async {
        while device.syncs() == before {
            tokio::task::yield_now().await;
        }
    };
    timeout(PATIENCE, flushing).await.unwrap();
    (3..100).for_each(|number| promise(&mut storage, number));
    assert_eq!(
        storage.appender.durable(),
        CommitSeq(1),
        "told before it is durable"
    );
    assert!(storage.handle.flushing().is_some());

    device.obey(Rule::Work);
    reaches(&mut storage.progress, CommitSeq(99)).await;
    assert_eq!(device.syncs() - before, 2);
    assert_eq!(storage.appender.durable(), CommitSeq(99));
    stopped(&storage).await;
}

#[tokio::test]
async fn the_relaxed_mode_promises_at_once_until_the_device_is_far_behind() {
    let device = Device::default();
    prepare(&device);
    let mut storage = storage_on(&device, Mode::Relaxed, Marker::new(None));
    device.obey(Rule::Block);
    promise(&mut storage, 1);
    assert_eq!(storage.appender.durable(), CommitSeq(1));
    storage.appender.append(
        &mut (2..22).map(|number| retained(number, 1 << 20)).collect(),
        true,
    );
    assert!(
        storage.appender.durable() < CommitSeq(21),
        "promised too much"
    );
    device.obey(Rule::Work);
    stopped(&storage).await;
}

#[tokio::test]
async fn a_stop_writes_what_nobody_waits_for_and_the_next_start_has_it() {
    let device = Device::default();
    let mut first = storage(&device);
    first
        .appender
        .append(&mut vec![retained(1, 10), retained(2, 10)], true);
    stopped(&first).await;
    assert_eq!(first.appender.durable(), CommitSeq(2));

    let second = storage(&device);
    assert_eq!(second.contents.last, CommitSeq(2));
    assert_eq!(
        second.contents.records.len(),
        2,
        "{:?}",
        second.contents.records
    );
    assert_eq!(second.appender.durable(), CommitSeq(2));
    stopped(&second).await;
}

#[tokio::test]
async fn a_full_device_is_tried_again_until_it_has_room() {
    let device = Device::default();
    let mut storage = storage(&device);
    let mut states = storage.handle.states();
    promise(&mut storage, 1);
    reaches(&mut storage.progress, CommitSeq(1)).await;
    device.obey(Rule::NoRoom);
    let mut number = 1;
    while *states.borrow() == StorageState::Ok {
        number += 1;
        promise_of(&mut storage, number, 400_000);
        let written = storage.progress.wait_for(|durable| durable.0 == number);
        tokio::select! {
            written = timeout(PATIENCE, written) => drop(written.unwrap().unwrap()),
            full = states.wait_for(|state| *state == StorageState::Full) => drop(full.unwrap()),
        }
    }
    promise(&mut storage, number + 1);

    device.obey(Rule::Work);
    reaches(&mut states, StorageState::Ok).await;
    reaches(&mut storage.progress, CommitSeq(number + 1)).await;
    stopped(&storage).await;
}

#[tokio::test]
async fn the_first_failed_write_ends_the_thread_and_promises_nothing() {
    let device = Device::default();
    let mut storage = storage(&device);
    device.obey(Rule::Fail);
    promise(&mut storage, 1);
    timeout(PATIENCE, storage.handle.ended()).await.unwrap();
    assert_eq!(storage.appender.durable(), CommitSeq(0));
}

#[tokio::test]
async fn after_a_second_failure_the_broker_goes_on_without_its_store() {
    let folder = std::env::temp_dir().join(format!("broker-store-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    assert!(!Marker::new(Some(folder.clone())).is_second());
    let device = Device::default();
    let mut storage = storage_on(&device, Mode::Sync, Marker::new(Some(folder.clone())));
    let mut states = storage.handle.states();
    device.obey(Rule::Fail);
    promise(&mut storage, 1);
    reaches(&mut states, StorageState::Failed).await;

    device.obey(Rule::Work);
    promise(&mut storage, 2);
    assert_eq!(storage.appender.durable(), CommitSeq(0));
    stopped(&storage).await;
    assert_eq!(storage.appender.durable(), CommitSeq(0));
    std::fs::remove_dir_all(&folder).unwrap();
}

#[tokio::test]
async fn what_a_store_still_says_is_served_when_it_cannot_be_written() {
    let folder = std::env::temp_dir().join(format!("broker-salvage-{}", std::process::id()));
    let start = |ground: Ground| {
        let marker = Marker::new(None);
        begin(ground, Persistence::default(), marker, &Log::silent()).unwrap()
    };
    let mut first = start(Ground::open(Some(&folder), Mode::Sync).ok().unwrap());
    promise(&mut first, 1);
    stopped(&first).await;
    let before = std::fs::read(folder.join("segment-0001")).unwrap();

    let second = start(Ground::salvage(Some(&folder)).unwrap());
    assert_eq!(second.contents.records.len(), 1);
    assert_eq!(second.handle.state(), StorageState::Failed);
    stopped(&second).await;
    assert!(before == std::fs::read(folder.join("segment-0001")).unwrap());
    std::fs::remove_dir_all(&folder).unwrap();
}

/// Far longer than any of it takes on any machine.
const PATIENCE: Duration = Duration::from_secs(20);
