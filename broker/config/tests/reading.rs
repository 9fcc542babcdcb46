// SPDX-License-Identifier: Apache-2.0 OR MIT
//! What valid files mean, and where their secrets stand.

use broker_config::{
    BindAddress, Credential, Encoding, Listener, Protocol, Reading, Settings, masked, read,
};

fn settings(text: &str) -> Settings {
    let reading = read(text.as_bytes());
    let verdict = reading.to_text("broker.toml");
    reading.verdict.unwrap_or_else(|_| panic!("{verdict}"))
}

fn credential(user: &broker_config::User) -> String {
    match &user.credential {
        Credential::Plain(secret) => format!("plain {}", secret.expose()),
        Credential::Hash(hash) => format!("hash {}", hash.as_str()),
        Credential::Kept => "kept".to_owned(),
        Credential::Certificate => "certificate".to_owned(),
    }
}

#[test]
fn a_file_with_nothing_but_the_version_means_the_defaults() {
    let settings = settings("version = 1\n");
    assert_eq!(settings.machine.hostname, None);
    assert_eq!(settings.machine.timezone, None);
    assert!(!settings.broker.allow_anonymous);
    assert!(settings.broker.users.is_empty());
    let expected = Listener {
        port: 1883,
        bind_address: BindAddress::Any,
        protocol: Protocol::Mqtt,
        ..Listener::default()
    };
    assert_eq!(settings.broker.listeners, [expected]);
}

#[test]
fn every_key_reaches_the_settings() {
    let settings = settings(EVERYTHING);
    assert_eq!(
        settings
            .machine
            .hostname
            .map(|name| name.to_string())
            .as_deref(),
        Some("plant-2")
    );
    assert_eq!(
        settings
            .machine
            .timezone
            .map(|name| name.to_string())
            .as_deref(),
        Some("Asia/Tokyo")
    );
    assert!(settings.broker.allow_anonymous);
    let users: Vec<_> = settings
        .broker
        .users
        .iter()
        .map(|user| (user.username.as_str(), credential(user), user.line))
        .collect();
    let expected = [
        ("sensors", "plain blue-Kettle-7".to_owned(), 8),
        ("archive", format!("hash {HASH}"), 11),
        ("display", "kept".to_owned(), 14),
    ];
    assert_eq!(users, expected);
    let listeners = [
        Listener {
            port: 1883,
            bind_address: BindAddress::Ip([192, 168, 1, 10].into()),
            protocol: Protocol::Mqtt,
            ..Listener::default()
        },
        Listener {
            port: 1883,
            bind_address: BindAddress::Host("localhost".to_owned()),
            protocol: Protocol::Mqtt,
            ..Listener::default()
        },
        Listener {
            port: 8083,
            bind_address: BindAddress::Any,
            protocol: Protocol::WebSockets,
            ..Listener::default()
        },
    ];
    assert_eq!(settings.broker.listeners, listeners);
}

#[test]
fn the_ways_of_toml_to_write_the_same_mean_the_same() {
    let usual = settings("version = 1\n[system]\nhostname = \"a\"\n[[listener]]\nport = 1884\n");
    let others = [
        "version = 1\nsystem.hostname = 'a'\nlistener = [{ port = 1_884 }]\n",
        "version = 1\r\n[ system ] # x\r\n\"hostname\" = \"\\u0061\"\r\n[[listener]]\r\nport = 0x75C",
        "version = 1\nsystem = { hostname = \"a\" }\n[[listener]]\nbind_address = \"0:0::0\"\nport = 1884\n",
    ];
    for text in others {
        assert!(settings(text) == usual, "{text}");
    }
}

#[test]
fn an_overwritten_password_reads_as_kept_in_every_encoding() {
    let text = EVERYTHING.to_owned();
    let utf16: Vec<u16> = "\u{feff}"
        .encode_utf16()
        .chain(text.encode_utf16())
        .collect();
    let cases: [(Encoding, Vec<u8>); 5] = [
        (Encoding::Utf8, text.clone().into_bytes()),
        (Encoding::Utf8, text.replace('\n', "\r\n").into_bytes()),
        (Encoding::Utf8, format!("\u{feff}{text}").into_bytes()),
        (
            Encoding::Utf16Le,
            utf16.iter().flat_map(|unit| unit.to_le_bytes()).collect(),
        ),
        (
            Encoding::Utf16Be,
            utf16.iter().flat_map(|unit| unit.to_be_bytes()).collect(),
        ),
    ];
    for (encoding, bytes) in cases {
        let before = read(&bytes);
        assert_eq!(before.secrets.len(), 1, "{encoding:?}");
        let scrubbed = masked(&bytes, &before.secrets);
        assert_eq!(scrubbed.len(), bytes.len());
        let after = read(&scrubbed);
        assert!(after.secrets.is_empty(), "{encoding:?}");
        assert_eq!(first_credential(&after), "kept", "{encoding:?}");
    }
}

#[test]
fn a_secret_is_found_whatever_its_quotes() {
    for quoted in [
        "\"a b\"",
        "'a b'",
        "\"\"\"a b\"\"\"",
        "'''\na b'''",
        "\"\"\"\na\nb\"\"\"",
        "\"\\u0061\"",
    ] {
        let text = format!("version = 1\n[[user]]\nusername = \"x\"\npassword = {quoted} # y\n");
        let reading = read(text.as_bytes());
        let found: Vec<&str> = reading
            .secrets
            .iter()
            .filter_map(|secret| text.get(secret.range.clone()))
            .collect();
        assert_eq!(found, [quoted]);
        let after = read(&masked(text.as_bytes(), &reading.secrets));
        assert_eq!(first_credential(&after), "kept", "{quoted}");
    }
}

#[test]
fn secrets_of_a_refused_file_are_found_as_well() {
    let text = "version = 1\n[[user]]\nusername = \"a/b\"\npassword = \"x\"\npasswort = 1\n[[user]]\nusername = \"c\"\npassword = \"y\"\n";
    let reading = read(text.as_bytes());
    assert!(reading.verdict.is_err());
    let found: Vec<&str> = reading
        .secrets
        .iter()
        .filter_map(|secret| text.get(secret.range.clone()))
        .collect();
    assert_eq!(found, ["\"x\"", "\"y\""]);
}

#[test]
fn a_missing_part_is_not_reported_when_it_may_stand_in_an_unreadable_line() {
    let text = "version = 1\n[[user]]\nusername = \"a\"\npassword \"b\"\n";
    let problems = read(text.as_bytes()).verdict.err().unwrap_or_default();
    let lines: Vec<u32> = problems.iter().map(|problem| problem.line).collect();
    assert_eq!(lines, [4]);
}

fn first_credential(reading: &Reading) -> String {
    match &reading.verdict {
        Ok(settings) => settings
            .broker
            .users
            .first()
            .map(credential)
            .unwrap_or_default(),
        Err(problems) => format!("{problems:?}"),
    }
}

const HASH: &str = "$6$YS1zYWx0LWZvci15$gwv7DkuSs7GYoMeCpANZS9MM2ihI1liwd+b94aMgMfUqy9OgPYuP2mdoiuiANcfdW4G7O2hxAiIfvUouL08xGA==";

const EVERYTHING: &str = "version = 1
[system]
hostname = \"plant-2\"
[time]
timezone = \"Asia/Tokyo\"
[broker]
allow_anonymous = true
[[user]]
username = \"sensors\"
password = \"blue-Kettle-7\"
[[user]]
username = \"archive\"
password_hash = \"$6$YS1zYWx0LWZvci15$gwv7DkuSs7GYoMeCpANZS9MM2ihI1liwd+b94aMgMfUqy9OgPYuP2mdoiuiANcfdW4G7O2hxAiIfvUouL08xGA==\"
[[user]]
username = \"display\"
password = 0
[[listener]]
bind_address = \"192.168.1.10\"
[[listener]]
bind_address = \"localhost\"
[[listener]]
port = 8083
protocol = \"websockets\"
";
