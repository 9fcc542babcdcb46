// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Keeps restless clients from filling the log: so many lines a second about one subject, the rest is only counted.
//!
//! Warnings have a budget of their own: who comes and goes does not hide who is refused.

use std::collections::HashMap;
use std::fmt;
use std::net::IpAddr;
use std::time::{Duration, Instant};

use mqtt_core::{Client, Event, Peer, SessionKey};
use mqtt_proto::Filter;

use super::escape::Field;

/// Whom a line is about: a client that logged in by its session, a shared subscription, anybody else by the address.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Subject {
    Client(SessionKey),
    /// The broker itself.
    Broker,
    Shared(Filter),
    Address(Option<IpAddr>),
    /// All clients at an address.
    Crowd(IpAddr),
    /// Everybody beyond the number of subjects that are told apart.
    Others,
}

/// Lines of the current second by subject, warnings apart; of more than 1,024 of these, the rest counts as one.
pub struct Rates {
    began: Instant,
    lines: HashMap<(Subject, bool), u64>,
    /// A line of this second was not admitted.
    holds: bool,
}

impl Subject {
    pub fn of(event: &Event) -> Self {
        match event {
            Event::Opened { peer }
            | Event::TooManyConnections { peer, .. }
            | Event::Rejected { peer, .. } => Self::address(peer),
            Event::Connected { client, .. }
            | Event::KeepAliveAboveLimit { client, .. }
            | Event::Reauthenticated { client, .. }
            | Event::Disconnected { client, .. }
            | Event::TooFast { client, .. }
            | Event::PublishDenied { client, .. }
            | Event::SubscribeDenied { client, .. }
            | Event::Unstored { client, .. }
            | Event::Subscribed { client, .. }
            | Event::Unsubscribed { client, .. } => Self::client(client),
            Event::SessionExpired { session } | Event::WillUnstored { session, .. } => {
                Self::Client(session.clone())
            }
            Event::DroppingMessages { client, .. }
            | Event::DroppedMessages { client, .. }
            | Event::DeliveryDenied { client, .. }
            | Event::WillDenied { client, .. } => Self::Client(client.clone()),
            Event::Storage(_) => Self::Broker,
            Event::DroppingShared { filter, .. } | Event::DroppedShared { filter, .. } => {
                Self::Shared(filter.clone())
            }
        }
    }

    fn client(client: &Client) -> Self {
        // A made-up identifier is another one next time; the address stays.
        if client.session.client_id.starts_with(ASSIGNED) {
            return Self::address(&client.peer);
        }
        Self::Client(client.session.clone())
    }

    /// Lines in a second.
    fn allowed(&self) -> u64 {
        match self {
            Self::Client(_) | Self::Shared(_) | Self::Address(_) | Self::Broker => MAX_LINES,
            Self::Crowd(_) | Self::Others => MAX_CROWD_LINES,
        }
    }

    fn address(peer: &Peer) -> Self {
        Self::Address(peer.address.map(|address| address.ip().to_canonical()))
    }
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Client(session) => write!(f, "client {}", Field(&session.client_id)),
            Self::Shared(filter) => write!(f, "{}", Field(filter.as_str())),
            Self::Address(Some(address)) => write!(f, "connections from {address}"),
            Self::Address(None) => f.write_str("local connections"),
            Self::Crowd(address) => write!(f, "the clients at {address}"),
            Self::Broker => f.write_str("the broker"),
            Self::Others => f.write_str("other clients"),
        }
    }
}

impl Rates {
    pub fn new(now: Instant) -> Self {
        Self {
            began: now,
            lines: HashMap::new(),
            holds: false,
        }
    }

    /// Whether a line about the subject may be written in this second; it is counted either way.
    pub fn admit(&mut self, subject: Subject, warning: bool) -> bool {
        let mut key = (subject, warning);
        if self.lines.len() >= MAX_SUBJECTS && !self.lines.contains_key(&key) {
            key.0 = Subject::Others;
        }
        let allowed = key.0.allowed();
        let lines = self.lines.entry(key).or_default();
        *lines += 1;
        let admitted = *lines <= allowed;
        self.holds |= !admitted;
        admitted
    }

    /// Once the second is over, how many lines were held back, by subject; begins a new second.
    pub fn turn(&mut self, now: Instant) -> Vec<(Subject, u64)> {
        if now.duration_since(self.began) < SECOND {
            return Vec::new();
        }
        self.began = now;
        self.holds = false;
        let mut held = HashMap::<Subject, u64>::new();
        for ((subject, _), lines) in self.lines.drain() {
            let surplus = lines.saturating_sub(subject.allowed());
            if surplus > 0 {
                *held.entry(subject).or_default() += surplus;
            }
        }
        held.into_iter().collect()
    }

    /// How long until [`Rates::turn`] has something to tell; none if nothing is held back.
    pub fn due(&self, now: Instant) -> Option<Duration> {
        self.holds
            .then(|| (self.began + SECOND).saturating_duration_since(now))
    }
}

const SECOND: Duration = Duration::from_secs(1);
/// Lines about one subject in a second.
const MAX_LINES: u64 = 10;
/// Lines about all clients of an address in a second.
const MAX_CROWD_LINES: u64 = 100;
/// How the core's client identifiers begin.
const ASSIGNED: &str = "auto-";
const MAX_SUBJECTS: usize = 1_024;

#[cfg(test)]
mod tests {
    use super::*;

    fn client(number: usize) -> Subject {
        let client_id = format!("dev{number}").into();
        Subject::Client(SessionKey {
            user: "".into(),
            client_id,
        })
    }

    fn admitted(rates: &mut Rates, subject: &Subject, lines: usize) -> usize {
        (0..lines)
            .filter(|_| rates.admit(subject.clone(), false))
            .count()
    }

    #[test]
    fn ten_lines_a_second_about_one_client_are_shown_and_the_rest_is_counted() {
        let began = Instant::now();
        let mut rates = Rates::new(began);
        assert_eq!(admitted(&mut rates, &client(1), 10), 10);
        assert_eq!(rates.due(began), None);
        assert_eq!(admitted(&mut rates, &client(1), 5), 0);
        assert_eq!(admitted(&mut rates, &client(2), 1), 1);
        assert_eq!(rates.due(began), Some(SECOND));
        assert_eq!(rates.turn(began + SECOND / 2), []);
        assert_eq!(rates.turn(began + SECOND), [(client(1), 5)]);
        assert_eq!(admitted(&mut rates, &client(1), 1), 1);
    }

    #[test]
    fn a_warning_is_shown_however_many_come_and_go() {
        let began = Instant::now();
        let mut rates = Rates::new(began);
        assert_eq!(admitted(&mut rates, &client(1), 30), 10);
        let warnings = (0..15).filter(|_| rates.admit(client(1), true));
        assert_eq!(warnings.count(), 10);
        assert_eq!(rates.turn(began + SECOND), [(client(1), 25)]);
    }

    #[test]
    fn the_table_is_bounded() {
        let mut rates = Rates::new(Instant::now());
        for number in 0..MAX_SUBJECTS {
            assert!(rates.admit(client(number), false));
        }
        let more = (0..200).filter(|number| rates.admit(client(MAX_SUBJECTS + number), false));
        assert_eq!(more.count(), 100);
        assert_eq!(rates.lines.len(), MAX_SUBJECTS + 1);
        let held = rates.turn(rates.began + SECOND);
        assert_eq!(held, [(Subject::Others, 100)]);
    }
}
