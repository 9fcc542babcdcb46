// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The wireless network that the machine joins.

use std::fmt;
use std::ops::RangeInclusive;

use crate::Secret;

/// What `[wlan]` says; it has no `Debug`.
#[derive(Clone, PartialEq, Eq)]
pub struct Wlan {
    pub ssid: Ssid,
    /// Whether the network does not tell its name, so that it is asked for.
    pub hidden: bool,
    /// Whose rules the radio keeps.
    pub country: Country,
    pub key: WlanKey,
}

/// What opens the network.
#[derive(Clone, PartialEq, Eq)]
pub enum WlanKey {
    /// Nothing does: it is open to everybody.
    Open,
    /// The passphrase, 8 to 63 bytes, for WPA2 and WPA3.
    Password(Secret),
    /// The key that WPA2 derives from passphrase and name, 64 hexadecimal digits.
    Psk(Secret),
    /// `password = 0` or `psk = 0`, in this line of the file: taken from the card earlier, kept on the device.
    Kept { line: u32 },
}

/// The name of a wireless network: 1 to 32 bytes without control characters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ssid(String);

/// A country by its two letters (ISO 3166-1).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Country(String);

impl WlanKey {
    /// The passphrase, if it can be one.
    pub fn password(text: &str) -> Option<Self> {
        let fits = PASSPHRASE.contains(&text.len()) && !text.contains(char::is_control);
        fits.then(|| Self::Password(Secret::new(text.to_owned())))
    }

    /// The derived key, if it is one.
    pub fn psk(text: &str) -> Option<Self> {
        let fits = text.len() == PSK_DIGITS && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        fits.then(|| Self::Psk(Secret::new(text.to_ascii_lowercase())))
    }
}

impl Ssid {
    /// The name, if it can be one.
    pub fn parse(text: &str) -> Option<Self> {
        let fits = (1..=MAX_SSID).contains(&text.len()) && !text.contains(char::is_control);
        fits.then(|| Self(text.to_owned()))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Country {
    /// The country, if there is one of these letters.
    pub fn parse(text: &str) -> Option<Self> {
        let known = COUNTRIES.split(' ').any(|country| country == text);
        known.then(|| Self(text.to_owned()))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Ssid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for Country {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Bytes in the name of a network (IEEE 802.11).
const MAX_SSID: usize = 32;
/// Bytes in a passphrase (IEEE 802.11, annex J).
const PASSPHRASE: RangeInclusive<usize> = 8..=63;
const PSK_DIGITS: usize = 64;

const COUNTRIES: &str = "\
    AD AE AF AG AI AL AM AO AQ AR AS AT AU AW AX AZ BA BB BD BE BF BG BH BI BJ BL BM BN BO BQ BR BS BT \
    BV BW BY BZ CA CC CD CF CG CH CI CK CL CM CN CO CR CU CV CW CX CY CZ DE DJ DK DM DO DZ EC EE EG EH \
    ER ES ET FI FJ FK FM FO FR GA GB GD GE GF GG GH GI GL GM GN GP GQ GR GS GT GU GW GY HK HM HN HR HT \
    HU ID IE IL IM IN IO IQ IR IS IT JE JM JO JP KE KG KH KI KM KN KP KR KW KY KZ LA LB LC LI LK LR LS \
    LT LU LV LY MA MC MD ME MF MG MH MK ML MM MN MO MP MQ MR MS MT MU MV MW MX MY MZ NA NC NE NF NG NI \
    NL NO NP NR NU NZ OM PA PE PF PG PH PK PL PM PN PR PS PT PW PY QA RE RO RS RU RW SA SB SC SD SE SG \
    SH SI SJ SK SL SM SN SO SR SS ST SV SX SY SZ TC TD TF TG TH TJ TK TL TM TN TO TR TT TV TW TZ UA UG \
    UM US UY UZ VA VC VE VG VI VN VU WF WS YE YT ZA ZM ZW";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_country_has_two_capital_letters_that_somebody_has() {
        let cases = [
            ("JP", true),
            ("GB", true),
            ("ZW", true),
            ("UK", false),
            ("jp", false),
            ("JPN", false),
            ("", false),
            ("JP AD", false),
        ];
        for (text, expected) in cases {
            assert_eq!(Country::parse(text).is_some(), expected, "{text}");
        }
    }

    #[test]
    fn names_and_keys_have_the_lengths_of_the_standard() {
        let (password, psk) = (WlanKey::password, WlanKey::psk);
        assert!(Ssid::parse(&"a".repeat(32)).is_some() && Ssid::parse(&"a".repeat(33)).is_none());
        assert!(Ssid::parse("").is_none() && Ssid::parse("a\nb").is_none());
        assert!(password(&"a".repeat(8)).is_some() && password(&"a".repeat(7)).is_none());
        assert!(password(&"a".repeat(63)).is_some() && password(&"a".repeat(64)).is_none());
        assert!(psk(&"aB".repeat(32)).is_some() && psk(&"a".repeat(63)).is_none());
        assert!(psk(&"g".repeat(64)).is_none());
    }
}
