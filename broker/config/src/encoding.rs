// SPDX-License-Identifier: Apache-2.0 OR MIT
//! From the bytes of a file to text, and from a place in the text back to the bytes.
//!
//! Accepted are UTF-8 and, because Windows editors write it, UTF-16 with a byte order mark. Everything else is
//! refused in words rather than guessed.

use std::fmt;
use std::ops::Range;

use crate::Fault;

/// How the characters of a file are stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encoding {
    Utf8,
    Utf16Le,
    Utf16Be,
}

/// Something unusual about a file that was accepted nevertheless.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Note {
    ByteOrderMark,
    Utf16,
    WindowsLineEnds,
    NoFinalNewline,
}

/// The text of a file and how it was stored.
pub(crate) struct Text {
    pub(crate) content: String,
    pub(crate) encoding: Encoding,
    pub(crate) notes: Vec<Note>,
    mark: usize,
}

/// Why bytes are not text, and how many bytes before the fault are.
pub(crate) struct NotText<'a> {
    pub(crate) fault: Fault,
    pub(crate) before: &'a str,
}

/// The text of a file in an encoding that a `broker.toml` may have, without its mark; `None` if it has none of them.
pub fn plain_text(bytes: &[u8]) -> Option<String> {
    decode(bytes).ok().map(|text| text.content)
}

/// Decodes a file of at most 1 MiB.
pub(crate) fn decode(bytes: &[u8]) -> Result<Text, NotText<'_>> {
    if bytes.len() > MAX_FILE {
        return Err(NotText {
            fault: Fault::TooBig,
            before: "",
        });
    }
    let (encoding, mark) = match bytes {
        [0xEF, 0xBB, 0xBF, ..] => (Encoding::Utf8, 3),
        [0xFF, 0xFE, ..] => (Encoding::Utf16Le, 2),
        [0xFE, 0xFF, ..] => (Encoding::Utf16Be, 2),
        _ => (Encoding::Utf8, 0),
    };
    let body = bytes.get(mark..).unwrap_or_default();
    let content = match encoding {
        Encoding::Utf8 => decode_utf8(body)?,
        Encoding::Utf16Le => decode_utf16(body, u16::from_le_bytes)?,
        Encoding::Utf16Be => decode_utf16(body, u16::from_be_bytes)?,
    };
    if content.contains('\0') {
        return Err(NotText {
            fault: Fault::NotText,
            before: "",
        });
    }
    let notes = notes(&content, encoding, mark);
    Ok(Text {
        content,
        encoding,
        notes,
        mark,
    })
}

impl Encoding {
    /// The bytes of one ASCII character.
    pub(crate) fn encode_ascii(self, character: u8) -> Vec<u8> {
        match self {
            Self::Utf8 => vec![character],
            Self::Utf16Le => vec![character, 0],
            Self::Utf16Be => vec![0, character],
        }
    }

    fn encoded_len(self, text: &str) -> usize {
        match self {
            Self::Utf8 => text.len(),
            Self::Utf16Le | Self::Utf16Be => 2 * text.encode_utf16().count(),
        }
    }
}

impl Text {
    /// Where places of the text, given in ascending order, stand in the original bytes.
    pub(crate) fn original_ranges(&self, places: &[Range<usize>]) -> Vec<Range<usize>> {
        let mut done = 0;
        let mut bytes = self.mark;
        let mut advance = |to: usize| {
            bytes += self
                .encoding
                .encoded_len(self.content.get(done..to).unwrap_or_default());
            done = to;
            bytes
        };
        places
            .iter()
            .map(|place| advance(place.start)..advance(place.end))
            .collect()
    }
}

impl Note {
    /// A word for programs.
    pub fn code(self) -> &'static str {
        match self {
            Self::ByteOrderMark => "byte-order-mark",
            Self::Utf16 => "utf-16",
            Self::WindowsLineEnds => "windows-line-ends",
            Self::NoFinalNewline => "no-final-newline",
        }
    }
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::ByteOrderMark => "the file begins with a byte order mark; that is fine",
            Self::Utf16 => "the file is stored as UTF-16; that is fine, UTF-8 is usual",
            Self::WindowsLineEnds => "the lines end as Windows writes them; that is fine",
            Self::NoFinalNewline => {
                "the last line does not end; that is fine, check that the file is complete"
            }
        })
    }
}

fn decode_utf8(body: &[u8]) -> Result<String, NotText<'_>> {
    match std::str::from_utf8(body) {
        Ok(text) if text.contains('\0') && looks_like_utf16(body) => Err(NotText {
            fault: Fault::Utf16WithoutMark,
            before: "",
        }),
        Ok(text) => Ok(text.to_owned()),
        Err(error) => {
            let valid = body.get(..error.valid_up_to()).unwrap_or_default();
            let before = std::str::from_utf8(valid).unwrap_or_default();
            let fault = if body.contains(&0) {
                Fault::NotText
            } else {
                Fault::NotUtf8
            };
            Err(NotText { fault, before })
        }
    }
}

fn decode_utf16(body: &[u8], unit: fn([u8; 2]) -> u16) -> Result<String, NotText<'static>> {
    let pairs = body.chunks_exact(2);
    let whole = pairs.remainder().is_empty();
    let units = pairs.filter_map(|pair| pair.try_into().ok()).map(unit);
    let text: Result<String, _> = char::decode_utf16(units).collect();
    text.ok().filter(|_| whole).ok_or(NotText {
        fault: Fault::BrokenUtf16,
        before: "",
    })
}

/// Whether every other byte of the beginning is zero, as in ASCII text stored as UTF-16.
fn looks_like_utf16(body: &[u8]) -> bool {
    let pairs = || body.chunks_exact(2).take(16);
    body.len() >= 2
        && (pairs().all(|pair| matches!(pair, [0, low] if *low != 0))
            || pairs().all(|pair| matches!(pair, [high, 0] if *high != 0)))
}

fn notes(content: &str, encoding: Encoding, mark: usize) -> Vec<Note> {
    let found = [
        (encoding == Encoding::Utf8 && mark > 0, Note::ByteOrderMark),
        (encoding != Encoding::Utf8, Note::Utf16),
        (content.contains("\r\n"), Note::WindowsLineEnds),
        (
            !content.is_empty() && !content.ends_with('\n'),
            Note::NoFinalNewline,
        ),
    ];
    found
        .into_iter()
        .filter_map(|(found, note)| found.then_some(note))
        .collect()
}

/// Bytes in a file.
pub(crate) const MAX_FILE: usize = 1024 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    fn content(bytes: &[u8]) -> Result<String, Fault> {
        decode(bytes)
            .map(|text| text.content)
            .map_err(|refused| refused.fault)
    }

    #[test]
    fn text_is_decoded_or_refused_with_its_fault() {
        let cases: [(&[u8], Result<&str, Fault>); 11] = [
            (b"", Ok("")),
            ("ü".as_bytes(), Ok("ü")),
            (b"\xEF\xBB\xBFa\n", Ok("a\n")),
            (b"\xFF\xFEa\0\x3D\xD8\x00\xDE", Ok("a😀")),
            (b"\xFE\xFF\0a", Ok("a")),
            (b"\xFF\xFEa", Err(Fault::BrokenUtf16)),
            (b"\xFF\xFE\x3D\xD8", Err(Fault::BrokenUtf16)),
            (b"a\0b\0", Err(Fault::Utf16WithoutMark)),
            (b"ab\0\0", Err(Fault::NotText)),
            (b"\xFF\xFE\0\0a\0\0\0", Err(Fault::NotText)),
            (b"caf\xE9", Err(Fault::NotUtf8)),
        ];
        for (bytes, expected) in cases {
            assert_eq!(content(bytes), expected.map(str::to_owned), "{bytes:?}");
        }
    }

    #[test]
    fn a_file_over_one_mebibyte_is_refused() {
        assert_eq!(content(&vec![b'#'; MAX_FILE]), Ok("#".repeat(MAX_FILE)));
        assert_eq!(content(&vec![b'#'; MAX_FILE + 1]), Err(Fault::TooBig));
    }

    #[test]
    fn places_in_the_text_are_found_in_the_bytes() {
        let cases: [(&[u8], Vec<Range<usize>>); 3] = [
            ("\u{FEFF}ü=\"x\"😀=\"y\"\n".as_bytes(), vec![6..9, 14..17]),
            (
                b"\xFF\xFE\xFC\0=\0\"\0x\0\"\0\x3D\xD8\x00\xDE=\0\"\0y\0\"\0\n\0",
                vec![6..12, 18..24],
            ),
            (
                b"\xFE\xFF\0\xFC\0=\0\"\0x\0\"\xD8\x3D\xDE\x00\0=\0\"\0y\0\"\0\n",
                vec![6..12, 18..24],
            ),
        ];
        for (bytes, expected) in cases {
            let text = decode(bytes).unwrap_or_else(|refused| panic!("{}", refused.fault));
            assert_eq!(text.original_ranges(&[3..6, 11..14]), expected, "{bytes:?}");
        }
    }
}
