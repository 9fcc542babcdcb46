// SPDX-License-Identifier: Apache-2.0 OR MIT
//! How many statements of each chapter have which verdict, as a table in text.

use std::fmt::Write;

use crate::register::{Row, Verdict};

/// A line for each chapter and version, and one for all.
pub fn table(registers: &[(&str, Vec<Row>, usize)]) -> String {
    let mut text = format!("{:<28}{:>11}", "normative statements of", "statements");
    for (_, name) in Verdict::ALL {
        // Writing to a string does not fail.
        let _ = write!(text, "{name:>11}");
    }
    text.push('\n');
    for (version, rows, _) in registers {
        let mut chapters: Vec<_> = rows.iter().map(|row| row.id.chapter()).collect();
        chapters.dedup();
        for chapter in chapters {
            let of_chapter = rows.iter().filter(|row| row.id.chapter() == chapter);
            let name = format!("MQTT {version}, {chapter} {}", title(chapter));
            line(&mut text, &name, &of_chapter.collect::<Vec<_>>());
        }
        line(
            &mut text,
            &format!("MQTT {version}"),
            &rows.iter().collect::<Vec<_>>(),
        );
    }
    let all: Vec<_> = registers.iter().flat_map(|(_, rows, _)| rows).collect();
    line(&mut text, "both", &all);
    text
}

fn line(text: &mut String, name: &str, rows: &[&Row]) {
    let _ = write!(text, "{name:<28}{:>11}", rows.len());
    for (verdict, _) in Verdict::ALL {
        let count = rows.iter().filter(|row| row.verdict == verdict).count();
        let _ = write!(text, "{count:>11}");
    }
    text.push('\n');
}

fn title(chapter: u32) -> &'static str {
    match chapter {
        1 => "data",
        2 => "format",
        3 => "packets",
        4 => "operation",
        6 => "WebSocket",
        7 => "conformance",
        _ => "",
    }
}
