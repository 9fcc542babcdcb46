// SPDX-License-Identifier: Apache-2.0 OR MIT
//! One entry of the log: a sentence and the journal fields that say the same to a program.

use std::fmt::Display;

use super::escape::Line;
use super::kind::Kind;

/// What the sink writes; all text in it is escaped already.
pub struct Entry {
    pub kind: &'static Kind,
    pub text: String,
    /// What follows the place where the text may say how often this has happened; empty once it is said.
    rest: Option<String>,
    /// Journal field names with their values.
    pub fields: Vec<(&'static str, String)>,
}

impl Entry {
    /// A sentence of the broker about itself.
    pub fn own(kind: &'static Kind, text: &str) -> Self {
        Self::new(kind, Line(text).to_string())
    }

    pub fn new(kind: &'static Kind, text: String) -> Self {
        Self {
            kind,
            text,
            rest: None,
            fields: Vec::new(),
        }
    }

    /// Adds a journal field.
    pub fn with(mut self, name: &'static str, value: impl Display) -> Self {
        self.fields.push((name, value.to_string()));
        self
    }

    /// Adds the end of the sentence; a count of the day may stand before it.
    pub fn ending(mut self, rest: String) -> Self {
        self.rest = Some(rest);
        self
    }

    /// The entry as it is shown by itself; the second and later ones of a day say so where there is a place for it.
    pub fn counted(mut self, times: u64) -> Self {
        if let Some(rest) = self.rest.take() {
            if times > 1 {
                self.text
                    .push_str(&format!(", {} time today", ordinal(times)));
            }
            self.text.push_str(&rest);
        }
        self
    }

    /// The entry as it stands for all of its kind so far today.
    pub fn folded(mut self, times: u64) -> Self {
        self.text.push_str(&self.rest.take().unwrap_or_default());
        self.text.push_str(&format!(" ×{times} today"));
        self.with("REPEATED", times)
    }

    /// The value of a journal field.
    pub fn field(&self, name: &str) -> Option<&str> {
        let found = self.fields.iter().find(|(field, _)| *field == name)?;
        Some(&found.1)
    }
}

/// `second`, `third`, …; in figures from the eleventh.
fn ordinal(number: u64) -> String {
    const WORDS: [&str; 10] = [
        "first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth",
        "tenth",
    ];
    let index = usize::try_from(number)
        .unwrap_or(usize::MAX)
        .wrapping_sub(1);
    if let Some(word) = WORDS.get(index) {
        return (*word).to_owned();
    }
    let ending = match (number % 100, number % 10) {
        (11..=13, _) => "th",
        (_, 1) => "st",
        (_, 2) => "nd",
        (_, 3) => "rd",
        _ => "th",
    };
    format!("{number}{ending}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_count_of_the_day_stands_within_the_sentence_or_behind_it() {
        let entry =
            || Entry::new(&Kind::STEP, "Gone (reason: x".to_owned()).ending("; y)".to_owned());
        assert_eq!(entry().counted(1).text, "Gone (reason: x; y)");
        assert_eq!(
            entry().counted(3).text,
            "Gone (reason: x, third time today; y)"
        );
        let folded = entry().folded(1440);
        assert_eq!(folded.text, "Gone (reason: x; y) ×1440 today");
        assert_eq!(folded.field("REPEATED"), Some("1440"));
        let plain = || Entry::new(&Kind::STEP, "Here.".to_owned());
        assert_eq!(plain().counted(2).text, "Here.");
        assert_eq!(plain().folded(2).text, "Here. ×2 today");
    }

    #[test]
    fn counts_are_words_up_to_ten() {
        let cases = [
            (2, "second"),
            (10, "tenth"),
            (11, "11th"),
            (12, "12th"),
            (13, "13th"),
            (21, "21st"),
            (22, "22nd"),
            (33, "33rd"),
            (111, "111th"),
            (1_002, "1002nd"),
            (u64::MAX, "18446744073709551615th"),
        ];
        for (number, expected) in cases {
            assert_eq!(ordinal(number), expected);
        }
    }
}
