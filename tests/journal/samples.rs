// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Bytes of today and of earlier versions: the example of docs/store-format.md, and stores in tests/fixtures/store.
//!
//! A store of each version stays there for ever. `BLESS=1` writes the expected texts anew, and the store of a version that has none.

use std::fmt::Write;
use std::path::PathBuf;
use std::sync::Arc;

use mqtt_core::Moment;
use mqtt_store::{Directory, Journal, Options, RamDirectory, Stamp};
use tests::Random;
use tests::source::project;

use crate::model::Model;
use crate::properties::{options, stamp};
use crate::records::{begun, entry, message};
use crate::workload::Workload;

fn example_options() -> Options {
    Options {
        salt: 0x0123_4567_89AB_CDEF,
        ..options(4_096)
    }
}

#[test]
fn the_document_shows_the_bytes_that_are_written() {
    let directory = RamDirectory::default();
    let open = Journal::open(Arc::new(directory.clone()), example_options());
    let (mut journal, _) = open.expect("it opens");
    journal.append(begun("pump"));
    journal.append(message(2, b"on"));
    journal.append(entry(3, 2, "pump"));
    let done = journal.commit(Stamp {
        moment: Moment::from_millis(5_000),
        wall: None,
    });
    let used = done.expect("there is room").total as usize;
    let mut written = read(&directory, "segment-0001");
    written.truncate(used);
    let shown = shown();
    assert_eq!(hex(&written), hex(&shown), "docs/store-format.md");
}

#[test]
fn the_bytes_of_the_document_are_read() {
    let mut bytes = shown();
    bytes.resize(4_096, 0);
    let directory = RamDirectory::default();
    write(&directory, "segment-0001", &bytes);
    let open = Journal::open(Arc::new(directory), example_options());
    let (journal, opened) = open.expect("it opens");
    let mut model = Model::default();
    for record in [begun("pump"), message(2, b"on"), entry(3, 2, "pump")] {
        model.apply(&record);
    }
    assert_eq!(Model::of(&opened.records, &journal.reader()), model);
    assert_eq!((opened.last.0, opened.report), (3, Default::default()));
}

#[test]
fn stores_of_every_version_are_read() {
    let top = project().join("tests/fixtures/store");
    if std::env::var_os("BLESS").is_some() && !top.join("1").exists() {
        make(&top.join("1"));
    }
    let versions = std::fs::read_dir(&top).expect("there are stores");
    let mut versions: Vec<PathBuf> = versions
        .map(|entry| entry.expect("it lists").path())
        .collect();
    versions.retain(|path| path.is_dir());
    assert!(!versions.is_empty());
    for store in versions {
        let directory = RamDirectory::default();
        for file in std::fs::read_dir(&store).expect("it lists") {
            let path = file.expect("it lists").path();
            let name = path.file_name().expect("a name").to_string_lossy();
            write(&directory, &name, &std::fs::read(&path).expect("it reads"));
        }
        let open = Journal::open(Arc::new(directory), options(4_096));
        let (journal, opened) = open.expect("it opens");
        assert_eq!(opened.report, Default::default());
        let model = Model::of(&opened.records, &journal.reader());
        let said = format!("{:?}\n{:?}\n{model:#?}\n", opened.last, opened.stamp);
        let expected = store.with_extension("txt");
        if std::env::var_os("BLESS").is_some() {
            std::fs::write(&expected, &said).expect("it can be written");
        }
        let expected = std::fs::read_to_string(&expected).expect("the text is there");
        assert_eq!(said, expected, "{}", store.display());
    }
}

/// A store with every kind of record, several segments and some garbage.
fn make(folder: &PathBuf) {
    let directory = RamDirectory::default();
    let open = Journal::open(Arc::new(directory.clone()), options(4_096));
    let (mut journal, _) = open.expect("it opens");
    let (mut random, mut workload) = (Random::new(1), Workload::new(400));
    for step in 0..200 {
        journal.append(workload.next(&mut random));
        if step % 5 == 0 {
            journal.commit(stamp(step)).expect("there is room");
        }
    }
    journal.close(stamp(200)).expect("there is room");
    // What has lost its other half was dropped by the first of these.
    for step in 201..203 {
        let open = Journal::open(Arc::new(directory.clone()), options(4_096));
        let (journal, _) = open.expect("it opens");
        journal.close(stamp(step)).expect("there is room");
    }
    std::fs::create_dir_all(folder).expect("it can be made");
    for (name, _) in directory.list().expect("it lists") {
        std::fs::write(folder.join(&name), read(&directory, &name)).expect("it can be written");
    }
}

fn read(directory: &RamDirectory, name: &str) -> Vec<u8> {
    let file = directory.open(name).expect("it is there");
    let mut bytes = vec![0; file.len().expect("it has a length") as usize];
    file.read_at(&mut bytes, 0).expect("it can be read");
    bytes
}

fn write(directory: &RamDirectory, name: &str, bytes: &[u8]) {
    let file = directory.create(name).expect("it can be made");
    file.write_at(bytes, 0).expect("it can be written");
}

/// The bytes in the document.
fn shown() -> Vec<u8> {
    let path = project().join("docs/store-format.md");
    let text = std::fs::read_to_string(path).expect("the document is there");
    let (_, example) = text.split_once("```hex\n").expect("there is an example");
    let (example, _) = example.split_once("```").expect("it ends");
    let digits = example.lines().flat_map(|line| {
        let (bytes, _) = line.split_once(';').unwrap_or((line, ""));
        bytes.split_whitespace()
    });
    digits
        .map(|byte| u8::from_str_radix(byte, 16).expect("two digits"))
        .collect()
}

fn hex(bytes: &[u8]) -> String {
    bytes.chunks(16).fold(String::new(), |mut text, line| {
        for byte in line {
            write!(text, "{byte:02x} ").expect("it has room");
        }
        text + "\n"
    })
}
