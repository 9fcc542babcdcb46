// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Which children a node of the tree has for levels of their own: the only one is kept in the node, several in one table for
//! all nodes.

use super::hashing::Hashing;
use super::table::Table;

/// The children that a node has for levels other than `+` and `#`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Named {
    None,
    One {
        level: u32,
        child: u32,
    },
    /// Two or more, in the table.
    Many(u32),
}

/// The children of nodes that have several.
pub(super) struct Edges {
    table: Table<Edge>,
}

/// From a node to its child with this level.
#[derive(Clone, Copy)]
struct Edge {
    node: u32,
    level: u32,
    child: u32,
}

impl Edges {
    pub fn new() -> Self {
        Self {
            table: Table::new(),
        }
    }

    /// The child of a node that has several.
    pub fn find(&self, node: u32, level: u32, hashing: &Hashing) -> Option<u32> {
        let is_it = |edge: &Edge| (edge.node, edge.level) == (node, level);
        let edge = self.table.find(hashing.pair(node, level), is_it)?;
        Some(edge.child)
    }

    /// What the node has with one child more.
    pub fn add(
        &mut self,
        node: u32,
        named: Named,
        (level, child): (u32, u32),
        hashing: &Hashing,
    ) -> Named {
        let new = Edge { node, level, child };
        match named {
            Named::None => Named::One { level, child },
            Named::One { level, child } => {
                self.insert(Edge { node, level, child }, hashing);
                self.insert(new, hashing);
                Named::Many(2)
            }
            Named::Many(count) => {
                self.insert(new, hashing);
                Named::Many(count + 1)
            }
        }
    }

    /// What the node has without the child of this level, which is there.
    pub fn take(&mut self, node: u32, named: Named, level: u32, hashing: &Hashing) -> Named {
        let Named::Many(count) = named else {
            return Named::None;
        };
        let is_it = |edge: &Edge| (edge.node, edge.level) == (node, level);
        let hash = hashing.pair(node, level);
        self.table
            .remove(hash, is_it, |edge| hashing.pair(edge.node, edge.level));
        match count - 1 {
            0 => Named::None,
            left => Named::Many(left),
        }
    }

    #[cfg(test)]
    pub fn is_empty(&self) -> bool {
        self.table.is_empty()
    }

    fn insert(&mut self, edge: Edge, hashing: &Hashing) {
        let hash = hashing.pair(edge.node, edge.level);
        self.table
            .insert(hash, edge, |edge| hashing.pair(edge.node, edge.level));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn children_are_found_until_they_are_taken() {
        let (mut edges, mut named) = (Edges::new(), Named::None);
        let hashing = Hashing::new();
        for level in 0..1_000 {
            named = edges.add(7, named, (level, level + 1), &hashing);
        }
        assert!((0..1_000).all(|level| edges.find(7, level, &hashing) == Some(level + 1)));
        assert_eq!(
            (edges.find(7, 1_000, &hashing), edges.find(8, 0, &hashing)),
            (None, None)
        );
        for level in 0..1_000 {
            named = edges.take(7, named, level, &hashing);
            assert_eq!(edges.find(7, level, &hashing), None);
        }
        assert!(named == Named::None && edges.is_empty());
        assert_eq!(size_of::<Edge>(), 12);
    }
}
