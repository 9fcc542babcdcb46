// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The filters with wildcards as a tree of their levels: a topic is compared with those only that begin as it does.
//!
//! A node is 48 bytes. A filter has at most 128 levels (`mqtt_proto::Filter`), which bounds every recursion here.

use super::Receiver;
use super::arena::Arena;
use super::edges::{Edges, Named};
use super::hashing::Hashing;
use super::levels::Levels;
use super::receivers::Receivers;

pub(super) struct Tree {
    nodes: Arena<Node>,
    edges: Edges,
    levels: Levels,
    /// Another one whenever other filters have receivers.
    generation: u64,
}

struct Node {
    /// Of the filter that ends here; `#` is a node like others.
    receivers: Receivers,
    plus: u32,
    hash: u32,
    named: Named,
}

impl Tree {
    pub fn new() -> Self {
        let mut nodes = Arena::new();
        nodes.insert(Node::default());
        Self {
            nodes,
            edges: Edges::new(),
            levels: Levels::new(),
            generation: 0,
        }
    }

    /// Who holds a subscription with this filter.
    pub fn find(&self, filter: &str, hashing: &Hashing) -> Option<&Receivers> {
        let mut at = ROOT;
        for level in filter.split('/') {
            at = self.child(at, level, hashing)?;
        }
        Some(&self.nodes.get(at)?.receivers)
    }

    /// Adds a receiver to a filter, replacing its earlier one; false if there was one.
    pub fn insert(&mut self, filter: &str, receiver: Receiver, hashing: &Hashing) -> bool {
        let mut at = ROOT;
        for level in filter.split('/') {
            let child = self.child(at, level, hashing);
            let Some(child) = child.or_else(|| self.grow(at, level, hashing)) else {
                return false;
            };
            at = child;
        }
        let Some(node) = self.nodes.get_mut(at) else {
            return false;
        };
        self.generation += u64::from(node.receivers.is_empty());
        node.receivers.insert(receiver)
    }

    /// Removes one receiver of a filter, and the nodes that are of no use without it; false if there is none.
    pub fn remove(&mut self, filter: &str, receiver: Receiver, hashing: &Hashing) -> bool {
        self.remove_below(ROOT, filter, receiver, hashing)
    }

    fn remove_below(
        &mut self,
        at: u32,
        filter: &str,
        receiver: Receiver,
        hashing: &Hashing,
    ) -> bool {
        let (level, rest) = match filter.split_once('/') {
            Some((level, rest)) => (level, Some(rest)),
            None => (filter, None),
        };
        let Some(child) = self.child(at, level, hashing) else {
            return false;
        };
        let removed = match rest {
            Some(rest) => self.remove_below(child, rest, receiver, hashing),
            None => self.remove_here(child, receiver),
        };
        if self.nodes.get(child).is_some_and(Node::is_useless) {
            self.prune(at, level, child, hashing);
        }
        removed
    }

    fn remove_here(&mut self, at: u32, receiver: Receiver) -> bool {
        let Some(node) = self.nodes.get_mut(at) else {
            return false;
        };
        let removed = node.receivers.remove(receiver);
        self.generation += u64::from(removed && node.receivers.is_empty());
        removed
    }

    fn child(&self, at: u32, level: &str, hashing: &Hashing) -> Option<u32> {
        let node = self.nodes.get(at)?;
        match level {
            "+" => Some(node.plus).filter(|id| *id != NONE),
            "#" => Some(node.hash).filter(|id| *id != NONE),
            _ => self.named(node, at, self.levels.find(level, hashing)?, hashing),
        }
    }

    fn named(&self, node: &Node, at: u32, level: u32, hashing: &Hashing) -> Option<u32> {
        match node.named {
            Named::None => None,
            Named::One { level: only, child } => (only == level).then_some(child),
            Named::Many(_) => self.edges.find(at, level, hashing),
        }
    }

    /// Adds a child that is not there; none when there are too many for their numbers.
    fn grow(&mut self, at: u32, level: &str, hashing: &Hashing) -> Option<u32> {
        let child = self.nodes.insert(Node::default())?;
        let node = self.nodes.get_mut(at)?;
        match level {
            "+" => node.plus = child,
            "#" => node.hash = child,
            text => {
                let level = self.levels.take(text, hashing);
                node.named = self.edges.add(at, node.named, (level, child), hashing);
            }
        }
        Some(child)
    }

    fn prune(&mut self, at: u32, level: &str, child: u32, hashing: &Hashing) {
        self.nodes.remove(child);
        let Some(node) = self.nodes.get_mut(at) else {
            return;
        };
        match level {
            "+" => node.plus = NONE,
            "#" => node.hash = NONE,
            text => {
                let level = self.levels.find(text, hashing).unwrap_or(NONE);
                node.named = self.edges.take(at, node.named, level, hashing);
                self.levels.give_back(text, hashing);
            }
        }
    }

    /// A state of the filters; what a search found is right as long as it is the same.
    pub fn generation(&self) -> u64 {
        self.generation
    }

    /// Whether no filter is longer than `#`.
    pub fn is_flat(&self) -> bool {
        self.nodes.get(ROOT).is_none_or(Node::is_leaf)
    }

    /// The receivers of `#`.
    pub fn of_all(&self) -> &Receivers {
        let root = self.nodes.get(ROOT);
        root.map_or(&Receivers::None, |root| self.receivers(root.hash))
    }

    /// The receivers of a node that a search found.
    pub fn receivers(&self, id: u32) -> &Receivers {
        let node = self.nodes.get(id);
        node.map_or(&Receivers::None, |node| &node.receivers)
    }

    /// Adds the nodes to `found` that have receivers and match; returns how many were looked at.
    pub fn search(&self, topic: &str, hashing: &Hashing, found: &mut Vec<u32>) -> usize {
        let mut search = Search {
            topic,
            steps: Vec::with_capacity(TYPICAL_DEPTH),
            levels: &self.levels,
            hashing,
            found,
        };
        self.visit(ROOT, 0, &mut search)
    }

    fn visit(&self, at: u32, depth: usize, search: &mut Search<'_>) -> usize {
        let Some(node) = self.nodes.get(at) else {
            return 0;
        };
        // Wildcards do not match the first level if it starts with `$`. [MQTT-4.7.2-1]
        let hidden = depth == 0 && search.topic.starts_with('$');
        // "sport/#" matches "sport" too: section 4.7.1.2.
        if node.hash != NONE && !hidden {
            search.found.push(node.hash);
        }
        if node.is_leaf() && node.receivers.is_empty() {
            return 1;
        }
        if search.is_end(depth) {
            if !node.receivers.is_empty() {
                search.found.push(at);
            }
            return 1;
        }
        let mut visited = 1;
        if node.plus != NONE && !hidden {
            visited += self.visit(node.plus, depth + 1, search);
        }
        if node.named != Named::None {
            let level = search.level(depth);
            let child = level.and_then(|level| self.named(node, at, level, search.hashing));
            if let Some(child) = child {
                visited += self.visit(child, depth + 1, search);
            }
        }
        visited
    }

    #[cfg(test)]
    pub fn is_empty(&self) -> bool {
        self.nodes.len() == 1 && self.edges.is_empty() && self.levels.is_empty()
    }
}

impl Default for Node {
    fn default() -> Self {
        Self {
            receivers: Receivers::None,
            plus: NONE,
            hash: NONE,
            named: Named::None,
        }
    }
}

impl Node {
    /// Whether no longer topic than that which leads here has a place below, but for `#`.
    fn is_leaf(&self) -> bool {
        self.plus == NONE && self.named == Named::None
    }

    fn is_useless(&self) -> bool {
        self.receivers.is_empty() && self.is_leaf() && self.hash == NONE
    }
}

/// A topic, its levels cut and numbered as far as they were asked for.
struct Search<'a> {
    topic: &'a str,
    steps: Vec<Step>,
    levels: &'a Levels,
    hashing: &'a Hashing,
    found: &'a mut Vec<u32>,
}

/// A level of the topic that is searched for.
struct Step {
    start: usize,
    end: usize,
    /// Its number, once asked for: none if no filter has this level.
    level: Option<Option<u32>>,
}

impl Search<'_> {
    /// Whether the topic has no more levels than that.
    fn is_end(&mut self, depth: usize) -> bool {
        depth == self.steps.len() && self.cut().is_none()
    }

    /// Adds the next level, if there is one.
    fn cut(&mut self) -> Option<()> {
        let start = self.steps.last().map_or(0, |step| step.end + 1);
        let rest = self.topic.as_bytes().get(start..)?;
        let len = rest.iter().position(|byte| *byte == b'/');
        self.steps.push(Step {
            start,
            end: start + len.unwrap_or(rest.len()),
            level: None,
        });
        Some(())
    }

    fn level(&mut self, depth: usize) -> Option<u32> {
        let step = self.steps.get_mut(depth)?;
        if step.level.is_none() {
            let text = self.topic.get(step.start..step.end)?;
            step.level = Some(self.levels.find(text, self.hashing));
        }
        step.level.flatten()
    }
}

/// The node in which all filters begin.
const ROOT: u32 = 0;
/// Levels of a topic for which a search has room at once.
const TYPICAL_DEPTH: usize = 8;
/// No node and no level.
const NONE: u32 = u32::MAX;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_node_is_small() {
        assert_eq!(size_of::<Node>(), 48);
    }
}
