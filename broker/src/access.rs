// SPDX-License-Identifier: Apache-2.0 OR MIT
//! From what a configuration and its acl_file say to the rights that the core puts in force.

use std::sync::Arc;

use broker_config::{AclEntry, AclFile, AclMode, AclRight, BrokerSettings, User};
use mqtt_core::{Access, AccessEntry, Grant, Grants, Rules};

/// The rights of everybody: users that are not named may nothing.
pub fn access(settings: &BrokerSettings, file: Option<&AclFile>) -> Access {
    let anonymous_acl = settings.access.anonymous_acl.as_deref();
    let rights = match file {
        Some(file) => of_file(&settings.users, file),
        None => Access {
            users: settings
                .users
                .iter()
                .map(|user| (user.username.as_str().into(), of_user(settings, user)))
                .collect(),
            anonymous: anonymous_acl.map_or(Grants::Everything, of_entries),
            ..Access::nothing()
        },
    };
    Access {
        subscribes_freely: settings.access.mode == AclMode::Mosquitto,
        ..rights
    }
}

/// A user's own entries and those of its groups.
fn of_user(settings: &BrokerSettings, user: &User) -> Grants {
    if !user.access.is_listed() {
        return Grants::Everything;
    }
    let memberships = user.access.groups.iter().flatten();
    let groups = memberships.flat_map(|name| {
        let groups = settings.access.groups.iter();
        groups.filter(move |group| group.name == *name)
    });
    let own = user.access.acl.iter().flatten();
    of_entries(own.chain(groups.flat_map(|group| &group.acl)))
}

fn of_entries<'a>(entries: impl IntoIterator<Item = &'a AclEntry>) -> Grants {
    let entries = entries.into_iter().map(pattern).collect();
    Grants::Listed(Arc::new(Rules::new(entries, Arc::default())))
}

/// What Mosquitto's file says: what it does not allow is denied, also to users that it does not name.
fn of_file(users: &[User], file: &AclFile) -> Access {
    let patterns = Rules::shared(file.patterns.iter().map(pattern).collect());
    let listed = |entries: &[AclEntry]| {
        let entries = entries.iter().map(literal).collect();
        Grants::Listed(Arc::new(Rules::new(entries, Arc::clone(&patterns))))
    };
    let of_user = |user: &User| {
        let entries = file.users.get(&user.username);
        let grants = listed(entries.map(Vec::as_slice).unwrap_or_default());
        (user.username.as_str().into(), grants)
    };
    Access {
        users: users.iter().map(of_user).collect(),
        anonymous: listed(&file.anonymous),
        ..Access::nothing()
    }
}

fn literal(entry: &AclEntry) -> AccessEntry {
    AccessEntry::new(grant(entry.right), &entry.filter)
}

fn pattern(entry: &AclEntry) -> AccessEntry {
    AccessEntry::pattern(grant(entry.right), &entry.filter)
}

fn grant(right: AclRight) -> Grant {
    match right {
        AclRight::Read => Grant::Read,
        AclRight::Write => Grant::Write,
        AclRight::ReadWrite => Grant::ReadWrite,
        AclRight::Deny => Grant::Deny,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rights(text: &str) -> Access {
        let text = format!("version = 1\n{text}");
        let reading = broker_config::read(text.as_bytes());
        let told = reading.to_text("x");
        let settings = reading.verdict.unwrap_or_else(|_| panic!("{told}"));
        access(&settings.broker, None)
    }

    const USER: &str = "[[user]]\nusername = \"u\"\npassword = \"x\"\n";

    #[test]
    fn a_user_without_entries_may_everything_and_one_with_none_nothing() {
        let nothing = of_entries(&[]);
        let cases = [
            ("", Grants::Everything),
            ("acl = []\n", nothing.clone()),
            ("groups = []\n", nothing.clone()),
        ];
        for (line, expected) in cases {
            let access = rights(&format!("{USER}{line}"));
            assert_eq!(access.users["u"], expected, "{line}");
            assert_eq!(access.others, nothing, "whoever is not named");
            assert_eq!(access.anonymous, Grants::Everything);
        }
    }

    #[test]
    fn entries_of_groups_are_added_to_those_of_the_user() {
        let groups = "[[group]]\nname = \"a\"\nacl = [\"read a\"]\n[[group]]\nname = \"b\"\nacl = [\"deny b\"]\n";
        let both = format!("{USER}acl = [\"write c\"]\ngroups = [\"a\", \"b\"]\n{groups}");
        let alone = format!("{USER}acl = [\"write c\", \"read a\", \"deny b\"]\n");
        assert_eq!(rights(&both), rights(&alone));
    }

    #[test]
    fn a_file_says_all_also_of_users_that_it_does_not_name() {
        let file = broker_config::acl_file(b"topic read a\npattern read %u\nuser v\ntopic b\n");
        let file = file.unwrap_or_else(|problems| panic!("{problems:?}"));
        let reading = broker_config::read(format!("version = 1\n{USER}").as_bytes());
        let Ok(settings) = reading.verdict else {
            panic!("refused");
        };
        let access = access(&settings.broker, Some(&file));
        let pattern = AccessEntry::pattern(Grant::Read, &file.patterns[0].filter);
        let listed =
            |entries| Grants::Listed(Arc::new(Rules::new(entries, vec![pattern.clone()].into())));
        assert_eq!(access.users["u"], listed(Vec::new()));
        assert_eq!(access.anonymous, listed(vec![literal(&file.anonymous[0])]));
        assert_eq!(access.others, of_entries(&[]));
    }
}
