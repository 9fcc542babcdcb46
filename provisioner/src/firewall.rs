// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The ports other machines may reach, as listeners and SSH need them: the text that the appliance's firewall loads.
//!
//! The rules themselves are the appliance package's; this only fills its two sets. Pure.

use std::collections::BTreeSet;
use std::fmt;

use broker_config::{BindAddress, Listener};

use crate::desired::Desired;
use crate::ssh;

/// Openings in a firewall that is closed otherwise.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Openings {
    /// TCP ports open on every interface.
    pub ports: BTreeSet<u16>,
    /// TCP ports open on one interface only.
    pub on_interface: BTreeSet<(String, u16)>,
}

impl Openings {
    /// What the listeners need, and SSH while keys stand for it.
    pub fn of(desired: &Desired) -> Self {
        let door = (!desired.machine.authorized_keys.is_empty()).then_some(ssh::PORT);
        Self::needed(&desired.broker.listeners, door)
    }

    /// Listeners that only this machine reaches need nothing.
    fn needed(listeners: &[Listener], door: Option<u16>) -> Self {
        let mut openings = Self::default();
        openings.ports.extend(door);
        for listener in listeners.iter().filter(|listener| is_outward(listener)) {
            match &listener.interface {
                None => openings.ports.insert(listener.port),
                Some(name) => openings.on_interface.insert((name.clone(), listener.port)),
            };
        }
        let ports = &openings.ports;
        openings
            .on_interface
            .retain(|(_, port)| !ports.contains(port));
        openings
    }

    /// The file for nft, each line of which adds to a set; the loader takes no other lines.
    pub fn to_nft(&self) -> String {
        let mut text = HEADER.to_owned();
        let ports: Vec<_> = self.ports.iter().map(u16::to_string).collect();
        let pairs: Vec<_> = self
            .on_interface
            .iter()
            .map(|(name, port)| format!("\"{name}\" . {port}"))
            .collect();
        for (set, elements) in [("ports", ports), ("interface_ports", pairs)] {
            if !elements.is_empty() {
                let elements = elements.join(", ");
                text.push_str(&format!(
                    "add element inet broker_appliance {set} {{ {elements} }}\n"
                ));
            }
        }
        text
    }
}

/// Whether other machines are to reach it.
pub fn is_outward(listener: &Listener) -> bool {
    let is_loopback = match &listener.bind_address {
        BindAddress::Any => false,
        BindAddress::Ip(address) => address.is_loopback(),
        BindAddress::Host(name) => name.eq_ignore_ascii_case("localhost"),
    };
    listener.socket.is_none() && listener.interface.as_deref() != Some("lo") && !is_loopback
}

/// Such as `1883, 8883 on eth0`, or `none`.
impl fmt::Display for Openings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let everywhere = self.ports.iter().map(u16::to_string);
        let somewhere = self
            .on_interface
            .iter()
            .map(|(name, port)| format!("{port} on {name}"));
        let all: Vec<_> = everywhere.chain(somewhere).collect();
        f.write_str(if all.is_empty() { "none" } else { "" })?;
        f.write_str(&all.join(", "))
    }
}

const HEADER: &str = "# Written by broker-provision from broker.toml, for broker-firewall.service; changed again with it.\n";

#[cfg(test)]
mod tests {
    use super::*;

    fn listener(port: u16, bind_address: &str, interface: Option<&str>) -> Listener {
        Listener {
            port,
            bind_address: match bind_address.parse() {
                Ok(address) => BindAddress::Ip(address),
                Err(_) if bind_address == "any" => BindAddress::Any,
                Err(_) => BindAddress::Host(bind_address.to_owned()),
            },
            interface: interface.map(str::to_owned),
            ..Listener::default()
        }
    }

    #[test]
    fn only_what_other_machines_are_to_reach_is_opened() {
        let socket = Listener {
            socket: Some("/run/broker/mqtt.socket".to_owned()),
            ..listener(0, "any", None)
        };
        let cases = [
            (vec![], "none"),
            (vec![listener(1883, "any", None)], "1883"),
            (vec![listener(1883, "192.168.1.10", None)], "1883"),
            (vec![listener(1883, "plant.example", None)], "1883"),
            (vec![listener(1883, "127.0.0.1", None)], "none"),
            (vec![listener(1883, "::1", None)], "none"),
            (vec![listener(1883, "LocalHost", None)], "none"),
            (vec![listener(1883, "any", Some("lo"))], "none"),
            (vec![socket], "none"),
            (
                vec![
                    listener(8083, "any", None),
                    listener(1883, "any", Some("wlan0")),
                    listener(1883, "any", Some("eth0")),
                ],
                "8083, 1883 on eth0, 1883 on wlan0",
            ),
            (
                vec![
                    listener(1883, "127.0.0.1", None),
                    listener(1883, "192.168.1.10", None),
                    listener(1883, "any", Some("eth0")),
                ],
                "1883",
            ),
        ];
        for (listeners, expected) in cases {
            assert_eq!(Openings::needed(&listeners, None).to_string(), expected);
        }
    }

    #[test]
    fn the_file_fills_the_two_sets() {
        let listeners = [
            listener(8083, "any", None),
            listener(1883, "any", None),
            listener(8883, "any", Some("eth0")),
        ];
        let text = Openings::needed(&listeners, Some(22)).to_nft();
        assert_eq!(
            text.strip_prefix(HEADER),
            Some(
                "add element inet broker_appliance ports { 22, 1883, 8083 }\n\
                 add element inet broker_appliance interface_ports { \"eth0\" . 8883 }\n"
            )
        );
        assert_eq!(Openings::default().to_nft(), HEADER);
    }
}
