// SPDX-License-Identifier: Apache-2.0 OR MIT
//! What stands in the bundle: each section, from whom it is, and how long it may be.

use std::path::Path;

use serde_json::Value;

use crate::provision::{Dry, World, plan};
use crate::report::chain;
use crate::system::{Of, Space, UnitView, Witnesses};

/// One part of the bundle.
pub struct Section {
    pub title: &'static str,
    pub body: String,
    /// Bytes of it at most, as written.
    most: usize,
    /// Which part is left where it is longer.
    keep: Keep,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Keep {
    Beginning,
    End,
}

/// Everything, the most telling first; what cannot be had says why in its place.
pub fn sections(world: &World, witnesses: Option<&Witnesses>) -> Vec<Section> {
    let section = |title, most: usize, body| Section {
        title,
        body,
        most: most * 1024,
        keep: Keep::Beginning,
    };
    let text = |path: &Path| file(world, path);
    let mut sections = vec![
        section("VERSIONS AND MACHINE", 8, machine(world)),
        section("REPORT", 48, text(&world.places.report_text)),
        section("WHAT A START WOULD CHANGE", 16, plan_of(world)),
        section("BOOT PARTITION", 16, names(world)),
        section("NETWORK", 24, network(world)),
    ];
    let Some(witnesses) = witnesses else {
        return sections;
    };
    sections.extend([
        section("UNITS", 16, units(witnesses)),
        section("ROOM", 4, room(world, witnesses)),
        section("BROKER", 64, broker(witnesses)),
    ]);
    let logs = [
        ("KERNEL WARNINGS", 48, Of::Kernel, 300),
        ("LOG", 200, Of::Units(&UNITS), 1500),
    ];
    let logs = logs.map(|(title, most, of, lines)| {
        let lines = witnesses.journal.last(of, lines);
        let body = lines.unwrap_or_else(|error| format!("not to be had: {error}"));
        Section {
            keep: Keep::End,
            ..section(title, most, body)
        }
    });
    sections.push(Section {
        keep: Keep::End,
        ..section("WARNINGS, ALSO OF EARLIER STARTS", 40, warnings(world))
    });
    sections.extend(logs);
    sections
}

impl Section {
    /// The body in lines of every editor, escaped, and cut at a line's border where it is too long.
    pub fn end_or_beginning(&self, body: &str) -> String {
        let lines: Vec<String> = body.lines().map(escaped).collect();
        let mut left = self.most - CUT.len() - 2;
        let mut fits = |line: &&String| {
            let rest = left.checked_sub(line.len() + 2);
            left = rest.unwrap_or(0);
            rest.is_some()
        };
        let kept: Vec<&String> = match self.keep {
            Keep::Beginning => lines.iter().take_while(&mut fits).collect(),
            Keep::End => {
                let mut kept: Vec<_> = lines.iter().rev().take_while(&mut fits).collect();
                kept.reverse();
                kept
            }
        };
        let is_cut = kept.len() < lines.len();
        let before = (is_cut && self.keep == Keep::End).then_some(CUT);
        let after = (is_cut && self.keep == Keep::Beginning).then_some(CUT);
        let kept = kept.into_iter().map(String::as_str);
        let all = before.into_iter().chain(kept).chain(after);
        all.map(|line| format!("{line}\r\n")).collect()
    }
}

/// A line without anything that moves a cursor or reorders text.
fn escaped(line: &str) -> String {
    let mut shown = String::new();
    for character in line.chars().take(LONGEST_LINE) {
        match character {
            '"' | '\'' | '\\' => shown.push(character),
            '\t' => shown.push(' '),
            other => shown.extend(other.escape_debug()),
        }
    }
    shown
}

fn file(world: &World, path: &Path) -> String {
    match world.files.read(path, LIMIT) {
        Ok(Some(bytes)) => String::from_utf8_lossy(&bytes).into_owned(),
        Ok(None) => format!("there is no {}", path.display()),
        Err(error) => format!("{} cannot be read: {error}", path.display()),
    }
}

/// What `broker-warnings.service` keeps, oldest first.
fn warnings(world: &World) -> String {
    let files = ["warnings.old", "warnings"].map(|name| world.places.warnings.join(name));
    let kept = files.map(|path| world.files.read(&path, RING));
    let kept = kept.into_iter().filter_map(|read| read.ok().flatten());
    kept.map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
        .collect()
}

/// Programs, system, board, and since when and how busy.
fn machine(world: &World) -> String {
    let mut lines = vec![
        format!("broker-provision {}", env!("CARGO_PKG_VERSION")),
        format!("written {}", world.now),
    ];
    for (path, most) in FACTS {
        let text = file(world, &world.places.root.join(path));
        let text = text.replace('\0', " ");
        lines.extend(
            text.lines()
                .take(most)
                .map(|line| format!("/{path}: {line}")),
        );
    }
    lines.join("\n")
}

fn plan_of(world: &World) -> String {
    match plan(world) {
        Dry::Right(text) | Dry::Wrong(text) | Dry::Unreadable(text) => text,
    }
}

/// Names and lengths; that `broker.toml` is called otherwise is seen here.
fn names(world: &World) -> String {
    let boot = &world.places.boot;
    let names = match world.files.list(boot) {
        Ok(names) => names,
        Err(error) => return format!("{} cannot be listed: {error}", boot.display()),
    };
    let line = |name: &String| match world.files.len(&boot.join(name)) {
        Ok(Some(length)) => format!("{length:>10}  {name}"),
        Ok(None) | Err(_) => format!("         ?  {name}"),
    };
    names.iter().map(line).collect::<Vec<_>>().join("\n")
}

fn network(world: &World) -> String {
    let name = world.network.host_name().unwrap_or_default();
    let mut lines = vec![format!("host name {name}")];
    let addresses = world.network.addresses().into_iter();
    lines.extend(addresses.map(|address| format!("address {address}")));
    let mut listening = world.network.listening();
    listening.sort_by_key(|socket| (socket.port, socket.address));
    lines.extend(listening.iter().map(|socket| {
        format!(
            "listens on {} port {}, user {}",
            socket.address, socket.port, socket.user
        )
    }));
    let resolver = file(world, &world.places.root.join("etc/resolv.conf"));
    let servers = resolver.lines().filter(|line| !line.starts_with('#'));
    lines.extend(servers.map(|line| format!("/etc/resolv.conf: {line}")));
    lines.join("\n")
}

fn units(witnesses: &Witnesses) -> String {
    let line = |unit: &&str| match witnesses.units.view(unit) {
        Ok(view) => told(unit, &view),
        Err(error) => format!("{unit}: not to be had: {}", chain(&error)),
    };
    UNITS.iter().map(line).collect::<Vec<_>>().join("\n")
}

fn told(unit: &str, view: &UnitView) -> String {
    let UnitView {
        active,
        sub,
        result,
        status,
        restarts,
    } = view;
    let mut line =
        format!("{unit}: {active} ({sub}), result {result}, started again {restarts} times");
    if !status.is_empty() {
        line.push_str(&format!(", says: {status}"));
    }
    line
}

fn room(world: &World, witnesses: &Witnesses) -> String {
    let folders = [&world.places.root, &world.places.boot];
    let line = |folder: &&std::path::PathBuf| match witnesses.storage.space(folder) {
        Ok(Space { total, free }) => format!(
            "{}: {} MiB free of {} MiB",
            folder.display(),
            free / MIB,
            total / MIB
        ),
        Err(error) => format!("{}: {error}", folder.display()),
    };
    folders.iter().map(line).collect::<Vec<_>>().join("\n")
}

/// What `broker status --json` prints, of the first clients only.
fn broker(witnesses: &Witnesses) -> String {
    let answer = match witnesses.daemon.status() {
        Ok(answer) => answer,
        Err(error) => return format!("the broker does not answer: {error}"),
    };
    let Ok(mut answer) = serde_json::from_str::<Value>(&answer) else {
        return "the broker answered what is no JSON".to_owned();
    };
    if let Some(Value::Array(clients)) = answer.pointer_mut("/status/clients") {
        clients.truncate(CLIENTS);
    }
    format!("{answer:#}")
}

/// Ours, and those that the network and the clock hang on.
const UNITS: [&str; 16] = [
    "broker-card.service",
    "broker-warnings.service",
    "broker.service",
    "broker-provision.service",
    "broker-provision-network.service",
    "broker-provision-report.service",
    "broker-provision-report.timer",
    "broker-provision-certificate.service",
    "broker-provision-certificate.timer",
    "broker-firewall.service",
    "broker-led.service",
    "broker-support.service",
    "NetworkManager.service",
    "avahi-daemon.service",
    "systemd-timesyncd.service",
    "ssh.service",
];
/// Files of the kernel and the system, and how many of their lines.
const FACTS: [(&str, usize); 8] = [
    ("proc/device-tree/model", 1),
    ("proc/version", 1),
    ("etc/os-release", 4),
    ("etc/rpi-issue", 4),
    ("proc/uptime", 1),
    ("proc/loadavg", 1),
    ("proc/meminfo", 3),
    ("proc/cmdline", 1),
];
/// Clients that are listed.
const CLIENTS: usize = 50;
/// Characters of a line.
const LONGEST_LINE: usize = 2000;
const CUT: &str = "(more was left out here)";
/// Bytes of a file that are read.
const LIMIT: u64 = 256 * 1024;
/// Bytes of a file of warnings, which is twice as long as its program lets it become.
const RING: u64 = 1024 * 1024;
const MIB: u64 = 1024 * 1024;
