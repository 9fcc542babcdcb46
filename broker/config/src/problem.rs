// SPDX-License-Identifier: Apache-2.0 OR MIT
//! One thing that is wrong with a file: where, which key, what, and what to do about it.

use std::fmt;

use serde::ser::{Serialize, SerializeStruct, Serializer};

use crate::{Fault, Hint};

/// A reason to refuse a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// From 1.
    pub line: u32,
    /// In characters, from 1.
    pub column: u32,
    /// The key as written, without control characters, at most 64 characters; never a value.
    pub key: Option<String>,
    pub fault: Fault,
    pub hint: Hint,
}

/// A problem whose place is still a byte of the text.
#[derive(Clone)]
pub(crate) struct Finding {
    pub(crate) at: usize,
    pub(crate) key: Option<String>,
    pub(crate) fault: Fault,
    pub(crate) hint: Hint,
}

impl Finding {
    /// A finding with the remedy its fault usually has.
    pub(crate) fn new(at: usize, key: Option<&str>, fault: Fault) -> Self {
        Self {
            at,
            key: key.map(printable),
            fault,
            hint: fault.remedy(),
        }
    }
}

/// `line 7, column 3: `portt`: unknown key in [[listener]]; did you mean `port`?`
impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}, column {}: ", self.line, self.column)?;
        if let Some(key) = &self.key {
            write!(f, "`{key}`: ")?;
        }
        write!(f, "{}; {}", self.fault, self.hint)
    }
}

impl Serialize for Problem {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut object = serializer.serialize_struct("Problem", 7)?;
        object.serialize_field("line", &self.line)?;
        object.serialize_field("column", &self.column)?;
        object.serialize_field("key", &self.key)?;
        object.serialize_field("fault", self.fault.code())?;
        object.serialize_field("message", &self.fault.to_string())?;
        object.serialize_field("hint", &self.hint.to_string())?;
        object.serialize_field("text", &self.to_string())?;
        object.end()
    }
}

/// The name without what could disturb a terminal or a log.
fn printable(name: &str) -> String {
    let harmless = |character: char| match character {
        '\u{200E}' | '\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}' => '?',
        control if control.is_control() => '?',
        other => other,
    };
    let mut shown: String = name.chars().take(LONGEST_SHOWN).map(harmless).collect();
    if name.chars().nth(LONGEST_SHOWN).is_some() {
        shown.push('…');
    }
    shown
}

/// Characters of a key that are shown.
const LONGEST_SHOWN: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_shown_without_what_disturbs_a_terminal() {
        assert_eq!(printable("po\u{1b}[31mrt\u{202E}"), "po?[31mrt?");
        assert_eq!(printable(&"k".repeat(65)), format!("{}…", "k".repeat(64)));
    }
}
