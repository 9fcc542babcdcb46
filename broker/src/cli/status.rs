// SPDX-License-Identifier: Apache-2.0 OR MIT
//! `broker status`: the running broker's listeners, clients and counters.

use std::fmt::{self, Display};
use std::process::ExitCode;

use super::device::Device;
use super::socket::Socket;
use super::{failed, help, misused};
use crate::control::client::ask;
use crate::control::protocol::{
    Action, Body, Client, Counters, Listener, ListenerState, Status, Store,
};
use crate::logging::Field;
use crate::storage::{amount, in_words};

/// Runs the command with the arguments that follow its name; 1 if no broker answers.
pub fn run(arguments: lexopt::Parser) -> ExitCode {
    let socket = match Socket::parse(arguments, true) {
        Ok(Some(socket)) => socket,
        Ok(None) => return help(HELP),
        Err(error) => return misused("status", error),
    };
    let device = Device::look();
    if socket.device {
        return help(device.to_string().trim_end());
    }
    let fault = match ask(&socket.path, Action::Status) {
        Ok(Body::Status(status)) if socket.json => return json(&status, &device),
        Ok(Body::Status(status)) => {
            return help(format!("{}{device}", Page(&status)).trim_end());
        }
        Ok(Body::Error(fault)) => fault,
        Ok(Body::Reload(_)) => "the broker answered something else".to_owned(),
        Err(error) => error.to_string(),
    };
    if !socket.json {
        // Why it does not run may stand there.
        print!("{device}");
    }
    failed("status", fault, 1)
}

fn json(status: &Status, device: &Device) -> ExitCode {
    let value = serde_json::to_value(status).map(|mut value| {
        if let Some(members) = value.as_object_mut() {
            members.insert("device".to_owned(), device.json());
        }
        value
    });
    match value.and_then(|value| serde_json::to_string_pretty(&value)) {
        Ok(json) => help(&json),
        Err(error) => failed("status", error, 1),
    }
}

/// The status for a person.
struct Page<'a>(&'a Status);

impl Display for Page<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Status {
            version,
            pid,
            uptime_seconds,
            locked,
            listeners,
            clients,
            counters,
            longest_entry_us,
            store,
        } = self.0;
        writeln!(
            f,
            "broker {version}, process {pid}, up {}",
            Span(*uptime_seconds)
        )?;
        if let Some(reason) = locked {
            writeln!(f, "LOCKED, nothing listens: {}", Field(reason))?;
        }
        if !listeners.is_empty() {
            writeln!(f)?;
            table(
                f,
                LISTENER_HEADINGS,
                &listeners.iter().flat_map(listener_rows).collect::<Vec<_>>(),
            )?;
        }
        listeners
            .iter()
            .try_for_each(|listener| write_certificate(f, listener))?;
        if !clients.is_empty() {
            writeln!(f)?;
            table(
                f,
                CLIENT_HEADINGS,
                &clients.iter().map(client_row).collect::<Vec<_>>(),
            )?;
        }
        let unseen = counters
            .clients_connected
            .saturating_sub(u64::try_from(clients.len()).unwrap_or(u64::MAX));
        if unseen > 0 {
            writeln!(f, "and {unseen} more")?;
        }
        writeln!(f)?;
        write_counters(f, counters)?;
        writeln!(f, "Core       {longest_entry_us} us the longest entry")?;
        write_store(f, store)
    }
}

/// As `ss -ltn` shows them: a row for each local address.
fn listener_rows(listener: &Listener) -> Vec<[String; 4]> {
    let row = |address: String, state: &str, note: &str| {
        [
            if listener.socket.is_some() {
                "unix"
            } else {
                "tcp"
            }
            .to_owned(),
            address,
            state.to_owned(),
            format!("{} {}{note}", listener.protocol, over(listener))
                .trim_end()
                .to_owned(),
        ]
    };
    match listener.state {
        ListenerState::Listening if listener.socket.is_some() => {
            let path = listener.socket.as_deref().unwrap_or_default();
            vec![row(Field(path).to_string(), "LISTEN", "")]
        }
        ListenerState::Listening => listener
            .addresses
            .iter()
            .map(|address| row(address.clone(), "LISTEN", ""))
            .collect(),
        ListenerState::Waiting | ListenerState::Refused => {
            let state = if listener.state == ListenerState::Waiting {
                "WAITING"
            } else {
                "CLOSED"
            };
            let wanted = match listener.bind_address.as_str() {
                _ if listener.socket.is_some() => {
                    Field(listener.socket.as_deref().unwrap_or_default()).to_string()
                }
                address if address.contains(':') => format!("[{address}]:{}", listener.port),
                address => format!("{address}:{}", listener.port),
            };
            let reason = listener.reason.as_deref().unwrap_or_default();
            vec![row(wanted, state, &format!("({})", Field(reason)))]
        }
    }
}

fn over(listener: &Listener) -> &'static str {
    match listener.tls {
        Some(_) => "over TLS ",
        None => "",
    }
}

/// How long a certificate is good, by what a client may know it, and what is wrong with it.
fn write_certificate(f: &mut fmt::Formatter<'_>, listener: &Listener) -> fmt::Result {
    let Some(tls) = listener
        .tls
        .as_ref()
        .filter(|tls| !tls.fingerprint.is_empty())
    else {
        return Ok(());
    };
    let names: Vec<String> = tls
        .names
        .iter()
        .map(|name| Field(name).to_string())
        .collect();
    writeln!(
        f,
        "\nCertificate of port {}, good until {}, for {}\n  SHA-256 {}",
        listener.port,
        Field(&tls.expires),
        names.join(", "),
        Field(&tls.fingerprint)
    )?;
    let mut troubles = tls.troubles.iter();
    troubles.try_for_each(|trouble| writeln!(f, "  WARNING {}", Field(trouble)))
}

fn client_row(client: &Client) -> [String; 9] {
    [
        Field(&client.client_id).to_string(),
        client
            .username
            .as_deref()
            .map_or("-".to_owned(), |name| Field(name).to_string()),
        client.address.clone().unwrap_or_else(|| "-".to_owned()),
        Span(client.connected_seconds).to_string(),
        if client.keep_alive_seconds == 0 {
            "none".to_owned()
        } else {
            format!("{} s", client.keep_alive_seconds)
        },
        client.protocol_version.clone(),
        client.queued.to_string(),
        client.dropped.to_string(),
        client.denied.to_string(),
    ]
}

fn write_counters(f: &mut fmt::Formatter<'_>, counters: &Counters) -> fmt::Result {
    writeln!(
        f,
        "Clients    {} connected, {} away with a session, {} expired, {} timed out",
        counters.clients_connected,
        counters.clients_disconnected,
        counters.clients_expired,
        counters.clients_timed_out
    )?;
    writeln!(
        f,
        "Publishes  {} received, {} sent, {} dropped, {} waiting, {} retained, {} bytes held",
        counters.publish_received,
        counters.publish_sent,
        counters.publish_dropped,
        counters.queued_messages,
        counters.retained_messages,
        counters.memory_held
    )?;
    if counters.publish_paused > 0 {
        let count = counters.publish_paused;
        writeln!(
            f,
            "Too fast   {count} times a client was read no faster than it may publish"
        )?;
    }
    writeln!(
        f,
        "Traffic    {} packets and {} bytes received, {} packets and {} bytes sent",
        counters.messages_received,
        counters.bytes_received,
        counters.messages_sent,
        counters.bytes_sent
    )
}

fn write_store(f: &mut fmt::Formatter<'_>, store: &Store) -> fmt::Result {
    // A broker before the store said nothing of it.
    if store.state.is_empty() {
        return Ok(());
    }
    let state = match store.state.as_str() {
        "full" => "FULL, refuses what must be stored",
        "failed" => "FAILED, nothing is kept",
        state => state,
    };
    writeln!(
        f,
        "Store      {}, mode {}, flush {} ms, {} of {} bytes in use",
        Field(state),
        Field(&store.mode),
        store.flush_ms,
        store.bytes_live,
        store.bytes_total
    )?;
    write_wear(f, store)
}

/// What the card was made to write; nothing of it with mode "memory".
fn write_wear(f: &mut fmt::Formatter<'_>, store: &Store) -> fmt::Result {
    if store.written_total.all == 0 {
        return Ok(());
    }
    for (heading, when, written) in [
        ("Written", "today", &store.written_today),
        ("", "in all", &store.written_total),
    ] {
        writeln!(
            f,
            "{heading:<11}{} {when}: {} retained, {} queued, {} sessions, {} overhead",
            amount(written.all),
            amount(written.retained),
            amount(written.queue),
            amount(written.session),
            amount(written.overhead)
        )?;
    }
    for (place, (topic, bytes)) in store.topics.iter().take(TOPICS).enumerate() {
        let heading = if place == 0 { "Most by" } else { "" };
        writeln!(
            f,
            "{heading:<11}{} since the start: {}",
            amount(*bytes),
            Field(topic)
        )?;
    }
    match (store.written_per_day, store.life_days) {
        (Some(rate), Some(life)) => {
            let (rate, life) = (amount(rate), in_words(life));
            writeln!(
                f,
                "Card       lasts {life} at {rate} a day (card_endurance_tb)"
            )
        }
        (Some(_), None) => writeln!(f, "Card       nothing was written for a week"),
        (None, _) => writeln!(f, "Card       how long it lasts is told after an hour"),
    }
}

/// Columns as wide as their widest cell, two spaces apart.
fn table<const N: usize>(
    f: &mut fmt::Formatter<'_>,
    headings: [&str; N],
    rows: &[[String; N]],
) -> fmt::Result {
    let width = |column: usize, heading: &str| {
        let cells = rows
            .iter()
            .filter_map(|row| row.get(column))
            .map(|cell| cell.chars().count());
        cells
            .chain([heading.chars().count()])
            .max()
            .unwrap_or_default()
    };
    let widths: Vec<usize> = headings
        .iter()
        .enumerate()
        .map(|(column, heading)| width(column, heading))
        .collect();
    let mut line = |cells: &mut dyn Iterator<Item = &str>| {
        let padded: Vec<String> = cells
            .zip(&widths)
            .map(|(cell, width)| format!("{cell:width$}"))
            .collect();
        writeln!(f, "{}", padded.join("  ").trim_end())
    };
    line(&mut headings.into_iter())?;
    rows.iter()
        .try_for_each(|row| line(&mut row.iter().map(String::as_str)))
}

/// A length of time in its two largest units.
struct Span(u64);

impl Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (days, hours, minutes, seconds) = (
            self.0 / 86_400,
            self.0 / 3_600 % 24,
            self.0 / 60 % 60,
            self.0 % 60,
        );
        match (days, hours, minutes) {
            (0, 0, 0) => write!(f, "{seconds} s"),
            (0, 0, _) => write!(f, "{minutes} min {seconds} s"),
            (0, _, _) => write!(f, "{hours} h {minutes} min"),
            _ => write!(f, "{days} d {hours} h"),
        }
    }
}

/// Topics that are shown.
const TOPICS: usize = 5;
const LISTENER_HEADINGS: [&str; 4] = ["Proto", "Local address", "State", "Protocol"];
const CLIENT_HEADINGS: [&str; 9] = [
    "Client",
    "User",
    "Address",
    "Connected",
    "Keep alive",
    "MQTT",
    "Waiting",
    "Dropped",
    "Denied",
];

const HELP: &str = "\
Show what the running broker does: its listeners, the connected clients, what it counted, how long this system gets
security updates, and what came of the last update of the broker.

Usage: broker status [--json | --device] [--control PATH]

      --json           Print one JSON object for a program instead
      --device         Only the last two, for which no broker need run
      --control PATH   The control socket of the broker (default: /run/broker/control)

Exit status: 0, or 1 if no broker is running.";

#[cfg(test)]
mod tests;
