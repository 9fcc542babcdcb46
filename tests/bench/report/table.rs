// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The table: a row for each figure, a column for each broker, then ratios, goal and verdict.

use super::grid::Grid;
use super::{Cell, Report, Row, digits};
use crate::results::{Faults, Spread};

/// For a terminal.
pub fn text(report: &Report) -> String {
    let notes = report.notes().join("\n");
    let title = report.title();
    format!("{}\n{title}\n{READING}\n{notes}\n", grid(report).text())
}

/// For a page of documentation.
pub fn markdown(report: &Report) -> String {
    let notes = report.notes();
    let notes: String = notes
        .iter()
        .map(|note| format!("- {}\n", note.trim_start_matches("- ")))
        .collect();
    let table = grid(report).markdown();
    format!("{}.\n\n{READING}\n\n{table}\n{notes}", report.title())
}

pub fn grid(report: &Report) -> Grid {
    let brokers = report.results.field.contestants.iter();
    let mut head = vec!["work".to_owned(), "figure".to_owned()];
    head.extend(brokers.map(|broker| broker.name.clone()));
    head.extend(["to null", "to the best peer", "target", "verdict"].map(str::to_owned));
    let rows = report
        .experiments
        .iter()
        .flat_map(|experiment| report.rows(experiment));
    Grid {
        head,
        rows: rows.map(|row| cells(report, &row)).collect(),
    }
}

fn cells(report: &Report, row: &Row) -> Vec<String> {
    let mut cells = vec![row.experiment.name.to_owned(), row.figure.title.to_owned()];
    cells.extend(row.cells.iter().map(cell));
    cells.push(row.to_null.map_or_else(String::new, ratio));
    cells.push(match &row.to_best {
        Some((best, spread)) => format!("{} {}", ratio(*spread), report.name(*best)),
        None => String::new(),
    });
    match &row.verdict {
        Some(verdict) => cells.extend([verdict.goal.clone(), verdict.words()]),
        None => cells.extend([String::new(), String::new()]),
    }
    cells
}

fn cell(cell: &Cell) -> String {
    let Some(spread) = cell.spread else {
        return "-".to_owned();
    };
    let mark = if cell.faults == Faults::default() {
        ""
    } else {
        "!"
    };
    format!("{}{mark}", digits(spread.median))
}

fn ratio(spread: Spread) -> String {
    let Spread {
        median,
        lowest,
        highest,
    } = spread;
    if lowest == highest {
        format!("{median:.2}")
    } else {
        format!("{median:.2} ({lowest:.2}-{highest:.2})")
    }
}

pub const READING: &str = "Medians of the turns. A ratio is what ours takes for each of what the other takes in the same turn, with the \
lowest and the highest; below 1 is in our favour. CPU time is the broker process's, user and system. ! has lost, doubled or reordered \
messages, - has no figure; both are explained below.";
