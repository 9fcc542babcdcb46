// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Writes the daemon's own `broker.toml`, in which no plain-text password stands.

mod access;

use std::fmt::{self, Write};

use toml::Value;

use crate::reference::{Form, NEVER, Table};
use crate::{
    BrokerSettings, Certificate, Credential, LimitSettings, Listener, LoginMethod, Persistence,
    Tls, User,
};

/// A user's password is not hashed yet, so the daemon's file cannot be written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotHashed {
    pub username: String,
}

impl BrokerSettings {
    /// The file the daemon reads, with hashes only; reading it gives the same settings again.
    pub fn to_toml(&self) -> Result<String, NotHashed> {
        let mut file = format!("{HEADER}\nversion = 1\n\n[broker]\n");
        line(
            &mut file,
            "allow_anonymous",
            Value::Boolean(self.allow_anonymous),
        );
        access::write_settings(&mut file, &self.access);
        write_limits(&mut file, &self.limits, Table::Broker);
        access::write_groups(&mut file, &self.access);
        for user in &self.users {
            write_user(&mut file, user)?;
        }
        for listener in &self.listeners {
            write_listener(&mut file, listener);
        }
        write_persistence(&mut file, self.persistence);
        if self
            .limits
            .changed()
            .any(|(limit, _)| limit.key.table == Table::Limits)
        {
            file.push_str("\n[limits]\n");
            write_limits(&mut file, &self.limits, Table::Limits);
        }
        Ok(file)
    }
}

fn write_user(file: &mut String, user: &User) -> Result<(), NotHashed> {
    let hash = match &user.credential {
        Credential::Hash(hash) => Some(hash),
        Credential::Certificate => None,
        Credential::Plain(_) | Credential::Kept => {
            return Err(NotHashed {
                username: user.username.clone(),
            });
        }
    };
    file.push_str("\n[[user]]\n");
    line(file, "username", Value::from(user.username.as_str()));
    if user.method != LoginMethod::Password {
        line(file, "auth", Value::from(user.method.name()));
    }
    if let Some(hash) = hash {
        line(file, "password_hash", Value::from(hash.as_str()));
    }
    access::write_user(file, &user.access);
    Ok(())
}

fn write_listener(file: &mut String, listener: &Listener) {
    file.push_str("\n[[listener]]\n");
    if let Some(path) = &listener.socket {
        line(file, "socket", Value::from(path.as_str()));
    } else {
        let address = listener.bind_address.to_string();
        line(file, "port", Value::from(i64::from(listener.port)));
        line(file, "bind_address", Value::from(address));
    }
    if let Some(domain) = listener.socket_domain.name() {
        line(file, "socket_domain", Value::from(domain));
    }
    if let Some(interface) = &listener.interface {
        line(file, "interface", Value::from(interface.as_str()));
    }
    line(file, "protocol", Value::from(listener.protocol.name()));
    if let Some(limit) = listener.max_connections {
        line(file, "max_connections", Value::from(i64::from(limit)));
    }
    if let Some(allow) = listener.allow_anonymous {
        line(file, "allow_anonymous", Value::Boolean(allow));
    }
    let versions = listener.accept_protocol_versions.iter();
    let versions = versions
        .map(|version| i64::from(*version))
        .collect::<Vec<_>>();
    line(file, "accept_protocol_versions", Value::from(versions));
    if let Some(tls) = &listener.tls {
        write_tls(file, tls);
    }
}

fn write_tls(file: &mut String, tls: &Tls) {
    line(file, "tls", Value::Boolean(true));
    let mut text = |key, value: &Option<String>| {
        if let Some(value) = value {
            line(file, key, Value::from(value.as_str()));
        }
    };
    if let Certificate::Own { certfile, keyfile } = &tls.certificate {
        text("certfile", &Some(certfile.clone()));
        text("keyfile", &Some(keyfile.clone()));
    }
    let clients = tls.clients.clone().unwrap_or_default();
    text("cafile", &clients.cafile);
    text("crlfile", &clients.crlfile);
    if clients.required {
        line(file, "require_certificate", Value::Boolean(true));
    }
    if clients.identity_as_username {
        line(file, "use_identity_as_username", Value::Boolean(true));
    }
    line(file, "tls_version", Value::from(tls.minimum.name()));
}

/// Only what differs from the defaults, as with the limits.
fn write_persistence(file: &mut String, persistence: Persistence) {
    if persistence == Persistence::default() {
        return;
    }
    file.push_str("\n[persistence]\n");
    line(file, "mode", Value::from(persistence.mode.name()));
    let numbers = [
        ("window_ms", persistence.window_ms),
        ("sd_budget_mb_per_day", persistence.sd_budget_mb_per_day),
        ("card_endurance_tb", persistence.card_endurance_tb),
    ];
    for (key, value) in numbers {
        if let Some(value) = value {
            line(file, key, Value::from(i64::from(value)));
        }
    }
}

/// Only what differs from the defaults, so that those of a later version come into force with it.
fn write_limits(file: &mut String, limits: &LimitSettings, table: Table) {
    for (limit, value) in limits
        .changed()
        .filter(|(limit, _)| limit.key.table == table)
    {
        let value = match limit.key.form {
            Form::Span if value == NEVER => Value::from("never"),
            _ => Value::from(i64::try_from(value).unwrap_or(i64::MAX)),
        };
        line(file, limit.key.name, value);
    }
}

fn line(file: &mut String, key: &str, value: Value) {
    // Writing to a `String` cannot fail.
    let _ = writeln!(file, "{key} = {value}");
}

impl fmt::Display for NotHashed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "the password of user {:?} is not hashed yet",
            self.username
        )
    }
}

impl std::error::Error for NotHashed {}

const HEADER: &str = "# Written by broker-provision from the broker.toml of the boot partition.
# Edit that one: this file is written anew whenever it changes.";
