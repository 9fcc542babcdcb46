// SPDX-License-Identifier: Apache-2.0 OR MIT
//! What is different between two configurations, in sentences.

mod listeners;
mod persistence;
mod rights;

use broker_config::{BrokerSettings, LIMITS, Limit, LimitSettings, LoginMethod, User};
use bytestring::ByteString;

use super::Running;

/// The changes, `nothing changed` if there is none; the first configuration is described instead.
pub(super) fn between(before: Option<&Running>, after: &Running) -> Vec<String> {
    let Some(before) = before else {
        return description(&after.settings);
    };
    let rights = rights::changes(&before.access, &after.access);
    let (before, after) = (&before.settings, &after.settings);
    let mut lines = users(&before.users, &after.users);
    if before.allow_anonymous != after.allow_anonymous {
        lines.push(anonymous(after).to_owned());
    }
    lines.extend(rights);
    lines.extend(listeners::changes(&before.listeners, &after.listeners));
    lines.extend(persistence::changes(before.persistence, after.persistence));
    lines.extend(limits(&before.limits, &after.limits));
    if lines.is_empty() {
        lines.push("nothing changed".to_owned());
    }
    lines.extend(warning(after));
    lines
}

/// Users whose logins are no longer good.
pub fn withdrawn(before: &BrokerSettings, after: &BrokerSettings) -> Vec<ByteString> {
    let same = |a: &User, b: &User| {
        a.username == b.username && a.credential == b.credential && a.method == b.method
    };
    let stays = |user: &User| after.users.iter().any(|other| same(user, other));
    let gone = before.users.iter().filter(|user| !stays(user));
    gone.map(|user| user.username.as_str().into()).collect()
}

fn description(settings: &BrokerSettings) -> Vec<String> {
    let users = match settings.users.len() {
        1 => "1 user".to_owned(),
        count => format!("{count} users"),
    };
    let mut lines = vec![format!("{users}; {}", anonymous(settings))];
    lines.extend(persistence::description(settings.persistence));
    let limits = settings.limits.changed();
    lines.extend(limits.map(|(limit, value)| {
        let (name, value) = (limit.key.name, limit.in_words(value));
        format!("{}: {name} {value}", limit.noun())
    }));
    lines.extend(warning(settings));
    lines
}

fn anonymous(settings: &BrokerSettings) -> &'static str {
    if settings.allow_anonymous {
        "clients without a user name are let in"
    } else {
        "clients without a user name are refused"
    }
}

fn users(before: &[User], after: &[User]) -> Vec<String> {
    let find = |users: &[User], name: &str| users.iter().position(|user| user.username == name);
    let removed = before
        .iter()
        .filter(|user| find(after, &user.username).is_none());
    let mut lines: Vec<String> = removed
        .map(|user| format!("user removed: {}", user.username))
        .collect();
    for user in after {
        match find(before, &user.username).and_then(|index| before.get(index)) {
            None => lines.push(format!("user added: {}", user.username)),
            Some(former) if former.method != user.method => {
                lines.push(format!(
                    "{} now logs in by {}",
                    user.username,
                    way(user.method)
                ));
            }
            Some(former) if former.credential != user.credential => {
                lines.push(format!("password changed: {}", user.username));
            }
            Some(_) => {}
        }
    }
    lines
}

fn limits(before: &LimitSettings, after: &LimitSettings) -> Vec<String> {
    let changed = LIMITS
        .into_iter()
        .filter(|limit| before.value(limit) != after.value(limit));
    let line = |limit: &Limit| {
        let [from, to] = [before, after].map(|limits| limit.in_words(limits.value(limit)));
        format!(
            "{} changed: {} {from} -> {to}",
            limit.noun(),
            limit.key.name
        )
    };
    changed.map(line).collect()
}

fn way(method: LoginMethod) -> &'static str {
    match method {
        LoginMethod::Password => "password",
        LoginMethod::Scram => "SCRAM-SHA-256",
        LoginMethod::Certificate => "certificate",
    }
}

fn warning(settings: &BrokerSettings) -> Option<String> {
    settings.keeps_everybody_out().then(|| {
        "nobody can log in: there is no [[user]], and `allow_anonymous = true` stands neither under [broker] nor \
         under a [[listener]]"
            .to_owned()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn running(text: &str) -> Running {
        let settings = settings(text);
        let access = crate::access::access(&settings, None).into();
        Running { settings, access }
    }

    fn settings(text: &str) -> BrokerSettings {
        let reading = broker_config::read(format!("version = 1\n{text}").as_bytes());
        reading
            .verdict
            .unwrap_or_else(|problems| panic!("{problems:?}"))
            .broker
    }

    const ANN: &str = "[[user]]\nusername = \"ann\"\npassword = \"one\"\n";
    const ANN_TWO: &str = "[[user]]\nusername = \"ann\"\npassword = \"two\"\n";
    const BOB: &str = "[[user]]\nusername = \"bob\"\npassword = \"one\"\n";
    const PORT: &str = "[[listener]]\nport = 1884\n";

    #[test]
    fn each_difference_is_told() {
        let both = format!("{ANN}{BOB}");
        let port = format!("{ANN}{PORT}");
        let anonymous = format!("[broker]\nallow_anonymous = true\n{ANN}");
        let limited = format!("{ANN}[limits]\nmax_connections = 50\nmax_session_expiry = \"2w\"\n");
        let by_scram = ANN.to_owned() + "auth = \"scram\"\n";
        let paced = format!("[broker]\nsys_interval = 0\n{ANN}");
        let readers = format!(
            "[broker]\nacl_mode = \"mosquitto\"\nanonymous_acl = []\n{ANN}acl = [\"read #\"]\n{BOB}"
        );
        let cases: [(&str, &str, &[&str]); 11] = [
            (
                &both,
                &readers,
                &[
                    "rights changed: ann, clients without a user name",
                    "subscriptions are now all granted, as Mosquitto does",
                ],
            ),
            (ANN, &by_scram, &["ann now logs in by SCRAM-SHA-256"]),
            (ANN, ANN, &["nothing changed"]),
            (ANN, &paced, &["setting changed: sys_interval 10 -> 0"]),
            (ANN, &both, &["user added: bob"]),
            (&both, ANN, &["user removed: bob"]),
            (ANN, ANN_TWO, &["password changed: ann"]),
            (ANN, BOB, &["user removed: ann", "user added: bob"]),
            (ANN, &anonymous, &["clients without a user name are let in"]),
            (
                ANN,
                &limited,
                &[
                    "limit changed: max_connections 10000 -> 50",
                    "limit changed: max_session_expiry never -> 14 days",
                ],
            ),
            (
                ANN,
                &port,
                &[
                    "listener removed: port 1883, all addresses, mqtt",
                    "listener added: port 1884, all addresses, mqtt",
                ],
            ),
        ];
        for (before, after, expected) in cases {
            assert_eq!(
                between(Some(&running(before)), &running(after)),
                expected,
                "{before} to {after}"
            );
        }
    }

    #[test]
    fn a_login_is_withdrawn_with_its_user_or_its_password() {
        let anonymous = format!("[broker]\nallow_anonymous = true\n{ANN}");
        let both = format!("{ANN}{BOB}");
        let by_scram = ANN.to_owned() + "auth = \"scram\"\n";
        let cases: [(&str, &str, &[&str]); 6] = [
            (ANN, &by_scram, &["ann"]),
            (ANN, &both, &[]),
            (&both, ANN, &["bob"]),
            (ANN, ANN_TWO, &["ann"]),
            (ANN, &anonymous, &[]),
            (&anonymous, ANN, &[]),
        ];
        for (before, after, expected) in cases {
            let names = withdrawn(&settings(before), &settings(after));
            assert_eq!(names, expected, "{before} to {after}");
        }
    }

    #[test]
    fn the_first_configuration_is_described() {
        assert_eq!(
            between(None, &running(ANN)),
            ["1 user; clients without a user name are refused"]
        );
    }

    #[test]
    fn a_configuration_nobody_can_log_in_with_is_warned_of() {
        let lines = between(None, &running(""));
        assert!(
            lines
                .iter()
                .any(|line| line.starts_with("nobody can log in")),
            "{lines:?}"
        );
    }
}
