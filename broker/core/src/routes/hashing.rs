// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Hashes of texts and of pairs of numbers that clients choose: universal ones, whose keys nobody outside knows, at a quarter of
//! what the standard library's costs for a topic.
//!
//! A text is a polynomial over the field of 2^61 - 1, worked out at a secret point: two texts of n bytes have the same value with a
//! probability of n / 2^63. A pair is a multilinear sum with secret factors, which differs with a probability of 1 - 2^-32.

use std::hash::{BuildHasher, RandomState};

/// The keys of one broker.
pub(super) struct Hashing {
    /// Where polynomials are worked out; less than 2^61.
    point: u64,
    base: u64,
    factors: [u64; 2],
}

impl Hashing {
    /// Keys by the random numbers that the standard library gives every hash map.
    pub fn new() -> Self {
        let random = RandomState::new();
        let key = |n: u8| random.hash_one(n);
        Self {
            point: key(0) & FIELD,
            base: key(1),
            factors: [key(2), key(3)],
        }
    }

    pub fn text(&self, text: &[u8]) -> u64 {
        let mut rest = text;
        let mut value = rest.len() as u64;
        while let (Some(bytes), Some(behind)) = (rest.first_chunk::<8>(), rest.get(WORD..)) {
            value = self.step(value, u64::from_le_bytes(*bytes) & (u64::MAX >> 8));
            rest = behind;
        }
        let value = self.step(value, last_word(rest));
        self.pair(value as u32, (value >> 32) as u32)
    }

    pub fn pair(&self, one: u32, two: u32) -> u64 {
        let [first, second] = self.factors;
        let sum = self
            .base
            .wrapping_add(first.wrapping_mul(one.into()))
            .wrapping_add(second.wrapping_mul(two.into()));
        mixed(sum)
    }

    /// The next coefficient; `value` is any number that stands for its remainder.
    fn step(&self, value: u64, word: u64) -> u64 {
        let product = u128::from(value) * u128::from(self.point);
        let low = product as u64 & FIELD;
        let high = (product >> 61) as u64;
        reduced(reduced(high).wrapping_add(low).wrapping_add(word))
    }
}

/// Another number for each, with every bit of one in all bits of the other: tables look at some of them only.
fn mixed(mut value: u64) -> u64 {
    for factor in SPREAD {
        value = (value ^ value >> 32).wrapping_mul(factor);
    }
    value ^ value >> 32
}

/// A number less than 2^61 + 8 with the same remainder.
fn reduced(value: u64) -> u64 {
    (value & FIELD).wrapping_add(value >> 61)
}

/// Up to seven bytes as a number; those of one length differ if the bytes do.
fn last_word(bytes: &[u8]) -> u64 {
    if let (Some(first), Some(last)) = (bytes.first_chunk::<4>(), bytes.last_chunk::<3>()) {
        let [a, b, c] = last.map(u64::from);
        return u64::from(u32::from_le_bytes(*first)) | a << 32 | b << 40 | c << 48;
    }
    let byte = |index: usize| bytes.get(index).map_or(0, |byte| u64::from(*byte));
    byte(0) | byte(1) << 8 | byte(2) << 16
}

/// Bytes of a coefficient.
const WORD: usize = 7;
/// The field's size, a prime number, and a mask.
const FIELD: u64 = (1 << 61) - 1;
/// 2^64 divided by the golden ratio, and by the root of 2: odd, and without a pattern.
const SPREAD: [u64; 2] = [0x9E37_79B9_7F4A_7C15, 0xB504_F333_F9DE_6485];

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    /// So many that the birthday of two of them in 32 bits is far off.
    fn all_differ(hashes: impl Iterator<Item = u64>) {
        let hashes: Vec<u64> = hashes.collect();
        let different: HashSet<&u64> = hashes.iter().collect();
        assert!(hashes.len() < 4_000 && different.len() == hashes.len());
    }

    #[test]
    fn texts_that_differ_in_one_byte_or_in_length_have_different_hashes() {
        let hashing = Hashing::new();
        let text = "abcdefghijklmnopqrstuvwxyz/abcdefghijklmnopqrstuvwxyz";
        let changed = (0..text.len()).flat_map(|at| {
            let mut bytes = text.as_bytes().to_vec();
            (b'0'..=b'9').map(move |byte| {
                bytes[at] = byte;
                String::from_utf8(bytes.clone()).unwrap()
            })
        });
        let shorter = (0..text.len()).map(|len| text[..len].to_owned());
        let nothing = (1..30).map(|len| "\0".repeat(len));
        let texts: Vec<String> = changed.chain(shorter).chain(nothing).collect();
        all_differ(texts.iter().map(|text| hashing.text(text.as_bytes())));
    }

    #[test]
    fn what_has_one_hash_with_one_key_has_two_with_another() {
        let (one, other) = (Hashing::new(), Hashing::new());
        all_differ(
            [
                one.text(b"a/b"),
                other.text(b"a/b"),
                one.pair(1, 2),
                other.pair(1, 2),
            ]
            .into_iter(),
        );
    }

    #[test]
    fn pairs_spread_over_the_places_of_a_table() {
        let hashing = Hashing::new();
        all_differ(
            (0..60)
                .flat_map(|one| (0..60).map(move |two| (one, two)))
                .map(|(one, two)| hashing.pair(one, two)),
        );
        let places: HashSet<u64> = (0..1_000).map(|n| hashing.pair(n, 7) % 1_024).collect();
        assert!(places.len() > 550, "{}", places.len());
    }
}
