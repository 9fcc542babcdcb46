// SPDX-License-Identifier: Apache-2.0 OR MIT
//! A `broker.toml` as written: the TOML tree with the places of its keys and values, and the faults of its writing.

use std::borrow::Cow;

use toml::de::{DeTable, DeValue, Error};
use toml_parser::Source;
use toml_parser::lexer::TokenKind;

use crate::Fault;
use crate::fault::Found;
use crate::position::Lines;
use crate::problem::Finding;
use crate::syntax::Syntax;

/// A text whose writing was looked through.
pub(crate) struct Proof<'t> {
    /// The text, spaces in place of lines at which the parser would give up.
    readable: Cow<'t, str>,
    findings: Vec<Finding>,
}

/// The tree, as far as it could be read, and what could not.
pub(crate) struct Document<'t> {
    pub(crate) root: DeTable<'t>,
    /// In the order of the text, one per line.
    pub(crate) findings: Vec<Finding>,
}

/// Finds the faults of the writing; text nested deeper than 64 is not given to the parser.
pub(crate) fn proofread<'t>(text: &'t str, lines: &Lines<'_>) -> Proof<'t> {
    if let Some(at) = too_deep(text) {
        let findings = vec![Finding::new(at, None, Fault::TooDeep)];
        return Proof {
            readable: Cow::Borrowed(""),
            findings,
        };
    }
    let (_, errors) = DeTable::parse_recoverable(text);
    let findings = syntax_findings(text, &errors, lines);
    let hopeless: Vec<u32> = findings
        .iter()
        .filter(|finding| matches!(finding.fault, Fault::Syntax(syntax) if syntax.hides_key()))
        .map(|finding| lines.line(finding.at))
        .collect();
    let readable = match hopeless.is_empty() {
        true => Cow::Borrowed(text),
        false => Cow::Owned(blanked(text, &hopeless)),
    };
    Proof { readable, findings }
}

/// Parses what is readable.
pub(crate) fn parse<'t>(proof: &'t Proof<'_>, lines: &Lines<'_>) -> Document<'t> {
    let (root, errors) = DeTable::parse_recoverable(&proof.readable);
    let mut findings = proof.findings.clone();
    findings.extend(syntax_findings(&proof.readable, &errors, lines));
    Document {
        root: root.into_inner(),
        findings: first_of_each_line(findings, lines),
    }
}

/// What kind of value stands there.
pub(crate) fn found(value: &DeValue<'_>) -> Found {
    match value {
        DeValue::String(_) => Found::Text,
        DeValue::Integer(_) => Found::Integer,
        DeValue::Float(_) => Found::Fraction,
        DeValue::Boolean(_) => Found::Boolean,
        DeValue::Datetime(_) => Found::DateOrTime,
        DeValue::Array(_) => Found::List,
        DeValue::Table(_) => Found::Table,
    }
}

fn syntax_findings(text: &str, errors: &[Error], lines: &Lines<'_>) -> Vec<Finding> {
    first_of_each_line(
        errors
            .iter()
            .map(|error| syntax_finding(text, error))
            .collect(),
        lines,
    )
}

/// The first fault of a line causes the others.
fn first_of_each_line(mut findings: Vec<Finding>, lines: &Lines<'_>) -> Vec<Finding> {
    findings.sort_by_key(|finding| finding.at);
    findings.dedup_by_key(|finding| lines.line(finding.at));
    findings
}

/// The text with spaces in these lines, except in headings: what follows them needs them.
fn blanked(text: &str, hopeless: &[u32]) -> String {
    let mut readable = String::with_capacity(text.len());
    for (number, line) in (1..).zip(text.split_inclusive('\n')) {
        let content = line.trim_end_matches(['\r', '\n']);
        if hopeless.binary_search(&number).is_ok() && !content.trim_start().starts_with('[') {
            readable.extend(std::iter::repeat_n(' ', content.len()));
            readable.push_str(line.get(content.len()..).unwrap_or_default());
        } else {
            readable.push_str(line);
        }
    }
    readable
}

fn syntax_finding(text: &str, error: &Error) -> Finding {
    let span = error.span().unwrap_or(text.len()..text.len());
    let rest = text.get(span.start..).unwrap_or_default();
    let syntax = Syntax::classify(error.message(), rest.lines().next().unwrap_or_default());
    let key = (syntax == Syntax::DuplicateKey)
        .then(|| text.get(span.clone()))
        .flatten();
    Finding::new(span.start, key, Fault::Syntax(syntax))
}

/// The first bracket or dot that nests deeper than the limit, where a dotted name nests as often as it has dots.
fn too_deep(text: &str) -> Option<usize> {
    let mut depth = Depth::default();
    let mut tokens = Source::new(text).lex();
    let deep = tokens.find(|token| {
        depth.take(token.kind());
        depth.total() > MAX_DEPTH
    });
    deep.map(|token| token.span().start())
}

/// How deep a place of the text is nested.
#[derive(Default)]
struct Depth {
    /// Each open bracket, with the dots of the names before it.
    open: Vec<(TokenKind, usize)>,
    dots_before: usize,
    /// Dots since the innermost bracket or comma.
    dots: usize,
}

impl Depth {
    fn take(&mut self, token: TokenKind) {
        match token {
            TokenKind::Dot => self.dots += 1,
            TokenKind::LeftSquareBracket => self.open(TokenKind::RightSquareBracket),
            TokenKind::LeftCurlyBracket => self.open(TokenKind::RightCurlyBracket),
            TokenKind::RightSquareBracket | TokenKind::RightCurlyBracket => self.close(token),
            TokenKind::Comma => self.dots = 0,
            TokenKind::Newline if self.open.is_empty() => self.dots = 0,
            _ => {}
        }
    }

    fn open(&mut self, closes: TokenKind) {
        self.open.push((closes, self.dots));
        self.dots_before += self.dots;
        self.dots = 0;
    }

    /// A bracket of the wrong kind closes nothing, so that a faulty text is taken for deeper rather than for flatter.
    fn close(&mut self, token: TokenKind) {
        if self.open.last().is_some_and(|(closes, _)| *closes == token) {
            let (_, dots) = self.open.pop().unwrap_or((token, 0));
            self.dots_before = self.dots_before.saturating_sub(dots);
            self.dots = dots;
        }
    }

    fn total(&self) -> usize {
        self.open.len() + self.dots_before + self.dots
    }
}

/// Lists and tables within each other.
const MAX_DEPTH: usize = 64;
