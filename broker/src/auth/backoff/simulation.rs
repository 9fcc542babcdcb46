// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Attacks from a hundred thousand addresses in virtual time: how long a good login waits, how much is remembered.

use std::net::Ipv4Addr;

use super::super::line::Line;
use super::*;

/// Addresses that attack.
const ATTACKERS: u32 = 100_000;
/// What one hash takes on the slowest board that is meant, a Zero 2, which has time for two a second.
const SLOW: Duration = Duration::from_millis(500);
/// What one takes on a desktop.
const FAST: Duration = Duration::from_millis(57);

/// One thread that hashes, and those who want something of it.
struct Scene {
    now: Instant,
    backoff: Backoff,
    line: Line<Login>,
    hash: Duration,
    free_at: Instant,
    hashes: u32,
    /// Waits of the good logins, and whether they were found to be good.
    waits: Vec<Duration>,
}

#[derive(PartialEq, Debug)]
struct Login {
    origin: Origin,
    user: u32,
    good: bool,
    since: Instant,
}

impl Scene {
    fn new(hash: Duration) -> Self {
        let now = Instant::now();
        Self {
            now,
            backoff: Backoff::default(),
            line: Line::default(),
            hash,
            free_at: now,
            hashes: 0,
            waits: Vec::new(),
        }
    }

    fn attempt(&mut self, origin: Origin, user: u32, good: bool) {
        let login = Login {
            origin,
            user,
            good,
            since: self.now,
        };
        if self.refuses(&login) {
            assert!(!good, "a good login from elsewhere is refused");
            return;
        }
        let rank = self.backoff.rank(self.now, origin);
        let lost = self.line.push(rank, origin, login);
        assert!(lost.is_none_or(|lost| !lost.good), "a good login is lost");
    }

    fn refuses(&mut self, login: &Login) -> bool {
        let user = login.user.to_string();
        let backoff = &mut self.backoff;
        backoff.of_user(self.now, login.origin, &user).is_some()
            || backoff.of_address(self.now, login.origin).is_some()
    }

    /// Lets time pass to the next attempt.
    fn pass(&mut self, span: Duration) {
        self.now += span;
        while self.free_at <= self.now {
            let Some(login) = self.line.pop() else {
                self.free_at = self.now;
                return;
            };
            if self.refuses(&login) {
                continue;
            }
            self.free_at += self.hash;
            self.hashes += 1;
            if login.good {
                self.waits.push(self.free_at - login.since);
                self.backoff.succeeded(login.origin, "good");
            } else {
                let user = login.user.to_string();
                self.backoff.failed(self.free_at, login.origin, &user);
                self.backoff.hashed(self.free_at);
            }
            assert!(self.backoff.len() <= 4_096);
        }
    }

    fn report(&mut self, name: &str, good: usize) -> Duration {
        self.waits.sort_unstable();
        assert_eq!(self.waits.len(), good, "{name}: a good login got no answer");
        let (half, longest) = (self.waits[good / 2], self.waits[good - 1]);
        println!(
            "{name}, {:?} a hash: {} hashes, a good login waits {half:?}, at most {longest:?}",
            self.hash, self.hashes
        );
        longest
    }
}

fn attacker(number: u32) -> Origin {
    Some(IpAddr::V4(Ipv4Addr::from(0x0B00_0000 + number)))
}

/// A hundred thousand at once, each with one attempt, five thousand a second.
fn all_at_once(hash: Duration, good: Origin) -> Duration {
    let mut scene = Scene::new(hash);
    // It has logged in before, with something else.
    scene.backoff.known(good);
    let mut asked = 0;
    for number in 0..ATTACKERS {
        scene.attempt(attacker(number), number % 300, false);
        if number % 10_000 == 9_999 {
            scene.attempt(good, 1_000 + asked, true);
            asked += 1;
        }
        scene.pass(Duration::from_micros(200));
    }
    scene.pass(Duration::from_secs(3));
    scene.report("100,000 addresses at once", asked as usize)
}

/// One address after the other, each with two attempts, while logins from addresses never seen before want in.
fn one_after_the_other(hash: Duration) -> Duration {
    let mut scene = Scene::new(hash);
    let mut good = 0;
    for number in 0..ATTACKERS {
        for attempt in 0..2 {
            scene.attempt(attacker(number), number % 7 + attempt, false);
        }
        if number % 1_000 == 999 {
            let fresh = Ipv4Addr::from(0xC000_0000 + number);
            scene.attempt(Some(IpAddr::V4(fresh)), good, true);
            good += 1;
        }
        scene.pass(Duration::from_millis(500));
    }
    scene.report("100,000 addresses one after the other", good as usize)
}

/// [R13]
#[test]
fn a_known_address_gets_in_within_two_seconds_while_a_hundred_thousand_others_try() {
    let cases = [
        ("the plant's router", 0xC633_6401_u32, SLOW),
        ("a neighbour", 0xC0A8_0107, FAST),
    ];
    for (name, address, hash) in cases {
        println!("{name}:");
        let longest = all_at_once(hash, Some(IpAddr::V4(address.into())));
        assert!(longest < Duration::from_secs(2), "{longest:?}");
    }
}

/// [R13]
#[test]
fn an_address_never_seen_gets_in_while_attackers_come_one_after_the_other() {
    let longest = one_after_the_other(FAST);
    assert!(longest < Duration::from_secs(2), "{longest:?}");
}
