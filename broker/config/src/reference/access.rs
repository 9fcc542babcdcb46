// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The rows of the table that are about rights.

use super::{Form, Key, Table};

pub(crate) const ACL: Key = Key {
    table: Table::User,
    name: "acl",
    form: Form::Texts,
    default: "everything but topics that start with $, of which $SYS/# can be read",
    sentence: "What this user may: each entry is read, write, readwrite or deny and a topic filter, in which %u is the \
               user name and %c the client identifier; what no entry allows is denied, and deny counts wherever it \
               stands.",
    example: "[\"write sensors/#\", \"read commands/%u/#\", \"deny sensors/private/#\"]",
};

pub(crate) const GROUPS: Key = Key {
    table: Table::User,
    name: "groups",
    form: Form::Texts,
    default: "none",
    sentence: "Names of groups whose entries this user has, too.",
    example: "[\"readers\"]",
};

pub(crate) const GROUP_NAME: Key = Key {
    table: Table::Group,
    name: "name",
    form: Form::Text,
    default: "none, every group needs one",
    sentence: "The name by which users have the group's entries.",
    example: "\"readers\"",
};

pub(crate) const GROUP_ACL: Key = Key {
    table: Table::Group,
    name: "acl",
    form: Form::Texts,
    default: "none, every group needs one",
    sentence: "The entries, as those of a user.",
    example: "[\"read #\", \"read $SYS/#\"]",
};

pub(crate) const ANONYMOUS_ACL: Key = Key {
    table: Table::Broker,
    name: "anonymous_acl",
    form: Form::Texts,
    default: "as that of a user",
    sentence: "What clients without a user name may, where they are let in: entries as those of a user, without %u.",
    example: "[\"read public/#\"]",
};

pub(crate) const ACL_FILE: Key = Key {
    table: Table::Broker,
    name: "acl_file",
    form: Form::Text,
    default: "none",
    sentence: "A Mosquitto file of access lists, in place of acl, groups and anonymous_acl: what it does not allow is \
               denied. File names are absolute, or below the folder of this file.",
    example: "\"mosquitto.acl\"",
};

pub(crate) const PASSWORD_FILE: Key = Key {
    table: Table::Broker,
    name: "password_file",
    form: Form::Text,
    default: "none",
    sentence: "A Mosquitto password file with more users; their names may not stand in a [[user]].",
    example: "\"mosquitto.passwd\"",
};

pub(crate) const ACL_MODE: Key = Key {
    table: Table::Broker,
    name: "acl_mode",
    form: Form::Word(&["truthful", "mosquitto"]),
    default: "\"truthful\"",
    sentence: "How a subscription is answered: \"truthful\" refuses one that asks for more than its client may read; \
               \"mosquitto\" grants every one and leaves out what the client may not read.",
    example: "\"mosquitto\"",
};
