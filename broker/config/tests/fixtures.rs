// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Every fault has a fixture named after it in tests/fixtures/config, with the exact text `broker check` prints.
//!
//! `BLESS=1 cargo test -p broker-config` writes the texts anew; look at the difference before committing it.
#![allow(clippy::disallowed_methods, reason = "fixtures are files")]

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use broker_config::{Reading, read};

#[test]
fn each_fixture_is_judged_with_its_exact_text() {
    let bless = std::env::var_os("BLESS").is_some();
    for fixture in fixtures() {
        let found = reading(&fixture).to_text(&file_name(&fixture));
        let golden = fixture.with_extension("txt");
        if bless {
            std::fs::write(&golden, &found).unwrap();
        }
        let expected = std::fs::read_to_string(&golden).unwrap_or_default();
        assert_eq!(found, expected, "{}", golden.display());
    }
}

#[test]
fn each_fixture_is_named_after_what_it_shows() {
    for fixture in fixtures() {
        let name = stem(&fixture);
        let codes = codes(&reading(&fixture));
        assert!(
            codes.iter().any(|code| is_named_after(&name, code)),
            "{name} shows {codes:?}"
        );
    }
}

#[test]
fn each_fault_and_note_has_a_fixture() {
    let names: Vec<String> = fixtures().iter().map(|fixture| stem(fixture)).collect();
    let sources = [
        include_str!("../src/encoding.rs"),
        include_str!("../src/fault.rs"),
        include_str!("../src/fault/access.rs"),
        include_str!("../src/fault/machine.rs"),
        include_str!("../src/fault/tls.rs"),
        include_str!("../src/syntax.rs"),
    ];
    let faults: BTreeSet<&str> = sources.into_iter().flat_map(codes_in_source).collect();
    assert!(
        faults.len() > 40,
        "codes of faults were not found: {faults:?}"
    );
    for fault in faults {
        let shown = names.iter().any(|name| is_named_after(name, fault));
        assert!(
            shown || MADE_BY_LIMITS.contains(&fault),
            "no fixture shows {fault}"
        );
    }
}

#[test]
fn no_verdict_contains_a_secret() {
    for fixture in fixtures() {
        let bytes = std::fs::read(&fixture).unwrap();
        let reading = read(&bytes);
        let verdict = format!("{}{}", reading.to_text("x"), reading.to_json("x"));
        for fragment in [
            "Kettle",
            "K\u{e9}ttle",
            "12345678",
            "pppp",
            "SWaq",
            "6bIT",
            "S2V0",
            "9abcdef0",
        ] {
            assert!(
                !verdict.contains(fragment),
                "{} tells {fragment}",
                fixture.display()
            );
        }
    }
}

#[test]
fn text_and_json_agree() {
    for fixture in fixtures() {
        let reading = reading(&fixture);
        let json = reading.to_json("x");
        assert_eq!(
            json["valid"],
            reading.verdict.is_ok(),
            "{}",
            fixture.display()
        );
        let text = reading.to_text("x");
        let problems = json["problems"].as_array().unwrap();
        assert_eq!(
            problems.is_empty(),
            reading.verdict.is_ok(),
            "{}",
            fixture.display()
        );
        for problem in problems {
            let line = format!("  {}\n", problem["text"].as_str().unwrap());
            assert!(text.contains(&line), "{}: {line}", fixture.display());
        }
    }
}

/// The faults, in code, that need more than a handful of lines; `limits.rs` makes them.
const MADE_BY_LIMITS: [&str; 6] = [
    "too-big",
    "too-many-users",
    "too-many-groups",
    "too-many-entries",
    "too-many-listeners",
    "more-problems",
];

fn fixtures() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fixtures/config");
    let entries = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path());
    let mut fixtures: Vec<PathBuf> = entries
        .filter(|path| path.extension().is_some_and(|end| end == "toml"))
        .collect();
    fixtures.sort();
    assert!(!fixtures.is_empty());
    fixtures
}

fn reading(fixture: &Path) -> Reading {
    read(&std::fs::read(fixture).unwrap())
}

fn codes(reading: &Reading) -> Vec<&'static str> {
    let notes = reading.notes.iter().map(|note| note.code());
    match &reading.verdict {
        Ok(_) => notes.chain(["valid"]).collect(),
        Err(problems) => notes
            .chain(problems.iter().map(|problem| problem.fault.code()))
            .collect(),
    }
}

fn is_named_after(name: &str, code: &str) -> bool {
    name.strip_prefix(code)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with('-'))
}

/// The words a `code` function of the source returns.
fn codes_in_source(source: &'static str) -> impl Iterator<Item = &'static str> {
    let body = source.split("fn code(").nth(1).unwrap_or_default();
    let body = body.split("\n    }\n").next().unwrap_or_default();
    body.lines().filter_map(|line| line.split('"').nth(1))
}

fn stem(path: &Path) -> String {
    path.file_stem().unwrap().to_string_lossy().into_owned()
}

fn file_name(path: &Path) -> String {
    path.file_name().unwrap().to_string_lossy().into_owned()
}
