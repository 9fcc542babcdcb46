// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The stored form of the machine's part but for its name and time zone, version 1.

use std::net::IpAddr;

use broker_config::{
    AuthorizedKey, Country, Ethernet, MachineSettings, NtpServer, Ssid, StaticAddress, Wlan,
    WlanKey,
};
use serde::{Deserialize, Serialize};

use super::DesiredError;

/// Absent is what the default is; it has no `Debug`.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StoredMachine {
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    ntp_servers: Vec<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    wlan: Option<StoredWlan>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    ethernet: Option<StoredEthernet>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    authorized_keys: Vec<String>,
}

/// The password is in plain text, because WPA3 proves itself with nothing else.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct StoredWlan {
    ssid: String,
    country: String,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    hidden: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    password: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    psk: Option<String>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields, tag = "method", rename_all = "lowercase")]
enum StoredEthernet {
    Auto,
    Static {
        address: IpAddr,
        prefix: u8,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        gateway: Option<IpAddr>,
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        dns: Vec<IpAddr>,
    },
}

impl StoredMachine {
    /// None where there is nothing to keep.
    pub fn of(machine: &MachineSettings) -> Option<Self> {
        let nothing = MachineSettings {
            hostname: machine.hostname.clone(),
            timezone: machine.timezone.clone(),
            ..MachineSettings::default()
        };
        let servers = machine.ntp_servers.iter().map(NtpServer::to_string);
        let keys = machine.authorized_keys.iter();
        (*machine != nothing).then(|| Self {
            ntp_servers: servers.collect(),
            wlan: machine.wlan.as_ref().map(StoredWlan::from),
            ethernet: machine.ethernet.as_ref().map(StoredEthernet::from),
            authorized_keys: keys.map(|key| key.as_str().to_owned()).collect(),
        })
    }

    pub fn checked(stored: Option<Self>) -> Result<MachineSettings, DesiredError> {
        let Some(stored) = stored else {
            return Ok(MachineSettings::default());
        };
        let servers = stored.ntp_servers.iter().map(|text| NtpServer::parse(text));
        let servers: Option<_> = servers.collect();
        let keys = stored.authorized_keys.iter();
        let keys: Result<_, _> = keys.map(|text| AuthorizedKey::parse(text)).collect();
        Ok(MachineSettings {
            ntp_servers: servers.ok_or(DesiredError::Field("ntp_servers"))?,
            wlan: stored.wlan.map(StoredWlan::checked).transpose()?,
            ethernet: stored.ethernet.map(Ethernet::from),
            authorized_keys: keys.map_err(|_| DesiredError::Field("authorized_keys"))?,
            ..MachineSettings::default()
        })
    }
}

impl From<&Wlan> for StoredWlan {
    fn from(wlan: &Wlan) -> Self {
        let (password, psk) = match &wlan.key {
            WlanKey::Password(secret) => (Some(secret.expose().to_owned()), None),
            WlanKey::Psk(secret) => (None, Some(secret.expose().to_owned())),
            WlanKey::Open | WlanKey::Kept { .. } => (None, None),
        };
        Self {
            ssid: wlan.ssid.to_string(),
            country: wlan.country.to_string(),
            hidden: wlan.hidden,
            password,
            psk,
        }
    }
}

impl StoredWlan {
    fn checked(self) -> Result<Wlan, DesiredError> {
        let key = match (self.password, self.psk) {
            (None, None) => Some(WlanKey::Open),
            (Some(password), None) => WlanKey::password(&password),
            (None, Some(psk)) => WlanKey::psk(&psk),
            (Some(_), Some(_)) => None,
        };
        Ok(Wlan {
            ssid: Ssid::parse(&self.ssid).ok_or(DesiredError::Field("ssid"))?,
            hidden: self.hidden,
            country: Country::parse(&self.country).ok_or(DesiredError::Field("country"))?,
            key: key.ok_or(DesiredError::Field("password of a wireless network"))?,
        })
    }
}

impl From<&Ethernet> for StoredEthernet {
    fn from(ethernet: &Ethernet) -> Self {
        match ethernet.clone() {
            Ethernet::Auto => Self::Auto,
            Ethernet::Static(own) => Self::Static {
                address: own.address,
                prefix: own.prefix,
                gateway: own.gateway,
                dns: own.dns,
            },
        }
    }
}

impl From<StoredEthernet> for Ethernet {
    fn from(stored: StoredEthernet) -> Self {
        match stored {
            StoredEthernet::Auto => Self::Auto,
            StoredEthernet::Static {
                address,
                prefix,
                gateway,
                dns,
            } => Self::Static(StaticAddress {
                address,
                prefix,
                gateway,
                dns,
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str =
        "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAINT+K4WMxMDEG2whg+onuOZQJuJq8iM6ihLg0C0N0xmh me";

    fn machine(text: &str) -> MachineSettings {
        let reading = broker_config::read(format!("version = 1\n{text}").as_bytes());
        let told = reading.to_text("x");
        reading.verdict.unwrap_or_else(|_| panic!("{told}")).machine
    }

    fn read(text: &str) -> Result<MachineSettings, String> {
        let stored: StoredMachine = serde_json::from_str(text).unwrap();
        StoredMachine::checked(Some(stored)).map_err(|error| error.to_string())
    }

    #[test]
    fn every_key_of_the_machine_is_kept() {
        let wlan = "[wlan]\nssid = \"n\"\ncountry = \"DE\"\n";
        let psk = "0a".repeat(32);
        let cases = [
            format!("[time]\nntp_servers = [\"a.b\"]\n{wlan}"),
            format!(
                "{wlan}password = \"blue-Kettle-7\"\nhidden = true\n[ethernet]\nmethod = \"auto\"\n"
            ),
            format!("{wlan}psk = \"{psk}\"\n[ssh]\nauthorized_keys = [\"{KEY}\"]\n"),
            "[ethernet]\naddress = \"10.0.0.9/8\"\ngateway = \"10.0.0.1\"\ndns = [\"fd00::1\"]\n"
                .to_owned(),
        ];
        for text in cases {
            let before = machine(&text);
            let stored = serde_json::to_string(&StoredMachine::of(&before)).unwrap();
            assert!(read(&stored).is_ok_and(|after| after == before), "{stored}");
        }
        let named = machine("[system]\nhostname = \"a\"\n[time]\ntimezone = \"UTC\"\n");
        assert!(StoredMachine::of(&named).is_none());
    }

    #[test]
    fn what_cannot_have_been_written_is_told_by_its_field() {
        let wlan = |rest: &str| format!(r#"{{"wlan":{{"ssid":"n","country":"DE"{rest}}}}}"#);
        let cases = [
            (r#"{"ntp_servers":["a b"]}"#.to_owned(), "ntp_servers"),
            (r#"{"authorized_keys":["a"]}"#.to_owned(), "authorized_keys"),
            (wlan(r#","password":"short""#), "password"),
            (wlan(r#","psk":"x""#), "password"),
            (wlan("").replace("DE", "UK"), "country"),
            (wlan("").replace("\"n\"", "\"\""), "ssid"),
        ];
        for (text, field) in cases {
            let error = read(&text).err().unwrap_or_default();
            assert!(error.contains(field), "{error}: {text}");
        }
    }
}
