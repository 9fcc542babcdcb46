// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Lines in, records or faults out; and back.

use std::collections::HashMap;

use bytes::Bytes;
use mqtt_core::Body;

use super::*;
use crate::cli::store::encode::{self, Context};

/// One of everything.
const WHOLE: &str = r#"{"store":{"version":1}}
{"session":{"client_id":"pump-1","user":"plant","expiry_seconds":86400,"will":{"topic":"pump/1/state","qos":1,"retain":true,"properties":{"message_expiry_interval":60,"will_delay_interval":30},"payload":"gone"}}}
{"session":{"client_id":"logger","expiry_seconds":4294967295}}
{"absent":{"client_id":"pump-1","user":"plant","expires_in":86000,"will_in":12}}
{"absent":{"client_id":"logger"}}
{"subscription":{"client_id":"logger","filter":"pump/#","qos":2,"no_local":true,"retain_as_published":true,"retain_handling":2,"identifier":7}}
{"subscription":{"client_id":"logger","filter":"$share/crew/jobs/+","qos":1}}
{"received":{"client_id":"pump-1","user":"plant","packet_id":65535}}
{"retained":{"topic":"pump/1/state","qos":0,"retain":true,"payload":"läuft"}}
{"message":{"number":1,"topic":"pump/1/log","qos":2,"expires_in":3600,"properties":{"payload_format_indicator":false,"content_type":"application/cbor","response_topic":"answers/1","correlation_data_base64":"/wA=","user_properties":[["a","1"],["a","2"]]},"payload_base64":"/wAB"}}
{"message":{"number":2,"topic":"jobs/1","qos":1,"properties":{"correlation_data":"x"},"payload":""}}
{"entry":{"message":1,"client_id":"logger","qos":2,"retain":true,"identifiers":[7],"sent":{"packet_id":9,"serial":3,"confirmed":1}}}
{"entry":{"message":2,"client_id":"logger","qos":1,"through":"$share/crew/jobs/+","sent":{"packet_id":10,"serial":4}}}
{"entry":{"message":2,"group":"$share/crew/jobs/+","qos":1}}
{"end":{"lines":15}}
"#;

fn read(text: &str) -> (Vec<Record>, Vec<(u64, String)>) {
    let (mut index, mut records, mut faults) = (Index::default(), Vec::new(), Vec::new());
    for (number, line) in (1..).zip(text.lines()) {
        match index.take(line.as_bytes()) {
            Ok(record) => records.extend(record),
            Err(fault) => faults.push((number, fault.to_string())),
        }
    }
    let rest = index.finish();
    faults.extend(
        rest.into_iter()
            .map(|(line, fault)| (line, fault.to_string())),
    );
    (records, faults)
}

#[test]
fn what_was_read_is_written_as_it_was() {
    let (records, faults) = read(WHOLE);
    assert_eq!(faults, []);
    let (mut text, mut numbers) = (String::new(), HashMap::new());
    for record in &records {
        let payload = match record {
            Record::Message { message, .. } | Record::Retained(message) => match &message.body {
                Body::Inline(payload) => payload.clone(),
                Body::Stored { .. } => Bytes::new(),
            },
            _ => Bytes::new(),
        };
        if let Record::Message { location, .. } = record {
            numbers.insert(*location, numbers.len() as u64 + 1);
        }
        let context = Context {
            now: Moment::default(),
            number: &|location| numbers.get(&location).copied(),
            payload: &payload,
        };
        let line = encode::line(record, &context).unwrap();
        text += &serde_json::to_string(&line).unwrap();
        text.push('\n');
    }
    let lines: Vec<&str> = WHOLE.lines().collect();
    let body = &lines[1..lines.len() - 1];
    assert_eq!(text.lines().collect::<Vec<_>>(), body);
}

#[test]
fn places_and_numbers_lie_within_the_number_of_records() {
    let text = WHOLE
        .replace(r#""number":2"#, r#""number":2000000"#)
        .replace(r#""message":2"#, r#""message":2000000"#);
    let (records, faults) = read(&text);
    assert_eq!(faults, []);
    let highest = records.iter().map(|record| match record {
        Record::Message { location, .. } => location.0,
        Record::Entry(entry) => entry.id.0.max(entry.location.0),
        _ => 0,
    });
    assert!(highest.max() <= Some(records.len() as u64));
}

#[test]
fn all_faults_are_told() {
    let cases = [
        (
            2,
            r#"{"session":"#,
            "EOF while parsing a value at column 11",
        ),
        (
            2,
            r#"{"sessions":{}}"#,
            "unknown variant `sessions`, expected one of `store`, `session`, `absent`, `subscription`, `received`, `retained`, `message`, `entry`, `end` at column 11",
        ),
        (
            2,
            r#"{"session":{"client_id":"a","expiry_seconds":1,"x":1}}"#,
            "unknown field `x`, expected one of `client_id`, `user`, `expiry_seconds`, `will` at column 50",
        ),
        (
            2,
            r#"{"session":{"client_id":"\u0000","expiry_seconds":1}}"#,
            "a text must not contain U+0000",
        ),
        (
            2,
            r#"{"store":{"version":1}}"#,
            "this line has no place here",
        ),
        (
            4,
            r#"{"absent":{"client_id":"other"}}"#,
            "no line before this one tells of its session",
        ),
        (
            4,
            r#"{"absent":{"client_id":"pump-1","user":"plant","expires_in":99999999999999}}"#,
            "a remaining time is too large",
        ),
        (
            3,
            r#"{"session":{"client_id":"pump-1","user":"plant","expiry_seconds":1}}"#,
            "a line before this one is about the same",
        ),
        (
            6,
            r#"{"subscription":{"client_id":"logger","filter":"a/#/b","qos":1}}"#,
            "not a topic filter: ",
        ),
        (
            6,
            r#"{"subscription":{"client_id":"logger","filter":"a","qos":3}}"#,
            "qos is 0, 1 or 2, not 3",
        ),
        (
            6,
            r#"{"subscription":{"client_id":"logger","filter":"a","qos":1,"identifier":0}}"#,
            "a subscription identifier is 1 to 268435455, not 0",
        ),
        (
            8,
            r#"{"received":{"client_id":"logger","packet_id":0}}"#,
            "packet_id is 1 to 65535, not 0",
        ),
        (
            9,
            r#"{"retained":{"topic":"a/+","qos":0,"payload":""}}"#,
            "not a topic name: ",
        ),
        (
            9,
            r#"{"retained":{"topic":"a","qos":0}}"#,
            "either payload or payload_base64 must stand here",
        ),
        (
            9,
            r#"{"retained":{"topic":"a","qos":0,"payload_base64":"="}}"#,
            "not base64",
        ),
        (
            9,
            r#"{"retained":{"number":1,"topic":"a","qos":0,"payload":""}}"#,
            "number has no place here",
        ),
        (
            10,
            r#"{"message":{"topic":"a","qos":0,"payload":""}}"#,
            "number is missing, by which entries name the message",
        ),
        (
            12,
            r#"{"entry":{"message":7,"client_id":"logger","qos":1}}"#,
            "no line before this one has message 7",
        ),
        (
            13,
            r#"{"entry":{"message":2,"client_id":"logger","qos":1,"sent":{"packet_id":9,"serial":3}}}"#,
            "a line before this one is about the same",
        ),
        (
            14,
            r#"{"entry":{"message":2,"group":"jobs/+","qos":1}}"#,
            "group must be a shared subscription: $share/NAME/FILTER",
        ),
        (
            14,
            r#"{"entry":{"message":2,"qos":1}}"#,
            "either client_id or group must stand here",
        ),
        (
            15,
            r#"{"end":{"lines":16}}"#,
            "the export had 16 lines, here are 15: some are missing, or too many; where that is meant, mend the number in this line",
        ),
    ];
    for (number, line, expected) in cases {
        let mut lines: Vec<&str> = WHOLE.lines().collect();
        lines[number - 1] = line;
        let (_, faults) = read(&lines.join("\n"));
        let found = faults.iter().find(|(at, _)| *at == number as u64);
        assert!(
            found.is_some_and(|(_, fault)| fault.starts_with(expected)),
            "{line}: {faults:?}"
        );
    }
}

#[test]
fn a_file_that_was_cut_off_or_is_something_else_is_refused() {
    let cut: Vec<&str> = WHOLE.lines().take(11).collect();
    let (_, faults) = read(&cut.join("\n"));
    let told: Vec<_> = faults
        .iter()
        .map(|(line, fault)| (*line, fault.as_str()))
        .collect();
    assert_eq!(
        told,
        [
            (10, "no entry names this message"),
            (11, "no entry names this message"),
            (12, "the line {\"end\":…} is missing: the file was cut off"),
        ]
    );
    let (_, faults) = read(r#"{"store":{"version":2}}"#);
    assert_eq!(
        faults[0].1,
        "this is version 2 of the export, this broker knows up to 1"
    );
    let (_, faults) = read(r#"{"end":{"lines":1}}"#);
    assert_eq!(
        faults[0].1,
        r#"an export begins with {"store":{"version":1}}"#
    );
}
