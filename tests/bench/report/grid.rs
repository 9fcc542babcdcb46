// SPDX-License-Identifier: Apache-2.0 OR MIT
//! A table of texts, printed for a terminal or as Markdown.

/// Rows of equal length below a head; the first two columns are words.
pub struct Grid {
    pub head: Vec<String>,
    pub rows: Vec<Vec<String>>,
}

impl Grid {
    /// Columns as wide as their widest cell.
    pub fn text(&self) -> String {
        let lines = || std::iter::once(&self.head).chain(&self.rows);
        let width = |column: usize| {
            let cells = lines().filter_map(|line| line.get(column));
            cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
        };
        let widths: Vec<usize> = (0..self.head.len()).map(width).collect();
        let line = |cells: &Vec<String>| {
            let padded = cells
                .iter()
                .zip(&widths)
                .enumerate()
                .map(|(column, (cell, width))| {
                    if column < WORDS {
                        format!("{cell:<width$}")
                    } else {
                        format!("{cell:>width$}")
                    }
                });
            let line = padded.collect::<Vec<_>>().join("  ");
            line.trim_end().to_owned() + "\n"
        };
        lines().map(line).collect()
    }

    pub fn markdown(&self) -> String {
        let line = |cells: &Vec<String>| format!("| {} |\n", cells.join(" | "));
        let rule: String = (0..self.head.len())
            .map(|column| if column < WORDS { "| --- " } else { "| ---: " })
            .collect();
        let rows: String = self.rows.iter().map(line).collect();
        format!("{}{rule}|\n{rows}", line(&self.head))
    }
}

/// Columns on the left that hold words.
const WORDS: usize = 2;
