// SPDX-License-Identifier: Apache-2.0 OR MIT
//! What other machines find without knowing a name or port: the listeners as services of multicast DNS (RFC 6763).
//!
//! avahi-daemon announces what lies in its folder, and looks again whenever a file there changes. Where that folder is
//! missing nothing is written. Only MQTT over TCP, plain or over TLS, has a registered type; neither registers a TXT
//! record. A file cannot name an interface, so the listener of one is announced on all of them.

use std::collections::BTreeMap;
use std::fmt;
use std::io;

use broker_config::{BindAddress, Listener, Protocol, SocketDomain};

use crate::firewall::is_outward;
use crate::provision::World;
use crate::system::{Access, files};

/// One service: a listener's port under the type that is registered for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Service {
    kind: &'static str,
    port: u16,
    /// The family of addresses it is announced over.
    domain: SocketDomain,
}

/// Files of ours in avahi's folder, by name.
pub type Files = BTreeMap<String, Vec<u8>>;

/// What is to be changed there.
#[derive(Clone, PartialEq, Eq)]
pub struct Work {
    /// All that is announced afterwards.
    services: Vec<Service>,
    write: Files,
    remove: Vec<String>,
}

/// Our files that stand there; `None` where avahi is not installed. One that cannot be read is to be written anew.
pub fn see(world: &World) -> Option<Files> {
    let folder = &world.places.services;
    let names = match world.files.list(folder) {
        Ok(names) => names,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return None,
        // What is wrong with it is told when it is written to.
        Err(_) => Vec::new(),
    };
    let ours = names.into_iter().filter(|name| is_ours(name));
    let contents = |name: &String| world.files.read(&folder.join(name), LIMIT).ok().flatten();
    Some(
        ours.map(|name| {
            let contents = contents(&name).unwrap_or_default();
            (name, contents)
        })
        .collect(),
    )
}

/// What is missing or too much. Pure.
pub fn work(listeners: &[Listener], seen: Option<&Files>) -> Option<Work> {
    let seen = seen?;
    let services = services(listeners);
    let mut write = rendered(&services);
    let stale = |name: &&String| !write.contains_key(*name);
    let remove: Vec<_> = seen.keys().filter(stale).cloned().collect();
    write.retain(|name, contents| seen.get(name) != Some(contents));
    let is_due = !write.is_empty() || !remove.is_empty();
    is_due.then_some(Work {
        services,
        write,
        remove,
    })
}

/// Does it; each file is the old one or the new one after a power cut, and what was not done is due again.
pub fn carry_out(world: &World, work: &Work) -> io::Result<()> {
    let folder = &world.places.services;
    for name in &work.remove {
        files::discard(world.files, &folder.join(name))?;
    }
    for (name, contents) in &work.write {
        let access = Access::EVERYBODYS;
        files::replace(world.files, &folder.join(name), contents, access)?;
    }
    Ok(())
}

/// Each port once for each type, in the order of the file.
fn services(listeners: &[Listener]) -> Vec<Service> {
    let mut services: Vec<Service> = Vec::new();
    for service in listeners.iter().filter_map(service) {
        let same = |other: &&mut Service| other.kind == service.kind && other.port == service.port;
        match services.iter_mut().find(same) {
            Some(other) if other.domain != service.domain => other.domain = SocketDomain::Both,
            Some(_) => {}
            None => services.push(service),
        }
    }
    services
}

/// None for what other machines do not reach, and for MQTT in WebSocket frames, which has no type.
fn service(listener: &Listener) -> Option<Service> {
    let kind = match (listener.protocol, &listener.tls) {
        (Protocol::WebSockets, _) => return None,
        (Protocol::Mqtt, None) => PLAIN,
        (Protocol::Mqtt, Some(_)) => SECURE,
    };
    let domain = match listener.local_address() {
        BindAddress::Ip(address) if address.is_ipv4() => SocketDomain::Ipv4,
        BindAddress::Ip(_) => SocketDomain::Ipv6,
        BindAddress::Any | BindAddress::Host(_) => listener.socket_domain,
    };
    is_outward(listener).then_some(Service {
        kind,
        port: listener.port,
        domain,
    })
}

/// The first service of each type has the host's name and is in the first file; avahi refuses a second one of the same
/// name and type, so that another port has its number in its name, and a file of its own.
fn rendered(services: &[Service]) -> Files {
    let is_first = |service: &Service| {
        let same = |other: &&Service| other.kind == service.kind;
        services.iter().find(same) == Some(service)
    };
    let mut groups: BTreeMap<Option<u16>, Vec<&Service>> = BTreeMap::new();
    for service in services {
        let group = (!is_first(service)).then_some(service.port);
        groups.entry(group).or_default().push(service);
    }
    let file = |(port, services): (Option<u16>, Vec<&Service>)| match port {
        None => (format!("{STEM}{END}"), group("%h", &services)),
        Some(port) => (
            format!("{STEM}-{port}{END}"),
            group(&format!("%h port {port}"), &services),
        ),
    };
    groups.into_iter().map(file).collect()
}

/// One file. It holds nothing but numbers and words of this program's, so nothing in it has to be escaped.
fn group(name: &str, services: &[&Service]) -> Vec<u8> {
    let one = |service: &&Service| {
        let Service { kind, port, .. } = service;
        let over = service.domain.name().unwrap_or("any");
        format!(
            "  <service protocol=\"{over}\">\n    <type>{kind}</type>\n    <port>{port}</port>\n  </service>\n"
        )
    };
    let services: String = services.iter().map(one).collect();
    format!(
        "{HEADER}<service-group>\n  <name replace-wildcards=\"yes\">{name}</name>\n{services}</service-group>\n"
    )
    .into_bytes()
}

/// Whether this program gives a file that name; the owner's own may begin alike.
fn is_ours(name: &str) -> bool {
    let inner = name
        .strip_prefix(STEM)
        .and_then(|rest| rest.strip_suffix(END));
    inner.is_some_and(|inner| {
        let port = inner.strip_prefix('-').map(str::parse::<u16>);
        inner.is_empty() || matches!(port, Some(Ok(_)))
    })
}

/// As the plan says it.
impl fmt::Display for Work {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let one = |Service { kind, port, .. }: &Service| format!("{kind} {port}");
        let all: Vec<_> = self.services.iter().map(one).collect();
        match all.is_empty() {
            true => f.write_str("announce no listener in multicast DNS"),
            false => write!(f, "announce in multicast DNS: {}", all.join(", ")),
        }
    }
}

const PLAIN: &str = "_mqtt._tcp";
const SECURE: &str = "_secure-mqtt._tcp";
/// The unit that announces.
pub const ANNOUNCER: &str = "avahi-daemon.service";
/// How the names of our files begin, also those of a write that a power cut ended.
pub const STEM: &str = "mqtt-broker";
const END: &str = ".service";
const HEADER: &str = "<?xml version=\"1.0\" standalone=\"no\"?>\n<!DOCTYPE service-group SYSTEM \"avahi-service.dtd\">\n\
                      <!-- Written by broker-provision from broker.toml, for avahi-daemon; changed again with it. -->\n";
/// Bytes of a file written by this program.
const LIMIT: u64 = 64 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    /// The listeners that a file of these lines under `[[listener]]` headings means.
    fn listeners(texts: &[&str]) -> Vec<Listener> {
        let headed = |text: &&str| format!("[[listener]]\n{text}\n");
        let tables: String = texts.iter().map(headed).collect();
        let file = format!("version = 1\n[broker]\nallow_anonymous = true\n{tables}");
        broker_config::read(file.as_bytes())
            .verdict
            .unwrap()
            .broker
            .listeners
    }

    fn told(texts: &[&str]) -> String {
        let work = work(&listeners(texts), Some(&Files::new()));
        work.map(|work| work.to_string()).unwrap_or_default()
    }

    #[test]
    fn only_what_has_a_type_and_other_machines_reach_is_announced_with_its_port() {
        let cases: [(&[&str], &str); 12] = [
            (&["port = 1883"], "_mqtt._tcp 1883"),
            (&["port = 1884"], "_mqtt._tcp 1884"),
            (&["port = 8883\ntls = true"], "_secure-mqtt._tcp 8883"),
            (
                &["port = 8883\ntls = true", "port = 1883"],
                "_secure-mqtt._tcp 8883, _mqtt._tcp 1883",
            ),
            (&["port = 8083\nprotocol = \"websockets\""], ""),
            (&["port = 8084\nprotocol = \"websockets\"\ntls = true"], ""),
            (&["port = 1883\nbind_address = \"127.0.0.1\""], ""),
            (&["port = 1883\nbind_address = \"localhost\""], ""),
            (&["port = 1883\ninterface = \"lo\""], ""),
            (&["socket = \"/run/broker/mqtt.sock\""], ""),
            (&["port = 1883\ninterface = \"eth0\""], "_mqtt._tcp 1883"),
            (
                &[
                    "port = 1883\nbind_address = \"192.168.1.10\"",
                    "port = 1883\nbind_address = \"192.168.2.10\"",
                    "port = 1884",
                ],
                "_mqtt._tcp 1883, _mqtt._tcp 1884",
            ),
        ];
        for (texts, expected) in cases {
            let found = told(texts);
            let found = found.strip_prefix("announce in multicast DNS: ");
            assert_eq!(found.unwrap_or_default(), expected, "{texts:?}");
        }
    }

    #[test]
    fn a_service_is_announced_over_the_families_of_its_addresses() {
        let cases: [(&[&str], &str); 6] = [
            (&["port = 1883"], "any"),
            (&["port = 1883\nsocket_domain = \"ipv6\""], "ipv6"),
            (&["port = 1883\nbind_address = \"192.168.1.10\""], "ipv4"),
            (&["port = 1883\nbind_address = \"0.0.0.0\""], "ipv4"),
            (&["port = 1883\nbind_address = \"2001:db8::1\""], "ipv6"),
            (
                &[
                    "port = 1883\nbind_address = \"192.168.1.10\"",
                    "port = 1883\nbind_address = \"2001:db8::1\"",
                ],
                "any",
            ),
        ];
        for (texts, expected) in cases {
            let files = rendered(&services(&listeners(texts)));
            let file = String::from_utf8_lossy(&files["mqtt-broker.service"]);
            assert!(
                file.contains(&format!("<service protocol=\"{expected}\">")),
                "{file}"
            );
        }
    }

    #[test]
    fn the_first_of_each_type_has_the_hosts_name_and_another_one_its_port_in_a_file_of_its_own() {
        let texts = ["port = 1883", "port = 8883\ntls = true", "port = 1884"];
        let files = rendered(&services(&listeners(&texts)));
        let texts: Vec<_> = files
            .iter()
            .map(|(name, contents)| (name.as_str(), String::from_utf8_lossy(contents)))
            .collect();
        let service = |kind: &str, port: u16| {
            format!(
                "  <service protocol=\"any\">\n    <type>{kind}</type>\n    <port>{port}</port>\n  </service>\n"
            )
        };
        let file = |name: &str, services: String| {
            format!(
                "{HEADER}<service-group>\n  <name replace-wildcards=\"yes\">{name}</name>\n{services}</service-group>\n"
            )
        };
        let both = service(PLAIN, 1883) + &service(SECURE, 8883);
        let expected = [
            (
                "mqtt-broker-1884.service",
                file("%h port 1884", service(PLAIN, 1884)),
            ),
            ("mqtt-broker.service", file("%h", both)),
        ];
        for (found, (name, text)) in texts.iter().zip(&expected) {
            assert_eq!((found.0, found.1.as_ref()), (*name, text.as_str()));
        }
        assert_eq!(texts.len(), expected.len());
    }

    #[test]
    fn what_stands_there_rightly_stays_and_what_nothing_needs_any_more_goes() {
        let plain = listeners(&["port = 1883"]);
        let right = rendered(&services(&plain));
        assert!(work(&plain, Some(&right)).is_none());
        assert!(work(&plain, None).is_none(), "avahi is not installed");
        let old = right.keys().map(|name| (name.clone(), b"torn".to_vec()));
        let old: Files = old
            .chain([("mqtt-broker-1884.service".to_owned(), Vec::new())])
            .collect();
        let work = |listeners: &[Listener]| super::work(listeners, Some(&old)).unwrap();
        assert_eq!(work(&plain).write, right);
        assert_eq!(work(&plain).remove, ["mqtt-broker-1884.service"]);
        let none = work(&[]);
        assert_eq!(none.to_string(), "announce no listener in multicast DNS");
        assert_eq!((none.write.len(), none.remove.len()), (0, 2));
    }

    #[test]
    fn files_of_the_owners_own_are_not_ours() {
        let cases = [
            ("mqtt-broker.service", true),
            ("mqtt-broker-1884.service", true),
            ("mqtt-broker-mine.service", false),
            ("mqtt-broker-99999.service", false),
            ("mqtt-broker.new", false),
            ("ssh.service", false),
        ];
        for (name, expected) in cases {
            assert_eq!(is_ours(name), expected, "{name}");
        }
    }
}
