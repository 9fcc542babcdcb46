// SPDX-License-Identifier: Apache-2.0 OR MIT
//! What is different between two configurations' listeners: sockets closed and opened, terms changed.

use broker_config::{Certificate, Listener, Tls};
use mqtt_proto::Version;

/// A sentence for each difference, the closed sockets first.
pub fn changes(before: &[Listener], after: &[Listener]) -> Vec<String> {
    let former = |listener: &Listener| before.iter().find(|other| other.is_same_socket(listener));
    let stays = |listener: &&Listener| after.iter().any(|other| other.is_same_socket(listener));
    let closed = before.iter().filter(|listener| !stays(listener));
    let opened = after.iter().filter(|listener| former(listener).is_none());
    let kept = after
        .iter()
        .filter_map(|after| Some((former(after)?, after)));
    closed
        .map(|listener| format!("listener removed: {listener}"))
        .chain(opened.map(|listener| format!("listener added: {listener}")))
        .chain(kept.flat_map(|(before, after)| terms(before, after)))
        .collect()
}

/// What changed for new connections of a socket that stays open.
fn terms(before: &Listener, after: &Listener) -> Vec<String> {
    let mut changes = Vec::new();
    if before.max_connections != after.max_connections {
        changes.push(match after.max_connections {
            Some(limit) => format!("at most {limit} connections"),
            None => "no bound of its own for connections".to_owned(),
        });
    }
    if before.allow_anonymous != after.allow_anonymous {
        let sentence = match after.allow_anonymous {
            Some(true) => "clients without a user name are let in",
            Some(false) => "clients without a user name are refused",
            None => "clients without a user name as [broker] says",
        };
        changes.push(sentence.to_owned());
    }
    if before.accept_protocol_versions != after.accept_protocol_versions {
        let accepted = &after.accept_protocol_versions;
        let versions = Version::ALL
            .into_iter()
            .filter(|v| accepted.contains(&v.level()));
        let names: Vec<_> = versions.map(Version::name).collect();
        changes.push(format!("accepts MQTT {}", names.join(", ")));
    }
    if let (Some(before), Some(after)) = (&before.tls, &after.tls) {
        changes.extend(tls(before, after));
    }
    changes
        .into_iter()
        .map(|change| format!("listener changed: {after}: {change}"))
        .collect()
}

fn tls(before: &Tls, after: &Tls) -> Vec<String> {
    let mut changes = Vec::new();
    if before.certificate != after.certificate {
        changes.push(match &after.certificate {
            Certificate::Device => "shows the device's own certificate".to_owned(),
            Certificate::Own { certfile, .. } => format!("shows the certificate in {certfile}"),
        });
    }
    if before.clients != after.clients {
        let clients = after.clients.as_ref();
        let sentence = match clients.map(|clients| (clients.required, clients.identity_as_username))
        {
            None => "asks clients for no certificate",
            Some((false, _)) => "takes certificates of clients, as its keys now say",
            Some((true, false)) => "requires certificates of clients, as its keys now say",
            Some((true, true)) => "requires certificates of clients and takes user names from them",
        };
        changes.push(sentence.to_owned());
    }
    if before.minimum != after.minimum {
        changes.push(format!("speaks TLS from {} on", after.minimum.name()));
    }
    changes
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listeners(text: &str) -> Vec<Listener> {
        let text = format!("version = 1\n[[listener]]\n{text}");
        let reading = broker_config::read(text.as_bytes());
        let settings = reading
            .verdict
            .unwrap_or_else(|problems| panic!("{problems:?}"));
        settings.broker.listeners
    }

    #[test]
    fn other_terms_of_the_same_socket_are_a_change_and_no_reopening() {
        let cases: [(&str, &str, &[&str]); 6] = [
            ("port = 1883\n", "port = 1883\n", &[]),
            ("", "max_connections = 5\n", &["at most 5 connections"]),
            (
                "max_connections = 5\n",
                "",
                &["no bound of its own for connections"],
            ),
            (
                "",
                "allow_anonymous = true\n",
                &["clients without a user name are let in"],
            ),
            (
                "allow_anonymous = true\n",
                "",
                &["clients without a user name as [broker] says"],
            ),
            (
                "",
                "accept_protocol_versions = [5, 4]\n",
                &["accepts MQTT 3.1.1, 5.0"],
            ),
        ];
        for (before, after, expected) in cases {
            let expected: Vec<_> = expected
                .iter()
                .map(|change| format!("listener changed: port 1883, all addresses, mqtt: {change}"))
                .collect();
            assert_eq!(
                changes(&listeners(before), &listeners(after)),
                expected,
                "{before} to {after}"
            );
        }
    }

    #[test]
    fn another_socket_is_closed_before_the_new_one_opens() {
        let found = changes(
            &listeners("port = 1884\n"),
            &listeners("protocol = \"websockets\"\n"),
        );
        let expected = [
            "listener removed: port 1884, all addresses, mqtt",
            "listener added: port 1883, all addresses, websockets",
        ];
        assert_eq!(found, expected);
    }
}
