// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Which sessions and groups a topic goes to: filters without wildcards by hash, the others in a tree of levels.
//!
//! A filter has at most 128 levels (`mqtt_proto::Filter`), which bounds every recursion here.

use std::collections::HashMap;

use bytestring::ByteString;
use mqtt_proto::{Filter, QoS, SubscribeOptions};

use crate::session::SessionId;
use crate::shared::GroupId;

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

impl Receiver {
    fn is_session(&self, id: SessionId) -> bool {
        matches!(self, Self::Session(subscriber) if subscriber.session == id)
    }

    fn is_group(&self, id: GroupId) -> bool {
        matches!(self, Self::Group(group) if *group == id)
    }
}

/// All subscriptions of all sessions, and all groups.
#[derive(Default)]
pub(crate) struct Routes {
    exact: HashMap<ByteString, Vec<Receiver>>,
    wild: Node,
    len: usize,
}

impl Routes {
    /// Adds a subscription, replacing the session's earlier one with the same filter. [MQTT-3.8.4-3]
    pub fn insert(&mut self, filter: &Filter, subscriber: Subscriber) {
        let list = self.list(filter);
        let receiver = Receiver::Session(subscriber);
        match list.iter_mut().find(|r| r.is_session(subscriber.session)) {
            Some(earlier) => *earlier = receiver,
            None => {
                list.push(receiver);
                self.len += 1;
            }
        }
    }

    /// Adds a group, which must not be there yet.
    pub fn insert_group(&mut self, filter: &Filter, group: GroupId) {
        self.list(filter).push(Receiver::Group(group));
    }

    /// Removes the session's subscription with this filter, if there is one.
    pub fn remove(&mut self, filter: &Filter, session: SessionId) {
        let removed = self.take(filter, |receiver| receiver.is_session(session));
        self.len -= usize::from(removed);
    }

    /// Removes a group.
    pub fn remove_group(&mut self, filter: &Filter, group: GroupId) {
        self.take(filter, |receiver| receiver.is_group(group));
    }

    /// The session's subscription with this filter.
    pub fn find(&self, filter: &Filter, session: SessionId) -> Option<Subscriber> {
        let list = match filter.is_wildcard() {
            true => self.wild.find(filter.matched()),
            false => self.exact.get(filter.matched()),
        };
        list?.iter().find_map(|receiver| match receiver {
            Receiver::Session(subscriber) if subscriber.session == session => Some(*subscriber),
            _ => None,
        })
    }

    fn list(&mut self, filter: &Filter) -> &mut Vec<Receiver> {
        if filter.is_wildcard() {
            self.wild.list(filter.matched())
        } else {
            self.exact.entry(filter.matched().into()).or_default()
        }
    }

    fn take(&mut self, filter: &Filter, wanted: impl Fn(&Receiver) -> bool) -> bool {
        let name = filter.matched();
        if filter.is_wildcard() {
            return self.wild.remove(name, &wanted);
        }
        let Some(list) = self.exact.get_mut(name) else {
            return false;
        };
        let removed = take(list, &wanted);
        if list.is_empty() {
            self.exact.remove(name);
        }
        removed
    }

    /// Calls `found` for every subscription and group whose filter matches; a session appears once for each filter.
    ///
    /// Returns how many levels of filters were looked at.
    pub fn matching(&self, topic: &str, found: &mut impl FnMut(&Receiver)) -> usize {
        if let Some(list) = self.exact.get(topic) {
            list.iter().for_each(&mut *found);
        }
        self.wild.matching(topic, topic.starts_with('$'), found)
    }

    /// Number of subscriptions that are not shared.
    pub fn len(&self) -> usize {
        self.len
    }
}

/// A level of the filters with wildcards.
#[derive(Default)]
struct Node {
    children: HashMap<Box<str>, Node>,
    plus: Option<Box<Node>>,
    /// Subscriptions whose filter ends here.
    here: Vec<Receiver>,
    /// Subscriptions whose filter goes on with `#`.
    below: Vec<Receiver>,
}

impl Node {
    fn list(&mut self, filter: &str) -> &mut Vec<Receiver> {
        let mut node = self;
        for level in filter.split('/') {
            match level {
                "#" => return &mut node.below,
                "+" => node = node.plus.get_or_insert_default(),
                _ => node = node.children.entry(level.into()).or_default(),
            }
        }
        &mut node.here
    }

    fn find(&self, filter: &str) -> Option<&Vec<Receiver>> {
        let mut node = self;
        for level in filter.split('/') {
            match level {
                "#" => return Some(&node.below),
                "+" => node = node.plus.as_deref()?,
                _ => node = node.children.get(level)?,
            }
        }
        Some(&node.here)
    }

    fn remove(&mut self, filter: &str, wanted: &impl Fn(&Receiver) -> bool) -> bool {
        let (level, rest) = split(filter);
        if level == "#" {
            return take(&mut self.below, wanted);
        }
        let child = match level {
            "+" => self.plus.as_deref_mut(),
            _ => self.children.get_mut(level),
        };
        let Some(child) = child else { return false };
        let removed = match rest {
            Some(rest) => child.remove(rest, wanted),
            None => take(&mut child.here, wanted),
        };
        if child.is_empty() {
            match level {
                "+" => self.plus = None,
                _ => drop(self.children.remove(level)),
            }
        }
        removed
    }

    /// `hidden`: wildcards do not match the first level, because it starts with `$`. [MQTT-4.7.2-1]
    fn matching(&self, topic: &str, hidden: bool, found: &mut impl FnMut(&Receiver)) -> usize {
        let mut visited = 1;
        if !hidden {
            self.below.iter().for_each(&mut *found);
        }
        let (level, rest) = split(topic);
        let plus = self.plus.as_deref().filter(|_| !hidden);
        let named = if self.children.is_empty() {
            None
        } else {
            self.children.get(level)
        };
        for child in plus.into_iter().chain(named) {
            match rest {
                Some(rest) => visited += child.matching(rest, false, found),
                None => {
                    child.here.iter().for_each(&mut *found);
                    // "sport/#" matches "sport" too: section 4.7.1.2.
                    child.below.iter().for_each(&mut *found);
                }
            }
        }
        visited
    }

    fn is_empty(&self) -> bool {
        self.children.is_empty()
            && self.plus.is_none()
            && self.here.is_empty()
            && self.below.is_empty()
    }
}

fn split(levels: &str) -> (&str, Option<&str>) {
    match levels.split_once('/') {
        Some((level, rest)) => (level, Some(rest)),
        None => (levels, None),
    }
}

fn take(list: &mut Vec<Receiver>, wanted: &impl Fn(&Receiver) -> bool) -> bool {
    match list.iter().position(wanted) {
        Some(index) => {
            list.swap_remove(index);
            true
        }
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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

    #[test]
    fn a_group_makes_no_receiver_larger() {
        assert_eq!(size_of::<Receiver>(), size_of::<Subscriber>());
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
