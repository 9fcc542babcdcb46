// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Topic names and topic filters, checked once when they are made, and the reference matcher.
//!
//! The routing table has its own, faster index; [`Filter::matches`] says what it must answer.

use std::borrow::Borrow;
use std::fmt;
use std::ops::Deref;

use bytestring::ByteString;

/// A valid topic name; cheap to clone.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Topic(ByteString);

impl Topic {
    /// Checks a topic name: not empty, no wildcard, no U+0000, at most 65535 bytes and 128 levels.
    pub fn new(name: ByteString) -> Result<Self, TopicError> {
        let shape = Shape::of(&name);
        if name.is_empty() {
            Err(TopicError::Empty) // [MQTT-4.7.3-1]
        } else if shape.wildcards {
            Err(TopicError::Wildcard) // [MQTT-3.3.2-2], [MQTT-4.7.0-1], in 3.1.1 [MQTT-4.7.1-1]
        } else if shape.nulls {
            Err(TopicError::NullCharacter) // [MQTT-4.7.3-2]
        } else if name.len() > MAX_LEN {
            Err(TopicError::TooLong) // [MQTT-4.7.3-3]
        } else if shape.levels > MAX_LEVELS {
            Err(TopicError::TooManyLevels)
        } else {
            Ok(Self(name))
        }
    }

    /// The empty name of a version 5 PUBLISH that names its topic by an alias only.
    pub const fn empty() -> Self {
        Self(ByteString::new())
    }

    /// A copy that keeps nothing of the packet in memory in which this name came.
    pub fn detached(&self) -> Self {
        Self(ByteString::from(self.as_str()))
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The levels between the slashes, first to last.
    pub fn levels(&self) -> impl Iterator<Item = &str> {
        self.0.split('/')
    }
}

impl Deref for Topic {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl Borrow<str> for Topic {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Topic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A valid topic filter, possibly with wildcards or of the form `$share/group/filter`; cheap to clone.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Filter(ByteString);

impl Filter {
    /// Checks a topic filter: not empty, wildcards only as whole levels, `#` only last, no U+0000,
    /// at most 65535 bytes and 128 levels, a share with a group name and a filter.
    pub fn new(filter: ByteString) -> Result<Self, FilterError> {
        let shape = Shape::of(&filter);
        if shape.nulls {
            return Err(FilterError::NullCharacter); // [MQTT-4.7.3-2]
        }
        if filter.len() > MAX_LEN {
            return Err(FilterError::TooLong); // [MQTT-4.7.3-3]
        }
        if shape.levels > MAX_LEVELS {
            return Err(FilterError::TooManyLevels);
        }
        let matched = match filter.strip_prefix(SHARE) {
            None => &filter,
            Some(rest) => {
                let (group, matched) = rest
                    .split_once('/')
                    .ok_or(FilterError::ShareWithoutFilter)?; // [MQTT-4.8.2-2]
                if group.is_empty() || group.contains(['+', '#']) {
                    return Err(FilterError::ShareGroup); // [MQTT-4.8.2-1] [MQTT-4.8.2-2]
                }
                matched
            }
        };
        check_levels(matched)?;
        Ok(Self(filter))
    }

    /// The filter as the client wrote it, a share included.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The group and the filter inside a `$share/group/filter`; `None` when it is not shared.
    pub fn share(&self) -> Option<(&str, &str)> {
        self.0.strip_prefix(SHARE)?.split_once('/')
    }

    /// The part that is compared with topic names: all of it, or what follows the share group.
    pub fn matched(&self) -> &str {
        self.share().map_or(self.as_str(), |(_, filter)| filter)
    }

    /// The levels of [`Filter::matched`], first to last.
    pub fn levels(&self) -> impl Iterator<Item = &str> {
        self.matched().split('/')
    }

    /// Whether a level is `+` or `#`.
    pub fn is_wildcard(&self) -> bool {
        self.levels().any(|level| level == "+" || level == "#")
    }

    /// Whether a message with this topic name belongs to a subscription with this filter.
    pub fn matches(&self, topic: &str) -> bool {
        let mut filter = self.levels();
        let mut name = topic.split('/');
        // A wildcard at the first level matches no topic that begins with `$`. [MQTT-4.7.2-1]
        if topic.starts_with('$') && self.matched().starts_with(['+', '#']) {
            return false;
        }
        loop {
            match (filter.next(), name.next()) {
                (Some("#"), _) => return true, // The parent level matches too.
                (Some("+"), Some(_)) => {}
                (Some(wanted), Some(level)) if wanted == level => {} // [MQTT-4.7.3-4]
                (None, None) => return true,
                _ => return false,
            }
        }
    }
}

impl Deref for Filter {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl Borrow<str> for Filter {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Filter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Checks the wildcards of a filter without its share.
fn check_levels(filter: &str) -> Result<(), FilterError> {
    if filter.is_empty() {
        return Err(FilterError::Empty); // [MQTT-4.7.3-1]
    }
    let mut levels = filter.split('/').peekable();
    while let Some(level) = levels.next() {
        match level {
            "#" if levels.peek().is_some() => return Err(FilterError::HashNotLast), // [MQTT-4.7.1-1], in 3.1.1 [MQTT-4.7.1-2]
            "#" | "+" => {}
            _ if level.contains(['#', '+']) => return Err(FilterError::WildcardInLevel), // [MQTT-4.7.1-2], in 3.1.1 [MQTT-4.7.1-3]
            _ => {}
        }
    }
    Ok(())
}

/// What one pass over the bytes of a name or filter tells.
struct Shape {
    levels: usize,
    wildcards: bool,
    nulls: bool,
}

impl Shape {
    fn of(text: &str) -> Self {
        let mut shape = Self {
            levels: 1,
            wildcards: false,
            nulls: false,
        };
        // Counts that fit into bytes, so that the compiler takes sixteen of them at a time.
        for part in text.as_bytes().chunks(usize::from(u8::MAX)) {
            let (mut slashes, mut wildcards, mut nulls) = (0_u8, 0_u8, 0_u8);
            for byte in part {
                slashes = slashes.wrapping_add(u8::from(*byte == b'/'));
                wildcards |= u8::from(*byte == b'#') | u8::from(*byte == b'+');
                nulls |= u8::from(*byte == 0);
            }
            shape.levels = shape.levels.saturating_add(slashes.into());
            shape.wildcards |= wildcards != 0;
            shape.nulls |= nulls != 0;
        }
        shape
    }
}

/// Why a text is not a topic name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TopicError {
    /// It has no character.
    Empty,
    /// It contains `+` or `#`.
    Wildcard,
    /// It contains U+0000.
    NullCharacter,
    /// It is longer than 65535 bytes.
    TooLong,
    /// It has more than 128 levels.
    TooManyLevels,
}

impl fmt::Display for TopicError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Empty => "an empty topic name",
            Self::Wildcard => "a wildcard in the topic name",
            Self::NullCharacter => "a null character in the topic name",
            Self::TooLong => "a topic name of more than 65535 bytes",
            Self::TooManyLevels => "a topic name of more than 128 levels",
        })
    }
}

impl std::error::Error for TopicError {}

/// Why a text is not a topic filter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FilterError {
    /// It, or the part after the share group, has no character.
    Empty,
    /// A `#` is followed by another level.
    HashNotLast,
    /// A `+` or `#` shares its level with other characters.
    WildcardInLevel,
    /// It begins with `$share/` and no filter follows the group.
    ShareWithoutFilter,
    /// The share group is empty or contains a wildcard.
    ShareGroup,
    /// It contains U+0000.
    NullCharacter,
    /// It is longer than 65535 bytes.
    TooLong,
    /// It has more than 128 levels.
    TooManyLevels,
}

impl fmt::Display for FilterError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Empty => "an empty topic filter",
            Self::HashNotLast => "a topic filter in which # is not the last level",
            Self::WildcardInLevel => "a topic filter in which a wildcard is not a whole level",
            Self::ShareWithoutFilter => "a shared subscription without a topic filter",
            Self::ShareGroup => "a shared subscription without a valid group name",
            Self::NullCharacter => "a null character in the topic filter",
            Self::TooLong => "a topic filter of more than 65535 bytes",
            Self::TooManyLevels => "a topic filter of more than 128 levels",
        })
    }
}

impl std::error::Error for FilterError {}

/// The most bytes a name or filter may have, as its length field has 16 bits.
const MAX_LEN: usize = 65_535;

/// The most levels a name or filter may have; bounds the depth of the routing table.
const MAX_LEVELS: usize = 128;

/// What a shared subscription begins with.
const SHARE: &str = "$share/";
