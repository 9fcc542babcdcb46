// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The line `systemctl status broker` shows.

use std::fmt;

use mqtt_core::StorageState;

use crate::listener::{ListenerState, State};

/// What the line tells; a listener that does not listen is named with its reason.
pub struct StatusLine<'a> {
    pub locked: Option<String>,
    pub clients: u64,
    pub listeners: &'a [ListenerState],
    /// Messages published to the broker in a second.
    pub rate: u64,
    pub store: StorageState,
    /// What is wrong with the card, in words.
    pub wear: Option<String>,
}

impl fmt::Display for StatusLine<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(reason) = &self.locked {
            return write!(f, "locked: {reason}");
        }
        let all = self.listeners.len();
        let open = self
            .listeners
            .iter()
            .filter(|listener| listener.state == State::Listening)
            .count();
        write!(f, "{} client{} on ", self.clients, plural(self.clients))?;
        if open < all {
            write!(f, "{open} of ")?;
        }
        write!(
            f,
            "{all} listener{}, {} msg/s",
            plural(u64::try_from(all).unwrap_or(u64::MAX)),
            self.rate
        )?;
        match self.store {
            StorageState::Ok => {}
            StorageState::Full => {
                f.write_str("; the store is full: what must be stored is refused")?
            }
            StorageState::Failed => f.write_str("; the store has FAILED: nothing is kept")?,
        }
        if let Some(wear) = &self.wear {
            write!(f, "; {wear}")?;
        }
        self.listeners
            .iter()
            .filter_map(trouble)
            .try_for_each(|trouble| write!(f, "; {trouble}"))
    }
}

/// Why a listener cannot be reached, or what is wrong with its certificate.
pub fn trouble(listener: &ListenerState) -> Option<String> {
    let place = listener.settings.place();
    match &listener.state {
        State::Listening => {
            let troubles = &listener.tls.as_ref()?.troubles;
            (!troubles.is_empty()).then(|| format!("{place}: {}", troubles.join("; ")))
        }
        State::Waiting(reason) => Some(format!("{place} waits: {reason}")),
        State::Refused(reason) => Some(format!("{place} is closed: {reason}")),
    }
}

fn plural(count: u64) -> &'static str {
    if count == 1 { "" } else { "s" }
}

#[cfg(test)]
mod tests {
    use broker_config::Listener;

    use super::*;

    fn listener(port: u16, state: State) -> ListenerState {
        ListenerState {
            settings: Listener {
                port,
                ..Listener::default()
            },
            addresses: Vec::new(),
            state,
            tls: None,
        }
    }

    #[test]
    fn the_line_names_what_does_not_listen() {
        let open = listener(1883, State::Listening);
        let waiting = listener(
            1884,
            State::Waiting("192.168.1.9 is not an address of this machine yet".to_owned()),
        );
        let refused = listener(8083, State::Refused("in use".to_owned()));
        let cases = [
            (
                None,
                12,
                vec![open.clone(), listener(8083, State::Listening)],
                "12 clients on 2 listeners, 340 msg/s",
            ),
            (
                None,
                1,
                vec![open.clone()],
                "1 client on 1 listener, 340 msg/s",
            ),
            (
                None,
                0,
                vec![open, waiting, refused],
                "0 clients on 1 of 3 listeners, 340 msg/s; port 1884 waits: 192.168.1.9 is not an address of this \
                 machine yet; port 8083 is closed: in use",
            ),
            (
                Some("/etc/broker/broker.toml is missing".to_owned()),
                0,
                vec![],
                "locked: /etc/broker/broker.toml is missing",
            ),
        ];
        for (locked, clients, listeners, expected) in cases {
            let line = StatusLine {
                locked,
                clients,
                listeners: &listeners,
                rate: 340,
                store: StorageState::Ok,
                wear: None,
            };
            assert_eq!(line.to_string(), expected);
        }
    }
}
