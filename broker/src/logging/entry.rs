// SPDX-License-Identifier: Apache-2.0 OR MIT
//! One entry of the log: a sentence and the journal fields that say the same to a program.

use std::fmt::Display;

use super::escape::Line;
use super::kind::Kind;

/// What the sink writes; all text in it is escaped already.
pub struct Entry {
    pub kind: &'static Kind,
    pub text: String,
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
            fields: Vec::new(),
        }
    }

    /// Adds a journal field.
    pub fn with(mut self, name: &'static str, value: impl Display) -> Self {
        self.fields.push((name, value.to_string()));
        self
    }
}
