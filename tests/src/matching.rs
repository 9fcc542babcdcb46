// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Routes and retained messages against the slow reference: every filter compared with every topic.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::packets::filter;
use crate::{Client, QUALITIES, Random, World};
use mqtt_proto::{Publish, QoS, Version};

const LEVELS: [&str; 5] = ["a", "b", "", "c", "aa"];

struct Subscriber {
    client: Client,
    /// Filter and granted quality.
    wanted: BTreeMap<String, QoS>,
}

/// Does at most `steps` things, chosen by `random`, and compares what each client receives with the reference.
pub fn check_matching(mut random: Random, steps: usize) {
    let world = World::with(|limits| {
        limits.max_inflight_messages = 60_000;
        limits.sys_interval = Duration::ZERO;
    });
    let mut subscribers: Vec<_> = (0..4).map(|n| Subscriber::new(&world, n)).collect();
    let publisher = world.client(Version::V5, "publisher");
    let mut retained = BTreeMap::new();
    for n in 0..steps {
        if random.is_used_up() {
            break;
        }
        let index = random.below(subscribers.len());
        match random.below(10) {
            0..3 => subscribers[index].subscribe(&mut random, &retained),
            3 => subscribers[index].unsubscribe(&mut random),
            _ => publish(&mut random, n, &publisher, &subscribers, &mut retained),
        }
    }
    let subscriptions: usize = subscribers
        .iter()
        .map(|subscriber| subscriber.wanted.len())
        .sum();
    assert_eq!(world.stats().subscriptions, subscriptions as u64);
    assert_eq!(world.stats().retained_messages, retained.len() as u64);
    for subscriber in &subscribers {
        subscriber.client.leave();
    }
    publisher.leave();
    world.assert_empty();
    check_retained_over_a_crash(&world, &retained);
}

/// What is retained is there when the power comes back.
fn check_retained_over_a_crash(world: &World, retained: &BTreeMap<String, (QoS, String)>) {
    world.crash();
    assert_eq!(world.stats().retained_messages, retained.len() as u64);
    let client = world.client(Version::V311, "after");
    client.subscribe("#", QoS::ExactlyOnce);
    let mut received: Vec<_> = client.take_all().iter().map(summary).collect();
    received.sort();
    let expected = retained
        .iter()
        .map(|(topic, (qos, payload))| (topic.clone(), *qos, payload.clone()));
    assert!(received.into_iter().eq(expected), "{retained:?}");
}

fn publish(
    random: &mut Random,
    n: usize,
    publisher: &Client,
    subscribers: &[Subscriber],
    retained: &mut BTreeMap<String, (QoS, String)>,
) {
    let (topic, qos) = (topic(random), *random.pick(&QUALITIES));
    let payload = if random.chance(20) {
        String::new()
    } else {
        n.to_string()
    };
    if random.chance(40) {
        publisher.retain(qos, &topic, &payload);
        match payload.as_str() {
            "" => drop(retained.remove(&topic)),
            _ => drop(retained.insert(topic.clone(), (qos, payload.clone()))),
        }
    } else {
        publisher.publish(qos, &topic, &payload);
    }
    for subscriber in subscribers {
        let expected = subscriber
            .quality_for(&topic)
            .map(|granted| (topic.clone(), granted.min(qos), payload.clone()));
        let received = subscriber
            .client
            .take_all()
            .into_iter()
            .map(|message| summary(&message));
        assert!(received.eq(expected), "{topic} to {:?}", subscriber.wanted);
    }
}

impl Subscriber {
    fn new(world: &World, number: usize) -> Self {
        let version = crate::VERSIONS[number % 2];
        Self {
            client: world.client(version, &format!("subscriber {number}")),
            wanted: BTreeMap::new(),
        }
    }

    /// The highest quality of all filters that match.
    fn quality_for(&self, topic: &str) -> Option<QoS> {
        self.wanted
            .iter()
            .filter(|(name, _)| filter(name).matches(topic))
            .map(|(_, qos)| *qos)
            .max()
    }

    fn subscribe(&mut self, random: &mut Random, retained: &BTreeMap<String, (QoS, String)>) {
        let (name, granted) = (filter_name(random), *random.pick(&QUALITIES));
        self.client.subscribe(&name, granted);
        let mut received: Vec<_> = self.client.take_all().iter().map(summary).collect();
        received.sort();
        let matching = retained
            .iter()
            .filter(|(topic, _)| filter(&name).matches(topic));
        let expected = matching
            .map(|(topic, (qos, payload))| (topic.clone(), granted.min(*qos), payload.clone()));
        assert!(
            received.into_iter().eq(expected),
            "retained messages for {name}"
        );
        self.wanted.insert(name, granted);
    }

    fn unsubscribe(&mut self, random: &mut Random) {
        let names: Vec<_> = self.wanted.keys().cloned().collect();
        if !names.is_empty() {
            let name = random.pick(&names);
            self.client.unsubscribe(name);
            self.wanted.remove(name);
        }
    }
}

fn summary(message: &Publish) -> (String, QoS, String) {
    (
        message.topic.to_string(),
        message.qos,
        String::from_utf8_lossy(&message.payload).into_owned(),
    )
}

/// A topic of one to four levels, of which some are empty.
fn topic(random: &mut Random) -> String {
    loop {
        let levels: Vec<_> = (0..1 + random.below(4))
            .map(|_| *random.pick(&LEVELS))
            .collect();
        if levels != [""] {
            return levels.join("/");
        }
    }
}

/// A topic some of whose levels are wildcards.
fn filter_name(random: &mut Random) -> String {
    let topic = topic(random);
    let mut levels: Vec<_> = topic
        .split('/')
        .map(|level| if random.chance(30) { "+" } else { level })
        .collect();
    if random.chance(30) {
        levels.truncate(random.below(levels.len() + 1));
        levels.push("#");
    }
    levels.join("/")
}
