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
    form: Form,
    /// The filter names the user (`%u`), or the client identifier (`%c`).
    of_user: bool,
    of_client: bool,
}

/// How an entry is compared; most need no look at their levels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    /// No wildcard and no name: only itself.
    Topic,
    /// A topic without wildcards or names, then `/#`.
    Subtree,
    /// After so many bytes, which are whole levels, there are wildcards and names.
    Levels(usize),
}

/// What stands for `%u` and `%c`; none where the name cannot be a level.
#[derive(Clone, Copy)]
pub(super) struct Identity<'a> {
    /// The client has no user name.
    pub anonymous: bool,
    pub user: Option<&'a str>,
    pub client: Option<&'a str>,
}

impl Form {
    /// Of a filter without names.
    fn of(filter: &str) -> Self {
        match filter.strip_suffix("/#") {
            None if !filter.contains(['+', '#']) => Self::Topic,
            Some(parent) if !parent.contains('+') => Self::Subtree,
            _ => Self::of_levels(filter),
        }
    }

    fn of_levels(filter: &str) -> Self {
        let first = filter.find(['+', '#', '%']).unwrap_or(filter.len());
        let plain = filter.get(..first).and_then(|plain| plain.rfind('/'));
        Self::Levels(plain.map_or(0, |slash| slash + 1))
    }
}

impl AccessEntry {
    /// An entry whose filter means what it says.
    pub fn new(grant: Grant, filter: &Filter) -> Self {
        Self {
            grant,
            filter: filter.as_str().into(),
            form: Form::of(filter.as_str()),
            of_user: false,
            of_client: false,
        }
    }

    /// An entry in whose filter `%u` is the user name and `%c` the client identifier, each as one level or a part of one.
    pub fn pattern(grant: Grant, filter: &Filter) -> Self {
        let text = filter.as_str();
        let (of_user, of_client) = (text.contains("%u"), text.contains("%c"));
        let plain = Self::new(grant, filter);
        Self {
            form: match of_user || of_client {
                true => Form::of_levels(text),
                false => plain.form,
            },
            of_user,
            of_client,
            ..plain
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
        match self.form {
            Form::Topic => return *self.filter == *what,
            Form::Subtree => return self.is_parent_of(what),
            Form::Levels(plain) if what.get(..plain) != self.filter.get(..plain) => return false,
            Form::Levels(_) => {}
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

    /// Whether `what` is the topic before `/#`, or below it.
    fn is_parent_of(&self, what: &str) -> bool {
        let parent = self.filter.strip_suffix("/#").unwrap_or(&self.filter);
        let rest = what.strip_prefix(parent);
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_compared_as_a_whole_is_judged_as_level_by_level() {
        let texts = [
            "a", "a/b", "a/b/c", "ab", "a/", "/", "/a", "#", "+", "a/#", "a/+", "a/b/#", "+/#",
            "/#", "a/+/#", "a/+/c", "$SYS", "$SYS/#", "$SYS/a",
        ];
        let identity = Identity {
            anonymous: true,
            user: None,
            client: None,
        };
        let mut forms = [0; 3];
        for filter in texts {
            let entry = AccessEntry::new(Grant::Read, &Filter::new(filter.into()).unwrap());
            let form = [Form::Topic, Form::Subtree].into_iter();
            forms[form.take_while(|form| *form != entry.form).count()] += 1;
            let slow = AccessEntry {
                form: Form::Levels(0),
                ..entry.clone()
            };
            for what in texts {
                let (fast, slow) = (entry.covers(identity, what), slow.covers(identity, what));
                assert_eq!(fast, slow, "{filter} and {what}");
            }
        }
        assert!(forms.iter().all(|count| *count > 3), "{forms:?}");
    }
}
