// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Makes text from the network harmless for a terminal and a log: one line, no control, no reordering, bounded.

use std::fmt::{self, Write};

/// A field from outside: escaped, and cut after 256 bytes with `…` as the sign of it.
pub struct Field<'a>(pub &'a str);

impl fmt::Display for Field<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_bounded(f, self.0, MAX_FIELD)
    }
}

/// A whole line of our own making: escaped where a file name or an error brought something in, cut after 4 KiB.
pub struct Line<'a>(pub &'a str);

impl fmt::Display for Line<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_bounded(f, self.0, MAX_LINE)
    }
}

fn write_bounded(f: &mut fmt::Formatter<'_>, text: &str, limit: usize) -> fmt::Result {
    let mut written = 0;
    for character in text.chars() {
        let escaped = needs_escape(character);
        written += if escaped {
            ESCAPED_LEN
        } else {
            character.len_utf8()
        };
        if written > limit {
            return f.write_char('…');
        }
        if escaped {
            write!(f, "\\u{{{:x}}}", u32::from(character))?;
        } else {
            f.write_char(character)?;
        }
    }
    Ok(())
}

/// Controls (C0, DEL, C1), line and paragraph separators, and what reorders or hides text (bidi, zero width, tags).
fn needs_escape(character: char) -> bool {
    character.is_control()
        || matches!(
            character,
            '\u{ad}'
                | '\u{61c}'
                | '\u{180e}'
                | '\u{200b}'..='\u{200f}'
                | '\u{2028}'..='\u{202e}'
                | '\u{2060}'..='\u{206f}'
                | '\u{feff}'
                | '\u{fff9}'..='\u{fffb}'
                | '\u{e0000}'..='\u{e007f}'
        )
}

/// Bytes of a field.
const MAX_FIELD: usize = 256;
/// Bytes of a line of the broker's own.
const MAX_LINE: usize = 4_096;
/// Bytes of the longest escape, `\u{e007f}`.
const ESCAPED_LEN: usize = 9;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hostile_characters_are_shown_as_their_numbers() {
        let cases = [
            ("sensor-1", "sensor-1"),
            ("温度計", "温度計"),
            ("a\nb\r\tc\0", "a\\u{a}b\\u{d}\\u{9}c\\u{0}"),
            ("\u{1b}[31mred", "\\u{1b}[31mred"),
            ("\u{7f}\u{85}\u{9b}", "\\u{7f}\\u{85}\\u{9b}"),
            ("abc\u{202e}txt.exe", "abc\\u{202e}txt.exe"),
            (
                "\u{2066}x\u{2069}\u{200b}\u{feff}",
                "\\u{2066}x\\u{2069}\\u{200b}\\u{feff}",
            ),
            ("\u{2028}\u{2029}", "\\u{2028}\\u{2029}"),
        ];
        for (text, expected) in cases {
            assert_eq!(Field(text).to_string(), expected, "{text:?}");
        }
    }

    #[test]
    fn a_field_is_cut_after_256_bytes() {
        let fits = "x".repeat(256);
        assert_eq!(Field(&fits).to_string(), fits);
        let long = "x".repeat(257);
        assert_eq!(Field(&long).to_string(), format!("{fits}…"));
        let controls = "\u{1}".repeat(60_000);
        assert!(Field(&controls).to_string().len() <= 256 + '…'.len_utf8());
    }
}
