// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Files beside a configuration: taken over with it, or the reason for which it is refused.

use broker_config::Credential;

use super::*;
use crate::reload::{Refusal, load};

const HASH: &str = "$6$YS1zYWx0LWZvci15$gwv7DkuSs7GYoMeCpANZS9MM2ihI1liwd+b94aMgMfUqy9OgPYuP2mdoiuiANcfdW4G7O2hxAiIfvUouL08xGA==";

/// A folder with a configuration that names both files; what is none is not there.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str, passwords: Option<&str>, acl: Option<&str>) -> Self {
        let folder = format!("broker-files-{}-{name}", std::process::id());
        let folder = std::env::temp_dir().join(folder);
        std::fs::create_dir_all(&folder).unwrap();
        let config = "version = 1\n[broker]\nacl_file = \"acl\"\npassword_file = \"passwd\"\n\
                      [[user]]\nusername = \"ann\"\npassword = \"secret\"\n";
        let files = [
            ("broker.toml", Some(config)),
            ("passwd", passwords),
            ("acl", acl),
        ];
        for (name, text) in files {
            if let Some(text) = text {
                std::fs::write(folder.join(name), text).unwrap();
            }
        }
        Self(folder)
    }

    async fn refusal(&self) -> Vec<String> {
        let refusal = match load(self.0.join("broker.toml")).await {
            Ok(_) => panic!("accepted"),
            Err(refusal) => refusal,
        };
        assert!(matches!(refusal, Refusal::Files(..)), "{refusal}");
        assert_eq!(refusal.exit_status(), 1);
        let folder = format!("{}/", self.0.display());
        let lines = refusal.lines().into_iter();
        lines.map(|line| line.replace(&folder, "")).collect()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // A test that failed early may have made none.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

#[tokio::test]
async fn their_users_and_rights_are_those_of_the_configuration() {
    let passwords = format!("bob:{HASH}\n");
    let folder = Folder::new("valid", Some(&passwords), Some("user bob\ntopic read a\n"));
    let loaded = load(folder.0.join("broker.toml")).await;
    let loaded = loaded.unwrap_or_else(|refusal| panic!("{:?}", refusal.lines()));
    let users = &loaded.settings.users;
    let names: Vec<&str> = users.iter().map(|user| user.username.as_str()).collect();
    assert_eq!(names, ["ann", "bob"]);
    assert!(matches!(users[1].credential, Credential::Hash(_)));
    let acl = loaded.acl.unwrap_or_default();
    assert_eq!(acl.users["bob"][0].to_string(), "read a");
}

/// A name, password_file and acl_file, and what is told.
type Case<'a> = (&'a str, Option<&'a str>, Option<&'a str>, &'a [&'a str]);

#[tokio::test]
async fn a_file_that_is_missing_or_wrong_refuses_the_configuration_with_every_line() {
    let passwords = format!("bob:{HASH}\nann:{HASH}\n");
    let cases: [Case<'_>; 4] = [
        (
            "missing",
            Some(""),
            None,
            &[
                "broker.toml is refused because of its acl_file",
                "acl_file acl cannot be read: No such file or directory (os error 2)",
            ],
        ),
        (
            "faulty",
            Some("bob:secret\ncarl\n"),
            Some("topic read a\ntopics b\n"),
            &[
                "broker.toml is refused because of its password_file and its acl_file",
                "password_file passwd, line 1: what follows the name is no hash",
                "password_file passwd, line 2: a line is a user name",
                "acl_file acl, line 2: a line begins with",
            ],
        ),
        (
            "twice",
            Some(&passwords),
            Some(""),
            &[
                "broker.toml is refused because of its password_file",
                "password_file passwd, line 2: the [[user]] of line 5 has the same name",
            ],
        ),
        (
            "binary",
            Some("\u{0}"),
            Some(""),
            &[
                "broker.toml is refused because of its password_file",
                "password_file passwd, line 1: a line is a user name",
            ],
        ),
    ];
    for (name, passwords, acl, expected) in cases {
        let found = Folder::new(name, passwords, acl).refusal().await;
        assert_eq!(found.len(), expected.len(), "{name}: {found:#?}");
        for (found, expected) in found.iter().zip(expected) {
            assert!(found.starts_with(expected), "{name}: {found}");
        }
    }
}
