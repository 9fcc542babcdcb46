// SPDX-License-Identifier: Apache-2.0 OR MIT
//! From when until when a certificate counts, also where the clock cannot be trusted yet.

use std::time::Duration;

use rcgen::{CertificateParams, CertificateRevocationListParams, date_time_ymd};

use crate::clock::Moment;

/// The machine's clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Clock {
    pub now: Moment,
    /// Whether a time server has set it since the machine was started.
    pub is_set: bool,
}

/// A span of time, both ends included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Validity {
    pub from: Moment,
    pub until: Moment,
}

impl Validity {
    /// Of a server's certificate and of a list of revoked ones: 397 days.
    ///
    /// It begins a day ago, for clients whose clocks are slow; or, with a clock nobody has set, when this program was
    /// built, because the true time is later than that. It never lasts longer than 825 days, which some clients refuse.
    pub fn of_server(clock: Clock) -> Self {
        Self::of_days(clock, SERVER_DAYS)
    }

    /// Of a client's certificate.
    pub fn of_client(clock: Clock, days: u32) -> Self {
        Self::of_days(clock, u64::from(days))
    }

    /// Of the device's authority: 20 years.
    pub fn of_authority(clock: Clock) -> Self {
        let from = Moment::BUILT.0.min(clock.now.0.saturating_sub(DAY));
        let until = Moment::BUILT.0.max(clock.now.0) + AUTHORITY_DAYS * DAY;
        Self::new(from, until)
    }

    /// Whether two thirds of it are over.
    pub fn is_wearing_out(self, now: Moment) -> bool {
        let third = self.until.0.saturating_sub(self.from.0) / 3;
        now.0 > self.until.0.saturating_sub(third)
    }

    /// Writes it into a certificate to be signed.
    pub(super) fn limit(self, parameters: &mut CertificateParams) {
        parameters.not_before = date_time_ymd(1970, 1, 1) + since_epoch(self.from);
        parameters.not_after = date_time_ymd(1970, 1, 1) + since_epoch(self.until);
    }

    /// Writes it into a list of revoked certificates to be signed.
    pub(super) fn limit_list(self, parameters: &mut CertificateRevocationListParams) {
        parameters.this_update = date_time_ymd(1970, 1, 1) + since_epoch(self.from);
        parameters.next_update = date_time_ymd(1970, 1, 1) + since_epoch(self.until);
    }

    fn of_days(clock: Clock, days: u64) -> Self {
        let now = clock.now.0;
        if clock.is_set {
            let from = now.saturating_sub(DAY);
            return Self::new(from, from + days * DAY);
        }
        let until = Moment::BUILT.0.max(now) + days * DAY;
        let longest = LONGEST_DAYS.max(days) * DAY;
        Self::new(Moment::BUILT.0.max(until - longest), until)
    }

    fn new(from: u64, until: u64) -> Self {
        Self {
            from: Moment(from.min(LAST)),
            until: Moment(until.min(LAST)),
        }
    }
}

/// What `rcgen` adds to the beginning of 1970; its dates have a type of another crate.
pub(super) fn since_epoch(moment: Moment) -> Duration {
    Duration::from_secs(moment.0.min(LAST))
}

const DAY: u64 = 86_400;
/// Days a server's certificate counts.
const SERVER_DAYS: u64 = 397;
/// Days the authority counts.
const AUTHORITY_DAYS: u64 = 20 * 365 + 5;
/// Days above which some clients refuse a server's certificate.
const LONGEST_DAYS: u64 = 825;
/// The last second that a certificate can name, in the year 9999.
const LAST: u64 = 253_402_300_799;

#[cfg(test)]
mod tests {
    use super::*;

    const BUILT: u64 = Moment::BUILT.0;

    #[test]
    fn a_span_begins_with_the_build_until_the_clock_is_set() {
        let later = BUILT + 1000 * DAY;
        let cases = [
            (BUILT + 10 * DAY, true, BUILT + 9 * DAY, BUILT + 406 * DAY),
            (0, false, BUILT, BUILT + 397 * DAY),
            (BUILT + 3 * DAY, false, BUILT, BUILT + 400 * DAY),
            (later, false, later - 428 * DAY, later + 397 * DAY),
            (LAST, true, LAST - DAY, LAST),
        ];
        for (now, is_set, from, until) in cases {
            let clock = Clock {
                now: Moment(now),
                is_set,
            };
            let expected = Validity {
                from: Moment(from),
                until: Moment(until),
            };
            assert_eq!(Validity::of_server(clock), expected, "{now} {is_set}");
        }
    }

    #[test]
    fn an_authority_counts_for_twenty_years_whatever_the_clock_shows() {
        for now in [0, BUILT - DAY, BUILT, BUILT + 900 * DAY] {
            for is_set in [true, false] {
                let clock = Clock {
                    now: Moment(now),
                    is_set,
                };
                let validity = Validity::of_authority(clock);
                assert!(validity.from.0 <= BUILT, "{now}");
                assert!(validity.until.0 >= BUILT + 7305 * DAY, "{now}");
            }
        }
    }

    #[test]
    fn a_span_wears_out_when_a_third_is_left() {
        let validity = Validity {
            from: Moment(1000),
            until: Moment(1300),
        };
        for (now, expected) in [(0, false), (1200, false), (1201, true), (9000, true)] {
            assert_eq!(validity.is_wearing_out(Moment(now)), expected, "{now}");
        }
    }
}
