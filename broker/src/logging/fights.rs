// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Recognises clients that take one client identifier from each other.

use std::collections::{HashMap, VecDeque};
use std::net::IpAddr;
use std::time::{Duration, Instant};

use mqtt_core::{Client, DisconnectCause, Event, Peer, SessionKey};

use super::entry::Entry;
use super::escape::Field;
use super::kind::Kind;

/// Sessions taken over in the last minute; at most 256, beyond that the one taken over longest ago is forgotten.
#[derive(Default)]
pub struct Fights(HashMap<SessionKey, Fight>);

struct Fight {
    /// Takeovers of the last minute, at most 64.
    takeovers: VecDeque<Instant>,
    /// Who lost the session last, and who took it.
    last: (Option<IpAddr>, Option<IpAddr>),
    told: Option<Instant>,
}

impl Fights {
    /// Returns what there is to say about a takeover, at most once a minute about one session.
    pub fn watch(&mut self, now: Instant, event: &Event) -> Option<Entry> {
        let Event::Disconnected { client, cause } = event else {
            return None;
        };
        let DisconnectCause::TakenOver { by } = cause else {
            return None;
        };
        self.make_room(now, &client.session);
        let fight = self.0.entry(client.session.clone()).or_insert(Fight {
            takeovers: VecDeque::new(),
            last: (None, None),
            told: None,
        });
        fight.go_on(now, client, by)
    }

    fn make_room(&mut self, now: Instant, session: &SessionKey) {
        if self.0.len() < MAX_FIGHTS || self.0.contains_key(session) {
            return;
        }
        let latest = |fight: &Fight| fight.takeovers.back().copied();
        self.0
            .retain(|_, fight| latest(fight).is_some_and(|at| now < at + WINDOW));
        if self.0.len() >= MAX_FIGHTS {
            let oldest = self.0.iter().min_by_key(|(_, fight)| latest(fight));
            let oldest = oldest.map(|(session, _)| session.clone());
            oldest.and_then(|session| self.0.remove(&session));
        }
    }
}

impl Fight {
    fn go_on(&mut self, now: Instant, loser: &Client, by: &Peer) -> Option<Entry> {
        while self.takeovers.front().is_some_and(|at| now >= *at + WINDOW)
            || self.takeovers.len() >= MAX_TAKEOVERS
        {
            self.takeovers.pop_front();
        }
        self.takeovers.push_back(now);
        let (lost, took) = (host(&loser.peer), host(by));
        let back_again = self.last == (took, lost);
        self.last = (lost, took);
        let told = self.told.is_some_and(|told| now < told + WINDOW);
        if told || !back_again || self.takeovers.len() < ENOUGH {
            return None;
        }
        self.told = Some(now);
        Some(line(&loser.session, lost, took, self.takeovers.len()))
    }
}

fn line(session: &SessionKey, lost: Option<IpAddr>, took: Option<IpAddr>, times: usize) -> Entry {
    let id = Field(&session.client_id);
    let (one, other) = (name(lost.min(took)), name(lost.max(took)));
    let often = match times {
        MAX_TAKEOVERS.. => format!("{MAX_TAKEOVERS} times or more in the last minute"),
        _ => format!("{times} times in the last minute"),
    };
    let text = if lost == took {
        format!(
            "Client {id} takes its session over from itself, {often}, both times from {one}: two programs there use \
             this client identifier, or one does not close its connection before it opens the next; give each an \
             identifier of its own."
        )
    } else {
        format!(
            "Two devices use the client identifier {id}: {one} and {other} take it from each other ({often}); give one \
             of them another identifier."
        )
    };
    let entry = Entry::new(&Kind::CLIENT_ID_SHARED, text)
        .about_session(session)
        .with("REMOTE_ADDR", one);
    if lost == took {
        entry
    } else {
        entry.with("OTHER_ADDR", other)
    }
}

fn host(peer: &Peer) -> Option<IpAddr> {
    peer.address.map(|address| address.ip().to_canonical())
}

fn name(host: Option<IpAddr>) -> String {
    host.map_or_else(|| "a local socket".to_owned(), |host| host.to_string())
}

const WINDOW: Duration = Duration::from_secs(60);
/// Takeovers within the window that make a fight.
const ENOUGH: usize = 4;
const MAX_TAKEOVERS: usize = 64;
const MAX_FIGHTS: usize = 256;

#[cfg(test)]
mod tests {
    use mqtt_core::PeerKind;

    use super::*;

    fn peer(address: &str) -> Peer {
        Peer {
            kind: PeerKind::Network,
            address: address.parse().ok(),
            port: 1883,
            listener: "".into(),
        }
    }

    fn takeover(client_id: &str, lost: &str, took: &str) -> Event {
        let session = SessionKey {
            user: "ann".into(),
            client_id: client_id.into(),
        };
        Event::Disconnected {
            client: Client {
                session,
                peer: peer(lost),
            },
            cause: DisconnectCause::TakenOver { by: peer(took) },
        }
    }

    /// What is said of takeovers that follow each other by `pause`, each address in turn.
    fn said(addresses: &[&str], count: usize, pause: Duration) -> Vec<String> {
        let mut fights = Fights::default();
        let mut now = Instant::now();
        let mut lines = Vec::new();
        let mut turn = addresses.iter().cycle();
        let mut lost = turn.next().unwrap();
        for took in turn.take(count) {
            now += pause;
            lines.extend(fights.watch(now, &takeover("dev", lost, took)));
            lost = took;
        }
        lines.into_iter().map(|entry| entry.text).collect()
    }

    const KITCHEN: &str = "192.168.1.5:1";
    const CELLAR: &str = "[::ffff:192.168.1.7]:2";

    #[test]
    fn two_devices_with_one_client_identifier_are_named_with_both_addresses() {
        let lines = said(&[KITCHEN, CELLAR], 30, Duration::from_secs(5));
        let sentence = |times| {
            format!(
                "Two devices use the client identifier dev: 192.168.1.5 and 192.168.1.7 take it from each other ({times} \
                 times in the last minute); give one of them another identifier."
            )
        };
        assert_eq!(lines, [sentence(4), sentence(12), sentence(12)]);
        let often = said(&[CELLAR, KITCHEN], 200, Duration::from_millis(400));
        assert!(
            often[1].contains("(64 times or more in the last minute)"),
            "{often:?}"
        );
    }

    #[test]
    fn one_host_that_takes_over_from_itself_is_told_apart() {
        let lines = said(&[KITCHEN, "192.168.1.5:9"], 4, Duration::from_secs(1));
        assert_eq!(lines.len(), 1);
        assert!(
            lines[0].starts_with("Client dev takes its session over from itself, 4 times"),
            "{lines:?}"
        );
    }

    #[test]
    fn a_device_that_moves_or_comes_back_now_and_then_is_no_fight() {
        let moving = [
            "192.0.2.1:1",
            "192.0.2.2:1",
            "192.0.2.3:1",
            "192.0.2.4:1",
            "192.0.2.5:1",
        ];
        assert_eq!(said(&moving, 4, Duration::from_secs(1)), [""; 0]);
        assert_eq!(
            said(&[KITCHEN, CELLAR], 50, Duration::from_secs(20)),
            [""; 0]
        );
    }

    #[test]
    fn the_table_is_bounded() {
        let mut fights = Fights::default();
        let now = Instant::now();
        for number in 0..2 * MAX_FIGHTS {
            fights.watch(now, &takeover(&number.to_string(), KITCHEN, CELLAR));
            assert!(fights.0.len() <= MAX_FIGHTS);
        }
    }
}
