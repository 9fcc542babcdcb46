// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The rules of waiting, as tables in virtual time.

use super::*;

fn address(text: &str) -> Origin {
    Some(text.parse().unwrap_or_else(|_| panic!("{text}")))
}

fn seconds(count: u64) -> Duration {
    Duration::from_secs(count)
}

/// The seconds that a login of this user must wait at this time.
fn wait(backoff: &mut Backoff, now: Instant, origin: Origin, user: &str) -> u8 {
    match backoff.of_user(now, origin, user) {
        None => 0,
        Some(LoginFailure::BackedOff { seconds }) => seconds,
        other => panic!("{other:?}"),
    }
}

#[test]
fn five_failures_in_a_minute_make_a_pair_wait_ever_longer() {
    let (mut backoff, begin) = (Backoff::default(), Instant::now());
    let home = address("192.168.1.7");
    for second in 0..4 {
        backoff.failed(begin + seconds(second), home, "ann");
        assert_eq!(wait(&mut backoff, begin + seconds(second), home, "ann"), 0);
    }
    let mut now = begin + seconds(4);
    for expected in [1, 2, 4, 8, 16, 32, 60, 60] {
        backoff.failed(now, home, "ann");
        assert_eq!(wait(&mut backoff, now, home, "ann"), expected);
        let last = now + seconds(expected.into());
        let shortly = last - Duration::from_millis(1);
        assert_eq!(wait(&mut backoff, shortly, home, "ann"), 1);
        assert_eq!(wait(&mut backoff, last, home, "ann"), 0);
        now = last;
    }
}

#[test]
fn nobody_else_waits_with_a_pair() {
    let (mut backoff, now) = (Backoff::default(), Instant::now());
    let home = address("192.168.1.7");
    (0..5).for_each(|_| backoff.failed(now, home, "ann"));
    let cases = [
        (home, "ann", 1),
        (home, "bob", 0),
        (address("192.168.1.8"), "ann", 0),
        (None, "ann", 0),
    ];
    for (origin, user, expected) in cases {
        assert_eq!(wait(&mut backoff, now, origin, user), expected, "{user}");
    }
}

#[test]
fn rare_failures_cost_nothing_and_old_ones_are_forgiven() {
    let home = address("2001:db8::");
    // Distance of failures in seconds, how many, seconds after the last, the wait that one more begins.
    let cases = [
        (16, 40, 1, 0),
        (0, 4, 59, 1),
        (0, 4, 60, 0),
        (0, 5, 2, 2),
        (0, 5, 599, 2),
        (0, 5, 600, 0),
    ];
    for (distance, count, after, expected) in cases {
        let (mut backoff, mut now) = (Backoff::default(), Instant::now());
        for _ in 0..count {
            backoff.failed(now, home, "ann");
            now += seconds(distance);
        }
        now += seconds(after);
        backoff.failed(now, home, "ann");
        let case = (distance, count, after);
        assert_eq!(wait(&mut backoff, now, home, "ann"), expected, "{case:?}");
    }
}

#[test]
fn a_success_forgives_its_own_pair() {
    let (mut backoff, now) = (Backoff::default(), Instant::now());
    let home = address("192.168.1.7");
    for user in ["ann", "bob"] {
        (0..5).for_each(|_| backoff.failed(now, home, user));
    }
    backoff.succeeded(home, "ann");
    assert_eq!(wait(&mut backoff, now, home, "ann"), 0);
    assert_eq!(wait(&mut backoff, now, home, "bob"), 1);
}

#[test]
fn what_was_under_way_when_a_wait_began_does_not_make_it_longer() {
    let (mut backoff, now) = (Backoff::default(), Instant::now());
    (0..100).for_each(|_| backoff.failed(now, None, "ann"));
    assert_eq!(wait(&mut backoff, now, None, "ann"), 1);
}

#[test]
fn who_failed_shares_ten_hashes_a_second_and_nobody_else_is_limited() {
    let (mut backoff, begin) = (Backoff::default(), Instant::now());
    let (wrong, fresh) = (address("198.51.100.1"), address("198.51.100.2"));
    let mut spent = 0;
    for millis in 0..10_000 {
        let now = begin + Duration::from_millis(millis);
        assert_eq!(backoff.of_address(now, fresh), None);
        if backoff.of_address(now, wrong).is_none() {
            backoff.failed(now, wrong, &format!("user {millis}"));
            backoff.hashed(now);
            spent += 1;
        }
    }
    assert!((105..=112).contains(&spent), "{spent} hashes in 10 s");
    let later = begin + seconds(60 + 10);
    assert_eq!(backoff.of_address(later, wrong), None);
}

#[test]
fn each_address_has_its_rank() {
    let (mut backoff, now) = (Backoff::default(), Instant::now());
    backoff.known(address("198.51.100.1"));
    backoff.succeeded(address("198.51.100.2"), "ann");
    backoff.failed(now, address("198.51.100.2"), "bob");
    backoff.failed(now, address("192.168.1.7"), "bob");
    let cases = [
        (None, Rank::Known),
        (address("127.0.0.1"), Rank::Known),
        (address("10.1.2.3"), Rank::Known),
        (address("::1"), Rank::Known),
        (address("fd00:1:2:3::"), Rank::Known),
        (address("fe80::"), Rank::Known),
        (address("198.51.100.1"), Rank::Known),
        (address("198.51.100.2"), Rank::Suspect),
        (address("192.168.1.7"), Rank::Suspect),
        (address("198.51.100.3"), Rank::Unknown),
        (address("2001:db8::"), Rank::Unknown),
    ];
    for (origin, expected) in cases {
        assert_eq!(backoff.rank(now, origin), expected, "{origin:?}");
    }
    let later = now + MINUTE;
    assert_eq!(backoff.rank(later, address("198.51.100.2")), Rank::Known);
}
