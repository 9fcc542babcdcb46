// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The tables that are about the machine.

use toml::de::DeTable;

use super::{Field, Fields, Resolver};
use crate::fault::{Fault, MachineFault};
use crate::reference::{AUTHORIZED_KEYS, HOSTNAME, Key, NTP_SERVERS, TIMEZONE, Table};
use crate::{AuthorizedKey, Hostname, MachineSettings, NtpServer, TimeZone};

impl Resolver<'_> {
    pub(super) fn machine(&mut self, root: &DeTable<'_>) -> MachineSettings {
        let time = self.single(root, Table::Time);
        MachineSettings {
            hostname: self.hostname(root),
            timezone: time.as_ref().and_then(|time| self.timezone(time)),
            ntp_servers: time.map_or_else(Vec::new, |time| self.ntp_servers(&time)),
            wlan: self.wlan(root),
            ethernet: self.ethernet(root),
            authorized_keys: self.authorized_keys(root),
        }
    }

    fn hostname(&mut self, root: &DeTable<'_>) -> Option<Hostname> {
        let system = self.single(root, Table::System)?;
        let field = system.field(&HOSTNAME)?;
        let name = Hostname::parse(self.text(&field)?);
        self.required(name, &field, Fault::Machine(MachineFault::Hostname))
    }

    fn timezone(&mut self, time: &Fields<'_, '_>) -> Option<TimeZone> {
        let field = time.field(&TIMEZONE)?;
        let name = TimeZone::parse(self.text(&field)?);
        self.required(name, &field, Fault::Machine(MachineFault::TimeZone))
    }

    fn ntp_servers(&mut self, time: &Fields<'_, '_>) -> Vec<NtpServer> {
        let too_many = Fault::Machine(MachineFault::TooManyNtpServers);
        let fields = self.elements(time, &NTP_SERVERS, MAX_NTP_SERVERS, too_many);
        let mut servers = Vec::new();
        for field in fields.unwrap_or_default() {
            let server = self.text(&field).map(NtpServer::parse);
            let fault = Fault::Machine(MachineFault::NtpServer);
            servers.extend(server.and_then(|server| self.required(server, &field, fault)));
        }
        servers
    }

    fn authorized_keys(&mut self, root: &DeTable<'_>) -> Vec<AuthorizedKey> {
        let Some(ssh) = self.single(root, Table::Ssh) else {
            return Vec::new();
        };
        let too_many = Fault::Machine(MachineFault::TooManyKeys);
        let fields = self.elements(&ssh, &AUTHORIZED_KEYS, MAX_KEYS, too_many);
        let mut keys: Vec<AuthorizedKey> = Vec::new();
        for field in fields.unwrap_or_default() {
            let Some(key) = self.authorized_key(&field) else {
                continue;
            };
            if keys.iter().any(|other| other.key() == key.key()) {
                self.machine_fault(&field, MachineFault::KeyTwice);
            }
            keys.push(key);
        }
        keys
    }

    fn authorized_key(&mut self, field: &Field<'_, '_>) -> Option<AuthorizedKey> {
        let fault = match AuthorizedKey::parse(self.text(field)?) {
            Ok(key) if AUTHORIZED_KEYS.example.contains(key.key()) => MachineFault::KeyKnown,
            Ok(key) => return Some(key),
            Err(fault) => MachineFault::Key(fault),
        };
        self.machine_fault(field, fault);
        None
    }

    /// A fault told at the value.
    pub(super) fn machine_fault(&mut self, field: &Field<'_, '_>, fault: MachineFault) {
        let at = field.value.span().start;
        self.fault(at, Some(field.key.name), Fault::Machine(fault));
    }

    /// A fault that rests on what is not written.
    pub(super) fn machine_gap(&mut self, at: usize, key: &'static Key, fault: MachineFault) {
        self.fault_of_readable(at, Some(key.name), Fault::Machine(fault));
    }
}

/// Servers of time in a file.
const MAX_NTP_SERVERS: usize = 8;
/// Keys in a file.
const MAX_KEYS: usize = 64;
