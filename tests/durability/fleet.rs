// SPDX-License-Identifier: Apache-2.0 OR MIT
//! All clients of one broker: they put load on it together, and check together what it has kept.

use std::thread;
use std::time::Duration;

use mqtt_proto::{Ack, Packet, QoS, Reason, Version};
use tests::packets::{connect, packet_id};
use tests::{Random, VERSIONS};

use crate::changer::Changer;
use crate::crowd::Crowd;
use crate::diary::Position;
use crate::group::Group;
use crate::lane::{Lane, PROBES, RETAINED};
use crate::link::{Link, Lost};
use crate::publisher::Publisher;
use crate::retained;
use crate::scene::Scene;
use crate::subscriber::{Habit, Subscriber};

#[derive(Clone)]
pub struct Fleet {
    publishers: Vec<Publisher>,
    retainer: Publisher,
    subscribers: Vec<Subscriber>,
    group: Group,
    changer: Changer,
    crowd: Crowd,
    /// The number of the next check.
    mark: u32,
}

impl Fleet {
    /// Clients that have never connected; with a position they can be asked for what they knew at an earlier one.
    pub fn new(position: Option<&Position>) -> Self {
        let noted = || position.cloned();
        let version = |number: u8| VERSIONS[usize::from(number) % 2];
        let publishers = (0..PUBLISHERS).map(|number| {
            let lanes = vec![Lane::AtLeastOnce(number), Lane::ExactlyOnce(number)];
            Publisher::new(
                &format!("publisher-{number}"),
                version(number),
                lanes,
                noted(),
            )
        });
        let publishers: Vec<_> = publishers.collect();
        let lanes: Vec<_> = publishers.iter().flat_map(|p| p.lanes.clone()).collect();
        let subscriber = |&(name, habit, number, filters, qos): &(&str, _, _, &[_], _)| {
            Subscriber::new(
                name,
                habit,
                version(number),
                (filters, qos),
                &lanes,
                noted(),
            )
        };
        let retained = (0..RETAINED).map(Lane::Retained).collect();
        Self {
            retainer: Publisher::new("retainer", Version::V5, retained, noted()),
            subscribers: SUBSCRIBERS.iter().map(subscriber).collect(),
            group: Group {
                members: MEMBERS.iter().map(subscriber).collect(),
            },
            changer: Changer::new(Version::V5, noted()),
            crowd: Crowd::new(noted()),
            publishers,
            mark: 0,
        }
    }

    /// The same clients as they were when the disk's log had this length.
    pub fn at(&self, position: u64, noted: Option<&Position>) -> Self {
        let publishers = self.publishers.iter();
        let subscribers = self.subscribers.iter();
        Self {
            publishers: publishers.map(|p| p.at(position, noted.cloned())).collect(),
            retainer: self.retainer.at(position, noted.cloned()),
            subscribers: subscribers
                .map(|s| s.at(position, noted.cloned()))
                .collect(),
            group: self.group.at(position, noted),
            changer: self.changer.at(position, noted.cloned()),
            crowd: self.crowd.at(position, noted),
            mark: self.mark,
        }
    }

    /// How many acknowledgements the clients hold.
    pub fn acknowledged(&self) -> u64 {
        let publishers = self.publishers.iter().chain([&self.retainer]);
        let subscribers = self.subscribers.iter().chain(&self.group.members);
        publishers.map(|p| p.diary.now().acknowledged).sum::<u64>()
            + subscribers.map(|s| s.diary.now().acknowledged).sum::<u64>()
            + self.changer.diary.now().acknowledged
            + self.crowd.acknowledged()
    }

    /// Lets every client do its work until the broker is gone or the load ends.
    pub fn load(&mut self, scene: &Scene, random: &mut Random) {
        let mut seed = || random.next_u64();
        thread::scope(|scope| {
            for publisher in self.publishers.iter_mut().chain([&mut self.retainer]) {
                let seed = seed();
                scope.spawn(move || publisher.load(scene, seed));
            }
            for subscriber in self.subscribers.iter_mut().chain(&mut self.group.members) {
                let seed = seed();
                scope.spawn(move || subscriber.load(scene, seed));
            }
            let (changes, visits) = (seed(), seed());
            let (changer, crowd) = (&mut self.changer, &mut self.crowd);
            scope.spawn(move || changer.load(scene, changes));
            scope.spawn(move || crowd.load(scene, visits));
        });
    }

    /// Reconnects every client, finishes what is open and checks all that the broker has acknowledged.
    pub fn check(&mut self, scene: &Scene) -> Result<(), Lost> {
        self.mark += 1;
        let mark = self.mark;
        for publisher in self.publishers.iter().chain([&self.retainer]) {
            publisher.promise(scene);
        }
        scene.begin_check();
        let takers = self.subscribers.len() + 3;
        thread::scope(|scope| {
            let subscribers = self.subscribers.iter_mut();
            let mut parts: Vec<_> = subscribers
                .map(|subscriber| scope.spawn(move || subscriber.check(scene, mark)))
                .collect();
            parts.push(scope.spawn(|| self.group.check(scene, mark)));
            parts.push(scope.spawn(|| self.changer.check(scene, mark)));
            parts.push(scope.spawn(|| self.crowd.check(scene, mark)));
            let mut outcomes = settle(&mut self.publishers, &mut self.retainer, scene);
            scene.wait_for_ready(takers, READY);
            outcomes.push(signal(scene, mark));
            outcomes.push(retained::check(scene, &mut self.retainer));
            outcomes.extend(parts.into_iter().map(join));
            outcomes.into_iter().collect()
        })
    }
}

/// Lets all publishers finish what is open.
fn settle(
    publishers: &mut [Publisher],
    retainer: &mut Publisher,
    scene: &Scene,
) -> Vec<Result<(), Lost>> {
    thread::scope(|scope| {
        let publishers = publishers.iter_mut().chain([retainer]);
        let parts: Vec<_> = publishers
            .map(|publisher| scope.spawn(|| publisher.settle(scene)))
            .collect();
        parts.into_iter().map(join).collect()
    })
}

fn join(part: thread::ScopedJoinHandle<'_, Result<(), Lost>>) -> Result<(), Lost> {
    part.join()
        .unwrap_or_else(|panic| std::panic::resume_unwind(panic))
}

/// Publishes a probe of every subscription and, when a broker has them all, the mark that ends the check.
fn signal(scene: &Scene, mark: u32) -> Result<(), Lost> {
    let (mut link, _) = Link::open(scene.address, connect(Version::V5, "herald"))?;
    let probes: Vec<_> = (0..PROBES).map(Lane::Probe).collect();
    for lanes in [probes.as_slice(), &[Lane::End]] {
        for (id, lane) in (1..).zip(lanes) {
            let mut message = lane.message(mark);
            message.packet_id = Some(packet_id(id));
            link.send(message)?;
        }
        let mut open = lanes.len();
        while open > 0 {
            match link.expect("PUBACK or PUBCOMP", |_| true)? {
                Packet::PubRec(ack) => {
                    link.send(Packet::PubRel(Ack::new(ack.packet_id, Reason::Success)))?;
                }
                Packet::PubAck(_) | Packet::PubComp(_) => open -= 1,
                _ => {}
            }
        }
    }
    Ok(())
}

const PUBLISHERS: u8 = 3;

/// Name, habit, version by number, filters, QoS.
type Wanted = (&'static str, Habit, u8, &'static [&'static str], QoS);

const SUBSCRIBERS: [Wanted; 6] = [
    (
        "absent-1",
        Habit::Absent,
        0,
        &["once/0", "exactly/0"],
        QoS::AtLeastOnce,
    ),
    (
        "absent-2",
        Habit::Absent,
        1,
        &["once/1", "exactly/1"],
        QoS::ExactlyOnce,
    ),
    (
        "present-1",
        Habit::Present,
        1,
        &["once/+", "exactly/+"],
        QoS::AtLeastOnce,
    ),
    (
        "present-2",
        Habit::Present,
        0,
        &["once/+", "exactly/+"],
        QoS::ExactlyOnce,
    ),
    (
        "sleepy",
        Habit::Sleepy,
        1,
        &["once/#", "exactly/2"],
        QoS::ExactlyOnce,
    ),
    (
        "stopping",
        Habit::Stopping,
        0,
        &["exactly/+"],
        QoS::ExactlyOnce,
    ),
];

const SHARED: &[&str] = &["$share/group/once/+", "$share/group/exactly/+"];

const MEMBERS: [Wanted; 2] = [
    ("member-1", Habit::Present, 0, SHARED, QoS::ExactlyOnce),
    ("member-2", Habit::Present, 1, SHARED, QoS::ExactlyOnce),
];

/// How long clients may take to be in their sessions.
const READY: Duration = Duration::from_secs(8);
