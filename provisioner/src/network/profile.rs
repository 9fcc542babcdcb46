// SPDX-License-Identifier: Apache-2.0 OR MIT
//! What a table of the file is as a profile of NetworkManager, and whether one that is there is the same. Pure.

use std::net::IpAddr;

use broker_config::{Ethernet, StaticAddress, Wlan, WlanKey};

use crate::system::network_manager::{Medium, Profile, Value};

/// The UUID of this program's profile: the same on every device, so that it is found again.
pub fn uuid(medium: Medium) -> &'static str {
    match medium {
        Medium::Cable => "8dcb19c7-2b37-412f-be80-2ef1510b7f2b",
        Medium::Radio => "549fcdb7-999d-4be3-a329-c41c13324cf4",
    }
}

/// The profile's name, such as `nmcli` shows it.
pub fn name(medium: Medium) -> &'static str {
    match medium {
        Medium::Cable => "broker-ethernet",
        Medium::Radio => "broker-wlan",
    }
}

/// The profile for the cable.
pub fn of_ethernet(ethernet: &Ethernet) -> Profile {
    let mut profile = of_medium(Medium::Cable, "802-3-ethernet");
    match ethernet {
        Ethernet::Auto => addresses_from_the_network(&mut profile),
        Ethernet::Static(wanted) => static_address(&mut profile, wanted),
    }
    profile
}

/// The profile for the radio; a key that is only said to be kept has been looked up before.
pub fn of_wlan(wlan: &Wlan) -> Profile {
    let mut profile = of_medium(Medium::Radio, WIRELESS);
    let ssid = wlan.ssid.as_str().as_bytes().to_vec();
    profile.set(WIRELESS, "ssid", Value::Bytes(ssid));
    profile.set(WIRELESS, "mode", text("infrastructure"));
    profile.set(WIRELESS, "hidden", Value::Flag(wlan.hidden));
    match &wlan.key {
        WlanKey::Open | WlanKey::Kept { .. } => (),
        WlanKey::Password(key) | WlanKey::Psk(key) => {
            // Offers WPA3 (SAE) too, where radio and access point can do it and the key is no derived one.
            profile.set(SECURITY, "key-mgmt", text("wpa-psk"));
            profile.set(SECURITY, "psk", text(key.expose()));
        }
    }
    addresses_from_the_network(&mut profile);
    profile
}

/// Whether the profile there does what the wanted one does, its secrets included.
pub fn is_same(there: &Profile, wanted: &Profile) -> bool {
    essence(there) == essence(wanted)
}

/// Whether the profile has ever been up.
pub fn has_worked(profile: &Profile) -> bool {
    matches!(profile.value("connection", "timestamp"), Some(Value::Long(seconds)) if *seconds > 0)
}

fn of_medium(medium: Medium, kind: &str) -> Profile {
    let mut profile = Profile::default();
    let mut connection = |key, value| profile.set("connection", key, value);
    connection("id", text(name(medium)));
    connection("uuid", text(uuid(medium)));
    connection("type", text(kind));
    connection("autoconnect", Value::Flag(true));
    // Without end: nobody is there to press a button.
    connection("autoconnect-retries", Value::Integer(0));
    profile.0.entry(kind.to_owned()).or_default();
    profile
}

fn addresses_from_the_network(profile: &mut Profile) {
    for family in ["ipv4", "ipv6"] {
        profile.set(family, "method", text("auto"));
    }
}

/// The family of the address is as the file says; the other one stays as the network says.
fn static_address(profile: &mut Profile, wanted: &StaticAddress) {
    addresses_from_the_network(profile);
    let family = family(wanted.address);
    let address = (wanted.address.to_string(), u32::from(wanted.prefix));
    profile.set(family, "method", text("manual"));
    profile.set(family, "address-data", Value::Addresses(vec![address]));
    if let Some(gateway) = wanted.gateway {
        profile.set(family, "gateway", text(&gateway.to_string()));
    }
    for family in ["ipv4", "ipv6"] {
        let servers = wanted
            .dns
            .iter()
            .filter(|dns| self::family(**dns) == family);
        let servers: Vec<String> = servers.map(IpAddr::to_string).collect();
        profile.set(family, "dns-data", Value::Texts(servers));
    }
}

fn family(address: IpAddr) -> &'static str {
    match address {
        IpAddr::V4(_) => "ipv4",
        IpAddr::V6(_) => "ipv6",
    }
}

/// The profile without what says nothing: defaults, which NetworkManager leaves out or adds, and its own notes.
fn essence(profile: &Profile) -> Profile {
    let mut essence = profile.clone();
    for (section, keys) in &mut essence.0 {
        keys.retain(|key, value| {
            let is_note = NOTES.contains(&(section.as_str(), key.as_str()));
            !is_note && !is_default(section, key, value)
        });
    }
    essence.0.retain(|_, keys| !keys.is_empty());
    essence
}

fn is_default(section: &str, key: &str, value: &Value) -> bool {
    match value {
        Value::Flag(flag) => *flag == ((section, key) == ("connection", "autoconnect")),
        Value::Integer(number) => *number == -1,
        Value::Number(number) => *number == 0,
        Value::Long(number) => *number == 0,
        Value::Text(text) => text.is_empty(),
        Value::Bytes(bytes) => bytes.is_empty(),
        Value::Texts(texts) => texts.is_empty(),
        Value::Addresses(addresses) => addresses.is_empty(),
    }
}

fn text(text: &str) -> Value {
    Value::Text(text.to_owned())
}

const WIRELESS: &str = "802-11-wireless";
const SECURITY: &str = "802-11-wireless-security";
/// What NetworkManager writes by itself: when a profile was up last, which access points it has seen, and a name of a
/// section that older programs ask for.
const NOTES: [(&str, &str); 3] = [
    ("connection", "timestamp"),
    (WIRELESS, "seen-bssids"),
    (WIRELESS, "security"),
];

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(tables: &str) -> broker_config::MachineSettings {
        let text = format!("version = 1\n{tables}");
        let verdict = broker_config::read(text.as_bytes()).verdict;
        verdict.unwrap_or_else(|_| panic!("{text}")).machine
    }

    fn wlan(more: &str) -> Profile {
        let machine = settings(&format!(
            "[wlan]\nssid = \"plant-2\"\ncountry = \"JP\"\n{more}"
        ));
        of_wlan(&machine.wlan.unwrap())
    }

    fn has(profile: &Profile, section: &str, key: &str, expected: Option<Value>) -> bool {
        profile.value(section, key) == expected.as_ref()
    }

    #[test]
    fn a_network_is_open_or_has_a_key() {
        let psk = "0a".repeat(32);
        let open = wlan("");
        assert!(!open.0.contains_key(SECURITY));
        assert!(has(
            &open,
            WIRELESS,
            "ssid",
            Some(Value::Bytes(b"plant-2".to_vec()))
        ));
        for (more, key) in [
            ("password = \"blue-Kettle-7\"".to_owned(), "blue-Kettle-7"),
            (format!("psk = \"{psk}\""), psk.as_str()),
        ] {
            let closed = wlan(&more);
            assert!(has(&closed, SECURITY, "psk", Some(text(key))));
            assert!(has(&closed, SECURITY, "key-mgmt", Some(text("wpa-psk"))));
        }
        let hidden = wlan("hidden = true");
        assert!(has(&hidden, WIRELESS, "hidden", Some(Value::Flag(true))));
        assert!(!is_same(&hidden, &open));
    }

    #[test]
    fn a_fixed_address_leaves_the_other_family_to_the_network() {
        let servers = |server: &str| Some(Value::Texts(vec![server.to_owned()]));
        for (address, family, other, gateway) in [
            ("192.0.2.10/24", "ipv4", "ipv6", "192.0.2.1"),
            ("2001:db8::10/64", "ipv6", "ipv4", "2001:db8::1"),
        ] {
            let machine = settings(&format!(
                "[ethernet]\naddress = \"{address}\"\ngateway = \"{gateway}\"\ndns = [\"192.0.2.1\", \"2001:db8::1\"]\n"
            ));
            let profile = of_ethernet(&machine.ethernet.unwrap());
            assert!(has(&profile, family, "method", Some(text("manual"))));
            assert!(has(&profile, family, "gateway", Some(text(gateway))));
            assert!(has(&profile, other, "method", Some(text("auto"))));
            assert!(has(&profile, other, "address-data", None));
            assert!(has(&profile, "ipv4", "dns-data", servers("192.0.2.1")));
            assert!(has(&profile, "ipv6", "dns-data", servers("2001:db8::1")));
        }
    }

    #[test]
    fn what_network_manager_adds_makes_no_difference_and_what_somebody_changes_does() {
        let wanted = wlan("password = \"blue-Kettle-7\"");
        let mut there = wanted.clone();
        there.set("connection", "timestamp", Value::Long(1_800_000_000));
        there.set("connection", "permissions", Value::Texts(Vec::new()));
        there.set(WIRELESS, "seen-bssids", Value::Texts(vec!["x".to_owned()]));
        there.set(WIRELESS, "security", text(SECURITY));
        there.set("ipv4", "address-data", Value::Addresses(Vec::new()));
        // What is the default is not sent back.
        let sections = [("connection", "autoconnect"), (WIRELESS, "hidden")];
        for (section, key) in sections {
            there.0.get_mut(section).unwrap().remove(key);
        }
        assert!(is_same(&there, &wanted));
        for (section, key, value) in [
            ("connection", "autoconnect", Value::Flag(false)),
            ("connection", "autoconnect-retries", Value::Integer(-1)),
            (SECURITY, "psk", text("red-Kettle-8")),
            ("ipv4", "never-default", Value::Flag(true)),
            ("ipv6", "method", text("disabled")),
        ] {
            let mut changed = there.clone();
            changed.set(section, key, value);
            assert!(!is_same(&changed, &wanted), "{section}.{key}");
        }
    }

    #[test]
    fn a_profile_has_worked_if_it_was_up_once() {
        let mut profile = wlan("");
        assert!(!has_worked(&profile));
        profile.set("connection", "timestamp", Value::Long(0));
        assert!(!has_worked(&profile));
        profile.set("connection", "timestamp", Value::Long(1));
        assert!(has_worked(&profile));
    }
}
