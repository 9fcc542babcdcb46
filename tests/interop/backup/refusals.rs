// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Archives that somebody else made, or that were damaged on their way: none is restored, and none changes anything.

use std::fs;
use std::io::Write;
use std::path::Path;

use serde_json::{Value, json};

use super::{kept_device, run, tree};

/// One entry of an archive as somebody else may have made it.
struct Entry {
    name: &'static [u8],
    kind: tar::EntryType,
    /// As the header says it, where it is not the length of the contents.
    size: Option<u64>,
    contents: Vec<u8>,
}

fn file(name: &'static str, contents: &[u8]) -> Entry {
    Entry {
        name: name.as_bytes(),
        kind: tar::EntryType::Regular,
        size: None,
        contents: contents.to_vec(),
    }
}

fn manifest(format: u64, with_secrets: bool, files: &[(&str, u64, &str)]) -> Entry {
    let files = files
        .iter()
        .map(|(name, bytes, sha256)| json!({"name": name, "bytes": bytes, "sha256": sha256}));
    let value = json!({"format": format, "program": "broker 0.1.0", "host": "x", "made": "now",
                       "with_secrets": with_secrets, "files": files.collect::<Vec<Value>>()});
    file("manifest.json", value.to_string().as_bytes())
}

fn archive(path: &Path, entries: &[Entry]) {
    let mut out = fs::File::create(path).unwrap();
    for entry in entries {
        let mut header = tar::Header::new_ustar();
        header.as_mut_bytes()[..entry.name.len()].copy_from_slice(entry.name);
        header.set_entry_type(entry.kind);
        header.set_size(entry.size.unwrap_or(entry.contents.len() as u64));
        header.set_link_name("/etc/shadow").unwrap();
        header.set_cksum();
        out.write_all(header.as_bytes()).unwrap();
        out.write_all(&entry.contents).unwrap();
        let padding = entry.contents.len().next_multiple_of(512) - entry.contents.len();
        out.write_all(&vec![0; padding]).unwrap();
    }
    out.write_all(&[0; 1024]).unwrap();
}

const VERSION: &[u8] = b"version = 1\n";
/// SHA-256 of it.
const DIGEST: &str = "dbab12665d98aef021ba64953c61b0ed8a908cfb56a1c01e2fcb4b052b71a2a1";
const SETTINGS: &str = "broker/broker.toml";

/// What is wrong, the entries, and a part of what is said.
type Case = (&'static str, Vec<Entry>, &'static str);

fn foreign() -> Vec<Case> {
    let right = || (SETTINGS, 12, DIGEST);
    let link = |kind| {
        vec![
            manifest(1, false, &[right()]),
            Entry {
                kind,
                ..file(SETTINGS, VERSION)
            },
        ]
    };
    let named = |name: &'static str| {
        vec![
            manifest(1, false, &[(name, 12, DIGEST)]),
            file(name, VERSION),
        ]
    };
    vec![
        ("empty", vec![], "it is no backup"),
        (
            "without a list",
            vec![file(SETTINGS, VERSION)],
            "it is no backup",
        ),
        (
            "a list that is no JSON",
            vec![file("manifest.json", b"{\"format\": 1")],
            "it is no backup",
        ),
        (
            "a list with other members",
            vec![file("manifest.json", b"{\"format\": 1, \"x\": 2}")],
            "it is no backup",
        ),
        (
            "a huge list",
            vec![Entry {
                size: Some(1 << 40),
                ..file("manifest.json", b"{}")
            }],
            "it is no backup",
        ),
        (
            "of a newer version",
            vec![manifest(2, false, &[])],
            "it has format 2",
        ),
        ("up and out", named("broker/../../x"), "which no backup has"),
        ("absolute", named("/etc/shadow"), "which no backup has"),
        (
            "elsewhere on the card",
            named("card/config.txt"),
            "which no backup has",
        ),
        (
            "twice",
            vec![
                manifest(1, false, &[right(), right()]),
                file(SETTINGS, VERSION),
            ],
            "has it twice",
        ),
        (
            "longer than settings can be",
            vec![manifest(1, false, &[(SETTINGS, 1 << 30, DIGEST)])],
            "longer than it can be",
        ),
        (
            "a store beyond every card",
            vec![manifest(1, false, &[("store.jsonl", 1 << 50, DIGEST)])],
            "longer than it can be",
        ),
        (
            "a symbolic link",
            link(tar::EntryType::Symlink),
            "is a link or a folder",
        ),
        (
            "a hard link",
            link(tar::EntryType::Link),
            "is a link or a folder",
        ),
        (
            "a folder",
            link(tar::EntryType::Directory),
            "is a link or a folder",
        ),
        (
            "a device",
            link(tar::EntryType::Char),
            "is a link or a folder",
        ),
        (
            "a long name",
            link(tar::EntryType::GNULongName),
            "is a link or a folder",
        ),
        (
            "a file with holes",
            link(tar::EntryType::GNUSparse),
            "is a link or a folder",
        ),
        (
            "another file",
            vec![manifest(1, false, &[right()]), file("broker/x", VERSION)],
            "where its list says otherwise",
        ),
        (
            "another length",
            vec![
                manifest(1, false, &[right()]),
                file(SETTINGS, b"version = 1"),
            ],
            "where its list says otherwise",
        ),
        (
            "one flipped bit",
            vec![
                manifest(1, false, &[right()]),
                file(SETTINGS, b"version = 3\n"),
            ],
            "is damaged",
        ),
        (
            "cut off",
            vec![manifest(1, false, &[right()])],
            "it ends before",
        ),
        (
            "more than is listed",
            vec![manifest(1, false, &[]), file(SETTINGS, VERSION)],
            "behind its end",
        ),
        (
            "a secret unsaid",
            vec![
                manifest(1, false, &[("device/ca.key", 12, DIGEST)]),
                file("device/ca.key", VERSION),
            ],
            "has no secrets",
        ),
        (
            "settings with a fault",
            vec![
                manifest(
                    1,
                    false,
                    &[(
                        SETTINGS,
                        3,
                        "c22fea5d7428e5cf47ef6354c97c9223c95d6dcdc3e0d2300ff79056b1ff3d85",
                    )],
                ),
                file(SETTINGS, b"a=1"),
            ],
            "does not take broker/broker.toml",
        ),
        (
            "no store",
            vec![
                manifest(1, false, &[right(), ("store.jsonl", 12, DIGEST)]),
                file(SETTINGS, VERSION),
                file("store.jsonl", VERSION),
            ],
            "the store in it has faults",
        ),
    ]
}

#[test]
fn archives_that_are_damaged_foreign_or_huge_are_refused_and_change_nothing() {
    let (kept, root, file) = kept_device();
    let before = tree(kept.path(), &file);
    for (what, entries, expected) in foreign() {
        archive(&file, &entries);
        let (status, said) = run("restore", &root, &file, &[]);
        assert_eq!(status, Some(1), "{what}: {said}");
        assert!(
            said.contains(expected) && said.contains("nothing was changed"),
            "{what}: {said}"
        );
        assert_eq!(tree(kept.path(), &file), before, "{what}");
    }
    fs::write(&file, vec![0xA5; 1 << 20]).unwrap();
    assert_eq!(run("restore", &root, &file, &[]).0, Some(1));
    // Every byte counts: each file of a true backup, cut short anywhere, is refused.
    assert_eq!(run("backup", &root, &file, &["--with-secrets"]).0, Some(0));
    let whole = fs::read(&file).unwrap();
    for length in (0..whole.len() - 1024).step_by(997) {
        fs::write(&file, &whole[..length]).unwrap();
        let (status, said) = run("restore", &root, &file, &[]);
        assert_eq!(status, Some(1), "{length} of {} bytes: {said}", whole.len());
    }
    assert_eq!(tree(kept.path(), &file), before);
}
