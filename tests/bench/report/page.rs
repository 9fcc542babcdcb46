// SPDX-License-Identifier: Apache-2.0 OR MIT
//! One HTML file that needs nothing else: how many targets are met, the table, bars for every row, and the notes.

use std::fmt::Write;

use super::plot::{Bar, bars, escaped};
use super::{Report, Row, table};
use crate::figure::{Figure, RATE};
use crate::kind::Kind;
use crate::results::{Faults, OURS};

/// The whole page.
pub fn text(report: &Report) -> String {
    let rows: Vec<Row> = report
        .experiments
        .iter()
        .flat_map(|experiment| report.rows(experiment))
        .collect();
    let title = escaped(&report.title());
    let notes: String = report
        .notes()
        .iter()
        .map(|note| format!("<li>{}</li>\n", escaped(note.trim_start_matches("- "))))
        .collect();
    format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n<meta name=\"viewport\" content=\"width=device-width\">\n\
         <title>Brokers side by side</title>\n<style>{STYLE}</style>\n<main>\n<h1>Brokers side by side</h1>\n<p>{title}</p>\n{}\n\
         <h2>Cost</h2>\n<p class=\"hint\">Shorter is better, but for rates. The bar is the median, the line over it reaches from the \
         lowest to the highest turn; a bar with a notch is longer than there is room for.</p>\n{}\n<h2>Messages a second</h2>\n\
         <p class=\"hint\">Longer is better; on a busy machine these say less than the CPU time above.</p>\n{}\n\
         <h2>Table</h2>\n<p class=\"hint\">{}</p>\n<div class=\"wide\">{}</div>\n<h2>Notes</h2>\n<ul>\n{notes}</ul>\n</main>\n</html>\n",
        summary(&rows),
        cards(report, &rows),
        rates(report),
        table::READING,
        html_table(report, &rows),
    )
}

/// How many targets are met, and in how many rows nobody real is ahead.
fn summary(rows: &[Row]) -> String {
    let judged: Vec<_> = rows.iter().filter_map(|row| row.verdict.as_ref()).collect();
    let met = judged.iter().filter(|verdict| verdict.is_met()).count();
    let compared: Vec<_> = rows.iter().filter_map(|row| row.to_best.as_ref()).collect();
    let ahead = compared
        .iter()
        .filter(|(_, ratio)| ratio.median <= 1.0)
        .count();
    format!(
        "<p class=\"sum\"><b>{met}</b> of {} targets met<span></span><b>{ahead}</b> of {} rows ahead of the best peer</p>",
        judged.len(),
        compared.len()
    )
}

fn cards(report: &Report, rows: &[Row]) -> String {
    let cards: String = rows.iter().map(|row| card(report, row)).collect();
    format!("<div class=\"cards\">{cards}</div>")
}

fn rates(report: &Report) -> String {
    let is_stream = |experiment: &&crate::experiment::Experiment| {
        let figure = report.results.spread(experiment.name, &RATE, OURS);
        figure.is_some() && !experiment.rows.contains(&&RATE)
    };
    let streams = report.experiments.iter().filter(is_stream);
    let rows: Vec<Row> = streams
        .map(|experiment| report.row(experiment, &RATE))
        .collect();
    cards(report, &rows)
}

fn card(report: &Report, row: &Row) -> String {
    let brokers = report.results.field.contestants.iter().zip(&row.cells);
    let all: Vec<Bar> = brokers
        .map(|(broker, cell)| Bar {
            name: &broker.name,
            class: match broker.kind {
                Kind::Null => "null",
                _ if broker.name == Kind::Ours.name() => "ours",
                _ => "peer",
            },
            spread: cell.spread,
            mark: if cell.faults == Faults::default() {
                ""
            } else {
                " !"
            },
        })
        .collect();
    let verdict = row.verdict.as_ref().map(|verdict| {
        let class = class(verdict.is_met());
        let goal = escaped(&verdict.goal);
        format!("<span class=\"{class}\">{goal}: {}</span>", verdict.words())
    });
    let to_null = row
        .to_null
        .map(|ratio| format!("{:.2} × null", ratio.median));
    let to_best = row.to_best.map(|(best, ratio)| {
        let class = class(ratio.median <= 1.0);
        let name = escaped(report.name(best));
        format!(
            "<span class=\"{class}\">{:.2} × {name}</span>",
            ratio.median
        )
    });
    let below: Vec<_> = [to_null, to_best, verdict].into_iter().flatten().collect();
    let verdict = format!("<p>{}</p>", below.join(" · "));
    format!(
        "<section><h3>{} <small>{}</small></h3>\n{}{verdict}</section>\n",
        row.experiment.name,
        unit(row.figure),
        bars(&all)
    )
}

fn unit(figure: &Figure) -> String {
    escaped(figure.title)
}

fn html_table(report: &Report, rows: &[Row]) -> String {
    let mut html = "<table>\n".to_owned();
    let grid = table::grid(report);
    let cells = |tag: &str, line: &[String]| -> String {
        let cell = |text: &String| format!("<{tag}>{}</{tag}>", escaped(text));
        line.iter().map(cell).collect()
    };
    // Writing to a `String` cannot fail.
    let _ = writeln!(html, "<tr>{}</tr>", cells("th", &grid.head));
    for (row, line) in rows.iter().zip(&grid.rows) {
        let met = row
            .verdict
            .as_ref()
            .map_or("", |verdict| class(verdict.is_met()));
        let (last, rest) = line
            .split_last()
            .map_or((String::new(), line.as_slice()), |(last, rest)| {
                (last.clone(), rest)
            });
        let _ = writeln!(
            html,
            "<tr>{}<td class=\"{met}\">{}</td></tr>",
            cells("td", rest),
            escaped(&last)
        );
    }
    html + "</table>\n"
}

fn class(is_met: bool) -> &'static str {
    if is_met { "met" } else { "missed" }
}

const STYLE: &str = "
:root { --text: #1b2430; --dim: #5d6b7c; --line: #d9dfe7; --card: #fff; --back: #f4f6f9; --ours: #d9480f; --peer: #4a78b5; --null: #b9c3cf; --good: #2b8a3e; --bad: #c92a2a; }
@media (prefers-color-scheme: dark) { :root { --text: #e4e9f0; --dim: #96a3b3; --line: #323c49; --card: #1c232c; --back: #12171d; --ours: #ff8a4c; --peer: #6f9ed8; --null: #56616e; --good: #69db7c; --bad: #ff8787; } }
body { margin: 0; background: var(--back); color: var(--text); font: 15px/1.5 system-ui, sans-serif; }
main { max-width: 1320px; margin: 0 auto; padding: 24px; }
h1 { margin: 0 0 4px; font-size: 28px; } h2 { margin: 36px 0 4px; font-size: 20px; }
h3 { margin: 0 0 6px; font-size: 14px; } h3 small { color: var(--dim); font-weight: 400; }
p { margin: 4px 0; } .hint { color: var(--dim); }
.sum { margin-top: 14px; font-size: 18px; } .sum b { font-size: 26px; color: var(--ours); } .sum span { display: inline-block; width: 32px; }
.cards { display: grid; grid-template-columns: repeat(auto-fill, minmax(390px, 1fr)); gap: 14px; margin-top: 12px; }
section { background: var(--card); border: 1px solid var(--line); border-radius: 8px; padding: 12px 14px; }
section p { font-size: 13px; }
svg { width: 100%; display: block; font: 12px system-ui, sans-serif; font-variant-numeric: tabular-nums; }
svg text { fill: var(--text); } svg .name { text-anchor: end; } svg .none { fill: var(--dim); }
svg .ours { fill: var(--ours); } svg .peer { fill: var(--peer); } svg .null { fill: var(--null); }
svg .whisker { stroke: var(--text); stroke-width: 1.5; opacity: .55; } svg .notch { fill: var(--card); }
.met { color: var(--good); } .missed { color: var(--bad); }
.wide { overflow-x: auto; } table { border-collapse: collapse; background: var(--card); font-size: 13px; font-variant-numeric: tabular-nums; margin-top: 12px; }
th, td { border: 1px solid var(--line); padding: 3px 8px; text-align: right; white-space: nowrap; }
th:nth-child(-n+2), td:nth-child(-n+2) { text-align: left; } td:nth-child(3) { font-weight: 600; }
ul { padding-left: 20px; } li { margin: 2px 0; overflow-wrap: anywhere; }
";
