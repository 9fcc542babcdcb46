// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The desired state: what the last accepted `broker.toml` wants, with hashes in place of passwords.
//!
//! It is kept on the device as versioned JSON and is the truth; the card is only where wishes come from.

mod access;
mod machine;
mod persistence;
mod tls;

use std::collections::BTreeMap;
use std::error::Error;
use std::fmt;
use std::io;

use broker_config::{
    BindAddress, BrokerSettings, Credential, Hostname, LimitSettings, Listener, LoginMethod,
    MachineSettings, PasswordHash, Protocol, SocketDomain, TimeZone, User,
};
use serde::{Deserialize, Serialize};

use access::{StoredAccess, StoredUserAccess};
use machine::StoredMachine;
use persistence::StoredPersistence;
use tls::StoredTls;

use crate::places::Places;
use crate::system::{Access, Files, files};

/// What the machine is to be.
#[derive(Clone, PartialEq, Eq)]
pub struct Desired {
    pub machine: MachineSettings,
    /// No credential is a password in plain text.
    pub broker: BrokerSettings,
    /// The user this program made because the file named none.
    pub generated_user: Option<String>,
}

/// Why the stored state cannot be used.
#[derive(Debug)]
pub enum DesiredError {
    Read(io::Error),
    /// It is not the JSON this program writes.
    Damaged(serde_json::Error),
    /// A version of this program wrote it that knows more.
    Version(u64),
    /// The named field holds no valid value.
    Field(&'static str),
}

impl Desired {
    /// The hash kept for a user.
    pub fn hash_of(&self, username: &str) -> Option<&PasswordHash> {
        let user = self
            .broker
            .users
            .iter()
            .find(|user| user.username == username)?;
        match &user.credential {
            Credential::Hash(hash) => Some(hash),
            Credential::Plain(_) | Credential::Kept | Credential::Certificate => None,
        }
    }

    /// The state kept on the device; `None` if none was kept yet.
    pub fn load(files: &dyn Files, places: &Places) -> Result<Option<Self>, DesiredError> {
        match files
            .read(&places.desired, LIMIT)
            .map_err(DesiredError::Read)?
        {
            Some(bytes) => Self::parse(&bytes).map(Some),
            None => Ok(None),
        }
    }

    /// Keeps the state durably.
    pub fn store(&self, files: &dyn Files, places: &Places) -> io::Result<()> {
        let text = serde_json::to_vec_pretty(&Stored::from(self))?;
        files::replace(files, &places.desired, &text, Access::ROOTS)
    }

    fn parse(bytes: &[u8]) -> Result<Self, DesiredError> {
        #[derive(Deserialize)]
        struct Versioned {
            version: u64,
        }
        let Versioned { version } = serde_json::from_slice(bytes).map_err(DesiredError::Damaged)?;
        if version != VERSION {
            return Err(DesiredError::Version(version));
        }
        let stored: Stored = serde_json::from_slice(bytes).map_err(DesiredError::Damaged)?;
        stored.checked()
    }
}

/// The stored form, version 1.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Stored {
    version: u64,
    hostname: Option<String>,
    timezone: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    machine: Option<StoredMachine>,
    allow_anonymous: bool,
    users: Vec<StoredUser>,
    listeners: Vec<StoredListener>,
    /// By the name of the key, only what differs from the default.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    limits: BTreeMap<String, u64>,
    /// Absent where it is the default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    persistence: Option<StoredPersistence>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    access: Option<StoredAccess>,
    generated_user: Option<String>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct StoredUser {
    username: String,
    /// Absent of a user who logs in by certificate.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    password_hash: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    access: Option<StoredUserAccess>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct StoredListener {
    port: u16,
    bind_address: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    socket_domain: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    interface: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    socket: Option<String>,
    protocol: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    max_connections: Option<u32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    allow_anonymous: Option<bool>,
    /// Absent where all are accepted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    accept_protocol_versions: Option<Vec<u8>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    tls: Option<StoredTls>,
}

impl From<&Desired> for Stored {
    fn from(desired: &Desired) -> Self {
        let users = desired.broker.users.iter().filter_map(|user| {
            let password_hash = match &user.credential {
                Credential::Hash(hash) => Some(hash.as_str().to_owned()),
                Credential::Certificate => None,
                Credential::Plain(_) | Credential::Kept => return None,
            };
            Some(StoredUser {
                username: user.username.clone(),
                password_hash,
                access: StoredUserAccess::of(&user.access),
            })
        });
        let limits = desired.broker.limits.changed();
        let limits = limits.map(|(limit, value)| (limit.key.name.to_owned(), value));
        let listeners = desired.broker.listeners.iter().map(StoredListener::from);
        Self {
            version: VERSION,
            hostname: desired.machine.hostname.as_ref().map(Hostname::to_string),
            timezone: desired.machine.timezone.as_ref().map(TimeZone::to_string),
            machine: StoredMachine::of(&desired.machine),
            allow_anonymous: desired.broker.allow_anonymous,
            users: users.collect(),
            listeners: listeners.collect(),
            limits: limits.collect(),
            persistence: StoredPersistence::of(desired.broker.persistence),
            access: StoredAccess::of(&desired.broker.access),
            generated_user: desired.generated_user.clone(),
        }
    }
}

impl Stored {
    fn checked(self) -> Result<Desired, DesiredError> {
        let users = self
            .users
            .into_iter()
            .map(StoredUser::checked)
            .collect::<Result<_, _>>()?;
        let listeners = self
            .listeners
            .into_iter()
            .map(StoredListener::checked)
            .collect::<Result<_, _>>()?;
        let mut limits = LimitSettings::default();
        if !self
            .limits
            .iter()
            .all(|(name, value)| limits.set(name, *value))
        {
            return Err(DesiredError::Field("limit"));
        }
        let broker = BrokerSettings {
            allow_anonymous: self.allow_anonymous,
            users,
            access: StoredAccess::checked(self.access)?,
            listeners,
            persistence: StoredPersistence::checked(self.persistence)?,
            limits,
        };
        Ok(Desired {
            machine: MachineSettings {
                hostname: checked(self.hostname, Hostname::parse, "hostname")?,
                timezone: checked(self.timezone, TimeZone::parse, "timezone")?,
                ..StoredMachine::checked(self.machine)?
            },
            broker,
            generated_user: self.generated_user,
        })
    }
}

impl StoredUser {
    fn checked(self) -> Result<User, DesiredError> {
        let (method, credential) = match self.password_hash {
            None => (LoginMethod::Certificate, Credential::Certificate),
            Some(hash) => {
                let hash =
                    PasswordHash::parse(&hash).map_err(|_| DesiredError::Field("password_hash"))?;
                (hash.method(), Credential::Hash(hash))
            }
        };
        Ok(User {
            username: self.username,
            method,
            credential,
            access: StoredUserAccess::checked(self.access)?,
            line: 0,
        })
    }
}

impl From<&Listener> for StoredListener {
    fn from(listener: &Listener) -> Self {
        let versions = &listener.accept_protocol_versions;
        let all = Listener::default().accept_protocol_versions;
        Self {
            port: listener.port,
            bind_address: listener.bind_address.to_string(),
            socket_domain: listener.socket_domain.name().map(str::to_owned),
            interface: listener.interface.clone(),
            socket: listener.socket.clone(),
            protocol: listener.protocol.name().to_owned(),
            max_connections: listener.max_connections,
            allow_anonymous: listener.allow_anonymous,
            accept_protocol_versions: (*versions != all).then(|| versions.clone()),
            tls: listener.tls.as_ref().map(StoredTls::from),
        }
    }
}

impl StoredListener {
    fn checked(self) -> Result<Listener, DesiredError> {
        let mut protocols = [Protocol::Mqtt, Protocol::WebSockets].into_iter();
        let protocol = protocols.find(|protocol| protocol.name() == self.protocol);
        let bind_address = match self.bind_address.parse() {
            _ if self.bind_address == BindAddress::Any.to_string() => BindAddress::Any,
            Ok(address) => BindAddress::Ip(address),
            Err(_) => BindAddress::Host(self.bind_address),
        };
        Ok(Listener {
            port: self.port,
            bind_address,
            socket_domain: checked(self.socket_domain, SocketDomain::named, "socket_domain")?
                .unwrap_or(SocketDomain::Both),
            interface: self.interface,
            socket: self.socket,
            protocol: protocol.ok_or(DesiredError::Field("protocol"))?,
            max_connections: self.max_connections,
            allow_anonymous: self.allow_anonymous,
            accept_protocol_versions: self
                .accept_protocol_versions
                .unwrap_or(Listener::default().accept_protocol_versions),
            tls: self.tls.map(StoredTls::checked).transpose()?,
        })
    }
}

fn checked<T>(
    text: Option<String>,
    parse: fn(&str) -> Option<T>,
    field: &'static str,
) -> Result<Option<T>, DesiredError> {
    text.map(|text| parse(&text).ok_or(DesiredError::Field(field)))
        .transpose()
}

impl fmt::Display for DesiredError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Read(_) => f.write_str("the settings kept on this device cannot be read"),
            Self::Damaged(_) => f.write_str("the settings kept on this device are damaged"),
            Self::Version(version) => {
                write!(
                    f,
                    "the settings kept on this device have format {version}, which a newer version wrote"
                )
            }
            Self::Field(field) => {
                write!(f, "the settings kept on this device hold no valid {field}")
            }
        }
    }
}

impl Error for DesiredError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Read(source) => Some(source),
            Self::Damaged(source) => Some(source),
            Self::Version(_) | Self::Field(_) => None,
        }
    }
}

/// Version of the stored form.
const VERSION: u64 = 1;
/// Bytes of a stored state: 1,000 users and 64 listeners are well below.
const LIMIT: u64 = 4 * 1024 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    /// A state as version 1 writes it; this text never changes.
    const SAMPLE: &str = include_str!("../../tests/fixtures/provisioner/desired-v1.json");

    #[test]
    fn the_sample_of_version_1_reads_and_writes_the_same() {
        let desired = Desired::parse(SAMPLE.as_bytes()).unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(desired.broker.listeners.len(), 3);
        assert_eq!(desired.generated_user.as_deref(), Some("mqtt"));
        let written = serde_json::to_string_pretty(&Stored::from(&desired)).unwrap();
        assert_eq!(written.trim(), SAMPLE.trim());
    }

    fn with_limits(limits: &str) -> String {
        let text = format!("\"limits\": {{\n    {limits}\n  }},\n  \"generated_user\"");
        SAMPLE.replacen("\"generated_user\"", &text, 1)
    }

    #[test]
    fn limits_are_kept() {
        let text = with_limits("\"max_connections\": 50");
        let desired = Desired::parse(text.as_bytes()).unwrap_or_else(|error| panic!("{error}"));
        let connections = desired.broker.limits.value(&broker_config::MAX_CONNECTIONS);
        assert_eq!(connections, 50);
        let written = serde_json::to_string_pretty(&Stored::from(&desired)).unwrap();
        assert_eq!(written.trim(), text.trim());
    }

    #[test]
    fn what_this_program_cannot_have_written_is_refused() {
        let cases = [
            ("", "damaged"),
            ("{}", "damaged"),
            (
                &SAMPLE.replacen("\"version\": 1", "\"version\": 2", 1),
                "format 2",
            ),
            (&SAMPLE.replacen("\"hostname\"", "\"host\"", 1), "damaged"),
            (
                &SAMPLE.replacen("\"broker\"", "\"bad name\"", 1),
                "valid hostname",
            ),
            (
                &SAMPLE.replacen("argon2id", "md5", 1),
                "valid password_hash",
            ),
            (&SAMPLE.replacen("websockets", "smtp", 1), "valid protocol"),
            (&with_limits("\"max_subscriptions\": 0"), "valid limit"),
            (&with_limits("\"max_colours\": 1"), "valid limit"),
        ];
        for (text, expected) in cases {
            let error = Desired::parse(text.as_bytes())
                .err()
                .map(|error| error.to_string())
                .unwrap_or_default();
            assert!(error.contains(expected), "{error}: {text}");
        }
    }
}
