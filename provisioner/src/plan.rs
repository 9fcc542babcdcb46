// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Decides what is to be done: desired minus observed. Pure; its `Display` is the dry run.

use std::fmt;

use broker_config::NotHashed;

use crate::desired::Desired;
use crate::observed::{Observed, Seen};

/// What makes the machine match, in order.
#[derive(Clone, PartialEq, Eq)]
pub struct Plan {
    pub steps: Vec<Step>,
}

/// One change.
#[derive(Clone, PartialEq, Eq)]
pub enum Step {
    /// Writes the daemon's configuration; it holds hashes, so it is not printed.
    WriteConfiguration(String),
    SetHostName {
        /// `None` if it could not be seen.
        from: Option<String>,
        to: String,
    },
    SetTimeZone {
        from: Option<String>,
        to: String,
    },
    /// Makes a running broker read the configuration just written; pointless where writing failed.
    ReloadBroker,
}

impl Plan {
    /// The changes still missing; empty if the machine matches.
    pub fn new(desired: &Desired, observed: &Observed) -> Result<Self, NotHashed> {
        let mut steps = Vec::new();
        let configuration = desired.broker.to_toml()?;
        let write = observed.configuration.as_deref() != Some(configuration.as_bytes());
        if write {
            steps.push(Step::WriteConfiguration(configuration));
        }
        if let Some(name) = desired
            .hostname
            .as_ref()
            .filter(|name| !observed.host_name.is(name.as_str()))
        {
            steps.push(Step::SetHostName {
                from: observed.host_name.text(),
                to: name.to_string(),
            });
        }
        if let Some(zone) = desired
            .timezone
            .as_ref()
            .filter(|zone| !observed.time_zone.is(zone.as_str()))
        {
            steps.push(Step::SetTimeZone {
                from: observed.time_zone.text(),
                to: zone.to_string(),
            });
        }
        if write && observed.broker_runs {
            steps.push(Step::ReloadBroker);
        }
        Ok(Self { steps })
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
            Self::WriteConfiguration(_) => f.write_str("write the broker's configuration"),
            Self::SetHostName { from, to } => set("host name", from, to),
            Self::SetTimeZone { from, to } => set("time zone", from, to),
            Self::ReloadBroker => {
                f.write_str("tell the running broker to read its configuration again")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use broker_config::{BrokerSettings, Hostname, Listener, TimeZone};

    use super::*;

    fn desired(hostname: Option<&str>, timezone: Option<&str>) -> Desired {
        Desired {
            hostname: hostname.and_then(Hostname::parse),
            timezone: timezone.and_then(TimeZone::parse),
            broker: BrokerSettings {
                allow_anonymous: true,
                users: Vec::new(),
                listeners: vec![Listener::default()],
            },
            generated_user: None,
        }
    }

    fn text(text: &str) -> Seen {
        Seen::Text(text.to_owned())
    }

    #[test]
    fn the_plan_is_what_is_missing() {
        const WRITE: &str = "write the broker's configuration\n";
        const RELOAD: &str = "tell the running broker to read its configuration again\n";
        const NOTHING: &str = "nothing: the machine matches\n";
        let bare = desired(None, None);
        let named = desired(Some("broker"), None);
        let placed = desired(None, Some("Asia/Tokyo"));
        let cases = [
            (
                &bare,
                false,
                Seen::NotAsked,
                Seen::NotAsked,
                false,
                WRITE.to_owned(),
            ),
            (
                &bare,
                false,
                Seen::NotAsked,
                Seen::NotAsked,
                true,
                format!("{WRITE}{RELOAD}"),
            ),
            (
                &bare,
                true,
                Seen::NotAsked,
                Seen::NotAsked,
                true,
                NOTHING.to_owned(),
            ),
            (
                &bare,
                true,
                text("raspberrypi"),
                text("UTC"),
                false,
                NOTHING.to_owned(),
            ),
            (
                &named,
                true,
                text("broker"),
                Seen::NotAsked,
                false,
                NOTHING.to_owned(),
            ),
            (
                &named,
                true,
                text("pi"),
                Seen::NotAsked,
                true,
                "set the host name to `broker`, from `pi`\n".to_owned(),
            ),
            (
                &named,
                true,
                text(""),
                Seen::NotAsked,
                false,
                "set the host name to `broker`\n".to_owned(),
            ),
            (
                &named,
                true,
                Seen::Unknown,
                Seen::NotAsked,
                false,
                "set the host name to `broker`\n".to_owned(),
            ),
            (
                &placed,
                true,
                Seen::NotAsked,
                text("Asia/Tokyo"),
                false,
                NOTHING.to_owned(),
            ),
            (
                &placed,
                false,
                Seen::NotAsked,
                Seen::NotAsked,
                false,
                format!("{WRITE}set the time zone to `Asia/Tokyo`\n"),
            ),
        ];
        for (desired, written, host_name, time_zone, broker_runs, expected) in cases {
            let configuration = written.then(|| desired.broker.to_toml().unwrap().into_bytes());
            let observed = Observed {
                configuration,
                host_name,
                time_zone,
                broker_runs,
            };
            assert_eq!(Plan::new(desired, &observed).unwrap().to_string(), expected);
        }
    }
}
