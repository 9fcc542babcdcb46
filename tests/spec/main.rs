// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The register of normative statements: one row for each of MQTT 3.1.1 and of MQTT 5.0, in our own words.
//!
//! The rows are in `mqtt-3.1.1.tsv` and `mqtt-5.0.tsv`; here they are held against the sources, and counted.

mod citations;
mod register;
mod totals;

use citations::Sources;
use register::{Id, Row, Verdict, parse};
use tests::source::project;

/// Version, its rows, and how many statements Appendix B of the standard lists.
const REGISTERS: [(&str, &str, usize); 2] = [
    ("3.1.1", include_str!("mqtt-3.1.1.tsv"), 141),
    ("5.0", include_str!("mqtt-5.0.tsv"), 251),
];

fn registers() -> [(&'static str, Vec<Row>, usize); 2] {
    REGISTERS.map(|(version, text, count)| {
        let rows = parse(text).unwrap_or_else(|wrong| panic!("mqtt-{version}.tsv, {wrong}"));
        (version, rows, count)
    })
}

#[test]
fn every_statement_has_one_row_and_they_are_in_order() {
    for (version, rows, count) in registers() {
        assert_eq!(rows.len(), count, "MQTT {version}");
        for pair in rows.windows(2) {
            let [before, row] = [&pair[0].id, &pair[1].id];
            assert!(before.numbers < row.numbers, "{version}: {before}, {row}");
            let (section, number) = row.numbers.split_at(3);
            let first_of_section = before.numbers[..3] != *section;
            let next = if first_of_section {
                1
            } else {
                before.numbers[3] + 1
            };
            // MQTT 5.0 has no MQTT-2.2.1-1.
            assert!(
                number[0] == next || row.as_str() == "MQTT-2.2.1-2",
                "{version}: nothing between {before} and {row}"
            );
        }
    }
}

#[test]
fn every_proof_is_a_test_that_cites_its_statement() {
    let sources = Sources::read();
    let mut wrong = Vec::new();
    for (version, rows, _) in registers() {
        for row in &rows {
            let faults = row
                .tests
                .iter()
                .filter_map(|test| sources.fault(&row.id, test));
            wrong.extend(faults.map(|fault| format!("{version} {fault}")));
        }
    }
    assert!(wrong.is_empty(), "\n{}\n", wrong.join("\n"));
}

#[test]
fn every_statement_obeyed_is_cited_beside_the_code_that_obeys_it() {
    let sources = Sources::read();
    for (version, rows, _) in registers() {
        let uncited = rows.iter().filter(|row| row.verdict == Verdict::Tested);
        let uncited: Vec<_> = uncited
            .filter(|row| !sources.obeys(&row.id))
            .map(|row| format!("{}: {}", row.id, row.statement))
            .collect();
        assert!(uncited.is_empty(), "{version}\n{}\n", uncited.join("\n"));
    }
}

#[test]
fn every_citation_is_of_a_statement_that_exists() {
    let registers = registers();
    let known = |text: &str| {
        let id = Id::new(&format!("MQTT-{text}"));
        id.is_some_and(|id| {
            let mut rows = registers.iter().flat_map(|(_, rows, _)| rows);
            rows.any(|row| row.id == id)
        })
    };
    let sources = Sources::read();
    let unknown: Vec<_> = sources
        .citations()
        .filter(|(path, _, id)| !path.starts_with("tests/spec/") && !known(id))
        .map(|(path, line, id)| format!("{path}:{line}: [MQTT-{id}]"))
        .collect();
    assert!(unknown.is_empty(), "\n{}\n", unknown.join("\n"));
}

#[test]
fn every_deviation_is_told_in_the_architecture() {
    let told = std::fs::read_to_string(project().join("ARCHITECTURE.md"));
    let told = told.expect("the page is there");
    for (version, rows, _) in registers() {
        let deviations = rows.iter().filter(|row| row.verdict == Verdict::Deviation);
        for row in deviations {
            assert!(
                told.contains(&format!("[{}]", row.id)),
                "{version} {}",
                row.id
            );
        }
    }
}

/// Leaves the totals where `tests/run` prints them.
#[test]
fn the_totals_are_told() {
    let text = totals::table(&registers());
    let file = concat!(env!("CARGO_TARGET_TMPDIR"), "/register");
    std::fs::write(file, &text).expect("the folder for this test's files is there");
    assert!(text.contains("392"), "{text}");
}
