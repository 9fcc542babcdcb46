// SPDX-License-Identifier: Apache-2.0 OR MIT
//! From a byte of the text to the line and column a person sees.

/// Where the lines of a text begin.
pub(crate) struct Lines<'t> {
    text: &'t str,
    starts: Vec<usize>,
}

impl<'t> Lines<'t> {
    pub(crate) fn of(text: &'t str) -> Self {
        let later = text
            .bytes()
            .enumerate()
            .filter(|(_, byte)| *byte == b'\n')
            .map(|(at, _)| at + 1);
        Self {
            text,
            starts: std::iter::once(0).chain(later).collect(),
        }
    }

    /// The line of a byte, from 1.
    pub(crate) fn line(&self, at: usize) -> u32 {
        let line = self.starts.partition_point(|start| *start <= at);
        u32::try_from(line).unwrap_or(u32::MAX)
    }

    /// The first byte of a line, which is counted from 1.
    pub(crate) fn start(&self, line: u32) -> usize {
        let index = usize::try_from(line)
            .unwrap_or(usize::MAX)
            .saturating_sub(1);
        self.starts.get(index).copied().unwrap_or_default()
    }

    /// The column of a byte in characters, from 1.
    pub(crate) fn column(&self, at: usize) -> u32 {
        let line = self.starts.partition_point(|start| *start <= at);
        let start = line
            .checked_sub(1)
            .and_then(|index| self.starts.get(index))
            .copied();
        let before = self.text.get(start.unwrap_or(0)..at).unwrap_or_default();
        u32::try_from(before.chars().count() + 1).unwrap_or(u32::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_and_columns_count_characters_from_one() {
        let lines = Lines::of("aü\r\nb\n");
        let cases = [(0, 1, 1), (3, 1, 3), (5, 2, 1), (6, 2, 2), (7, 3, 1)];
        for (at, line, column) in cases {
            assert_eq!(
                (lines.line(at), lines.column(at)),
                (line, column),
                "byte {at}"
            );
        }
    }
}
