// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The stored form of rights, version 1: entries are texts as in the file.

use broker_config::{AccessSettings, AclEntry, AclMode, Group, UserAccess};
use serde::{Deserialize, Serialize};

use super::DesiredError;

/// Absent where it is the default.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StoredAccess {
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    groups: Vec<StoredGroup>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    anonymous_acl: Option<Vec<String>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    acl_file: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    password_file: Option<String>,
    mode: String,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct StoredGroup {
    name: String,
    acl: Vec<String>,
}

/// The rights of a user, absent where there is no entry.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StoredUserAccess {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    acl: Option<Vec<String>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    groups: Option<Vec<String>>,
}

impl StoredAccess {
    /// None where it is the default.
    pub fn of(access: &AccessSettings) -> Option<Self> {
        let groups = access.groups.iter().map(|group| StoredGroup {
            name: group.name.clone(),
            acl: texts(&group.acl),
        });
        (*access != AccessSettings::default()).then(|| Self {
            groups: groups.collect(),
            anonymous_acl: access.anonymous_acl.as_deref().map(texts),
            acl_file: access.acl_file.clone(),
            password_file: access.password_file.clone(),
            mode: access.mode.name().to_owned(),
        })
    }

    pub fn checked(stored: Option<Self>) -> Result<AccessSettings, DesiredError> {
        let Some(stored) = stored else {
            return Ok(AccessSettings::default());
        };
        let groups = stored.groups.into_iter().map(|group| {
            Ok(Group {
                name: group.name,
                acl: entries(group.acl)?,
            })
        });
        Ok(AccessSettings {
            groups: groups.collect::<Result<_, DesiredError>>()?,
            anonymous_acl: stored.anonymous_acl.map(entries).transpose()?,
            acl_file: stored.acl_file,
            password_file: stored.password_file,
            mode: AclMode::named(&stored.mode).ok_or(DesiredError::Field("acl_mode"))?,
        })
    }
}

impl StoredUserAccess {
    /// None where nothing is listed.
    pub fn of(access: &UserAccess) -> Option<Self> {
        access.is_listed().then(|| Self {
            acl: access.acl.as_deref().map(texts),
            groups: access.groups.clone(),
        })
    }

    pub fn checked(stored: Option<Self>) -> Result<UserAccess, DesiredError> {
        let Some(stored) = stored else {
            return Ok(UserAccess::default());
        };
        Ok(UserAccess {
            acl: stored.acl.map(entries).transpose()?,
            groups: stored.groups,
        })
    }
}

fn texts(entries: &[AclEntry]) -> Vec<String> {
    entries.iter().map(AclEntry::to_string).collect()
}

fn entries(texts: Vec<String>) -> Result<Vec<AclEntry>, DesiredError> {
    let entry = |text: String| AclEntry::parse(&text).map_err(|_| DesiredError::Field("acl"));
    texts.into_iter().map(entry).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(text: &str) -> broker_config::BrokerSettings {
        let reading = broker_config::read(format!("version = 1\n{text}").as_bytes());
        let told = reading.to_text("x");
        reading.verdict.unwrap_or_else(|_| panic!("{told}")).broker
    }

    #[test]
    fn every_right_is_kept() {
        let text = "[broker]\nanonymous_acl = [\"read a\"]\npassword_file = \"p\"\nacl_mode = \"mosquitto\"\n\
                    [[group]]\nname = \"g\"\nacl = [\"read $SYS/#\", \"deny b/%u\"]\n\
                    [[user]]\nusername = \"u\"\npassword = \"x\"\nacl = [\"write %c/a b\"]\ngroups = [\"g\"]\n";
        for text in [text, "[broker]\nacl_file = \"a\"\n", ""] {
            let settings = settings(text);
            let stored = serde_json::to_string(&StoredAccess::of(&settings.access)).unwrap();
            let read = StoredAccess::checked(serde_json::from_str(&stored).unwrap());
            assert_eq!(read.ok(), Some(settings.access), "{stored}");
            for user in settings.users {
                let stored = serde_json::to_string(&StoredUserAccess::of(&user.access)).unwrap();
                let read = StoredUserAccess::checked(serde_json::from_str(&stored).unwrap());
                assert_eq!(read.ok(), Some(user.access), "{stored}");
            }
        }
        assert!(StoredAccess::of(&AccessSettings::default()).is_none());
        assert!(StoredUserAccess::of(&UserAccess::default()).is_none());
    }

    #[test]
    fn an_entry_that_is_none_is_told() {
        let read = |text: &str| StoredUserAccess::checked(serde_json::from_str(text).unwrap());
        assert!(read(r#"{"acl":["raed a"]}"#).is_err());
    }
}
