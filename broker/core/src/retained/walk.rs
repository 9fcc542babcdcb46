// SPDX-License-Identifier: Apache-2.0 OR MIT
//! A position in the retained messages that match a filter.

use mqtt_proto::Filter;

/// Where a new subscription has got to in the order of topics.
#[derive(Debug)]
pub(crate) struct Walk {
    filter: Filter,
    /// The filter is `topic/#`.
    whole_subtree: bool,
    last: Option<Box<str>>,
    done: bool,
}

impl Walk {
    pub fn new(filter: Filter) -> Self {
        let parent = filter.strip_suffix("/#");
        Self {
            whole_subtree: parent.is_some_and(|parent| !parent.contains('+')),
            filter,
            last: None,
            done: false,
        }
    }

    pub fn is_for(&self, filter: &Filter) -> bool {
        self.filter == *filter
    }

    pub fn is_done(&self) -> bool {
        self.done
    }

    /// Goes on behind this topic, from which on nobody was given anything.
    pub fn return_to(&mut self, topic: &str) {
        self.last = Some(topic.into());
        self.done = self.is_exact();
    }

    /// The topic that was looked at last.
    pub(super) fn last(&self) -> Option<&str> {
        self.last.as_deref()
    }

    /// Looked at topics up to `last`, all of them if it has `ended`.
    pub(super) fn go_on(&mut self, last: Option<&str>, ended: bool) {
        if let Some(last) = last {
            self.last = Some(last.into());
        }
        self.done = ended || self.is_exact();
    }

    pub(super) fn is_exact(&self) -> bool {
        !self.filter.is_wildcard()
    }

    /// Whether a topic that starts with [`Walk::prefix`] matches.
    pub(super) fn matches(&self, topic: &str) -> bool {
        if !self.whole_subtree {
            return self.filter.matches(topic);
        }
        let behind = topic.as_bytes().get(self.prefix().len());
        behind.is_none_or(|byte| *byte == b'/')
    }

    /// What every matching topic starts with.
    pub(super) fn prefix(&self) -> &str {
        let filter = self.filter.as_str();
        let end = filter.find(['+', '#']).unwrap_or(filter.len());
        let fixed = filter.get(..end).unwrap_or_default();
        // "sport/#" matches "sport" too: section 4.7.1.2.
        match filter.get(end..) {
            Some("#") => fixed.strip_suffix('/').unwrap_or(fixed),
            _ => fixed,
        }
    }
}
