// SPDX-License-Identifier: Apache-2.0 OR MIT
//! docs/security.md against the sources: every requirement has its row, and every test named there exists.

use std::collections::BTreeSet;
use std::fs;

use tests::source::project;

/// Requirements of the project, R1 to R30.
const REQUIREMENTS: u32 = 30;
/// What a row may say of its state.
const STATES: [&str; 6] = [
    "met",
    "partly",
    "not met",
    "later",
    "owner",
    "does not apply",
];

#[test]
fn every_requirement_has_a_row_and_a_state() {
    let text = document();
    let rows: Vec<_> = text.lines().filter_map(cells).collect();
    let named: BTreeSet<_> = rows.iter().map(|row| row[0].as_str()).collect();
    let missing: Vec<_> = (1..=REQUIREMENTS)
        .map(|number| format!("R{number}"))
        .filter(|name| !named.contains(name.as_str()))
        .collect();
    assert!(missing.is_empty(), "without a row: {missing:?}");
    let stated = rows.iter().filter(|row| {
        row[0].starts_with(|first: char| "RI".contains(first) || first.is_ascii_digit())
    });
    for row in stated {
        let state = row[2].split([':', ',', ';']).next().unwrap_or_default();
        assert!(STATES.contains(&state), "{}: `{}`", row[0], row[2]);
        let proof = row.get(3).map_or("", String::as_str);
        assert!(
            state != "met" || proof.contains("::") || !row[0].starts_with('R'),
            "{} is met and names no test",
            row[0]
        );
    }
}

#[test]
fn every_test_that_is_named_exists() {
    let text = document();
    let named: Vec<_> = text
        .split('`')
        .skip(1)
        .step_by(2)
        .filter_map(|word| word.split_once("::"))
        .collect();
    assert!(named.len() > 50, "only {} are named", named.len());
    let lost: Vec<_> = named
        .iter()
        .filter(|(path, name)| !holds(path, name))
        .map(|(path, name)| format!("{path}::{name}"))
        .collect();
    assert!(lost.is_empty(), "named and not there: {lost:#?}");
}

#[test]
fn the_promises_to_who_reports_something_are_written() {
    let text = fs::read_to_string(project().join("SECURITY.md")).expect("SECURITY.md is there");
    let promises = [
        "private vulnerability report",
        "| 3 days |",
        "| 14 days |",
        "| 90 days |",
        "## Supported versions",
        "## Advisories",
    ];
    let missing: Vec<_> = promises
        .iter()
        .filter(|words| !text.contains(**words))
        .collect();
    assert!(missing.is_empty(), "{missing:?}");
}

/// Whether the file has the test; `name` may also be a whole class of a Python file.
fn holds(path: &str, name: &str) -> bool {
    let Ok(text) = fs::read_to_string(project().join(path)) else {
        return false;
    };
    let begins = [
        format!("fn {name}("),
        format!("def {name}("),
        format!("class {name}("),
    ];
    begins.iter().any(|begin| text.contains(begin))
}

/// The cells of a row of a table.
fn cells(line: &str) -> Option<Vec<String>> {
    let inner = line.strip_prefix("| ")?.strip_suffix(" |")?;
    Some(
        inner
            .split(" | ")
            .map(|cell| cell.trim().to_owned())
            .collect(),
    )
}

fn document() -> String {
    fs::read_to_string(project().join("docs/security.md")).expect("the document is there")
}
