// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The lines of the daemon's file that are about rights.

use toml::Value;

use super::line;
use crate::{AccessSettings, AclEntry, AclMode, UserAccess};

/// What stands under `[broker]`.
pub(super) fn write_settings(file: &mut String, access: &AccessSettings) {
    entries(file, "anonymous_acl", access.anonymous_acl.as_deref());
    let names = [
        ("acl_file", &access.acl_file),
        ("password_file", &access.password_file),
    ];
    for (key, name) in names {
        if let Some(name) = name {
            line(file, key, Value::from(name.as_str()));
        }
    }
    if access.mode != AclMode::default() {
        line(file, "acl_mode", Value::from(access.mode.name()));
    }
}

/// The `[[group]]`s.
pub(super) fn write_groups(file: &mut String, access: &AccessSettings) {
    for group in &access.groups {
        file.push_str("\n[[group]]\n");
        line(file, "name", Value::from(group.name.as_str()));
        entries(file, "acl", Some(&group.acl));
    }
}

/// What stands under `[[user]]`.
pub(super) fn write_user(file: &mut String, access: &UserAccess) {
    entries(file, "acl", access.acl.as_deref());
    if let Some(groups) = &access.groups {
        line(file, "groups", Value::from(groups.clone()));
    }
}

fn entries(file: &mut String, key: &str, entries: Option<&[AclEntry]>) {
    let Some(entries) = entries else { return };
    let texts: Vec<String> = entries.iter().map(AclEntry::to_string).collect();
    line(file, key, Value::from(texts));
}
