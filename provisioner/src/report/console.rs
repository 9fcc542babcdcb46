// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The report in short, for somebody in front of a screen: what agetty shows above the login prompt.
//!
//! A screen may hang where many can see it, so a made login is not shown here: the text says where it stands.

use super::text::result;
use super::{Access, Report};
use crate::accept::Verdict;
use crate::sockets::Socket;

/// At most 26 lines of at most [`WIDTH`] characters, escaped for agetty.
pub fn render(report: &Report, is_on_card: bool) -> String {
    let mut sentences = result(report).into_iter();
    let mut lines = vec![format!(
        "MQTT broker: {}",
        sentences.next().unwrap_or_default()
    )];
    if !is_on_card {
        lines.push("The report could not be written onto the boot partition: is its card full, damaged or read-only?".to_owned());
    }
    lines.extend(sentences.take(SENTENCES));
    if let Some(reset) = &report.reset {
        lines.extend(first(reset.lines(), RESET, "lines about the factory reset"));
    }
    lines.extend(first(problems(report), PROBLEMS, "problems"));
    lines.extend(first(report.warnings(), WARNINGS, "warnings"));
    if let Some(access) = &report.access {
        lines.extend(first(addresses(access), ADDRESSES, "addresses"));
        if access.sockets.iter().any(Socket::lacks_address) {
            lines.push("The network has given this machine no address yet.".to_owned());
        }
    }
    if report.login.is_some() {
        lines.push("User name and password for clients stand in broker-report.txt on the boot partition of the card.".to_owned());
    }
    lines.push(format!("Written {}.", report.moment));
    let mut text: String = lines.iter().map(|line| shown(line) + "\n").collect();
    text.push('\n');
    text
}

/// The first few, and how many more there are.
fn first(lines: Vec<String>, most: usize, what: &str) -> Vec<String> {
    let more = lines.len().saturating_sub(most);
    let mut first: Vec<String> = lines.into_iter().take(most).collect();
    if more > 0 {
        first.push(format!("and {more} more {what}, see broker-report.txt"));
    }
    first.iter().map(|line| format!("  {line}")).collect()
}

fn problems(report: &Report) -> Vec<String> {
    match &report.verdict {
        Some(Verdict::Refused(refusals)) => refusals.iter().map(ToString::to_string).collect(),
        _ => Vec::new(),
    }
}

fn addresses(access: &Access) -> Vec<String> {
    let of_socket = |socket: &Socket| -> Vec<String> {
        let closed = match socket.obstacle {
            Some(_) => " (probably closed)",
            None => "",
        };
        let hosts = socket.hosts(&access.host).into_iter();
        hosts
            .map(|host| format!("{}{closed}", socket.url(&host)))
            .collect()
    };
    access.sockets.iter().flat_map(of_socket).collect()
}

/// One line that moves no cursor and starts none of agetty's commands, each of which begins with a backslash.
fn shown(line: &str) -> String {
    let mut plain = String::new();
    for character in line.chars() {
        match character {
            '"' | '\'' | '\\' => plain.push(character),
            other => plain.extend(other.escape_debug()),
        }
    }
    if plain.chars().count() > WIDTH {
        plain = plain.chars().take(WIDTH - CUT.len()).collect();
        plain.push_str(CUT);
    }
    plain.replace('\\', r"\\")
}

/// Characters of a line: two rows of the narrowest screen.
const WIDTH: usize = 160;
/// Stands at the end of a line that was longer.
const CUT: &str = "...";
/// Sentences about the result.
const SENTENCES: usize = 5;
const RESET: usize = 3;
const PROBLEMS: usize = 3;
const WARNINGS: usize = 2;
const ADDRESSES: usize = 4;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_in_a_line_commands_the_screen() {
        let long = "x".repeat(200);
        let cut = "x".repeat(157) + "...";
        let cases = [
            ("port 1883", "port 1883"),
            (r"a\4b \n", r"a\\4b \\n"),
            ("\u{1b}[2Jgone\r\n", r"\\u{1b}[2Jgone\\r\\n"),
            ("left\u{202e}right", r"left\\u{202e}right"),
            ("it's \"quoted\", ü", "it's \"quoted\", ü"),
            (&long, &cut),
        ];
        for (line, expected) in cases {
            assert_eq!(shown(line), expected);
        }
    }
}
