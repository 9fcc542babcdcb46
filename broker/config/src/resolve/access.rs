// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The keys that are about rights: entries, groups, and files in their place.

use std::collections::HashMap;

use toml::de::{DeTable, DeValue};

use super::{Field, Fields, Resolver};
use crate::fault::{AccessFault, Fault};
use crate::reference::{
    ACL, ACL_FILE, ACL_MODE, ANONYMOUS_ACL, GROUP_ACL, GROUP_NAME, GROUPS, Key, PASSWORD_FILE,
    Table,
};
use crate::{AccessSettings, AclEntry, AclMode, Group, UserAccess};

/// What the rights of users are checked against.
pub(super) struct Elsewhere<'d> {
    groups: Vec<&'d str>,
    /// All rights stand in a file.
    file: bool,
}

impl<'d> Elsewhere<'d> {
    pub(super) fn of(root: &'d DeTable<'_>) -> Self {
        let broker = root.get(Table::Broker.name());
        let broker = broker.and_then(|table| table.get_ref().as_table());
        let tables = root.get(Table::Group.name());
        let tables = tables.and_then(|tables| tables.get_ref().as_array());
        let name = |table: &'d toml::Spanned<DeValue<'_>>| {
            let name = table.get_ref().as_table()?.get(GROUP_NAME.name)?;
            name.get_ref().as_str()
        };
        Self {
            groups: tables
                .into_iter()
                .flat_map(|t| t.iter().filter_map(name))
                .collect(),
            file: broker.is_some_and(|broker| broker.get(ACL_FILE.name).is_some()),
        }
    }
}

impl Resolver<'_> {
    pub(super) fn access(
        &mut self,
        root: &DeTable<'_>,
        broker: Option<&Fields<'_, '_>>,
    ) -> AccessSettings {
        let groups = self.groups(root);
        let Some(broker) = broker else {
            return AccessSettings {
                groups,
                ..AccessSettings::default()
            };
        };
        let elsewhere = Elsewhere::of(root);
        let anonymous_acl = self.entries(broker, &ANONYMOUS_ACL, &elsewhere);
        let named = |entry: &AclEntry| entry.names_user();
        if anonymous_acl.iter().flatten().any(named) {
            let at = broker.field(&ANONYMOUS_ACL).map_or(broker.at, |f| f.at);
            self.access_fault(at, &ANONYMOUS_ACL, AccessFault::Nameless);
        }
        AccessSettings {
            groups,
            anonymous_acl,
            acl_file: self.file(broker, &ACL_FILE).flatten(),
            password_file: self.file(broker, &PASSWORD_FILE).flatten(),
            mode: self.acl_mode(broker),
        }
    }

    /// The rights of a user.
    pub(super) fn user_access(
        &mut self,
        fields: &Fields<'_, '_>,
        elsewhere: &Elsewhere<'_>,
    ) -> UserAccess {
        UserAccess {
            acl: self.entries(fields, &ACL, elsewhere),
            groups: self.memberships(fields, elsewhere),
        }
    }

    fn acl_mode(&mut self, broker: &Fields<'_, '_>) -> AclMode {
        let Some(field) = broker.field(&ACL_MODE) else {
            return AclMode::default();
        };
        let mode = self.text(&field).map(AclMode::named);
        let fault = Fault::Access(AccessFault::Mode);
        let mode = mode.and_then(|mode| self.required(mode, &field, fault));
        mode.unwrap_or_default()
    }

    fn groups(&mut self, root: &DeTable<'_>) -> Vec<Group> {
        let tables = self.repeated(root, Table::Group);
        let elsewhere = Elsewhere::of(root);
        let mut first_lines = HashMap::new();
        let mut groups = Vec::new();
        for (index, fields) in tables.iter().enumerate() {
            if index == MAX_GROUPS {
                self.access_fault(fields.at, &GROUP_NAME, AccessFault::TooManyGroups);
            }
            let name = self.group_name(fields, &mut first_lines);
            let acl = self.entries(fields, &GROUP_ACL, &elsewhere);
            if acl.is_none() && fields.field(&GROUP_ACL).is_none() {
                self.access_gap(fields.at, &GROUP_ACL, AccessFault::GroupWithoutAcl);
            }
            if let (Some(name), Some(acl)) = (name, acl) {
                groups.push(Group { name, acl });
            }
        }
        groups
    }

    fn group_name<'d>(
        &mut self,
        fields: &Fields<'d, '_>,
        first_lines: &mut HashMap<&'d str, u32>,
    ) -> Option<String> {
        let Some(field) = fields.field(&GROUP_NAME) else {
            self.access_gap(fields.at, &GROUP_NAME, AccessFault::GroupName);
            return None;
        };
        let name = self.text(&field)?;
        let line = self.lines.line(fields.at);
        let first_line = *first_lines.entry(name).or_insert(line);
        let fault = if !is_group_name(name) {
            AccessFault::GroupName
        } else if first_line != line {
            AccessFault::GroupTwice { first_line }
        } else {
            return Some(name.to_owned());
        };
        self.required(None, &field, Fault::Access(fault))
    }

    /// The groups of a user, each of which there must be.
    fn memberships(
        &mut self,
        fields: &Fields<'_, '_>,
        elsewhere: &Elsewhere<'_>,
    ) -> Option<Vec<String>> {
        let names = self.list(fields, &GROUPS, elsewhere)?;
        for name in &names {
            let known = name.value.get_ref().as_str();
            if known.is_some_and(|name| !elsewhere.groups.contains(&name)) {
                let at = name.value.span().start;
                self.access_gap(at, &GROUPS, AccessFault::UnknownGroup);
            }
        }
        let names = names.iter().map(|name| self.text(name).map(str::to_owned));
        names.collect()
    }

    /// The entries of a list, none where the key is absent or something is wrong.
    fn entries(
        &mut self,
        fields: &Fields<'_, '_>,
        key: &'static Key,
        elsewhere: &Elsewhere<'_>,
    ) -> Option<Vec<AclEntry>> {
        let texts = self.list(fields, key, elsewhere)?;
        let mut entry = |field: &Field<'_, '_>| match AclEntry::parse(self.text(field)?) {
            Ok(entry) => Some(entry),
            Err(fault) => self.required(None, field, Fault::Access(AccessFault::Entry(fault))),
        };
        // Every faulty one is told.
        let entries: Vec<_> = texts.iter().map(&mut entry).collect();
        entries.into_iter().collect()
    }

    /// The elements of a list that may stand there.
    fn list<'d, 't>(
        &mut self,
        fields: &Fields<'d, 't>,
        key: &'static Key,
        elsewhere: &Elsewhere<'_>,
    ) -> Option<Vec<Field<'d, 't>>> {
        let field = fields.field(key)?;
        if elsewhere.file {
            self.access_fault(field.at, key, AccessFault::AlsoFile);
        }
        let too_many = Fault::Access(AccessFault::TooManyEntries);
        self.elements(fields, key, MAX_ENTRIES, too_many)
    }

    fn access_fault(&mut self, at: usize, key: &'static Key, fault: AccessFault) {
        self.fault(at, Some(key.name), Fault::Access(fault));
    }

    /// A fault that rests on what is not written.
    fn access_gap(&mut self, at: usize, key: &'static Key, fault: AccessFault) {
        self.fault_of_readable(at, Some(key.name), Fault::Access(fault));
    }
}

/// Whether a group can have this name.
fn is_group_name(name: &str) -> bool {
    (1..=MAX_GROUP_NAME).contains(&name.len()) && !name.contains(char::is_control)
}

/// Entries in a list.
pub(crate) const MAX_ENTRIES: usize = 1000;
/// Groups in a file.
const MAX_GROUPS: usize = 1000;
/// Bytes in the name of a group.
const MAX_GROUP_NAME: usize = 128;
