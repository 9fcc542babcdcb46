// SPDX-License-Identifier: Apache-2.0 OR MIT
//! House rules a compiler does not know, checked over every file git knows or would add.
//!
//! `rules` holds the table; this reads the files and prints every breach at once.

mod rules;
mod security;

use rules::RULES;
use tests::source::{Source, project, sources};

#[test]
fn every_file_obeys_the_house_rules() {
    let mut breaches = Vec::new();
    for source in sources() {
        for rule in RULES.iter().filter(|rule| (rule.applies)(&source)) {
            let found = (rule.breaches)(&source);
            breaches.extend(
                found
                    .iter()
                    .map(|breach| format!("{}: {breach} ({})", source.path, rule.name)),
            );
        }
    }
    assert!(breaches.is_empty(), "\n{}\n", breaches.join("\n"));
}

#[test]
fn every_make_target_has_a_line_of_help() {
    let makefile =
        std::fs::read_to_string(project().join("Makefile")).expect("the Makefile is there");
    let phony = makefile
        .lines()
        .find_map(|line| line.strip_prefix(".PHONY:"))
        .expect("the Makefile lists its targets");
    let helpless: Vec<_> = phony
        .split_whitespace()
        .filter(|target| {
            let begin = format!("{target}:");
            !makefile
                .lines()
                .any(|line| line.starts_with(&begin) && line.contains(" ## "))
        })
        .collect();
    assert!(helpless.is_empty(), "targets without help: {helpless:?}");
}

#[test]
fn a_breach_of_each_rule_is_found() {
    for rule in RULES {
        let (path, text) = rule.bad_example;
        let source = Source {
            path: path.to_owned(),
            text: text.replace("_LINES_", &"x\n".repeat(600)),
        };
        assert!(
            (rule.applies)(&source),
            "{}: does not look at its own example",
            rule.name
        );
        assert!(
            !(rule.breaches)(&source).is_empty(),
            "{}: misses its own example",
            rule.name
        );
    }
}
