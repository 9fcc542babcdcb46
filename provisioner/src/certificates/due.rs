// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Decides what is due: which certificates are missing, too old, or for a machine that is called otherwise now.

use std::fmt;
use std::net::IpAddr;

use super::authority::Loss;
use super::leaf::Identity;
use super::seen::{AuthoritySeen, MOST_ADDRESSES, Seen};

/// One change to the device's certificates.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Work {
    MakeAuthority {
        /// The machine's name, which becomes part of the authority's.
        host: String,
        replaces: Option<Loss>,
    },
    /// Writes `ca.crt`, for the daemon and onto the card.
    PublishAuthority,
    /// Makes the server's certificate and key.
    IssueServer { identity: Identity, reason: Reason },
    /// Writes the list of revoked certificates.
    ListRevoked,
}

/// Why the server's certificate is made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reason {
    /// There is none, or its file is not the one that was made.
    Missing,
    /// Another authority signed it.
    Authority,
    /// The machine is called otherwise now.
    Names,
    /// The machine has an address that is not in it.
    Address(IpAddr),
    /// It was made before the clock was set, or by a clock that was wrong.
    Clock,
    /// Two thirds of its time are over.
    Age,
}

/// What is to be done, in order.
pub fn work(seen: &Seen) -> Vec<Work> {
    let host = seen.identity.names.first().cloned().unwrap_or_default();
    let mut work = Vec::new();
    let kept = match &seen.authority {
        AuthoritySeen::Kept(fingerprint) => Some(fingerprint.as_str()),
        // What is there stays; that it cannot be read shows when it is to sign.
        AuthoritySeen::Unreadable => None,
        AuthoritySeen::Missing => {
            let replaces = None;
            work.push(Work::MakeAuthority { host, replaces });
            None
        }
        AuthoritySeen::Gone(loss) => {
            let replaces = Some(*loss);
            work.push(Work::MakeAuthority { host, replaces });
            None
        }
    };
    if !seen.is_published {
        work.push(Work::PublishAuthority);
    }
    if let Some(reason) = reason(seen, kept) {
        work.push(Work::IssueServer {
            identity: wanted(seen, &reason),
            reason,
        });
    }
    let is_latest = seen.revocations.as_ref().is_some_and(|list| {
        Some(list.authority.as_str()) == kept
            && Some(&list.serials) == seen.serials.as_ref()
            && !list.validity().is_wearing_out(seen.clock.now)
    });
    if !is_latest {
        work.push(Work::ListRevoked);
    }
    work
}

/// Why the server's certificate must be made anew, if it must.
fn reason(seen: &Seen, authority: Option<&str>) -> Option<Reason> {
    let Some(server) = &seen.server else {
        return Some(Reason::Missing);
    };
    let (clock, validity) = (seen.clock, server.validity());
    let new = seen.identity.addresses.difference(&server.addresses).next();
    if Some(server.authority.as_str()) != authority {
        Some(Reason::Authority)
    } else if seen.identity.names != server.names {
        Some(Reason::Names)
    } else if let Some(address) = new {
        Some(Reason::Address(*address))
    } else if clock.is_set && (!server.clock_set || clock.now.0 < validity.from.0) {
        Some(Reason::Clock)
    } else if validity.is_wearing_out(clock.now) {
        Some(Reason::Age)
    } else {
        None
    }
}

/// Addresses the machine had before stay, so that one that comes and goes is asked for once; age forgets them.
fn wanted(seen: &Seen, reason: &Reason) -> Identity {
    let mut identity = seen.identity.clone();
    let before = seen.server.iter().flat_map(|server| &server.addresses);
    for address in before.filter(|_| *reason != Reason::Age) {
        if identity.addresses.len() < MOST_ADDRESSES {
            identity.addresses.insert(*address);
        }
    }
    identity
}

impl fmt::Display for Work {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::MakeAuthority { replaces: None, .. } => {
                f.write_str("make this device's certification authority")
            }
            Self::MakeAuthority {
                replaces: Some(loss),
                ..
            } => write!(f, "make a new certification authority, because {loss}"),
            Self::PublishAuthority => f.write_str("write ca.crt, for clients beside the report"),
            Self::IssueServer { identity, reason } => {
                let names = identity.names.iter().cloned();
                let addresses = identity.addresses.iter().map(ToString::to_string);
                let all: Vec<String> = names.chain(addresses).collect();
                let all = all.join(", ");
                write!(
                    f,
                    "make the server's certificate for {all}, because {reason}"
                )
            }
            Self::ListRevoked => f.write_str("write the list of revoked certificates"),
        }
    }
}

impl fmt::Display for Loss {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Lost => "the earlier one's key is gone",
            Self::Damaged => "the earlier one's key was damaged",
        })
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing => f.write_str("there is none"),
            Self::Authority => f.write_str("the authority is another one"),
            Self::Names => f.write_str("the names changed"),
            Self::Address(address) => write!(f, "{address} is new"),
            Self::Clock => f.write_str("the clock is set now"),
            Self::Age => f.write_str("two thirds of its time are over"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::authority::Fingerprint;
    use super::super::record::{ListRecord, ServerRecord};
    use super::super::validity::{Clock, Validity};
    use super::*;
    use crate::clock::Moment;

    const NOW: Moment = Moment(1_800_000_000);
    const DAY: u64 = 86_400;

    /// A machine whose certificates are in order, made a day ago.
    fn in_order() -> Seen {
        let made = Clock {
            now: Moment(NOW.0 - DAY),
            is_set: true,
        };
        let identity = Identity {
            names: vec!["plant-2".to_owned()],
            addresses: ["127.0.0.1", "192.168.1.20"].map(ip).into(),
        };
        let authority = Fingerprint::of(b"authority");
        let validity = Validity::of_server(made);
        let by = authority.as_str();
        let list = ListRecord::new("list", by, "serials".to_owned(), validity);
        Seen {
            server: Some(ServerRecord::new("", by, &identity, validity, true)),
            revocations: Some(list),
            serials: Some("serials".to_owned()),
            authority: AuthoritySeen::Kept(authority),
            is_published: true,
            identity,
            clock: Clock {
                now: NOW,
                is_set: true,
            },
        }
    }

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    fn server_made_by_an_unset_clock(seen: &mut Seen) {
        let clock = Clock {
            is_set: false,
            ..seen.clock
        };
        let validity = Validity::of_server(clock);
        let server = ServerRecord::new("", by(seen), &seen.identity, validity, false);
        seen.server = Some(server);
    }

    fn by(seen: &Seen) -> &str {
        match &seen.authority {
            AuthoritySeen::Kept(fingerprint) => fingerprint.as_str(),
            _ => "",
        }
    }

    #[test]
    fn certificates_are_made_anew_when_something_calls_for_it() {
        type Change = fn(&mut Seen);
        let cases: [(Change, Option<Reason>); 12] = [
            (|_| (), None),
            (|seen| seen.server = None, Some(Reason::Missing)),
            (
                |seen| seen.authority = AuthoritySeen::Kept(Fingerprint::of(b"another")),
                Some(Reason::Authority),
            ),
            (
                |seen| seen.identity.names.push("plant-2.local".to_owned()),
                Some(Reason::Names),
            ),
            (
                |seen| seen.identity.addresses.extend([ip("fd00::1")]),
                Some(Reason::Address(ip("fd00::1"))),
            ),
            (
                |seen| {
                    seen.identity
                        .addresses
                        .retain(|one| *one != ip("192.168.1.20"))
                },
                None,
            ),
            (server_made_by_an_unset_clock, Some(Reason::Clock)),
            (
                |seen| {
                    server_made_by_an_unset_clock(seen);
                    seen.clock.is_set = false;
                },
                None,
            ),
            (
                |seen| seen.clock.now = Moment(NOW.0 - 9 * DAY),
                Some(Reason::Clock),
            ),
            (|seen| seen.clock.now = Moment(NOW.0 + 262 * DAY), None),
            (
                |seen| seen.clock.now = Moment(NOW.0 + 263 * DAY),
                Some(Reason::Age),
            ),
            (
                |seen| seen.clock.now = Moment(NOW.0 + 999 * DAY),
                Some(Reason::Age),
            ),
        ];
        for (number, (change, expected)) in cases.into_iter().enumerate() {
            let mut seen = in_order();
            change(&mut seen);
            let kept = by(&seen).to_owned();
            assert_eq!(reason(&seen, Some(&kept)), expected, "case {number}");
        }
    }

    #[test]
    fn an_address_that_went_stays_until_the_certificate_is_old() {
        let mut seen = in_order();
        seen.identity.addresses = [ip("fd00::1")].into();
        let both = |reason| wanted(&seen, &reason).addresses.len();
        assert_eq!(both(Reason::Address(ip("fd00::1"))), 3);
        assert_eq!(both(Reason::Age), 1);
        seen.identity.addresses = (0..64).map(|last| IpAddr::from([10, 0, 0, last])).collect();
        assert_eq!(wanted(&seen, &Reason::Names).addresses.len(), 64);
    }

    #[test]
    fn the_list_of_revoked_ones_follows_what_is_revoked() {
        type Change = fn(&mut Seen);
        let cases: [(Change, bool); 5] = [
            (|_| (), false),
            (|seen| seen.revocations = None, true),
            (|seen| seen.serials = Some("more".to_owned()), true),
            (|seen| seen.serials = None, true),
            (|seen| seen.clock.now = Moment(NOW.0 + 300 * DAY), true),
        ];
        for (number, (change, expected)) in cases.into_iter().enumerate() {
            let mut seen = in_order();
            change(&mut seen);
            let found = work(&seen).contains(&Work::ListRevoked);
            assert_eq!(found, expected, "case {number}");
        }
    }

    #[test]
    fn an_authority_that_cannot_be_read_is_not_replaced() {
        let mut seen = in_order();
        seen.authority = AuthoritySeen::Unreadable;
        let makes = |work: &Work| matches!(work, Work::MakeAuthority { .. });
        assert!(!work(&seen).iter().any(makes));
        seen.authority = AuthoritySeen::Gone(Loss::Damaged);
        assert!(work(&seen).first().is_some_and(makes));
    }
}
