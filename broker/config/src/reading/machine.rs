// SPDX-License-Identifier: Apache-2.0 OR MIT
//! What a valid file will make of the machine.

use std::fmt::Write;

use serde_json::{Map, Value, json};

use super::counted;
use crate::{Ethernet, MachineSettings, WlanKey};

/// In words, a line each; nothing of a secret.
pub(super) fn summary(machine: &MachineSettings) -> String {
    let mut text = String::new();
    // Writing to a `String` cannot fail.
    if let Some(hostname) = &machine.hostname {
        let _ = writeln!(text, "  host name: {hostname}");
    }
    if let Some(timezone) = &machine.timezone {
        let _ = writeln!(text, "  time zone: {timezone}");
    }
    let servers = machine.ntp_servers.iter().map(|server| server.as_str());
    let servers: Vec<&str> = servers.collect();
    if !servers.is_empty() {
        let _ = writeln!(text, "  time servers: {}", servers.join(", "));
    }
    if let Some(wlan) = &machine.wlan {
        let open = match wlan.key {
            WlanKey::Open => ", which is open to everybody",
            _ => "",
        };
        let _ = writeln!(
            text,
            "  wireless network: {} ({}){open}",
            wlan.ssid, wlan.country
        );
    }
    match &machine.ethernet {
        Some(Ethernet::Auto) => text.push_str("  cable: address from the network\n"),
        Some(Ethernet::Static(own)) => {
            let _ = writeln!(text, "  cable: {}/{}", own.address, own.prefix);
        }
        None => {}
    }
    let keys = machine.authorized_keys.len();
    if keys > 0 {
        let _ = writeln!(text, "  SSH: root, with {}", counted(keys, "key"));
    }
    text
}

/// For a program; nothing of a secret.
pub(super) fn json(machine: &MachineSettings) -> Map<String, Value> {
    let servers = machine.ntp_servers.iter().map(|server| server.as_str());
    let wlan = machine.wlan.as_ref().map(|wlan| {
        json!({
            "ssid": wlan.ssid.as_str(),
            "country": wlan.country.as_str(),
            "hidden": wlan.hidden,
            "open": matches!(wlan.key, WlanKey::Open),
        })
    });
    let ethernet = machine.ethernet.as_ref().map(|ethernet| match ethernet {
        Ethernet::Auto => json!({"method": "auto"}),
        Ethernet::Static(own) => json!({
            "method": "static",
            "address": format!("{}/{}", own.address, own.prefix),
            "gateway": own.gateway,
            "dns": own.dns,
        }),
    });
    let text = |text: Option<&str>| text.map_or(Value::Null, Value::from);
    [
        (
            "hostname",
            text(machine.hostname.as_ref().map(|name| name.as_str())),
        ),
        (
            "timezone",
            text(machine.timezone.as_ref().map(|name| name.as_str())),
        ),
        ("ntp_servers", servers.collect::<Vec<_>>().into()),
        ("wlan", wlan.into()),
        ("ethernet", ethernet.into()),
        ("authorized_keys", machine.authorized_keys.len().into()),
    ]
    .map(|(key, value)| (key.to_owned(), value))
    .into_iter()
    .collect()
}
