// SPDX-License-Identifier: Apache-2.0 OR MIT
//! `broker health`: whether the running broker is ready, its store is open, and each listener answers.
//!
//! An update is judged by it, and an owner may. The daemon is asked what it has open; then each of its addresses is
//! asked as a client would, all at the same time.

mod probe;

use std::fmt::{self, Display};
use std::process::ExitCode;
use std::thread;

use super::socket::Socket;
use super::{failed, help, misused};
use crate::control::client::ask;
use crate::control::protocol::{Action, Body, Listener, ListenerState, Status, Store};
use crate::logging::Field;

/// Runs the command with the arguments that follow its name; 0 only if everything is well.
pub fn run(arguments: lexopt::Parser) -> ExitCode {
    let socket = match Socket::parse(arguments, false) {
        Ok(Some(socket)) => socket,
        Ok(None) => return help(HELP),
        Err(error) => return misused("health", error),
    };
    match ask(&socket.path, Action::Status) {
        Ok(Body::Status(status)) => tell(&examine(&status)),
        Ok(Body::Error(fault)) => failed("health", fault, 1),
        Ok(Body::Reload(_)) => failed("health", "the broker answered something else", 1),
        Err(error) => failed("health", error, 1),
    }
}

/// What is well goes to standard output, each fault to standard error, a line each.
fn tell(findings: &[Finding]) -> ExitCode {
    let mut status = ExitCode::SUCCESS;
    for finding in findings {
        match &finding.fault {
            None => println!("{finding}"),
            Some(_) => status = failed("health", finding, 1),
        }
    }
    status
}

/// One part of the broker.
#[derive(Debug, PartialEq, Eq)]
struct Finding {
    part: String,
    /// What is wrong with it.
    fault: Option<String>,
    /// What else there is to know.
    remark: &'static str,
}

impl Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.fault {
            None => write!(f, "{} {}", self.part, self.remark),
            Some(fault) => write!(f, "{} {fault}", self.part),
        }
    }
}

/// Looks at everything; returns after 15 s at most.
fn examine(status: &Status) -> Vec<Finding> {
    let ready = Finding {
        part: "broker".to_owned(),
        fault: status
            .locked
            .as_ref()
            .map(|reason| format!("is locked: {}", Field(reason))),
        remark: "is ready",
    };
    let asked = thread::scope(|scope| {
        let threads: Vec<_> = status
            .listeners
            .iter()
            .flat_map(places)
            .map(|(listener, place)| scope.spawn(move || examine_place(listener, &place)))
            .collect();
        // A thread that panicked has said so; its listener is not known to answer.
        let joined = threads
            .into_iter()
            .map(|thread| thread.join().unwrap_or_else(|_| lost()));
        joined.collect::<Vec<_>>()
    });
    [ready]
        .into_iter()
        .chain(asked)
        .chain([examine_store(&status.store)])
        .collect()
}

/// Where a listener can be met: its open addresses, or what it should have open.
fn places(listener: &Listener) -> Vec<(&Listener, String)> {
    let places = match (&listener.socket, listener.state) {
        (Some(path), _) => vec![path.clone()],
        (None, ListenerState::Listening) => listener.addresses.clone(),
        (None, _) => vec![listener.port.to_string()],
    };
    places.into_iter().map(|place| (listener, place)).collect()
}

fn examine_place(listener: &Listener, place: &str) -> Finding {
    let reason = || Field(listener.reason.as_deref().unwrap_or_default()).to_string();
    let (fault, remark) = match (listener.state, &listener.interface) {
        // Its cable may be out; when it comes, the listener does.
        (ListenerState::Waiting, _) => (Some(format!("waits: {}", reason())), ""),
        (ListenerState::Refused, _) => (Some(format!("does not listen: {}", reason())), ""),
        (_, Some(_)) => (
            None,
            "listens; only clients on its interface can ask whether it answers",
        ),
        _ => (
            probe::ask(listener, place)
                .err()
                .map(|silence| silence.to_string()),
            "answers",
        ),
    };
    Finding {
        part: format!("listener {}", Field(place)),
        fault,
        remark,
    }
}

fn examine_store(store: &Store) -> Finding {
    Finding {
        part: "store".to_owned(),
        fault: (store.state == "failed")
            .then(|| "has failed: nothing is kept; the log says why".to_owned()),
        remark: match store.state.as_str() {
            "full" => "is open, and full: what must be stored is refused",
            _ => "is open",
        },
    }
}

fn lost() -> Finding {
    Finding {
        part: "listener".to_owned(),
        fault: Some("could not be asked".to_owned()),
        remark: "",
    }
}

const HELP: &str = "\
Say whether the running broker is ready, its store is open, and each listener answers on each of its addresses.

Usage: broker health [--control PATH]

      --control PATH   The control socket of the broker (default: /run/broker/control)

What is well is told on standard output, each fault on standard error, a line each, the same at each time. A listener answers when a
CONNECT gets a CONNACK, also one that refuses, when a request for WebSocket gets an HTTP answer, or when a TLS
handshake succeeds. A listener that is bound to an interface is not asked.

Exit status: 0 everything is well, 1 something is not, or no broker is running.";

#[cfg(test)]
mod tests;
