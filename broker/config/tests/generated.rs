// SPDX-License-Identifier: Apache-2.0 OR MIT
//! What is written by this crate reads back: the daemon's file, the sample, every example.

use std::collections::BTreeSet;

use broker_config::{
    Credential, Form, KEYS, Key, LIMITS, Settings, Table, UserAccess, limit_table, manual, read,
    sample,
};

fn settings(text: &str) -> Settings {
    let reading = read(text.as_bytes());
    let verdict = reading.to_text("broker.toml");
    reading
        .verdict
        .unwrap_or_else(|_| panic!("{verdict}\n{text}"))
}

/// The sample with every example in force, but for the secrets, which are refused as they stand there.
fn uncommented() -> String {
    let example = |line: &str| match line.strip_prefix('#') {
        Some(rest) if !rest.is_empty() && !rest.starts_with(' ') => format!("{rest}\n"),
        _ => format!("{line}\n"),
    };
    let text: String = sample().lines().map(example).collect();
    own(&text)
}

/// The text with secrets of one's own in place of the sample's.
fn own(text: &str) -> String {
    text.replace("choose your own passphrase", "one of my own")
        .replace("DG13DliL4P2LwM0", "DG13DliL4P2LwM4")
        .replace("0f1e2d3c", "00112233")
        .replace("JblBsYWNl", "JblBsYWNm")
}

#[test]
fn in_the_sample_only_the_version_is_in_force() {
    let text = sample();
    let in_force: Vec<&str> = text
        .lines()
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
        .collect();
    assert_eq!(in_force, ["version = 1"]);
    assert!(settings(&text) == settings("version = 1\n"));
}

#[test]
fn every_example_of_the_sample_is_valid() {
    let settings = settings(&uncommented());
    assert_eq!(settings.broker.users.len(), 2);
    assert_eq!(settings.broker.listeners.len(), 5);
    assert!(!settings.broker.allow_anonymous);
}

#[test]
fn the_sample_and_the_manual_name_every_key_and_table() {
    let (sample, manual) = (sample(), manual());
    for key in KEYS {
        assert!(
            sample.contains(&format!("{} = ", key.name)),
            "{} in the sample",
            key.name
        );
        assert!(
            manual.contains(&format!(".B {}\n", key.name)),
            "{} in the manual",
            key.name
        );
    }
    for table in Table::ALL.into_iter().filter(|table| *table != Table::Top) {
        assert!(
            sample.contains(&format!("#{}\n", table.heading())),
            "{table:?} in the sample"
        );
    }
}

#[test]
fn every_key_changes_the_settings_as_its_example_says() {
    // What `method` says beside an address or without one is a table of its own in reading.rs.
    let is_told_elsewhere = |key: &&&Key| key.table == Table::Top || key.name == "method";
    for key in KEYS.iter().filter(|key| !is_told_elsewhere(key)) {
        let examples = match key.form {
            Form::Integer { min, max } => vec![min.to_string(), max.to_string()],
            Form::Span => vec!["\"2w\"".to_owned(), "\"never\"".to_owned()],
            Form::Word(words) => words.iter().map(|word| format!("\"{word}\"")).collect(),
            _ => vec![own(key.example)],
        };
        let read_with = |value: &str| {
            let line = format!("{} = {value}\n", key.name);
            settings(&beside(
                companions(key),
                &in_its_table(key.table, key.name, &line),
                &line,
            ))
        };
        let without = settings(&beside(
            companions(key),
            &in_its_table(key.table, "", ""),
            "",
        ));
        let changed = examples.iter().any(|value| read_with(value) != without);
        assert!(changed, "{} has no effect", key.name);
    }
}

/// Lines without which the key is an error.
fn companions(key: &Key) -> &'static [&'static str] {
    match key.name {
        "certfile" | "keyfile" => &["tls = true\n", "certfile = \"/a\"\n", "keyfile = \"/b\"\n"],
        "groups" => &["[[group]]\n", "name = \"readers\"\n", "acl = []\n"],
        "use_identity_as_username" => &["tls = true\n", "require_certificate = true\n"],
        "cafile" | "crlfile" | "require_certificate" | "tls_version" => &["tls = true\n"],
        _ => &[],
    }
}

/// The file with the lines at its end that say nothing about the key of `line`.
fn beside(lines: &[&str], file: &str, line: &str) -> String {
    let name = |line: &str| line.split(' ').next().map(str::to_owned);
    let others = lines.iter().filter(|other| name(other) != name(line));
    file.to_owned() + &others.copied().collect::<String>()
}

/// A valid file in which the line stands in the table, in place of the key's usual line.
fn in_its_table(table: Table, key: &str, line: &str) -> String {
    let usual: &[(&str, &str)] = match table {
        Table::User => &[
            ("username", "username = \"u\"\n"),
            ("password", "password = \"p\"\n"),
        ],
        Table::Group => &[("name", "name = \"g\"\n"), ("acl", "acl = []\n")],
        Table::Wlan => &[
            ("ssid", "ssid = \"n\"\n"),
            ("country", "country = \"DE\"\n"),
        ],
        Table::Ethernet => &[("address", "address = \"192.168.1.9/24\"\n")],
        Table::Persistence => &[("mode", "mode = \"relaxed\"\n")],
        _ => &[],
    };
    let replaces = |name: &str| name == key || key == "password_hash" && name == "password";
    let kept: String = usual
        .iter()
        .filter(|(name, _)| !replaces(name))
        .map(|(_, line)| *line)
        .collect();
    format!("version = 1\n{}\n{kept}{line}", table.heading())
}

#[test]
fn the_default_of_a_limit_is_told_as_it_is_and_can_be_written() {
    for limit in LIMITS {
        let told = limit.key.default.split(',').next().unwrap_or_default();
        let line = format!("{} = {told}\n", limit.key.name);
        let written = settings(&in_its_table(limit.key.table, limit.key.name, &line));
        assert_eq!(written.broker.limits.changed().count(), 0, "{line}");
    }
}

#[test]
fn the_documentation_shows_the_table_of_limits() {
    let shown = include_str!("../../../docs/limits.md");
    let table = limit_table();
    assert!(
        shown.contains(&table),
        "docs/limits.md must contain:\n{table}"
    );
}

#[test]
fn keys_are_unique_within_their_table() {
    let names: BTreeSet<_> = KEYS
        .iter()
        .map(|key| (key.table.name(), key.name))
        .collect();
    assert_eq!(names.len(), KEYS.len());
}

#[test]
fn the_daemons_file_reads_back_as_the_same_settings() {
    let plain = "username = \"sensors\"\npassword = \"one of my own\"";
    let text = uncommented();
    let without_remarks = text.lines().filter(|line| !line.starts_with('#'));
    let text: String = without_remarks.flat_map(|line| [line, "\n"]).collect();
    assert!(text.contains(plain));
    let text = text.replace(plain, "username = \"sensors\"\npassword_hash = \"HASH\"");
    let hash = text
        .lines()
        .find_map(|line| line.strip_prefix("password_hash = \"$"))
        .unwrap_or_default();
    let text = text.replace("HASH", &format!("${}", hash.trim_end_matches('"')));
    let before = settings(&text).broker;
    let written = before.to_toml().unwrap_or_else(|fault| panic!("{fault}"));
    let after = settings(&written).broker;
    assert_eq!(after.allow_anonymous, before.allow_anonymous);
    assert!(after.listeners == before.listeners);
    assert_eq!(after.access, before.access);
    let rights = |settings: &broker_config::BrokerSettings| -> Vec<UserAccess> {
        let users = settings.users.iter();
        users.map(|user| user.access.clone()).collect()
    };
    assert_eq!(rights(&after), rights(&before));
    assert!(rights(&after).iter().all(UserAccess::is_listed));
    assert_eq!(after.persistence, before.persistence);
    assert_eq!(before.persistence.sd_budget_mb_per_day, Some(500));
    assert_eq!(before.persistence.card_endurance(), 64_000_000_000_000);
    assert_eq!(after.limits, before.limits);
    assert_eq!(after.limits.changed().count(), LIMITS.len());
    let users = |settings: &broker_config::BrokerSettings| -> Vec<(String, String)> {
        let text = |credential: &Credential| match credential {
            Credential::Hash(hash) => hash.as_str().to_owned(),
            Credential::Plain(_) | Credential::Kept | Credential::Certificate => {
                "not a hash".to_owned()
            }
        };
        settings
            .users
            .iter()
            .map(|user| (user.username.clone(), text(&user.credential)))
            .collect()
    };
    assert_eq!(users(&after), users(&before));
}

#[test]
fn a_name_with_quotes_and_backslashes_survives_the_daemons_file() {
    let name = r#"a "b" \c 日本 'd'"#;
    let text = format!(
        "version = 1\n[[user]]\nusername = '''{name}'''\npassword_hash = \"$6$YS1zYWx0LWZvci15$gwv7DkuSs7GYoMeCpANZS9MM2ihI1liwd+b94aMgMfUqy9OgPYuP2mdoiuiANcfdW4G7O2hxAiIfvUouL08xGA==\"\n"
    );
    let written = settings(&text)
        .broker
        .to_toml()
        .unwrap_or_else(|fault| panic!("{fault}"));
    let names: Vec<String> = settings(&written)
        .broker
        .users
        .into_iter()
        .map(|user| user.username)
        .collect();
    assert_eq!(names, [name]);
}

#[test]
fn the_daemons_file_is_not_written_with_a_password_or_without_a_hash() {
    for password in ["\"plain\"", "0"] {
        let text = format!("version = 1\n[[user]]\nusername = \"u\"\npassword = {password}\n");
        let refused = settings(&text).broker.to_toml().err();
        assert_eq!(
            refused.map(|fault| fault.username).as_deref(),
            Some("u"),
            "{password}"
        );
    }
}
