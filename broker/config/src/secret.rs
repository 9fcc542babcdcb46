// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Plain-text secrets: the value, which nothing prints, and the place in the file where it stands.

use std::ops::Range;

use crate::Encoding;

/// A plain-text secret; it has neither `Debug` nor `Display`.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    pub(crate) fn new(value: String) -> Self {
        Self(value)
    }

    /// The secret itself, for hashing it and for the network that asks for it.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

/// Where a plain-text secret stands in the original bytes of the file, quotes included.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SecretSpan {
    pub range: Range<usize>,
    pub(crate) encoding: Encoding,
}

impl SecretSpan {
    /// What to write over the secret: as many bytes as it has, `0` and then spaces in the file's encoding.
    pub fn overwrite(&self) -> Vec<u8> {
        let zero = self.encoding.encode_ascii(b'0');
        let space = self.encoding.encode_ascii(b' ');
        let fill = space.iter().copied().cycle();
        zero.iter()
            .copied()
            .chain(fill)
            .take(self.range.len())
            .collect()
    }
}

/// The file as it will read once every span is overwritten; a span beyond the end is ignored.
pub fn masked(bytes: &[u8], spans: &[SecretSpan]) -> Vec<u8> {
    let mut masked = bytes.to_vec();
    for span in spans {
        if let Some(place) = masked.get_mut(span.range.clone()) {
            place.copy_from_slice(&span.overwrite());
        }
    }
    masked
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_overwrite_has_the_length_of_the_secret_in_every_encoding() {
        let cases: [(Encoding, Range<usize>, &[u8]); 3] = [
            (Encoding::Utf8, 3..8, b"0    "),
            (Encoding::Utf16Le, 2..8, b"0\0 \0 \0"),
            (Encoding::Utf16Be, 2..8, b"\x000\0 \0 "),
        ];
        for (encoding, range, expected) in cases {
            assert_eq!(
                SecretSpan { range, encoding }.overwrite(),
                expected,
                "{encoding:?}"
            );
        }
    }

    #[test]
    fn masking_touches_only_the_spans() {
        let spans = [
            SecretSpan {
                range: 4..7,
                encoding: Encoding::Utf8,
            },
            SecretSpan {
                range: 90..95,
                encoding: Encoding::Utf8,
            },
        ];
        assert_eq!(masked(b"a = \"b\" # c", &spans), b"a = 0   # c");
    }
}
