// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Decides what is to be done: desired minus observed. Pure; its `Display` is the dry run.

use std::fmt;

use broker_config::{MachineSettings, NotHashed};

use crate::certificates::{self, Work};
use crate::desired::Desired;
use crate::discovery;
use crate::firewall::Openings;
use crate::hosts;
use crate::network;
use crate::observed::{Observed, Seen};
use crate::{ssh, time_servers};

/// What makes the machine match, in order.
#[derive(Clone, PartialEq, Eq)]
pub struct Plan {
    pub steps: Vec<Step>,
}

/// One change.
#[derive(Clone, PartialEq, Eq)]
pub enum Step {
    /// Comes before the configuration, which lets the daemon look for the certificate.
    Certificates(Work),
    /// Writes the daemon's configuration; it holds hashes, so it is not printed.
    WriteConfiguration(String),
    /// Writes which ports the appliance's firewall opens; a unit of its own loads them.
    WriteFirewall(Openings),
    /// Writes which listeners avahi announces to other machines.
    Announce(discovery::Work),
    SetHostName {
        /// `None` if it could not be seen.
        from: Option<String>,
        to: String,
    },
    /// Has avahi ask for the host name once more; pointless where that could not be set.
    AnnounceName(String),
    /// Comes after the host name; pointless where that could not be set.
    NameInHosts {
        name: String,
        /// The whole of `/etc/hosts`; `None` if it could not be read.
        contents: Option<Vec<u8>>,
    },
    SetTimeZone {
        from: Option<String>,
        to: String,
    },
    /// Cable and Wi-Fi, which a run of its own sets up.
    Network(network::Work),
    TimeServers(time_servers::Work),
    Ssh(ssh::Work),
    /// Makes a running broker read the configuration just written; pointless where writing failed.
    ReloadBroker,
}

impl Plan {
    /// The changes still missing; empty if the machine matches.
    pub fn new(desired: &Desired, observed: &Observed) -> Result<Self, NotHashed> {
        let mut steps = Self::of_certificates(observed).steps;
        let configuration = desired.broker.to_toml()?;
        let write = observed.configuration.as_deref() != Some(configuration.as_bytes());
        if write {
            steps.push(Step::WriteConfiguration(configuration));
        }
        let openings = Openings::of(desired);
        if observed.firewall.as_deref() != Some(openings.to_nft().as_bytes()) {
            steps.push(Step::WriteFirewall(openings));
        }
        let announced = discovery::work(&desired.broker.listeners, observed.services.as_ref());
        steps.extend(announced.map(Step::Announce));
        steps.extend(Self::host_name(desired, observed).into_iter().flatten());
        steps.extend(Self::hosts(desired, observed));
        if let Some(zone) = desired
            .machine
            .timezone
            .as_ref()
            .filter(|zone| !observed.time_zone.is(zone.as_str()))
        {
            steps.push(Step::SetTimeZone {
                from: observed.time_zone.text(),
                to: zone.to_string(),
            });
        }
        steps.extend(Self::doors_and_clock(desired, observed));
        if write && observed.broker_runs {
            steps.push(Step::ReloadBroker);
        }
        Ok(Self { steps })
    }

    fn doors_and_clock(desired: &Desired, observed: &Observed) -> impl Iterator<Item = Step> {
        let machine = &desired.machine;
        let clock = time_servers::work(&machine.ntp_servers, &observed.time_servers);
        let doors = ssh::work(&machine.authorized_keys, &observed.ssh);
        let clock = clock.into_iter().map(Step::TimeServers);
        clock.chain(doors.into_iter().map(Step::Ssh))
    }

    /// The host name, where it is wanted and another one, and that avahi tells it.
    fn host_name(desired: &Desired, observed: &Observed) -> Option<Vec<Step>> {
        let name = desired.machine.hostname.as_ref()?.to_string();
        if observed.host_name.is(&name) {
            return None;
        }
        let announced = observed.has_announcer.then(|| name.clone());
        let mut steps = vec![Step::SetHostName {
            from: observed.host_name.text(),
            to: name,
        }];
        steps.extend(announced.map(Step::AnnounceName));
        Some(steps)
    }

    /// The machine's own line of `/etc/hosts`, where its name is wanted and missing.
    fn hosts(desired: &Desired, observed: &Observed) -> Option<Step> {
        let name = desired.machine.hostname.as_ref()?.to_string();
        let contents = match &observed.hosts {
            Some(hosts) => Some(hosts::naming(hosts, &name)?),
            None => None,
        };
        Some(Step::NameInHosts { name, contents })
    }

    /// The changes to the network alone.
    pub fn of_network(wanted: &MachineSettings, seen: &network::Seen) -> Self {
        let work = network::work(wanted, seen).into_iter();
        Self {
            steps: work.map(Step::Network).collect(),
        }
    }

    /// The changes to the device's certificates alone.
    pub fn of_certificates(observed: &Observed) -> Self {
        let work = observed.certificates.iter().flat_map(certificates::work);
        Self {
            steps: work.map(Step::Certificates).collect(),
        }
    }
}

impl Step {
    /// Whether it only writes files, which can be done without the machine.
    pub fn is_a_file(&self) -> bool {
        matches!(
            self,
            Self::WriteConfiguration(_)
                | Self::WriteFirewall(_)
                | Self::Announce(_)
                | Self::Certificates(_)
        )
    }
}

impl Seen {
    fn text(&self) -> Option<String> {
        match self {
            Self::Text(text) if !text.is_empty() => Some(text.clone()),
            Self::Text(_) | Self::NotAsked | Self::Unknown => None,
        }
    }
}

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.steps.is_empty() {
            return writeln!(f, "nothing: the machine matches");
        }
        self.steps.iter().try_for_each(|step| writeln!(f, "{step}"))
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut set = |what: &str, from: &Option<String>, to: &str| match from {
            Some(from) => write!(f, "set the {what} to `{to}`, from `{from}`"),
            None => write!(f, "set the {what} to `{to}`"),
        };
        match self {
            Self::Certificates(work) => work.fmt(f),
            Self::WriteConfiguration(_) => f.write_str("write the broker's configuration"),
            Self::WriteFirewall(openings) => {
                write!(f, "open TCP ports in the firewall: {openings}")
            }
            Self::Announce(work) => work.fmt(f),
            Self::SetHostName { from, to } => set("host name", from, to),
            Self::AnnounceName(name) => write!(f, "announce the name `{name}` in multicast DNS"),
            Self::NameInHosts { name, .. } => {
                write!(f, "name this machine `{name}` in /etc/hosts")
            }
            Self::SetTimeZone { from, to } => set("time zone", from, to),
            Self::Network(work) => work.fmt(f),
            Self::TimeServers(work) => work.fmt(f),
            Self::Ssh(work) => work.fmt(f),
            Self::ReloadBroker => {
                f.write_str("tell the running broker to read its configuration again")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use broker_config::{
        BrokerSettings, Hostname, LimitSettings, Listener, MachineSettings, TimeZone,
    };

    use super::*;

    const HOSTS: &str = "127.0.1.1\tbroker\n";
    const WRITE: &str = "write the broker's configuration\n";
    const RELOAD: &str = "tell the running broker to read its configuration again\n";
    const NOTHING: &str = "nothing: the machine matches\n";

    /// A machine whose configuration is written and whose broker does not run, and what is wanted of it.
    fn plan(wanted: [Option<&str>; 2], [host_name, time_zone]: [Seen; 2]) -> String {
        let desired = desired(wanted);
        let observed = Observed {
            host_name,
            time_zone,
            ..matching(&desired)
        };
        Plan::new(&desired, &observed).unwrap().to_string()
    }

    /// A machine of which nobody asked a name or a time zone, and which matches otherwise.
    fn matching(desired: &Desired) -> Observed {
        Observed {
            configuration: desired.broker.to_toml().ok().map(String::into_bytes),
            firewall: Some(Openings::of(desired).to_nft().into()),
            services: None,
            host_name: Seen::NotAsked,
            has_announcer: false,
            hosts: Some(HOSTS.into()),
            time_zone: Seen::NotAsked,
            time_servers: Default::default(),
            ssh: Default::default(),
            broker_runs: false,
            certificates: None,
        }
    }

    fn desired([hostname, timezone]: [Option<&str>; 2]) -> Desired {
        let listeners = vec![Listener::default()];
        let broker = BrokerSettings {
            allow_anonymous: true,
            users: Vec::new(),
            access: Default::default(),
            listeners,
            persistence: Default::default(),
            limits: LimitSettings::default(),
        };
        Desired {
            machine: MachineSettings {
                hostname: hostname.and_then(Hostname::parse),
                timezone: timezone.and_then(TimeZone::parse),
                ..MachineSettings::default()
            },
            broker,
            generated_user: None,
        }
    }

    fn seen(host_name: &str, time_zone: &str) -> [Seen; 2] {
        [host_name, time_zone].map(|text| Seen::Text(text.to_owned()))
    }

    #[test]
    fn only_what_is_wanted_and_differs_is_set() {
        let named = [Some("broker"), None];
        let placed = [None, Some("Asia/Tokyo")];
        let both = [Some("broker"), Some("Asia/Tokyo")];
        let rename = "set the host name to `broker`\n";
        let replace = "set the time zone to `Asia/Tokyo`, from `UTC`\n";
        let cases = [
            (plan([None, None], seen("pi", "UTC")), NOTHING),
            (plan(named, seen("broker", "UTC")), NOTHING),
            (plan(placed, seen("pi", "Asia/Tokyo")), NOTHING),
            (plan(placed, seen("pi", "UTC")), replace),
            (plan(named, seen("", "UTC")), rename),
            (plan(named, [Seen::Unknown, Seen::NotAsked]), rename),
            (plan(named, [Seen::NotAsked, Seen::NotAsked]), rename),
            (plan(both, seen("", "UTC")), &format!("{rename}{replace}")),
        ];
        for (found, expected) in cases {
            assert_eq!(found, expected);
        }
    }

    #[test]
    fn the_broker_is_reloaded_if_it_runs_with_another_configuration() {
        let desired = desired([None, None]);
        let current = desired.broker.to_toml().unwrap().into_bytes();
        let cases = [
            (None, false, WRITE.to_owned()),
            (None, true, format!("{WRITE}{RELOAD}")),
            (
                Some(b"version = 1\n".to_vec()),
                true,
                format!("{WRITE}{RELOAD}"),
            ),
            (Some(current.clone()), true, NOTHING.to_owned()),
            (Some(current), false, NOTHING.to_owned()),
        ];
        for (configuration, broker_runs, expected) in cases {
            let observed = Observed {
                configuration,
                broker_runs,
                ..matching(&desired)
            };
            assert_eq!(
                Plan::new(&desired, &observed).unwrap().to_string(),
                expected
            );
        }
    }

    #[test]
    fn the_firewall_follows_the_listeners() {
        let mut desired = desired([None, None]);
        let firewall = Some(Openings::of(&desired).to_nft().into());
        desired.broker.listeners[0].port = 1884;
        let observed = Observed {
            firewall,
            ..matching(&desired)
        };
        let plan = Plan::new(&desired, &observed).unwrap().to_string();
        assert_eq!(plan, "open TCP ports in the firewall: 1884\n");
    }
}
