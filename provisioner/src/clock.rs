// SPDX-License-Identifier: Apache-2.0 OR MIT
//! A moment as a person reads it, and whether a machine without a battery clock can know it yet.

use std::fmt;
use std::time::{SystemTime, UNIX_EPOCH};

use broker_config::civil_date;

/// Seconds since 1970-01-01 00:00:00 UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Moment(pub u64);

impl Moment {
    /// When this program was built: the true time is never earlier.
    pub(crate) const BUILT: Self = Self(BUILT);

    /// What the machine's clock shows; 1970 if it shows something earlier.
    pub fn now() -> Self {
        Self(
            SystemTime::now()
                .duration_since(UNIX_EPOCH)
                .map_or(0, |since| since.as_secs()),
        )
    }

    /// Whether the clock has been set: it shows no time before this program was built.
    pub fn is_credible(self) -> bool {
        self.0 >= BUILT
    }
}

/// `2026-11-23 04:05:06 UTC`
impl fmt::Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (year, month, day) = civil_date(self.0 / 86_400);
        let (hour, minute, second) = (self.0 / 3600 % 24, self.0 / 60 % 60, self.0 % 60);
        write!(
            f,
            "{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02} UTC"
        )
    }
}

/// When this program was built, from SOURCE_DATE_EPOCH; without it the day this version was begun.
const BUILT: u64 = match option_env!("SOURCE_DATE_EPOCH") {
    Some(text) => digits(text.as_bytes()),
    None => 1_795_392_000,
};

/// The number that leading digits form.
const fn digits(text: &[u8]) -> u64 {
    let mut number = 0;
    let mut rest = text;
    while let [digit @ b'0'..=b'9', tail @ ..] = rest {
        number = number * 10 + (*digit - b'0') as u64;
        rest = tail;
    }
    number
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_read_as_dates() {
        let cases = [
            (0, "1970-01-01 00:00:00 UTC"),
            (951_782_399, "2000-02-28 23:59:59 UTC"),
            (951_782_400, "2000-02-29 00:00:00 UTC"),
            (951_868_800, "2000-03-01 00:00:00 UTC"),
            (1_795_392_000, "2026-11-23 00:00:00 UTC"),
            (4_107_542_400, "2100-03-01 00:00:00 UTC"),
        ];
        for (seconds, expected) in cases {
            assert_eq!(Moment(seconds).to_string(), expected);
        }
    }

    #[test]
    fn a_clock_before_the_build_is_not_credible() {
        assert!(!Moment(0).is_credible());
        assert!(!Moment(BUILT - 1).is_credible());
        assert!(Moment(BUILT).is_credible());
    }

    #[test]
    fn the_build_date_is_read_from_digits() {
        assert_eq!(digits(b"1795392000"), 1_795_392_000);
    }
}
