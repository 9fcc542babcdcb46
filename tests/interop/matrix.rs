// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Client × transport × version × case against one daemon; the table of what came of it is docs/interop.md.
//!
//! Every client is a program that prints a line for each case (`cases.py` says how). `INTEROP_UPDATE=1` writes the
//! table anew.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::Mutex;
use std::thread;

use tests::Daemon;
use tests::tools::top;

use crate::clients::{CLIENTS, Places, Program};

/// A case and what it tries; those after [`FIRST_OF_FIVE`] are of MQTT 5 only.
const CASES: [(&str, &str); 17] = [
    (
        "round trip",
        "QoS 0, 1 and 2 there and back; an empty payload; text beyond ASCII",
    ),
    ("wildcards", "`+` and `#`, and what they must not match"),
    (
        "order",
        "200 messages of QoS 1 in the order in which they were sent",
    ),
    ("large message", "1 MB at QoS 1"),
    (
        "retained",
        "kept, replaced, given to a later subscriber, removed",
    ),
    ("will", "published when the connection breaks"),
    ("session", "ten messages of QoS 2 while the client is away"),
    ("refused login", "a wrong login; the client says why"),
    (
        "takeover",
        "the same client identifier again; in MQTT 5 the first is told",
    ),
    (
        "shared subscription",
        "20 messages, ten to each of two members, none twice",
    ),
    (
        "properties",
        "content type, payload format, correlation data, user properties",
    ),
    (
        "request and response",
        "response topic and correlation data",
    ),
    (
        "message expiry",
        "the time that is left comes with a retained message",
    ),
    ("topic alias", "a topic named once, then by its number"),
    ("subscription identifier", "comes with each message"),
    ("no local", "no echo of what the client itself published"),
    (
        "refused publish",
        "a topic nobody may publish to; PUBACK says why",
    ),
];
const FIRST_OF_FIVE: usize = 10;
/// Columns of the table that run at one time.
const AT_ONCE: usize = 3;

/// What came of a case.
#[derive(Clone)]
enum Outcome {
    Passed,
    Cannot(String),
    Failed(String),
}

/// One client over one transport in one version.
struct Column {
    client: usize,
    transport: &'static str,
    version: &'static str,
    outcomes: BTreeMap<String, Outcome>,
}

/// Others' programs need nothing but the standard. [MQTT-7.0.0-2]
#[test]
fn every_case_passes_with_every_client_and_the_manual_shows_it() {
    let daemon = Daemon::start();
    let places = Places::new(&daemon);
    daemon.configure(&format!("[[listener]]\nsocket = {:?}\n", places.socket));
    let answer = daemon.ask("reload");
    assert_eq!(answer["reload"]["accepted"], true, "{answer}");
    let columns = run_all(&places);
    let failures: Vec<String> = columns.iter().flat_map(failures).collect();
    assert!(failures.is_empty(), "{failures:#?}");

    let (path, text) = (top().join("docs/interop.md"), document(&columns));
    if std::env::var_os("INTEROP_UPDATE").is_some() {
        std::fs::write(&path, &text).expect("the manual can be written");
    }
    let shown = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        shown == text,
        "docs/interop.md is not what happened (INTEROP_UPDATE=1 writes it anew):\n{text}"
    );
}

/// Runs every column, a few at a time, and returns them in the order of the table.
fn run_all(places: &Places) -> Vec<Column> {
    let programs = CLIENTS.iter().enumerate().flat_map(|(client, program)| {
        let pairs = program.transports.iter().flat_map(|transport| {
            program
                .versions
                .iter()
                .map(move |version| (*transport, *version))
        });
        pairs.map(move |(transport, version)| (client, transport, version))
    });
    let waiting = Mutex::new(programs.enumerate().collect::<Vec<_>>());
    let done = Mutex::new(BTreeMap::new());
    CLIENTS.iter().for_each(|program| (program.install)());
    thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                while let Some((place, (client, transport, version))) = next(&waiting) {
                    let printed = CLIENTS[client].run(places, transport, version);
                    let outcomes = outcomes(&printed);
                    let column = Column {
                        client,
                        transport,
                        version,
                        outcomes,
                    };
                    done.lock().expect("no column panics").insert(place, column);
                }
            });
        }
    });
    done.into_inner()
        .expect("no column panics")
        .into_values()
        .collect()
}

fn next<T>(waiting: &Mutex<Vec<T>>) -> Option<T> {
    waiting.lock().expect("no column panics").pop()
}

fn outcomes(printed: &str) -> BTreeMap<String, Outcome> {
    let line = |line: &str| {
        let mut words = line.split('\t');
        let (name, verdict) = (words.next()?, words.next()?);
        let why = words.next().unwrap_or_default().to_owned();
        let outcome = match verdict {
            "ok" => Outcome::Passed,
            "cannot" => Outcome::Cannot(why),
            _ => Outcome::Failed(why),
        };
        Some((name.to_owned(), outcome))
    };
    printed.lines().filter_map(line).collect()
}

fn cases(column: &Column) -> &'static [(&'static str, &'static str)] {
    if column.version == "5.0" {
        &CASES
    } else {
        &CASES[..FIRST_OF_FIVE]
    }
}

fn failures(column: &Column) -> Vec<String> {
    let name = CLIENTS[column.client].name;
    let failed = cases(column)
        .iter()
        .filter_map(|(case, _)| match column.outcomes.get(*case) {
            Some(Outcome::Failed(why)) => Some((case, why.as_str())),
            None => Some((case, "no line about it")),
            Some(_) => None,
        });
    failed
        .map(|(case, why)| {
            format!(
                "{name}, {}, {}, {case}: {why}",
                column.transport, column.version
            )
        })
        .collect()
}

/// The whole of docs/interop.md.
fn document(columns: &[Column]) -> String {
    let all = || columns.iter().flat_map(|column| column.outcomes.values());
    let passed = all()
        .filter(|outcome| matches!(outcome, Outcome::Passed))
        .count();
    let mut text = format!(
        "# Other people's clients\n\n\
         Written by `INTEROP_UPDATE=1 cargo test --package tests --test interop matrix`; `make test` compares it with what happens.\n\
         {passed} of {} cases passed, the others are those that a client has no way to try.\n\n",
        all().count()
    );
    text.push_str("| case | what is tried |\n| --- | --- |\n");
    for (case, what) in CASES {
        let _ = writeln!(text, "| {case} | {what} |");
    }
    for (client, program) in CLIENTS.iter().enumerate() {
        let columns: Vec<&Column> = columns
            .iter()
            .filter(|column| column.client == client)
            .collect();
        text.push_str(&table(program, &columns));
    }
    text
}

fn table(program: &Program, columns: &[&Column]) -> String {
    let mut text = format!("\n## {}\n\n| case |", program.name);
    for column in columns {
        let _ = write!(text, " {} {} |", column.transport, column.version);
    }
    let _ = writeln!(text, "\n| --- |{}", " --- |".repeat(columns.len()));
    for (case, _) in CASES {
        let _ = write!(text, "| {case} |");
        for column in columns {
            let _ = match column.outcomes.get(case) {
                Some(Outcome::Passed) => write!(text, " passed |"),
                Some(Outcome::Cannot(why)) => write!(text, " – ({why}) |"),
                Some(Outcome::Failed(_)) => write!(text, " **failed** |"),
                None => write!(text, " |"),
            };
        }
        text.push('\n');
    }
    text
}
