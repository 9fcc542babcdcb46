// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Which sessions and groups a topic goes to: filters without wildcards by hash, the others in a tree of levels.

mod arena;
mod cache;
mod edges;
mod hashing;
mod levels;
mod receivers;
mod table;
mod tree;

use mqtt_proto::{Filter, QoS, SubscribeOptions};

use crate::session::SessionId;
use crate::shared::GroupId;
use cache::Cache;
use hashing::Hashing;
use receivers::Receivers;
use table::Table;
use tree::Tree;

/// One subscription as routing sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Subscriber {
    pub session: SessionId,
    pub qos: QoS,
    pub no_local: bool,
    pub retain_as_published: bool,
    pub identifier: Option<u32>,
}

impl Subscriber {
    pub fn new(session: SessionId, options: SubscribeOptions, identifier: Option<u32>) -> Self {
        Self {
            session,
            qos: options.qos,
            no_local: options.no_local,
            retain_as_published: options.retain_as_published,
            identifier,
        }
    }
}

/// What a filter leads to.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Receiver {
    Session(Subscriber),
    /// A shared subscription, of which one member gets the message.
    Group(GroupId),
}

/// All subscriptions of all sessions, and all groups.
pub(crate) struct Routes {
    exact: Table<Exact>,
    wild: Tree,
    /// What was found in the tree for topics that come again.
    cache: Cache,
    hashing: Hashing,
    len: usize,
}

/// A filter without wildcards.
struct Exact {
    topic: Box<str>,
    receivers: Receivers,
}

impl Default for Routes {
    fn default() -> Self {
        Self {
            exact: Table::new(),
            wild: Tree::new(),
            cache: Cache::default(),
            hashing: Hashing::new(),
            len: 0,
        }
    }
}

impl Routes {
    /// Adds a subscription, replacing the session's earlier one with the same filter. [MQTT-3.8.4-3]
    pub fn insert(&mut self, filter: &Filter, subscriber: Subscriber) {
        let new = self.add(filter, Receiver::Session(subscriber));
        self.len += usize::from(new);
    }

    /// Adds a group, which must not be there yet.
    pub fn insert_group(&mut self, filter: &Filter, group: GroupId) {
        self.add(filter, Receiver::Group(group));
    }

    /// Removes the session's subscription with this filter, if there is one.
    pub fn remove(&mut self, filter: &Filter, session: SessionId) {
        let subscriber = Subscriber::new(session, SubscribeOptions::default(), None);
        let removed = self.take(filter, Receiver::Session(subscriber));
        self.len -= usize::from(removed);
    }

    /// Removes a group.
    pub fn remove_group(&mut self, filter: &Filter, group: GroupId) {
        self.take(filter, Receiver::Group(group));
    }

    /// The session's subscription with this filter.
    pub fn find(&self, filter: &Filter, session: SessionId) -> Option<Subscriber> {
        let receivers = match filter.is_wildcard() {
            true => self.wild.find(filter.matched(), &self.hashing),
            false => self.exactly(filter.matched()),
        };
        receivers?.of(session)
    }

    /// Calls `found` for every subscription and group whose filter matches; a session appears once for each filter.
    ///
    /// Returns how many levels of filters were looked at.
    pub fn matching(&mut self, topic: &str, found: &mut impl FnMut(Receiver)) -> usize {
        let hash = self.hashing.text(topic.as_bytes());
        if let Some(exact) = self.exact.find(hash, |exact| *exact.topic == *topic) {
            exact.receivers.iter().for_each(&mut *found);
        }
        if self.wild.is_flat() {
            if !topic.starts_with('$') {
                self.wild.of_all().iter().for_each(found); // [MQTT-4.7.2-1]
            }
            return 1;
        }
        let (nodes, visited) = self.cache.matching(topic, hash, &self.wild, &self.hashing);
        for node in nodes {
            self.wild.receivers(*node).iter().for_each(&mut *found);
        }
        visited
    }

    /// Number of subscriptions that are not shared.
    pub fn len(&self) -> usize {
        self.len
    }

    fn exactly(&self, topic: &str) -> Option<&Receivers> {
        let hash = self.hashing.text(topic.as_bytes());
        let exact = self.exact.find(hash, |exact| *exact.topic == *topic)?;
        Some(&exact.receivers)
    }

    fn add(&mut self, filter: &Filter, receiver: Receiver) -> bool {
        let name = filter.matched();
        if filter.is_wildcard() {
            return self.wild.insert(name, receiver, &self.hashing);
        }
        let hash = self.hashing.text(name.as_bytes());
        if let Some(exact) = self.exact.find_mut(hash, |exact| *exact.topic == *name) {
            return exact.receivers.insert(receiver);
        }
        let mut exact = Exact {
            topic: name.into(),
            receivers: Receivers::default(),
        };
        exact.receivers.insert(receiver);
        let hashing = &self.hashing;
        self.exact
            .insert(hash, exact, |exact| hashing.text(exact.topic.as_bytes()));
        true
    }

    fn take(&mut self, filter: &Filter, receiver: Receiver) -> bool {
        let name = filter.matched();
        if filter.is_wildcard() {
            let removed = self.wild.remove(name, receiver, &self.hashing);
            if self.wild.is_flat() {
                self.cache.clear();
            }
            return removed;
        }
        let hash = self.hashing.text(name.as_bytes());
        let is_it = |exact: &Exact| *exact.topic == *name;
        let Some(exact) = self.exact.find_mut(hash, is_it) else {
            return false;
        };
        let removed = exact.receivers.remove(receiver);
        if exact.receivers.is_empty() {
            let hashing = &self.hashing;
            self.exact
                .remove(hash, is_it, |exact| hashing.text(exact.topic.as_bytes()));
        }
        removed
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    const TOPICS: [&str; 10] = [
        "a", "a/b", "a/b/c", "/a", "a/", "/", "$SYS/a", "$SYS", "b/b/c", "a//c",
    ];
    const FILTERS: [&str; 14] = [
        "a", "a/b", "a/#", "#", "+", "+/b", "a/+/c", "/+", "+/+", "$SYS/#", "$SYS/+", "+/a", "a/+",
        "a//c",
    ];

    fn subscriber(index: u32) -> Subscriber {
        Subscriber {
            session: SessionId {
                index,
                serial: u64::from(index),
            },
            qos: QoS::AtMostOnce,
            no_local: false,
            retain_as_published: false,
            identifier: None,
        }
    }

    fn filter(text: &str) -> Filter {
        Filter::new(text.into()).unwrap()
    }

    fn group(index: u32) -> GroupId {
        GroupId {
            index,
            serial: u64::from(index),
        }
    }

    fn shared(text: &str) -> Filter {
        filter(&format!("$share/g/{text}"))
    }

    #[test]
    fn matching_agrees_with_the_reference_matcher() {
        let mut routes = Routes::default();
        for (index, text) in FILTERS.iter().enumerate() {
            routes.insert(&filter(text), subscriber(index as u32));
            routes.insert_group(&shared(text), group(index as u32));
        }
        for topic in TOPICS {
            let (mut found, mut groups) = (Vec::new(), Vec::new());
            routes.matching(topic, &mut |receiver| match receiver {
                Receiver::Session(s) => found.push(s.session.index as usize),
                Receiver::Group(g) => groups.push(g.index as usize),
            });
            found.sort_unstable();
            groups.sort_unstable();
            let matches = |name: &dyn Fn(&str) -> Filter| -> Vec<usize> {
                let all = FILTERS.iter().enumerate();
                let matching = all.filter(|(_, text)| name(text).matches(topic));
                matching.map(|(index, _)| index).collect()
            };
            assert_eq!(found, matches(&filter), "{topic}");
            assert_eq!(groups, matches(&shared), "{topic}");
        }
    }

    /// Numbers that look random.
    struct Dice(u64);

    impl Dice {
        fn throw(&mut self, sides: usize) -> usize {
            self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005) + 1;
            (self.0 >> 33) as usize % sides
        }
    }

    #[test]
    fn what_is_remembered_of_a_topic_is_right_while_filters_come_and_go() {
        let mut dice = Dice(2);
        let (mut routes, mut held) = (Routes::default(), BTreeSet::new());
        let mut remembered = 0;
        for _ in 0..20_000 {
            let (at, session) = (dice.throw(FILTERS.len()), dice.throw(2) as u32);
            match dice.throw(30) {
                0 if held.insert((at, session)) => {
                    routes.insert(&filter(FILTERS[at]), subscriber(session));
                }
                1 if held.remove(&(at, session)) => {
                    routes.remove(&filter(FILTERS[at]), subscriber(session).session);
                }
                _ => {
                    let topic = TOPICS[dice.throw(TOPICS.len())];
                    let mut found = Vec::new();
                    let visited = routes.matching(topic, &mut |receiver| match receiver {
                        Receiver::Session(s) => found.push(s.session.index),
                        Receiver::Group(_) => unreachable!(),
                    });
                    found.sort_unstable();
                    let matching = held
                        .iter()
                        .filter(|(at, _)| filter(FILTERS[*at]).matches(topic));
                    let mut expected: Vec<u32> = matching.map(|(_, session)| *session).collect();
                    expected.sort_unstable();
                    assert_eq!(found, expected, "{topic} of {held:?}");
                    let searched = routes.wild.search(topic, &routes.hashing, &mut Vec::new());
                    remembered += usize::from(visited < searched);
                }
            }
        }
        assert!(remembered > 5_000, "{remembered}");
    }

    #[test]
    fn removing_every_subscription_leaves_nothing() {
        let mut routes = Routes::default();
        for text in FILTERS {
            routes.insert(&filter(text), subscriber(1));
            routes.insert(&filter(text), subscriber(1));
            routes.insert_group(&shared(text), group(1));
        }
        assert_eq!(routes.len(), FILTERS.len());
        for text in FILTERS {
            routes.remove_group(&shared(text), group(1));
            routes.remove(&filter(text), subscriber(1).session);
        }
        assert_eq!(routes.len(), 0);
        assert!(routes.exact.is_empty() && routes.wild.is_empty());
    }
}
