// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Failed logins slow down whoever goes on failing, and nobody else; time is an argument.
//!
//! Five failures of one address with one user name within a minute, and further ones are refused without a hash: for a
//! second, then for twice as long each time, at most for a minute. Ten minutes without a failure are forgiven. All
//! addresses that failed lately share ten failed hashes a second; an address that did not fail is never made to wait.

use std::hash::{BuildHasher, RandomState};
use std::net::IpAddr;
use std::time::{Duration, Instant};

use mqtt_core::LoginFailure;

use super::recent::Recent;

/// Where a login comes from: an address, of IPv6 the /64 network; none for a local socket.
pub type Origin = Option<IpAddr>;

/// What is known of those who log in, 4,096 pairs of address and user and 4,096 addresses at most.
#[derive(Default)]
pub struct Backoff {
    pairs: Recent<Pair, Failures>,
    addresses: Recent<Origin, Standing>,
    names: RandomState,
    /// When all failed hashes are paid for, at ten a second.
    paid: Option<Instant>,
}

/// How soon a login is looked at while others wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Rank {
    /// Somebody logged in from there, or it is in a network of our own.
    Known,
    Unknown,
    /// A login from there failed in the last minute.
    Suspect,
}

/// An address and the hash of a user name.
type Pair = (Origin, u64);

/// The failures of one pair.
struct Failures {
    first: Instant,
    last: Instant,
    /// Since the first.
    count: u32,
    /// How often it was made to wait.
    waits: u32,
    until: Option<Instant>,
}

/// What is known of one address.
#[derive(Default)]
struct Standing {
    failed: Option<Instant>,
    succeeded: bool,
}

impl Backoff {
    /// Why a login of this user from there is refused now without being looked at; none if it may be.
    pub fn of_user(
        &mut self,
        now: Instant,
        origin: Origin,
        username: &str,
    ) -> Option<LoginFailure> {
        let pair = (origin, self.names.hash_one(username));
        let until = self.pairs.get(&pair)?.until?;
        let wait = until.checked_duration_since(now)?;
        let seconds = u8::try_from(wait.as_millis().div_ceil(1_000)).unwrap_or(u8::MAX);
        (seconds > 0).then_some(LoginFailure::BackedOff { seconds })
    }

    /// Why no hash is spent on a login from there now; none if it may be.
    pub fn of_address(&mut self, now: Instant, origin: Origin) -> Option<LoginFailure> {
        let overdrawn = self.paid.is_some_and(|paid| paid > now + BURST);
        (overdrawn && self.rank(now, origin) == Rank::Suspect)
            .then_some(LoginFailure::TooManyFailures { seconds: 1 })
    }

    /// A login failed.
    pub fn failed(&mut self, now: Instant, origin: Origin, username: &str) {
        let pair = (origin, self.names.hash_one(username));
        self.pairs.entry(pair, || Failures::new(now)).add(now);
        self.addresses.entry(origin, Standing::default).failed = Some(now);
    }

    /// The login that failed had cost a hash.
    pub fn hashed(&mut self, now: Instant) {
        let paid = self.paid.map_or(now, |paid| paid.max(now));
        self.paid = Some((paid + PRICE).min(now + BURST + MOST_DEBT));
    }

    /// Somebody logged in.
    pub fn succeeded(&mut self, origin: Origin, username: &str) {
        let pair = (origin, self.names.hash_one(username));
        self.pairs.remove(&pair);
        self.known(origin);
    }

    /// Somebody logged in again from there.
    pub fn known(&mut self, origin: Origin) {
        self.addresses.entry(origin, Standing::default).succeeded = true;
    }

    pub fn rank(&mut self, now: Instant, origin: Origin) -> Rank {
        let standing = self.addresses.get(&origin);
        let failed = standing.as_ref().and_then(|standing| standing.failed);
        let lately = |failed| now.saturating_duration_since(failed) < MINUTE;
        if failed.is_some_and(lately) {
            Rank::Suspect
        } else if standing.is_some_and(|standing| standing.succeeded) || is_our_own(origin) {
            Rank::Known
        } else {
            Rank::Unknown
        }
    }

    #[cfg(test)]
    pub fn len(&self) -> usize {
        self.pairs.len().max(self.addresses.len())
    }
}

impl Failures {
    fn new(now: Instant) -> Self {
        Self {
            first: now,
            last: now,
            count: 0,
            waits: 0,
            until: None,
        }
    }

    fn add(&mut self, now: Instant) {
        let since = |then| now.saturating_duration_since(then);
        let over = self.waits == 0 && since(self.first) >= MINUTE;
        if over || since(self.last) >= FORGIVEN {
            *self = Self::new(now);
        }
        self.last = now;
        self.count += 1;
        // What was under way when the wait began does not make it longer.
        let waits = self.until.is_some_and(|until| until > now);
        if self.count >= MAX_FAILURES && !waits {
            self.until = Some(now + (SHORTEST * 2_u32.saturating_pow(self.waits)).min(LONGEST));
            self.waits += 1;
        }
    }
}

/// Whether the address is one of this machine or of a network that nobody reaches from outside.
fn is_our_own(origin: Origin) -> bool {
    match origin {
        None => true,
        Some(IpAddr::V4(address)) => {
            address.is_private() || address.is_loopback() || address.is_link_local()
        }
        Some(IpAddr::V6(address)) => {
            address.is_loopback() || address.is_unique_local() || address.is_unicast_link_local()
        }
    }
}

/// Failures of one pair in a minute; the last of them begins the first wait.
const MAX_FAILURES: u32 = 5;
const MINUTE: Duration = Duration::from_secs(60);
const SHORTEST: Duration = Duration::from_secs(1);
const LONGEST: Duration = Duration::from_secs(60);
/// Without a failure; then all is forgotten.
const FORGIVEN: Duration = Duration::from_secs(10 * 60);
/// What a failed hash takes of the time that all addresses that failed lately share.
const PRICE: Duration = Duration::from_millis(100);
/// Ten failed hashes at once.
const BURST: Duration = Duration::from_secs(1);
/// What addresses that never failed before can take of it in advance.
const MOST_DEBT: Duration = Duration::from_secs(1);

#[cfg(test)]
mod simulation;
#[cfg(test)]
mod tests;
