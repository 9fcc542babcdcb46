// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The servers that systemd-timesyncd asks for the time: a drop-in of ours while `broker.toml` names some, none otherwise.

use std::fmt;

use broker_config::NtpServer;

use crate::apply::StepError;
use crate::desired::Desired;
use crate::provision::World;
use crate::system::{Access, Machine, files};

/// What was seen.
#[derive(Default)]
pub struct Seen {
    /// The drop-in; `None` also if it cannot be read, so that it is written anew.
    pub setting: Option<Vec<u8>>,
    /// Whether the clock is not to be set from the network at all; asked only where servers are wanted.
    pub is_off: bool,
}

/// One change.
#[derive(Clone, PartialEq, Eq)]
pub enum Work {
    /// Names these and none else.
    Use(Vec<NtpServer>),
    /// Takes the drop-in away.
    UseDefaults,
    TurnOn,
}

/// Looks at the machine; changes nothing.
pub fn see(world: &World, desired: &Desired) -> Seen {
    let setting = world.files.read(&world.places.time_servers, LIMIT);
    let machine = world
        .machine
        .filter(|_| !desired.machine.ntp_servers.is_empty());
    let is_on = machine.and_then(|machine| machine.local_time.follows_servers().ok());
    Seen {
        setting: setting.ok().flatten(),
        is_off: is_on == Some(false),
    }
}

/// What is missing. Pure.
pub fn work(servers: &[NtpServer], seen: &Seen) -> Vec<Work> {
    let mut work = Vec::new();
    if servers.is_empty() {
        work.extend(seen.setting.as_ref().map(|_| Work::UseDefaults));
        return work;
    }
    if seen.setting.as_deref() != Some(setting(servers).as_bytes()) {
        work.push(Work::Use(servers.to_vec()));
    }
    work.extend(seen.is_off.then_some(Work::TurnOn));
    work
}

/// Does one change; timesyncd reads its settings only when it starts.
pub fn carry_out(world: &World, machine: Machine, work: &Work) -> Result<(), StepError> {
    match work {
        Work::Use(servers) => write(world, &setting(servers))?,
        Work::UseDefaults => {
            files::discard(world.files, &world.places.time_servers).map_err(StepError::Write)?;
        }
        Work::TurnOn => {
            return machine
                .local_time
                .follow_servers()
                .map_err(StepError::TimeServers);
        }
    }
    machine
        .units
        .try_restart(TIMESYNCD)
        .map_err(StepError::Systemd)
}

/// Readable by everybody, as whom timesyncd runs.
fn write(world: &World, text: &str) -> Result<(), StepError> {
    let path = &world.places.time_servers;
    let access = Access::EVERYBODYS;
    let folder = path.parent().unwrap_or(path);
    world
        .files
        .make_folder(folder, 0o755)
        .and_then(|()| files::replace(world.files, path, text.as_bytes(), access))
        .map_err(StepError::Write)
}

/// The drop-in; the empty value takes away what other files name.
fn setting(servers: &[NtpServer]) -> String {
    format!("{HEADER}[Time]\nNTP=\nNTP={}\n", listed(servers, " "))
}

fn listed(servers: &[NtpServer], between: &str) -> String {
    let servers: Vec<_> = servers.iter().map(NtpServer::as_str).collect();
    servers.join(between)
}

impl fmt::Display for Work {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Use(servers) => write!(f, "ask {} for the time", listed(servers, ", ")),
            Self::UseDefaults => f.write_str("ask the system's own servers for the time"),
            Self::TurnOn => f.write_str("let the time servers set the clock"),
        }
    }
}

const TIMESYNCD: &str = "systemd-timesyncd.service";
const HEADER: &str = "# Written by broker-provision from broker.toml; changed again with it.\n";
/// Bytes of a file written by this program.
const LIMIT: u64 = 64 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    /// The servers wanted, the file that stands, whether the clock is left alone; and what is to be done.
    type Case<'a> = (&'a [NtpServer], Option<&'a str>, bool, &'a [&'a str]);

    #[test]
    fn what_is_missing_follows_from_the_servers_and_what_stands() {
        let servers = ["ntp.nict.jp", "192.168.1.1"].map(|name| NtpServer::parse(name).unwrap());
        let ours = setting(&servers);
        assert!(ours.ends_with("[Time]\nNTP=\nNTP=ntp.nict.jp 192.168.1.1\n"));
        let ask = "ask ntp.nict.jp, 192.168.1.1 for the time";
        let keep = "let the time servers set the clock";
        let cases: [Case; 8] = [
            (&[], None, false, &[]),
            (&[], None, true, &[]),
            (
                &[],
                Some("x"),
                false,
                &["ask the system's own servers for the time"],
            ),
            (&servers, None, false, &[ask]),
            (&servers, Some("x"), false, &[ask]),
            (&servers, Some(&ours), false, &[]),
            (&servers, Some(&ours), true, &[keep]),
            (&servers, None, true, &[ask, keep]),
        ];
        for (servers, setting, is_off, expected) in cases {
            let setting = setting.map(|text| text.as_bytes().to_vec());
            let work = work(servers, &Seen { setting, is_off });
            let work: Vec<_> = work.iter().map(ToString::to_string).collect();
            assert_eq!(work, expected);
        }
    }
}
