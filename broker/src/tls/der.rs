// SPDX-License-Identifier: Apache-2.0 OR MIT
//! As much of DER as it takes to see names and dates in certificates and lists of revoked ones; nothing is verified here.

/// One value and its tag.
#[derive(Clone, Copy)]
pub struct Item<'a> {
    pub tag: u8,
    pub content: &'a [u8],
    /// With tag and length.
    pub whole: &'a [u8],
}

/// The values inside another, one after the other; ends at the first that is damaged.
#[derive(Clone, Copy)]
pub struct Items<'a>(&'a [u8]);

impl<'a> Items<'a> {
    pub fn of(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    /// The next value, if it has this tag; otherwise it stays the next.
    pub fn read(&mut self, tag: u8) -> Option<Item<'a>> {
        let mut ahead = *self;
        let item = ahead.next().filter(|item| item.tag == tag)?;
        *self = ahead;
        Some(item)
    }
}

impl<'a> Iterator for Items<'a> {
    type Item = Item<'a>;

    fn next(&mut self) -> Option<Item<'a>> {
        let (&tag, rest) = self.0.split_first()?;
        let (&first, rest) = rest.split_first()?;
        // Up to four bytes of length: no certificate is longer.
        let (length, rest) = match first {
            0..=0x7f => (usize::from(first), rest),
            0x81..=0x84 => {
                let (bytes, rest) = rest.split_at_checked(usize::from(first & 0x7f))?;
                let length = bytes
                    .iter()
                    .fold(0, |sum, byte| sum << 8 | usize::from(*byte));
                (length, rest)
            }
            _ => return None,
        };
        let (content, rest) = rest.split_at_checked(length)?;
        let whole = self.0.get(..self.0.len() - rest.len())?;
        self.0 = rest;
        Some(Item {
            tag,
            content,
            whole,
        })
    }
}

impl<'a> Item<'a> {
    /// What is inside.
    pub fn items(self) -> Items<'a> {
        Items(self.content)
    }

    /// The text of one of the kinds of string that names are written in.
    pub fn text(self) -> Option<&'a str> {
        matches!(self.tag, UTF8_STRING | PRINTABLE_STRING | IA5_STRING)
            .then(|| std::str::from_utf8(self.content).ok())?
    }

    /// Seconds since 1970 of a date before the year 10000; one before 1970 counts as 1970.
    pub fn time(self) -> Option<u64> {
        let text = std::str::from_utf8(self.content).ok()?.strip_suffix('Z')?;
        let (year, rest) = match self.tag {
            UTC_TIME => {
                let year = number(text.get(..2)?)?;
                (year + if year < 50 { 2000 } else { 1900 }, text.get(2..)?)
            }
            GENERALIZED_TIME => (number(text.get(..4)?)?, text.get(4..)?),
            _ => return None,
        };
        let part = |at: usize| number(rest.get(at..at + 2)?);
        let (month, day) = (part(0)?, part(2)?);
        let seconds = part(4)? * 3_600 + part(6)? * 60 + part(8)?;
        if !(1..=12).contains(&month) || !(1..=31).contains(&day) {
            return None;
        }
        Some(days(year, month, day) * 86_400 + seconds)
    }
}

fn number(digits: &str) -> Option<u64> {
    let all = digits.bytes().all(|byte| byte.is_ascii_digit());
    all.then(|| digits.parse().ok())?
}

/// Days from 1970 on.
fn days(year: u64, month: u64, day: u64) -> u64 {
    let is_leap = |year: u64| year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let years: u64 = (1970..year)
        .map(|year| 365 + u64::from(is_leap(year)))
        .sum();
    let months = [0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334];
    let index = usize::try_from(month - 1).unwrap_or_default();
    let before = months.get(index).copied().unwrap_or_default();
    years + before + u64::from(month > 2 && is_leap(year)) + day - 1
}

pub const SEQUENCE: u8 = 0x30;
pub const SET: u8 = 0x31;
pub const INTEGER: u8 = 0x02;
pub const BOOLEAN: u8 = 0x01;
pub const OCTET_STRING: u8 = 0x04;
pub const OBJECT_IDENTIFIER: u8 = 0x06;
const UTF8_STRING: u8 = 0x0c;
const PRINTABLE_STRING: u8 = 0x13;
const IA5_STRING: u8 = 0x16;
pub const UTC_TIME: u8 = 0x17;
pub const GENERALIZED_TIME: u8 = 0x18;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_follow_one_another_and_damage_ends_them() {
        let bytes = [
            0x30, 0x03, 0x02, 0x01, 0x07, 0x0c, 0x81, 0x01, b'x', 0x04, 0x05, 1,
        ];
        let mut items = Items::of(&bytes);
        assert!(items.read(INTEGER).is_none());
        let sequence = items.read(SEQUENCE).unwrap();
        assert_eq!(sequence.items().next().unwrap().content, [7]);
        assert_eq!(sequence.whole, &bytes[..5]);
        assert_eq!(items.next().and_then(Item::text), Some("x"));
        assert!(items.next().is_none());
        for end in 0..bytes.len() {
            assert!(Items::of(&bytes[..end]).count() <= 2, "{end}");
        }
        assert!(Items::of(&[0x30, 0x85, 1, 1, 1, 1, 1]).next().is_none());
        assert!(Items::of(&[0x30, 0x80]).next().is_none());
    }

    #[test]
    fn both_kinds_of_date_are_seconds_since_1970() {
        let cases = [
            (UTC_TIME, "700101000000Z", Some(0)),
            (UTC_TIME, "491231235959Z", Some(2_524_607_999)),
            (GENERALIZED_TIME, "20240229120000Z", Some(1_709_208_000)),
            (GENERALIZED_TIME, "20500101000000Z", Some(2_524_608_000)),
            (GENERALIZED_TIME, "99991231235959Z", Some(253_402_300_799)),
            (UTC_TIME, "19500101000000Z", None),
            (UTC_TIME, "701301000000Z", None),
            (UTC_TIME, "700001000000Z", None),
            (UTC_TIME, "7001010000+0Z", None),
            (GENERALIZED_TIME, "2024", None),
        ];
        for (tag, text, expected) in cases {
            let item = Item {
                tag,
                content: text.as_bytes(),
                whole: &[],
            };
            assert_eq!(item.time(), expected, "{text}");
        }
    }
}
