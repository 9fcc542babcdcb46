// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The pages of docs/manual show files that are valid, and configure.md sentences that the report really says.
#![allow(clippy::disallowed_methods, reason = "pages and fixtures are files")]

use std::path::Path;

use broker_config::read;

const PAGE: &str = include_str!("../../../docs/manual/configure.md");

#[test]
fn every_file_of_the_manual_is_valid() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/manual");
    let entries = std::fs::read_dir(folder).unwrap();
    let pages = entries.map(|entry| entry.unwrap().path());
    let pages = pages.filter(|path| path.extension().is_some_and(|end| end == "md"));
    let mut seen = 0;
    for page in pages {
        let text = std::fs::read_to_string(&page).unwrap();
        let blocks = text.split("```toml\n").skip(1);
        for file in blocks.filter_map(|block| block.split("```").next()) {
            let reading = read(file.as_bytes());
            let verdict = reading.to_text("broker.toml");
            assert!(reading.verdict.is_ok(), "{page:?}: {verdict}\n{file}");
            seen += 1;
        }
    }
    assert!(seen >= 10, "{seen} examples");
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
