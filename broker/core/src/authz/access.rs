// SPDX-License-Identifier: Apache-2.0 OR MIT
//! What is in force for everybody, as a driver builds it from its configuration.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytestring::ByteString;

use super::entry::{AccessEntry, Grant};
use super::{Listed, Rights, Scope};
use crate::SessionKey;
use crate::session::INTERNAL_USER;

/// Who may do what; [`crate::Command::Access`] puts it in force. By default everybody may everything.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Access {
    /// By user name.
    pub users: BTreeMap<ByteString, Grants>,
    /// For users that are not named above, whose sessions and wills may outlive them in a configuration.
    pub others: Grants,
    /// For clients without a user name.
    pub anonymous: Grants,
    /// Every SUBSCRIBE is granted, as Mosquitto does; its messages are judged one by one all the same.
    pub subscribes_freely: bool,
}

/// What one user may.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Grants {
    /// Publish and receive everything outside of `$` topics, and receive `$SYS/#`.
    #[default]
    Everything,
    /// What these rules allow, and nothing else.
    Listed(Arc<Rules>),
}

/// An access list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rules {
    /// The entries of this user, denials first.
    entries: Vec<AccessEntry>,
    /// Entries for all users, asked where the former say nothing; denials first.
    patterns: Arc<[AccessEntry]>,
}

impl Access {
    /// Nobody may anything: what holds as long as there is no configuration.
    pub fn nothing() -> Self {
        let nothing = || Grants::Listed(Arc::default());
        Self {
            others: nothing(),
            anonymous: nothing(),
            ..Self::default()
        }
    }

    /// What the client of this session may.
    pub(crate) fn rights_of(&self, key: &SessionKey) -> Rights {
        let grants = match &*key.user {
            INTERNAL_USER => return Rights::of(Scope::Internal, false),
            "" => &self.anonymous,
            user => self.users.get(user).unwrap_or(&self.others),
        };
        let scope = match grants {
            Grants::Everything => Scope::Unrestricted,
            Grants::Listed(rules) => Scope::Listed(Box::new(Listed::new(rules, key))),
        };
        Rights::of(scope, self.subscribes_freely)
    }
}

impl Rules {
    /// The entries of a user in any order, and those patterns, made by [`Rules::shared`], that are for all users.
    pub fn new(mut entries: Vec<AccessEntry>, patterns: Arc<[AccessEntry]>) -> Self {
        deny_first(&mut entries);
        Self { entries, patterns }
    }

    /// Entries for all users, in any order.
    pub fn shared(mut patterns: Vec<AccessEntry>) -> Arc<[AccessEntry]> {
        deny_first(&mut patterns);
        patterns.into()
    }

    pub(super) fn entries(&self) -> &[AccessEntry] {
        &self.entries
    }

    pub(super) fn patterns(&self) -> &[AccessEntry] {
        &self.patterns
    }
}

/// A denial counts wherever it stands.
fn deny_first(entries: &mut [AccessEntry]) {
    entries.sort_by_key(|entry| entry.grant() != Grant::Deny);
}
