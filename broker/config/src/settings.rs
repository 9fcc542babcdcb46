// SPDX-License-Identifier: Apache-2.0 OR MIT
//! A checked `broker.toml`: whoever holds these values need not check them again.
//!
//! Made by `resolve` only. Nothing here has `Debug` where a secret may be inside.

use crate::{
    AccessSettings, LimitSettings, Listener, MachineSettings, PasswordHash, Persistence, Secret,
    UserAccess,
};

/// Everything a valid `broker.toml` says, defaults filled in.
#[derive(Clone, PartialEq, Eq)]
pub struct Settings {
    pub machine: MachineSettings,
    pub broker: BrokerSettings,
}

/// The daemon's part of a `broker.toml`.
#[derive(Clone, PartialEq, Eq)]
pub struct BrokerSettings {
    /// Whether clients without a user name are let in; default false.
    pub allow_anonymous: bool,
    /// In the order of the file, names unique, at most 1,000.
    pub users: Vec<User>,
    pub access: AccessSettings,
    /// In the order of the file, no two overlapping, at most 64; one MQTT listener on port 1883 if the file names none.
    pub listeners: Vec<Listener>,
    pub persistence: Persistence,
    pub limits: LimitSettings,
}

impl BrokerSettings {
    /// Whether clients without a user name are let in on this listener.
    pub fn allows_anonymous(&self, listener: &Listener) -> bool {
        listener.allow_anonymous.unwrap_or(self.allow_anonymous)
    }

    /// Whether nobody can log in: there is no user, and no listener does without.
    pub fn keeps_everybody_out(&self) -> bool {
        let mut listeners = self.listeners.iter();
        let nobody = self.users.is_empty() && self.access.password_file.is_none();
        nobody && !listeners.any(|listener| self.allows_anonymous(listener))
    }
}

/// One `[[user]]`.
#[derive(Clone, PartialEq, Eq)]
pub struct User {
    /// 1 to 128 bytes, no control character, none of `+`, `#`, `/`.
    pub username: String,
    pub method: LoginMethod,
    pub credential: Credential,
    pub access: UserAccess,
    /// Line of the `[[user]]` heading, from 1.
    pub line: u32,
}

/// How a user logs in; a hash is always one for the method.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LoginMethod {
    /// By the password in CONNECT.
    Password,
    /// By SCRAM-SHA-256, with AUTH packets of MQTT 5.
    Scram,
    /// By a TLS certificate with the name, and in no other way.
    Certificate,
}

/// What a user proves its name with.
#[derive(Clone, PartialEq, Eq)]
pub enum Credential {
    /// As written by a person, to be hashed and taken off the card.
    Plain(Secret),
    Hash(PasswordHash),
    /// `password = 0`: taken from the card earlier, kept on the device.
    Kept,
    /// Nothing that is kept here: the certificate proves it.
    Certificate,
}

impl User {
    /// Whether a user may have this name: 1 to 128 bytes, no control character, none of `+`, `#`, `/`.
    pub fn may_be_called(name: &str) -> bool {
        let forbidden = |character: char| character.is_control() || "+#/".contains(character);
        (1..=MAX_USERNAME).contains(&name.len()) && !name.contains(forbidden)
    }
}

impl LoginMethod {
    /// As written in the file.
    pub fn name(self) -> &'static str {
        match self {
            Self::Password => "password",
            Self::Scram => "scram",
            Self::Certificate => "certificate",
        }
    }

    pub(crate) fn named(name: &str) -> Option<Self> {
        let mut all = [Self::Password, Self::Scram, Self::Certificate].into_iter();
        all.find(|method| method.name() == name)
    }
}

/// Bytes in a user name.
pub(crate) const MAX_USERNAME: usize = 128;
