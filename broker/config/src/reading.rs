// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Reads a whole `broker.toml`: the way in, and the verdict as `broker check` prints it.

mod machine;

use std::fmt::Write;

use serde_json::{Map, Value, json};

use crate::document;
use crate::encoding::{self, Note};
use crate::fault::Fault;
use crate::position::Lines;
use crate::problem::{Finding, Problem};
use crate::resolve::resolve;
use crate::secret::SecretSpan;
use crate::settings::{BrokerSettings, Settings};

/// What came of reading a file.
pub struct Reading {
    /// The settings, or every problem in the order of the file, at most 100 and one that counts the rest.
    pub verdict: Result<Settings, Vec<Problem>>,
    /// What was unusual and accepted.
    pub notes: Vec<Note>,
    /// Where plain-text passwords stand that were not taken yet, ascending; of a refused file those that could be found.
    pub secrets: Vec<SecretSpan>,
}

/// Reads a file; whatever its bytes are, the answer is settings or problems.
pub fn read(bytes: &[u8]) -> Reading {
    let text = match encoding::decode(bytes) {
        Ok(text) => text,
        Err(refused) => {
            let lines = Lines::of(refused.before);
            let finding = Finding::new(refused.before.len(), None, refused.fault);
            let verdict = Err(problems(vec![finding], &lines));
            return Reading {
                verdict,
                notes: Vec::new(),
                secrets: Vec::new(),
            };
        }
    };
    let lines = Lines::of(&text.content);
    let proof = document::proofread(&text.content, &lines);
    let resolved = resolve(document::parse(&proof, &lines), &lines);
    let places = text.original_ranges(&resolved.secrets);
    let encoding = text.encoding;
    let notes = text.notes.into_iter().chain(resolved.notes).collect();
    let verdict = match resolved.findings {
        none if none.is_empty() => Ok(resolved.settings),
        findings => Err(problems(findings, &lines)),
    };
    Reading {
        verdict,
        secrets: places
            .into_iter()
            .map(|range| SecretSpan { range, encoding })
            .collect(),
        notes,
    }
}

impl Reading {
    /// The verdict for a person, lines without a secret in them.
    pub fn to_text(&self, file_name: &str) -> String {
        let mut text = match &self.verdict {
            Ok(_) => format!("{file_name}: valid\n"),
            Err(problems) => format!(
                "{file_name}: refused, {}\n",
                counted(problems.len(), "problem")
            ),
        };
        // Writing to a `String` cannot fail.
        for note in &self.notes {
            let _ = writeln!(text, "  note: {note}");
        }
        match &self.verdict {
            Ok(settings) => text.push_str(&summary(settings)),
            Err(problems) => {
                for problem in problems {
                    let _ = writeln!(text, "  {problem}");
                }
            }
        }
        text
    }

    /// The verdict for a program, one JSON object without a secret in it.
    pub fn to_json(&self, file_name: &str) -> Value {
        let notes: Vec<Value> = self
            .notes
            .iter()
            .map(|note| json!({"note": note.code(), "text": note.to_string()}))
            .collect();
        let mut object = json!({
            "file": file_name,
            "valid": self.verdict.is_ok(),
            "notes": notes,
            "problems": self.verdict.as_ref().err().map(Vec::as_slice).unwrap_or_default(),
        });
        if let (Ok(settings), Value::Object(members)) = (&self.verdict, &mut object) {
            members.insert("settings".to_owned(), settings_json(settings));
        }
        object
    }
}

/// The findings in the order of the file with their places.
fn problems(mut findings: Vec<Finding>, lines: &Lines<'_>) -> Vec<Problem> {
    findings.sort_by_key(|finding| finding.at);
    let surplus = findings.len().saturating_sub(MAX_PROBLEMS);
    findings.truncate(MAX_PROBLEMS);
    if let Some(last) = findings.last().filter(|_| surplus > 0) {
        findings.push(Finding::new(last.at, None, Fault::More { count: surplus }));
    }
    let placed = |finding: Finding| Problem {
        line: lines.line(finding.at),
        column: lines.column(finding.at),
        key: finding.key,
        fault: finding.fault,
        hint: finding.hint,
    };
    findings.into_iter().map(placed).collect()
}

/// What a valid file will do, in words.
fn summary(settings: &Settings) -> String {
    let broker = &settings.broker;
    let mut text = machine::summary(&settings.machine);
    match (broker.users.as_slice(), broker.allow_anonymous) {
        ([], _) if broker.access.password_file.is_some() => {}
        ([], false) => text.push_str("  users: none; the first boot of the appliance makes one\n"),
        ([], true) => text.push_str("  users: none\n"),
        (users, _) => {
            let names: Vec<&str> = users.iter().map(|user| user.username.as_str()).collect();
            let _ = writeln!(text, "  users: {}", names.join(", "));
        }
    }
    text.push_str(match broker.allow_anonymous {
        true => "  without a user name: everybody on the network may connect\n",
        false => "  without a user name: nobody may connect\n",
    });
    text.push_str(&rights(broker));
    text.push_str("  these sockets will open:\n");
    for listener in &broker.listeners {
        let _ = writeln!(text, "    {listener}");
    }
    for (limit, value) in broker.limits.changed() {
        let (name, value) = (limit.key.name, limit.in_words(value));
        let _ = writeln!(text, "  {}: {name} {value}", limit.noun());
    }
    text
}

/// Who may do less than everything, and the files that say more.
fn rights(broker: &BrokerSettings) -> String {
    let mut text = String::new();
    let access = &broker.access;
    for (what, file) in [
        ("more users", &access.password_file),
        ("all rights", &access.acl_file),
    ] {
        if let Some(file) = file {
            let _ = writeln!(text, "  {what}: as {file} says");
        }
    }
    let listed = broker.users.iter().filter(|user| user.access.is_listed());
    let listed: Vec<&str> = listed.map(|user| user.username.as_str()).collect();
    if !listed.is_empty() {
        let _ = writeln!(
            text,
            "  only what their entries allow: {}",
            listed.join(", ")
        );
    }
    text
}

fn settings_json(settings: &Settings) -> Value {
    let broker = &settings.broker;
    let users: Vec<&str> = broker
        .users
        .iter()
        .map(|user| user.username.as_str())
        .collect();
    let listeners: Vec<Value> = broker
        .listeners
        .iter()
        .map(|listener| {
            json!({
                "port": listener.port,
                "bind_address": listener.bind_address.to_string(),
                "protocol": listener.protocol.name(),
                "tls": listener.tls.is_some(),
            })
        })
        .collect();
    let limits: Map<String, Value> = broker
        .limits
        .changed()
        .map(|(limit, value)| (limit.key.name.to_owned(), value.into()))
        .collect();
    let mut object = json!({
        "allow_anonymous": broker.allow_anonymous,
        "users": users,
        "listeners": listeners,
        "limits": limits,
    });
    if let Value::Object(members) = &mut object {
        members.append(&mut machine::json(&settings.machine));
    }
    object
}

fn counted(count: usize, noun: &str) -> String {
    format!("{count} {noun}{}", if count == 1 { "" } else { "s" })
}

/// Problems that are listed.
const MAX_PROBLEMS: usize = 100;
