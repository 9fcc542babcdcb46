// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The tables that are about the machine.

use toml::de::DeTable;

use super::Resolver;
use crate::fault::Fault;
use crate::reference::{HOSTNAME, TIMEZONE, Table};
use crate::{Hostname, MachineSettings, TimeZone};

impl Resolver<'_> {
    pub(super) fn machine(&mut self, root: &DeTable<'_>) -> MachineSettings {
        MachineSettings {
            hostname: self.hostname(root),
            timezone: self.timezone(root),
        }
    }

    fn hostname(&mut self, root: &DeTable<'_>) -> Option<Hostname> {
        let system = self.single(root, Table::System)?;
        let field = system.field(&HOSTNAME)?;
        let name = Hostname::parse(self.text(&field)?);
        self.required(name, &field, Fault::Hostname)
    }

    fn timezone(&mut self, root: &DeTable<'_>) -> Option<TimeZone> {
        let time = self.single(root, Table::Time)?;
        let field = time.field(&TIMEZONE)?;
        let name = TimeZone::parse(self.text(&field)?);
        self.required(name, &field, Fault::TimeZone)
    }
}
