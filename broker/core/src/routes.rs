// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Which sessions a topic goes to: filters without wildcards by hash, the others in a tree of levels.
//!
//! A filter has at most 128 levels (`mqtt_proto::Filter`), which bounds every recursion here.

use std::collections::HashMap;

use bytestring::ByteString;
use mqtt_proto::{Filter, QoS};

use crate::session::SessionId;

/// One subscription as routing sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Subscriber {
    pub session: SessionId,
    pub qos: QoS,
    pub no_local: bool,
    pub retain_as_published: bool,
    pub identifier: Option<u32>,
}

/// All subscriptions of all sessions.
#[derive(Default)]
pub(crate) struct Routes {
    exact: HashMap<ByteString, Vec<Subscriber>>,
    wild: Node,
    len: usize,
}

impl Routes {
    /// Adds a subscription, replacing the session's earlier one with the same filter. [MQTT-3.8.4-3]
    pub fn insert(&mut self, filter: &Filter, subscriber: Subscriber) {
        let list = if filter.is_wildcard() {
            self.wild.list(filter.as_str())
        } else {
            self.exact.entry(filter.as_str().into()).or_default()
        };
        match list.iter_mut().find(|s| s.session == subscriber.session) {
            Some(earlier) => *earlier = subscriber,
            None => {
                list.push(subscriber);
                self.len += 1;
            }
        }
    }

    /// Removes the session's subscription with this filter, if there is one.
    pub fn remove(&mut self, filter: &Filter, session: SessionId) {
        let removed = if filter.is_wildcard() {
            self.wild.remove(filter.as_str(), session)
        } else if let Some(list) = self.exact.get_mut(filter.as_str()) {
            let removed = take(list, session);
            if list.is_empty() {
                self.exact.remove(filter.as_str());
            }
            removed
        } else {
            false
        };
        self.len -= usize::from(removed);
    }

    /// Calls `found` for every subscription whose filter matches; a session appears once for each filter.
    pub fn matching(&self, topic: &str, found: &mut impl FnMut(&Subscriber)) {
        if let Some(list) = self.exact.get(topic) {
            list.iter().for_each(&mut *found);
        }
        self.wild.matching(topic, topic.starts_with('$'), found);
    }

    /// Number of subscriptions.
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
    here: Vec<Subscriber>,
    /// Subscriptions whose filter goes on with `#`.
    below: Vec<Subscriber>,
}

impl Node {
    fn list(&mut self, filter: &str) -> &mut Vec<Subscriber> {
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

    fn remove(&mut self, filter: &str, session: SessionId) -> bool {
        let (level, rest) = split(filter);
        if level == "#" {
            return take(&mut self.below, session);
        }
        let child = match level {
            "+" => self.plus.as_deref_mut(),
            _ => self.children.get_mut(level),
        };
        let Some(child) = child else { return false };
        let removed = match rest {
            Some(rest) => child.remove(rest, session),
            None => take(&mut child.here, session),
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
    fn matching(&self, topic: &str, hidden: bool, found: &mut impl FnMut(&Subscriber)) {
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
                Some(rest) => child.matching(rest, false, found),
                None => {
                    child.here.iter().for_each(&mut *found);
                    // "sport/#" matches "sport" too: section 4.7.1.2.
                    child.below.iter().for_each(&mut *found);
                }
            }
        }
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

fn take(list: &mut Vec<Subscriber>, session: SessionId) -> bool {
    match list.iter().position(|s| s.session == session) {
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

    #[test]
    fn matching_agrees_with_the_reference_matcher() {
        let mut routes = Routes::default();
        for (index, text) in FILTERS.iter().enumerate() {
            routes.insert(&filter(text), subscriber(index as u32));
        }
        for topic in TOPICS {
            let mut found = Vec::new();
            routes.matching(topic, &mut |s| found.push(s.session.index as usize));
            found.sort_unstable();
            let expected: Vec<usize> = (0..FILTERS.len())
                .filter(|&i| filter(FILTERS[i]).matches(topic))
                .collect();
            assert_eq!(found, expected, "{topic}");
        }
    }

    #[test]
    fn removing_every_subscription_leaves_nothing() {
        let mut routes = Routes::default();
        for text in FILTERS {
            routes.insert(&filter(text), subscriber(1));
            routes.insert(&filter(text), subscriber(1));
        }
        assert_eq!(routes.len(), FILTERS.len());
        for text in FILTERS {
            routes.remove(&filter(text), subscriber(1).session);
        }
        assert_eq!(routes.len(), 0);
        assert!(routes.exact.is_empty() && routes.wild.is_empty());
    }
}
