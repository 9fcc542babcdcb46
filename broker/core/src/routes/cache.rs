// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Which filters with wildcards match the topics that come again and again, until these filters change.
//!
//! It holds nodes of the tree, not receivers or rights. Each topic has one place, which it takes when it comes twice without another
//! of the same place in between; so topics that come once cost a comparison and move nothing out. Whoever changes filters all
//! the time takes nothing from others but the time of a search.

use super::hashing::Hashing;
use super::tree::Tree;

/// Nodes by topic: 4,096 topics of at most 256 bytes with at most 32 filters each, which is 2 MiB at most.
#[derive(Default)]
pub(super) struct Cache {
    places: Vec<Place>,
    /// What was found for the last topic that has no place.
    found: Vec<u32>,
}

#[derive(Clone, Default)]
struct Place {
    /// Empty, as no topic is, while nobody has it.
    topic: Box<str>,
    /// The state of the tree for which the nodes are right.
    generation: u64,
    nodes: Vec<u32>,
    /// Hash of the last other topic that came.
    seen: u64,
}

impl Cache {
    /// The nodes that match, and how many were looked at.
    pub fn matching(
        &mut self,
        topic: &str,
        hash: u64,
        tree: &Tree,
        hashing: &Hashing,
    ) -> (&[u32], usize) {
        self.found.clear();
        if topic.len() > LONGEST {
            let visited = tree.search(topic, hashing, &mut self.found);
            return (&self.found, visited);
        }
        if self.places.is_empty() {
            self.places.resize(PLACES, Place::default());
        }
        let Some(place) = self.places.get_mut((hash >> 20) as usize % PLACES) else {
            return (&[], 0);
        };
        let known = *place.topic == *topic;
        if known && place.generation == tree.generation() {
            return (&place.nodes, 1 + place.nodes.len());
        }
        let visited = tree.search(topic, hashing, &mut self.found);
        let comes_again = known || std::mem::replace(&mut place.seen, hash) == hash;
        if comes_again && self.found.len() <= MOST_NODES {
            if !known {
                place.topic = topic.into();
            }
            place.generation = tree.generation();
            place.nodes.clone_from(&self.found);
        }
        (&self.found, visited)
    }

    /// Gives back its memory: there is nothing to search for.
    pub fn clear(&mut self) {
        *self = Self::default();
    }
}

const PLACES: usize = 4_096;
/// Bytes of a topic.
const LONGEST: usize = 256;
const MOST_NODES: usize = 32;
