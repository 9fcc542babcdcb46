// SPDX-License-Identifier: Apache-2.0 OR MIT
//! What valid files say about the machine, and where its secrets stand.

use broker_config::{Ethernet, MachineSettings, WlanKey, masked, read};

const KEY: &str =
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAINT+K4WMxMDEG2whg+onuOZQJuJq8iM6ihLg0C0N0xmh me";

fn machine(text: &str) -> MachineSettings {
    let reading = read(format!("version = 1\n{text}").as_bytes());
    let verdict = reading.to_text("broker.toml");
    let settings = reading.verdict.unwrap_or_else(|_| panic!("{verdict}"));
    settings.machine
}

fn key(machine: &MachineSettings) -> String {
    match machine.wlan.as_ref().map(|wlan| &wlan.key) {
        None => "none".to_owned(),
        Some(WlanKey::Open) => "open".to_owned(),
        Some(WlanKey::Password(secret)) => format!("password {}", secret.expose()),
        Some(WlanKey::Psk(secret)) => format!("psk {}", secret.expose()),
        Some(WlanKey::Kept { line }) => format!("kept {line}"),
    }
}

#[test]
fn every_key_of_the_machine_reaches_the_settings() {
    let machine = machine(&format!(
        "[time]\nntp_servers = [\"ntp.nict.jp\", \"192.168.1.1\"]\n\
         [wlan]\nssid = \"Büro 2\"\npassword = \"blue-Kettle-7\"\ncountry = \"DE\"\nhidden = true\n\
         [ethernet]\naddress = \"192.168.1.10/24\"\ngateway = \"192.168.1.1\"\ndns = [\"192.168.1.1\", \"fd00::1\"]\n\
         [ssh]\nauthorized_keys = [\"{KEY}\"]\n"
    ));
    let servers: Vec<&str> = machine.ntp_servers.iter().map(|s| s.as_str()).collect();
    assert_eq!(servers, ["ntp.nict.jp", "192.168.1.1"]);
    assert_eq!(key(&machine), "password blue-Kettle-7");
    let wlan = machine.wlan.unwrap();
    assert_eq!(
        (wlan.ssid.as_str(), wlan.country.as_str(), wlan.hidden),
        ("Büro 2", "DE", true)
    );
    let Some(Ethernet::Static(own)) = machine.ethernet else {
        panic!("the address is lost");
    };
    assert_eq!(
        (own.address.to_string(), own.prefix),
        ("192.168.1.10".to_owned(), 24)
    );
    assert_eq!(
        own.gateway.map(|address| address.to_string()).as_deref(),
        Some("192.168.1.1")
    );
    let dns: Vec<String> = own.dns.iter().map(ToString::to_string).collect();
    assert_eq!(dns, ["192.168.1.1", "fd00::1"]);
    let keys: Vec<&str> = machine
        .authorized_keys
        .iter()
        .map(|key| key.as_str())
        .collect();
    assert_eq!(keys, [KEY]);
}

#[test]
fn the_cable_is_static_where_an_address_stands() {
    let address = "address = \"fd00::10/64\"\n";
    let cases = [
        (String::new(), None),
        ("[ethernet]\nmethod = \"auto\"\n".to_owned(), Some("auto")),
        (format!("[ethernet]\n{address}"), Some("static")),
        (
            format!("[ethernet]\nmethod = \"static\"\n{address}"),
            Some("static"),
        ),
        (
            format!("[ethernet]\n{address}gateway = \"fe80::1\"\n"),
            Some("static"),
        ),
    ];
    for (text, expected) in cases {
        let method = machine(&text).ethernet.map(|ethernet| match ethernet {
            Ethernet::Auto => "auto",
            Ethernet::Static(_) => "static",
        });
        assert_eq!(method, expected, "{text}");
    }
}

#[test]
fn a_wireless_network_is_opened_by_what_stands_there() {
    let psk = "0A1b".repeat(16);
    let cases = [
        (String::new(), "open".to_owned()),
        (
            "password = \"12345678\"".to_owned(),
            "password 12345678".to_owned(),
        ),
        ("password = 0".to_owned(), "kept 5".to_owned()),
        ("psk = 0".to_owned(), "kept 5".to_owned()),
        (
            format!("psk = \"{psk}\""),
            format!("psk {}", psk.to_lowercase()),
        ),
    ];
    for (line, expected) in cases {
        let text = format!("[wlan]\nssid = \"n\"\ncountry = \"DE\"\n{line}\n");
        assert_eq!(key(&machine(&text)), expected, "{line}");
    }
}

#[test]
fn secrets_are_found_in_the_order_of_the_file_whatever_its_tables() {
    let text = "version = 1\n[[user]]\nusername = \"u\"\npassword = \"first-one\"\n\
                [wlan]\nssid = \"n\"\npassword = \"second-one\"\ncountry = \"DE\"\n";
    let bytes = text.as_bytes();
    let reading = read(bytes);
    let found: Vec<&str> = reading
        .secrets
        .iter()
        .filter_map(|secret| text.get(secret.range.clone()))
        .collect();
    assert_eq!(found, ["\"first-one\"", "\"second-one\""]);
    let after = masked(bytes, &reading.secrets);
    assert!(!String::from_utf8_lossy(&after).contains("one"));
    let after = read(&after);
    assert!(after.secrets.is_empty() && after.verdict.is_ok());
}

#[test]
fn secrets_of_a_refused_network_are_found_as_well() {
    for line in ["password = \"short\"", "psk = \"not-hexadecimal\""] {
        let text = format!("version = 1\n[wlan]\nssid = \"n\"\n{line}\n");
        let reading = read(text.as_bytes());
        assert!(reading.verdict.is_err());
        assert_eq!(reading.secrets.len(), 1, "{line}");
    }
}
