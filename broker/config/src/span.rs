// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Spans of time as Mosquitto writes them: a number and a unit, such as `14d`.

/// Seconds of a span without end, as MQTT 5 has it.
pub(crate) const NEVER: u64 = u32::MAX as u64;

/// Seconds of `14d` and the like (h, d, w, m for 30 days, y for 365), of whole seconds, or of `never`; 1 second at least.
pub(crate) fn parse(text: &str) -> Option<u64> {
    if text == "never" {
        return Some(NEVER);
    }
    let (number, unit) = UNITS
        .iter()
        .find_map(|(letter, seconds)| Some((text.strip_suffix(*letter)?, *seconds)))
        .unwrap_or((text, 1));
    let digits = number.bytes().all(|byte| byte.is_ascii_digit());
    let number: u64 = number.parse().ok().filter(|_| digits)?;
    number
        .checked_mul(unit)
        .filter(|seconds| (1..NEVER).contains(seconds))
}

/// The span in words, in the largest unit that divides it.
pub(crate) fn in_words(seconds: u64) -> String {
    if seconds == NEVER {
        return "never".to_owned();
    }
    let (name, length) = WORDS
        .iter()
        .find(|(_, length)| seconds % length == 0)
        .unwrap_or(&("second", 1));
    match seconds / length {
        1 => format!("1 {name}"),
        count => format!("{count} {name}s"),
    }
}

const HOUR: u64 = 60 * 60;
const DAY: u64 = 24 * HOUR;

/// Mosquitto's letters; `s` is ours.
const UNITS: [(char, u64); 6] = [
    ('s', 1),
    ('h', HOUR),
    ('d', DAY),
    ('w', 7 * DAY),
    ('m', 30 * DAY),
    ('y', 365 * DAY),
];

const WORDS: [(&str, u64); 4] = [("day", DAY), ("hour", HOUR), ("minute", 60), ("second", 1)];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_span_is_a_number_with_a_letter_or_of_seconds() {
        let cases = [
            ("14d", Some(1_209_600), "14 days"),
            ("2w", Some(1_209_600), "14 days"),
            ("1m", Some(2_592_000), "30 days"),
            ("1y", Some(31_536_000), "365 days"),
            ("1h", Some(3_600), "1 hour"),
            ("90", Some(90), "90 seconds"),
            ("120s", Some(120), "2 minutes"),
            ("never", Some(NEVER), "never"),
            ("0", None, ""),
            ("", None, ""),
            ("d", None, ""),
            ("1dd", None, ""),
            ("+1d", None, ""),
            ("1 d", None, ""),
            ("1.5d", None, ""),
            ("14D", None, ""),
            ("137y", None, ""),
            ("99999999999999999999y", None, ""),
        ];
        for (text, seconds, words) in cases {
            assert_eq!(parse(text), seconds, "{text}");
            assert_eq!(seconds.map(in_words).unwrap_or_default(), words, "{text}");
        }
    }
}
