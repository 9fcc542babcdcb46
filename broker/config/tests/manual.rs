// SPDX-License-Identifier: Apache-2.0 OR MIT
//! docs/manual/configure.md shows files that are valid, and sentences that the report really says.
#![allow(clippy::disallowed_methods, reason = "fixtures are files")]

use std::path::Path;

use broker_config::read;

const PAGE: &str = include_str!("../../../docs/manual/configure.md");

#[test]
fn every_file_of_the_manual_is_valid() {
    let blocks = PAGE.split("```toml\n").skip(1);
    let files: Vec<&str> = blocks
        .filter_map(|block| block.split("```").next())
        .collect();
    assert!(files.len() >= 6, "{} examples", files.len());
    for file in files {
        let reading = read(file.as_bytes());
        let verdict = reading.to_text("broker.toml");
        assert!(reading.verdict.is_ok(), "{verdict}\n{file}");
    }
}

#[test]
fn every_sentence_of_the_manual_is_one_of_the_report() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fixtures/config");
    let texts = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path());
    let texts = texts.filter(|path| path.extension().is_some_and(|end| end == "txt"));
    let reports: String = texts
        .map(|path| std::fs::read_to_string(path).unwrap())
        .collect();
    let rows = PAGE.lines().filter_map(|line| line.strip_suffix("` |"));
    let sentences: Vec<&str> = rows
        .filter_map(|row| Some(row.split_once(" | `")?.1))
        .collect();
    assert!(sentences.len() >= 10, "{sentences:?}");
    for sentence in sentences {
        assert!(reports.contains(sentence), "no report says: {sentence}");
    }
}
