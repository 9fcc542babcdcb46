// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Faults of the TOML itself, in words for somebody who has never heard of TOML.
//!
//! The parser names its faults by fixed sentences; they are sorted into a closed list here, and a sentence that is
//! not known falls into `Other`.

use std::fmt;

use crate::hint::Hint;

/// What is wrong with the writing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Syntax {
    DuplicateKey,
    CurlyQuotes,
    UnquotedText,
    UnclosedQuote,
    UnclosedBracket,
    Escape,
    ValueMissing,
    EqualsSign,
    ExtraText,
    Comma,
    Number,
    Name,
    ControlCharacter,
    Other,
}

impl Syntax {
    /// Sorts a fault by the parser's sentence and the text from the fault to the end of its line.
    pub(crate) fn classify(sentence: &str, rest_of_line: &str) -> Self {
        let text = rest_of_line.trim_start_matches([' ', '\t']);
        if text.starts_with(CURLY_QUOTES) {
            return Self::CurlyQuotes;
        }
        if text.starts_with(char::is_control) {
            return Self::ControlCharacter;
        }
        if sentence.contains("quot") && text.starts_with(['"', '\'']) {
            return Self::UnclosedQuote;
        }
        let known = SENTENCES.iter().find(|(part, _)| sentence.contains(part));
        match known.map_or(Self::Other, |(_, syntax)| *syntax) {
            Self::UnquotedText if text.is_empty() || text.starts_with('#') => Self::ValueMissing,
            Self::UnquotedText if begins_with_value(text) => Self::ExtraText,
            other => other,
        }
    }

    /// Whether nothing can be read from the line, not even which key it is about.
    pub(crate) fn hides_key(self) -> bool {
        matches!(self, Self::EqualsSign | Self::Name | Self::Other)
    }

    /// A word for programs.
    pub fn code(self) -> &'static str {
        match self {
            Self::DuplicateKey => "duplicate-key",
            Self::CurlyQuotes => "curly-quotes",
            Self::UnquotedText => "unquoted-text",
            Self::UnclosedQuote => "unclosed-quote",
            Self::UnclosedBracket => "unclosed-bracket",
            Self::Escape => "bad-escape",
            Self::ValueMissing => "value-missing",
            Self::EqualsSign => "equals-sign",
            Self::ExtraText => "extra-text",
            Self::Comma => "comma",
            Self::Number => "bad-number",
            Self::Name => "bad-name",
            Self::ControlCharacter => "control-character",
            Self::Other => "not-toml",
        }
    }

    pub(crate) fn remedy(self) -> Hint {
        Hint::Do(match self {
            Self::DuplicateKey => "keep one of them, and each heading in single brackets once",
            Self::CurlyQuotes => "use straight quotes `\"` and a plain text editor",
            Self::UnquotedText => "write it as `key = \"text\"`",
            Self::UnclosedQuote => "put a `\"` at both ends of the text, on the same line",
            Self::UnclosedBracket => "close what was opened: `[name]`, `[[name]]`",
            Self::Escape => "write `\\\\` for a backslash, or use single quotes",
            Self::ValueMissing => "write a value behind the `=`, or begin the line with `#`",
            Self::EqualsSign => "write it as `key = value`",
            Self::ExtraText => "put each setting on a line of its own; a remark begins with `#`",
            Self::Comma => "separate the parts with one comma each",
            Self::Number => "write a number in plain digits, anything else in quotes",
            Self::Name => "write names with letters, digits, `_` and `-` only",
            Self::ControlCharacter => "delete the line and type it again",
            Self::Other => "compare it with the examples in the sample file",
        })
    }
}

impl fmt::Display for Syntax {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::DuplicateKey => "the same name stands here a second time",
            Self::CurlyQuotes => "typographic quotes are not quotes",
            Self::UnquotedText => "text without quotes",
            Self::UnclosedQuote => "the text does not end",
            Self::UnclosedBracket => "a bracket is missing",
            Self::Escape => "this character cannot follow a backslash",
            Self::ValueMissing => "the value is missing",
            Self::EqualsSign => "a setting has exactly one `=`",
            Self::ExtraText => "something follows where the line should end",
            Self::Comma => "a comma is missing or stands where none belongs",
            Self::Number => "this is not a number",
            Self::Name => "this is not a name",
            Self::ControlCharacter => "an invisible character stands here",
            Self::Other => "this cannot be understood",
        })
    }
}

/// Whether a complete value stands before the first space, so that the rest is too much.
fn begins_with_value(text: &str) -> bool {
    text.split_once(char::is_whitespace)
        .is_some_and(|(first, _)| {
            first == "true" || first == "false" || first.bytes().all(|byte| byte.is_ascii_digit())
        })
}

const CURLY_QUOTES: [char; 8] = ['“', '”', '„', '‟', '‘', '’', '«', '»'];

/// Parts of the parser's sentences; the first that occurs decides.
const SENTENCES: [(&str, Syntax); 32] = [
    ("duplicate key", Syntax::DuplicateKey),
    ("with a dotted key", Syntax::DuplicateKey),
    ("string values must be quoted", Syntax::UnquotedText),
    ("missing opening quote", Syntax::UnclosedQuote),
    ("unclosed", Syntax::UnclosedBracket),
    ("missing array opening", Syntax::UnclosedBracket),
    ("missing inline table opening", Syntax::UnclosedBracket),
    ("missing table open", Syntax::UnclosedBracket),
    ("escape", Syntax::Escape),
    ("unicode", Syntax::Escape),
    ("key with no value", Syntax::EqualsSign),
    ("extra `=`", Syntax::EqualsSign),
    ("unexpected `=`", Syntax::EqualsSign),
    ("assignment", Syntax::EqualsSign),
    ("missing value", Syntax::ValueMissing),
    ("comma", Syntax::Comma),
    ("between comment and newline", Syntax::ControlCharacter),
    ("carriage return", Syntax::ControlCharacter),
    ("invalid comment character", Syntax::ControlCharacter),
    ("unexpected key or value", Syntax::ExtraText),
    ("unexpected content", Syntax::ExtraText),
    ("invalid key-value pair", Syntax::Other),
    ("leading zero", Syntax::Number),
    ("`_` may only", Syntax::Number),
    ("radix", Syntax::Number),
    ("sign", Syntax::Number),
    ("prefix", Syntax::Number),
    ("float", Syntax::Number),
    ("integer", Syntax::Number),
    ("date-time", Syntax::Number),
    ("invalid basic string", Syntax::UnclosedQuote),
    ("key", Syntax::Name),
];
