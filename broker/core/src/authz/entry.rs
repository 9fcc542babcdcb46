// SPDX-License-Identifier: Apache-2.0 OR MIT
//! One entry of an access list, and the one comparison of an entry with a topic or with a whole filter.

use mqtt_proto::Filter;

use super::Wanted;

/// What an entry says of what its filter matches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Grant {
    /// Messages may be received.
    Read,
    /// Messages may be published.
    Write,
    ReadWrite,
    /// Neither, whatever other entries say.
    Deny,
}

/// One entry of an access list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccessEntry {
    grant: Grant,
    filter: Box<str>,
    /// The filter names the user (`%u`), or the client identifier (`%c`).
    of_user: bool,
    of_client: bool,
}

/// What stands for `%u` and `%c`; none where the name cannot be a level.
#[derive(Clone, Copy)]
pub(super) struct Identity<'a> {
    /// The client has no user name.
    pub anonymous: bool,
    pub user: Option<&'a str>,
    pub client: Option<&'a str>,
}

impl AccessEntry {
    /// An entry whose filter means what it says.
    pub fn new(grant: Grant, filter: &Filter) -> Self {
        Self {
            grant,
            filter: filter.as_str().into(),
            of_user: false,
            of_client: false,
        }
    }

    /// An entry in whose filter `%u` is the user name and `%c` the client identifier, each as one level or a part of one.
    pub fn pattern(grant: Grant, filter: &Filter) -> Self {
        let text = filter.as_str();
        Self {
            of_user: text.contains("%u"),
            of_client: text.contains("%c"),
            ..Self::new(grant, filter)
        }
    }

    pub(super) fn grant(&self) -> Grant {
        self.grant
    }

    /// Whether this entry speaks of that right to all of `what`, a topic or a filter.
    ///
    /// A name that is no level gives nothing, and takes as much as any name would: a deny entry counts for every level. Entries
    /// with `%u` are not about clients without a user name.
    pub(super) fn decides(&self, wanted: Wanted, identity: Identity<'_>, what: &str) -> bool {
        let speaks = match self.grant {
            Grant::Deny | Grant::ReadWrite => true,
            Grant::Read => wanted != Wanted::Publish,
            Grant::Write => wanted == Wanted::Publish,
        };
        let nameless =
            self.of_user && identity.user.is_none() || self.of_client && identity.client.is_none();
        speaks
            && !(self.of_user && identity.anonymous)
            && !(nameless && self.grant != Grant::Deny)
            && self.covers(identity, what)
    }

    /// Whether the filter matches every topic that `what` matches, a topic itself only.
    fn covers(&self, identity: Identity<'_>, what: &str) -> bool {
        // Neither a wildcard nor a name reaches a topic of the server. [MQTT-4.7.2-1] (R19)
        if what.starts_with('$') && !self.filter.starts_with('$') {
            return false;
        }
        // Every topic has a first level, so `#` asks for as much as `+/#` does.
        let what = if what == "#" { "+/#" } else { what };
        let (mut filter, mut levels) = (self.filter.split('/'), what.split('/'));
        loop {
            match (filter.next(), levels.next()) {
                (Some("#"), _) | (None, None) => return true,
                (Some(_), Some("#")) => return false,
                (Some("+"), Some(_)) => {}
                (Some(level), Some(other)) if self.is_level(level, other, identity) => {}
                _ => return false,
            }
        }
    }

    /// Whether the level of an entry, its names put in, is this level of a topic or filter.
    fn is_level(&self, level: &str, other: &str, identity: Identity<'_>) -> bool {
        if !self.of_user && !self.of_client || !level.contains('%') {
            return level == other;
        }
        let lost = |sign, name: Option<&str>| name.is_none() && level.contains(sign);
        if lost("%u", identity.user) || lost("%c", identity.client) {
            return true; // of a denial, as only that comes here without a name
        }
        let (mut level, mut rest) = (level, other);
        while let Some((plain, tail)) = level.split_once('%') {
            let (name, behind) = match tail.as_bytes().first() {
                Some(b'u') => (identity.user.unwrap_or_default(), tail.get(1..)),
                Some(b'c') => (identity.client.unwrap_or_default(), tail.get(1..)),
                _ => ("%", Some(tail)),
            };
            let named = rest.strip_prefix(plain).and_then(|r| r.strip_prefix(name));
            let (Some(after), Some(behind)) = (named, behind) else {
                return false;
            };
            (level, rest) = (behind, after);
        }
        level == rest
    }
}
