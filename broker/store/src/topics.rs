// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The topics that write most, found with a bounded number of counters.
//!
//! A topic that has no counter takes that of the least one and goes on from there (the space-saving algorithm of Metwally,
//! Agrawal and El Abbadi, 2005): whoever writes more than 1/32 of all bytes has one, and none counts too little.

use std::collections::HashMap;

use mqtt_proto::Topic;

/// Counters of bytes.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Topics {
    counters: HashMap<Topic, Counter>,
    sum: u64,
}

#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Counter {
    bytes: u64,
    /// Of these, what may be of the topic that had the counter before.
    inherited: u64,
}

impl Topics {
    /// Counts what a message of this topic came to.
    pub fn add(&mut self, topic: &Topic, bytes: u64) {
        self.sum = self.sum.saturating_add(bytes);
        if let Some(counter) = self.counters.get_mut(topic) {
            counter.bytes = counter.bytes.saturating_add(bytes);
            return;
        }
        let mut inherited = 0;
        if self.counters.len() >= MAX {
            let least = self.counters.iter();
            let least = least.min_by_key(|(_, counter)| counter.bytes);
            if let Some((least, counter)) = least.map(|(topic, counter)| (topic.clone(), *counter))
            {
                self.counters.remove(&least);
                inherited = counter.bytes;
            }
        }
        let counter = Counter {
            bytes: inherited.saturating_add(bytes),
            inherited,
        };
        self.counters.insert(topic.detached(), counter);
    }

    /// The topics that certainly wrote something, most first, with bytes that they wrote at least.
    pub fn most(&self) -> Vec<(&Topic, u64)> {
        let rows = self.counters.iter();
        let rows = rows.map(|(topic, counter)| (topic, counter.bytes - counter.inherited));
        let mut rows: Vec<_> = rows.filter(|(_, bytes)| *bytes > 0).collect();
        rows.sort_by(|one, other| (other.1, one.0).cmp(&(one.1, other.0)));
        rows
    }

    /// Bytes of all topics.
    pub fn sum(&self) -> u64 {
        self.sum
    }
}

/// Counters.
const MAX: usize = 32;

#[cfg(test)]
mod tests {
    use super::*;

    fn topic(name: &str) -> Topic {
        Topic::new(name.into()).unwrap()
    }

    #[test]
    fn topics_that_write_much_are_found_among_thousands() {
        let mut topics = Topics::default();
        for round in 0..1_000 {
            topics.add(&topic("camera/1"), 400);
            topics.add(&topic("camera/2"), 200);
            for other in 0..10 {
                topics.add(&topic(&format!("sensor/{round}/{other}")), 20);
            }
        }
        let most = topics.most();
        assert!(most.len() <= 32);
        assert_eq!(most[0], (&topic("camera/1"), 400_000));
        assert_eq!(most[1], (&topic("camera/2"), 200_000));
        assert!(most[2].1 < 20_000, "{:?}", most[2]);
        assert_eq!(topics.sum(), 800_000);
    }

    #[test]
    fn equals_stand_in_the_order_of_their_names() {
        let mut topics = Topics::default();
        for name in ["b", "a", "c"] {
            topics.add(&topic(name), 10);
        }
        topics.add(&topic("c"), 1);
        let names: Vec<&str> = topics
            .most()
            .iter()
            .map(|(topic, _)| topic.as_str())
            .collect();
        assert_eq!(names, ["c", "a", "b"]);
    }
}
