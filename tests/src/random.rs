// SPDX-License-Identifier: Apache-2.0 OR MIT
//! A small repeatable source of random numbers (xorshift64*), so that a failure names the seed that shows it.

/// Numbers that depend on the seed, or on a fuzzer's bytes, only.
pub struct Random(Source);

enum Source {
    Seed(u64),
    /// Each number takes as few bytes as its bound allows; behind the last all are 0.
    Script(std::collections::VecDeque<u8>),
}

impl Random {
    pub fn new(seed: u64) -> Self {
        // Spreads small seeds over all bits; the state must not be zero.
        Self(Source::Seed(
            seed.wrapping_add(1).wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1,
        ))
    }

    /// The choices of a fuzzer, which sees what each of its bytes does.
    pub fn scripted(script: &[u8]) -> Self {
        Self(Source::Script(script.iter().copied().collect()))
    }

    /// Whether a script has ended; a seed never does.
    pub fn is_used_up(&self) -> bool {
        matches!(&self.0, Source::Script(script) if script.is_empty())
    }

    pub fn next_u64(&mut self) -> u64 {
        self.next(size_of::<u64>())
    }

    /// A number from 0 to `bound` - 1; `bound` must not be zero.
    pub fn below(&mut self, bound: usize) -> usize {
        let bytes = if bound <= 256 { 1 } else { size_of::<u64>() };
        (self.next(bytes) % bound as u64) as usize
    }

    /// True `percent` times in a hundred.
    pub fn chance(&mut self, percent: usize) -> bool {
        self.below(100) < percent
    }

    pub fn pick<'a, T>(&mut self, from: &'a [T]) -> &'a T {
        &from[self.below(from.len())]
    }

    pub fn bytes(&mut self, length: usize) -> Vec<u8> {
        (0..length).map(|_| self.next(1) as u8).collect()
    }

    fn next(&mut self, bytes: usize) -> u64 {
        match &mut self.0 {
            Source::Seed(state) => {
                *state ^= *state >> 12;
                *state ^= *state << 25;
                *state ^= *state >> 27;
                state.wrapping_mul(0x2545_F491_4F6C_DD1D)
            }
            Source::Script(script) => {
                let taken = script.drain(..bytes.min(script.len()));
                taken.fold(0, |number, byte| number << 8 | u64::from(byte))
            }
        }
    }
}
