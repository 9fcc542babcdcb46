// SPDX-License-Identifier: Apache-2.0 OR MIT
//! A number for each text that is a level of a filter, so that each text is kept, hashed and compared once.

use super::hashing::Hashing;
use super::table::Table;

/// The levels that are in use.
pub(super) struct Levels {
    table: Table<Level>,
    /// Numbers that were in use.
    free: Vec<u32>,
    /// The least number that never was.
    fresh: u32,
}

struct Level {
    text: Text,
    id: u32,
    /// Edges of the tree that it names.
    uses: u32,
}

impl Levels {
    pub fn new() -> Self {
        Self {
            table: Table::new(),
            free: Vec::new(),
            fresh: 0,
        }
    }

    pub fn find(&self, text: &str, hashing: &Hashing) -> Option<u32> {
        let hash = hashing.text(text.as_bytes());
        let level = self.table.find(hash, |level| level.text.is(text))?;
        Some(level.id)
    }

    /// The number of a level, for one use more.
    pub fn take(&mut self, text: &str, hashing: &Hashing) -> u32 {
        let hash = hashing.text(text.as_bytes());
        if let Some(level) = self.table.find_mut(hash, |level| level.text.is(text)) {
            level.uses += 1;
            return level.id;
        }
        let id = self.free.pop().unwrap_or_else(|| {
            self.fresh += 1;
            self.fresh - 1
        });
        let level = Level {
            text: Text::new(text),
            id,
            uses: 1,
        };
        self.table
            .insert(hash, level, |level| hashing.text(level.text.as_bytes()));
        id
    }

    /// Ends one use.
    pub fn give_back(&mut self, text: &str, hashing: &Hashing) {
        let hash = hashing.text(text.as_bytes());
        let is_it = |level: &Level| level.text.is(text);
        let Some(level) = self.table.find_mut(hash, is_it) else {
            return;
        };
        level.uses -= 1;
        if level.uses > 0 {
            return;
        }
        self.free.push(level.id);
        self.table
            .remove(hash, is_it, |level| hashing.text(level.text.as_bytes()));
        if self.table.is_empty() {
            (self.free, self.fresh) = (Vec::new(), 0);
        }
    }

    #[cfg(test)]
    pub fn is_empty(&self) -> bool {
        self.table.is_empty()
    }
}

/// A level's text, in place if it is short: then it needs no allocation, and a comparison touches no other memory.
enum Text {
    Short { len: u8, bytes: [u8; SHORT] },
    Long(Box<str>),
}

impl Text {
    fn new(text: &str) -> Self {
        let mut bytes = [0; SHORT];
        match (bytes.get_mut(..text.len()), u8::try_from(text.len())) {
            (Some(place), Ok(len)) => {
                place.copy_from_slice(text.as_bytes());
                Self::Short { len, bytes }
            }
            _ => Self::Long(text.into()),
        }
    }

    fn is(&self, text: &str) -> bool {
        self.as_bytes() == text.as_bytes()
    }

    fn as_bytes(&self) -> &[u8] {
        match self {
            Self::Short { len, bytes } => bytes.get(..usize::from(*len)).unwrap_or_default(),
            Self::Long(text) => text.as_bytes(),
        }
    }
}

/// Bytes of the longest text that is kept in place.
const SHORT: usize = 22;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_of_every_length_are_told_apart_and_forgotten() {
        let (mut levels, hashing) = (Levels::new(), Hashing::new());
        let texts: Vec<String> = (0..60)
            .map(|len| "ä".repeat(len / 2) + &"b".repeat(len % 2))
            .collect();
        let ids: Vec<u32> = texts
            .iter()
            .map(|text| levels.take(text, &hashing))
            .collect();
        for (text, id) in texts.iter().zip(&ids) {
            assert_eq!(
                (levels.find(text, &hashing), levels.take(text, &hashing)),
                (Some(*id), *id)
            );
            levels.give_back(text, &hashing);
            assert_eq!(levels.find(text, &hashing), Some(*id), "one use is left");
        }
        for text in &texts {
            levels.give_back(text, &hashing);
            assert_eq!(levels.find(text, &hashing), None);
        }
        assert!(levels.is_empty());
        assert_eq!(size_of::<Level>(), 32);
    }
}
