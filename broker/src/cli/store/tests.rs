// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The commands on stores of real files: what they print, and what they leave behind.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use super::*;
use crate::storage::Lock;

/// Two sessions, and a message that waits for one of them.
const EXPORT: &str = r#"{"store":{"version":1}}
{"session":{"client_id":"logger","expiry_seconds":4294967295}}
{"session":{"client_id":"pump-1","user":"plant","expiry_seconds":86400,"will":{"topic":"pump/1/state","qos":1,"payload":"gone"}}}
{"absent":{"client_id":"logger","expires_in":86000}}
{"subscription":{"client_id":"logger","filter":"pump/#","qos":2,"identifier":7}}
{"received":{"client_id":"pump-1","user":"plant","packet_id":9}}
{"retained":{"topic":"pump/1/state","qos":0,"retain":true,"payload":"läuft"}}
{"message":{"number":1,"topic":"pump/1/log","qos":2,"expires_in":3600,"payload_base64":"/wAB"}}
{"entry":{"message":1,"client_id":"logger","qos":2,"sent":{"packet_id":9,"serial":3}}}
{"end":{"lines":10}}
"#;

/// A state folder, gone at the end of the test.
struct State(PathBuf);

impl State {
    fn empty(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("broker-store-{}-{name}", std::process::id()));
        let _ = fs::remove_dir_all(&path);
        fs::create_dir(&path).unwrap();
        Self(path)
    }

    fn filled(name: &str) -> Self {
        let state = Self::empty(name);
        let (status, out, notes) = state.import(EXPORT, &[]);
        assert_eq!((status, notes.as_str()), (0, ""), "{out}");
        state
    }

    fn import(&self, text: &str, options: &[&str]) -> (u8, String, String) {
        fs::write(self.0.join("export"), text).unwrap();
        let file = self.0.join("export");
        let mut arguments = vec!["import", file.to_str().unwrap()];
        arguments.extend(options);
        self.run(&arguments)
    }

    /// Status, standard output, standard error; the folder's name is `STATE` in them.
    fn run(&self, arguments: &[&str]) -> (u8, String, String) {
        let state = self.0.to_str().unwrap();
        let arguments = arguments.iter().copied().chain(["--state", state]);
        let arguments = Arguments::parse(lexopt::Parser::from_args(arguments))
            .unwrap()
            .unwrap();
        let (mut out, mut notes) = (Vec::new(), Vec::new());
        let status = arguments.run(&mut out, &mut notes).unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap().replace(state, "STATE");
        (status, text(out), text(notes))
    }

    /// The segment in use.
    fn segment(&self) -> PathBuf {
        let store = fs::read_dir(self.0.join("store")).unwrap();
        let mut files = store.map(|file| file.unwrap().path());
        let begun = |path: &PathBuf| fs::read(path).unwrap().starts_with(b"mqttjrnl");
        files.find(begun).unwrap()
    }

    fn change(&self, change: impl FnOnce(&mut Vec<u8>)) {
        let segment = self.segment();
        let mut bytes = fs::read(&segment).unwrap();
        change(&mut bytes);
        fs::write(segment, bytes).unwrap();
    }

    /// Names and contents of all files.
    fn contents(&self) -> Vec<(PathBuf, Vec<u8>)> {
        let files = fs::read_dir(self.0.join("store")).unwrap();
        let mut files: Vec<PathBuf> = files.map(|file| file.unwrap().path()).collect();
        files.sort();
        let read = |path: PathBuf| (path.clone(), fs::read(path).unwrap());
        files.into_iter().map(read).collect()
    }
}

impl Drop for State {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// A name, what is done to a filled store, the exit status, and what is printed.
type Case = (&'static str, fn(&State), u8, &'static str);

#[test]
fn check_says_what_is_there_and_changes_nothing() {
    let cases: [Case; 5] = [
        (
            "fine",
            |_| {},
            0,
            "\
STATE/store: format 1, 1 segment in use, 1 spare, 2 batches
2 sessions, 1 subscription, 1 retained message, 1 queued message
nothing is damaged
",
        ),
        (
            "torn",
            |state| state.change(|bytes| tear(bytes)),
            0,
            "\
STATE/store: format 1, 1 segment in use, 1 spare, 1 batch
2 sessions, 1 subscription, 1 retained message, 1 queued message
torn: N bytes of a batch that a power cut left incomplete; nobody was told of it, so nothing is lost: the broker writes over them
nothing is damaged
",
        ),
        (
            "damaged",
            |state| state.change(|bytes| bytes[200] ^= 1),
            1,
            "\
STATE/store: format 1, 1 segment in use, 1 spare, 1 batch
0 sessions, 0 subscriptions, 0 retained messages, 0 queued messages
DAMAGED: segment-0001: N bytes cannot be understood, a batch is lost
The broker keeps a copy of each damaged segment and starts with the rest; `broker store export` shows it.
",
        ),
        (
            "new",
            |state| {
                fs::remove_dir_all(state.0.join("store")).unwrap();
                fs::create_dir(state.0.join("store")).unwrap();
            },
            0,
            "\
STATE/store: new, 0 segments in use, 0 spare, 0 batches
0 sessions, 0 subscriptions, 0 retained messages, 0 queued messages
nothing is damaged
",
        ),
        (
            "rubbish",
            |state| fs::write(state.0.join("store/segment-0009"), "x".repeat(70_000)).unwrap(),
            1,
            "\
STATE/store: format 1, 1 segment in use, 2 spare, 2 batches
2 sessions, 1 subscription, 1 retained message, 1 queued message
DAMAGED: segment-0009: no segment: there is no header and no batch
The broker keeps a copy of each damaged segment and starts with the rest; `broker store export` shows it.
",
        ),
    ];
    for (name, prepare, expected, text) in cases {
        let state = State::filled(name);
        prepare(&state);
        let before = state.contents();
        let (status, out, notes) = state.run(&["check"]);
        assert_eq!((status, notes.as_str()), (expected, ""), "{name}: {out}");
        assert_eq!(numbers_hidden(&out, text), text, "{name}");
        assert_eq!(before, state.contents(), "{name}");
    }
}

#[test]
fn a_store_that_is_not_there_too_new_or_in_use_is_told_in_words() {
    let state = State::empty("absent");
    assert_eq!(
        state.run(&["check"]),
        (
            2,
            String::new(),
            "broker store: there is no store in STATE/store; name the broker's state folder with --state\n".into()
        )
    );

    let state = State::filled("newer");
    state.change(|bytes| {
        bytes[8] = 2;
        let sum = crc32(&bytes[..28]).to_le_bytes();
        bytes[28..32].copy_from_slice(&sum);
    });
    for command in ["check", "stats", "export"] {
        assert_eq!(
            state.run(&[command]),
            (
                2,
                String::new(),
                "broker store: STATE/store cannot be read: segment-0001 has format 2, this broker knows up to 1: install \
                 the newer broker again, or move the store's directory away to start with an empty one\n"
                    .into()
            )
        );
    }

    let state = State::filled("locked");
    let _lock = Lock::take(&state.0.join("store"), "broker run").unwrap();
    let process = std::process::id();
    let in_use = format!(
        "STATE/store is in use (broker run, process {process}); stop it first, as with `systemctl stop broker`"
    );
    for command in ["check", "stats", "export"] {
        let expected = format!("broker store: {in_use}\n");
        assert_eq!(state.run(&[command]), (2, String::new(), expected));
    }
    let expected = format!("broker store import: {in_use}; nothing was imported\n");
    let told = state.import(EXPORT, &["--replace"]);
    assert_eq!(told, (2, String::new(), expected));
}

#[test]
fn an_export_that_cannot_be_written_says_where() {
    let state = State::filled("nowhere");
    let file = state.0.join("missing/export");
    let (status, out, notes) = state.run(&["export", file.to_str().unwrap()]);
    assert_eq!((status, out.as_str()), (2, ""));
    assert_eq!(
        notes,
        "broker store export: STATE/missing/export cannot be written: No such file or directory (os error 2)\n"
    );
}

#[test]
fn two_readers_do_not_disturb_each_other() {
    let state = State::filled("readers");
    let _first = folder::Store::read(&state.0).unwrap();
    assert_eq!(state.run(&["check"]).0, 0);
}

#[test]
fn an_export_of_an_import_is_the_same_byte_for_byte() {
    let state = State::filled("same");
    assert_eq!(state.run(&["export"]), (0, EXPORT.into(), String::new()));

    let file = state.0.join("copy");
    let told = state.run(&["export", file.to_str().unwrap()]);
    assert_eq!(told, (0, String::new(), String::new()));
    assert_eq!(fs::read_to_string(&file).unwrap(), EXPORT);
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&file), 0o600);
    assert_eq!(mode(&state.segment()), 0o600);
    assert_eq!(mode(&state.0.join("store")), 0o700);
}

#[test]
fn equal_stores_have_equal_exports_however_they_came_about() {
    let lines: Vec<&str> = EXPORT.lines().collect();
    let mut shuffled = lines.clone();
    shuffled.swap(1, 2);
    shuffled.swap(5, 6);
    let state = State::empty("order");
    assert_eq!(state.import(&(shuffled.join("\n") + "\n"), &[]).0, 0);
    assert_eq!(state.run(&["export"]).1, EXPORT);
}

#[test]
fn a_store_of_the_first_format_is_read_for_ever() {
    let samples = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/fixtures/store");
    let expected = samples.join("1.jsonl");
    let store = folder::Store::open(samples.join("1"), None).unwrap();
    let (mut out, mut notes) = (Vec::new(), Vec::new());
    assert!(export::export(&store, &mut out, &mut notes).unwrap());
    let out = String::from_utf8(out).unwrap();
    if std::env::var_os("BLESS").is_some() {
        fs::write(&expected, &out).unwrap();
    }
    assert_eq!(out, fs::read_to_string(expected).unwrap());
}

#[test]
fn a_damaged_store_is_exported_with_what_is_left_and_what_is_lost_is_told() {
    let state = State::filled("rest");
    state.change(|bytes| bytes[200] ^= 1);
    let (status, out, notes) = state.run(&["export"]);
    assert_eq!(status, 1);
    assert_eq!(
        out,
        "{\"store\":{\"version\":1}}\n{\"end\":{\"lines\":2}}\n"
    );
    assert!(
        notes.starts_with("broker store export: segment-0001: ")
            && notes.ends_with(" a batch is lost\n"),
        "{notes}"
    );
}

#[test]
fn an_import_with_faults_changes_nothing_and_tells_them_all() {
    let state = State::filled("faults");
    let before = state.contents();
    let text = EXPORT
        .replace("pump/#", "pump/#/x")
        .replace(r#""packet_id":9}}"#, r#""packet_id":0}}"#);
    let (status, out, notes) = state.import(&text, &["--replace"]);
    assert_eq!((status, out.as_str()), (1, ""));
    assert_eq!(
        notes,
        "\
STATE/export:5: not a topic filter: a topic filter in which # is not the last level
STATE/export:6: packet_id is 1 to 65535, not 0
broker store import: 2 faults: nothing was imported
"
    );
    assert_eq!(before, state.contents());
}

#[test]
fn a_store_with_something_in_it_is_set_aside_only_when_that_is_said() {
    let state = State::filled("replace");
    let other = EXPORT.replace("läuft", "steht");
    let (status, _, notes) = state.import(&other, &[]);
    assert_eq!(
        (status, notes.as_str()),
        (
            2,
            "broker store import: STATE/store is not empty; --replace sets it aside; nothing was imported\n"
        )
    );
    assert_eq!(state.run(&["export"]).1, EXPORT);

    let (status, out, _) = state.import(&other, &["--replace"]);
    assert_eq!(status, 0);
    assert_eq!(
        out,
        "8 records are in the store\nwhat was there is kept in STATE/store.replaced-1\n"
    );
    assert_eq!(state.run(&["export"]).1, other);
    assert!(!state.0.join("store.importing").exists());
    fs::remove_dir_all(state.0.join("store")).unwrap();
    fs::rename(state.0.join("store.replaced-1"), state.0.join("store")).unwrap();
    assert_eq!(state.run(&["export"]).1, EXPORT);
}

#[test]
fn stats_count_what_is_there() {
    let state = State::filled("stats");
    let (status, out, _) = state.run(&["stats"]);
    assert_eq!(status, 0);
    let expected = "\
Format         1
Segments       1 in use, 1 spare, N bytes
Live           N bytes: N retained, N queued, N sessions
Written        N bytes since it was made: N retained, N queued, N sessions, N overhead
Sessions       2
Subscriptions  1, and 0 shared
Retained       1 messages, 18 bytes
Queued         1 in all queues, 1 of them in flight
               1 messages, 13 bytes
From clients   1 exchanges of QoS 2 half done

Longest queues
        1 messages,          13 bytes  logger
";
    assert_eq!(numbers_hidden(&out, expected), expected);
    let (_, json, _) = state.run(&["stats", "--json"]);
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(json["sessions"], 2);
    assert_eq!(json["largest"][0]["name"], "logger");
}

#[test]
fn the_command_line_is_checked() {
    let parse = |arguments: &[&str]| Arguments::parse(lexopt::Parser::from_args(arguments));
    let wrong: [&[&str]; 6] = [
        &[],
        &["dance"],
        &["import"],
        &["check", "file"],
        &["export", "--json"],
        &["export", "--replace"],
    ];
    for arguments in wrong {
        assert!(parse(arguments).is_err(), "{arguments:?}");
    }
    assert!(parse(&["--help"]).unwrap().is_none());
    let told = parse(&["check"]).unwrap().unwrap();
    assert_eq!(told.state, PathBuf::from("/var/lib/broker"));
}

/// The text, with an `N` where the expected one has it instead of a number.
fn numbers_hidden(text: &str, expected: &str) -> String {
    let words = |text: &str| -> Vec<String> {
        let pieces = text.split_inclusive(|c: char| !c.is_ascii_alphanumeric());
        pieces.map(str::to_owned).collect()
    };
    let shown = words(text).into_iter().zip(words(expected));
    let hidden = shown.map(|(word, expected)| match expected.strip_prefix('N') {
        Some(rest) if !rest.starts_with(char::is_alphanumeric) => {
            format!("N{}", word.trim_start_matches(|c: char| c.is_ascii_digit()))
        }
        _ => word,
    });
    let text: String = hidden.collect();
    text
}

/// Takes the end of the last batch away, as a power cut does.
fn tear(bytes: &mut [u8]) {
    let last = bytes.iter().rposition(|byte| *byte != 0).unwrap();
    bytes[last] = 0;
}

fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0_u32, |sum, byte| {
        (0..8).fold(sum ^ u32::from(*byte), |sum, _| {
            (sum >> 1) ^ (0xEDB8_8320 & (sum & 1).wrapping_neg())
        })
    })
}
