// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Which known word somebody probably meant.

/// The candidate that fewest typing errors separate from the name, at most one in three characters.
pub(crate) fn most_similar(
    name: &str,
    candidates: impl Iterator<Item = &'static str>,
) -> Option<&'static str> {
    let length = name.chars().count();
    if length > LONGEST_COMPARED {
        return None;
    }
    candidates
        .map(|candidate| (distance(name, candidate), candidate))
        .filter(|(errors, candidate)| errors * 3 <= length.max(candidate.len()))
        .min_by_key(|(errors, _)| *errors)
        .map(|(_, candidate)| candidate)
}

/// Insertions, deletions, substitutions and swaps of neighbours between two words.
fn distance(one: &str, two: &str) -> usize {
    let two: Vec<char> = two.chars().collect();
    let mut before_last: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=two.len()).collect();
    let mut previous = None;
    for (row, from) in one.chars().enumerate() {
        let mut current = vec![row + 1];
        let mut left = row + 1;
        let mut previous_to = None;
        for (column, &to) in two.iter().enumerate() {
            let at =
                |line: &[usize], column: usize| line.get(column).copied().unwrap_or(usize::MAX / 2);
            let replaced = at(&last, column) + usize::from(from != to);
            left = replaced.min(at(&last, column + 1) + 1).min(left + 1);
            let swapped = previous == Some(to) && previous_to == Some(from);
            if let Some(origin) = column.checked_sub(1).filter(|_| swapped) {
                left = left.min(at(&before_last, origin) + 1);
            }
            current.push(left);
            previous_to = Some(to);
        }
        previous = Some(from);
        before_last = std::mem::replace(&mut last, current);
    }
    last.last().copied().unwrap_or(0)
}

/// Characters of a name for which a similar one is looked for.
const LONGEST_COMPARED: usize = 40;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distance_counts_typing_errors() {
        let cases = [
            ("", "", 0),
            ("", "ab", 2),
            ("port", "port", 0),
            ("prot", "port", 1),
            ("pört", "port", 1),
            ("abc", "ca", 3),
        ];
        for (one, two, expected) in cases {
            assert_eq!(distance(one, two), expected, "{one} {two}");
            assert_eq!(distance(two, one), expected, "{two} {one}");
        }
    }
}
