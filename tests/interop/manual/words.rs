// SPDX-License-Identifier: Apache-2.0 OR MIT
//! What the manual quotes is what the programs say, what it links to is there, and other people's settings have the names
//! that their documentation gives.

use std::fs;
use std::path::Path;
use std::process::Command;

use tests::tools::{need, run, top};

use super::{blocks, page};
use crate::clients::script;

fn pages() -> Vec<(String, String)> {
    let folder = fs::read_dir(top().join("docs/manual")).expect("the manual is there");
    let names = folder.map(|entry| {
        entry
            .expect("a name")
            .file_name()
            .to_string_lossy()
            .into_owned()
    });
    let mut names: Vec<String> = names.filter(|name| name.ends_with(".md")).collect();
    names.sort();
    assert!(names.len() > 10, "{names:?}");
    names
        .into_iter()
        .map(|name| (name.clone(), page(&name)))
        .collect()
}

fn read(path: &str) -> String {
    fs::read_to_string(top().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// Every source below a folder, joined; string literals that go on in the next line are one.
fn sources(folder: &Path) -> String {
    let entries = fs::read_dir(folder).expect("a folder of the sources");
    let mut paths: Vec<_> = entries.map(|entry| entry.expect("a name").path()).collect();
    paths.sort();
    let text = paths.iter().map(|path| match path.is_dir() {
        true => sources(path),
        false => fs::read_to_string(path).unwrap_or_default(),
    });
    let text: String = text.collect();
    let lines = text.split("\\\n").enumerate();
    lines
        .map(|(number, part)| match number {
            0 => part,
            _ => part.trim_start(),
        })
        .collect()
}

/// A line of the scripted hour as it stands in docs/log-hour.txt, or one whose parts between the signs `…` the sources have.
#[test]
fn every_line_of_the_log_in_the_manual_is_one_the_daemon_writes() {
    let hour = read("docs/log-hour.txt");
    let sources = ["broker/src", "broker/core/src"].map(|folder| sources(&top().join(folder)));
    let sources = sources.concat();
    let quoted = blocks(&page("troubleshooting.md"), "log");
    assert!(quoted.len() >= 10, "{quoted:?}");
    for line in quoted.iter().flat_map(|block| block.lines()) {
        let in_hour = hour.lines().any(|told| told.contains(line));
        // In the sources a value has a name in braces, or ends a literal.
        let parts = line.split(['…', '(', ')', ':']).map(str::trim);
        let mut parts = parts.filter(|part| part.len() > 3).peekable();
        let in_sources = parts.peek().is_some() && parts.all(|part| sources.contains(part));
        assert!(in_hour || in_sources, "nobody writes: {line}");
    }
}

#[test]
fn every_reason_of_a_refused_login_in_the_manual_is_one_the_daemon_gives() {
    let page = page("troubleshooting.md");
    let section = page
        .split("## Not authorised\n")
        .nth(1)
        .expect("the section");
    let section = section.split("\n## ").next().unwrap_or_default();
    let sources = read("broker/core/src/login.rs");
    let rows = section.lines().filter_map(|line| line.strip_prefix("| `"));
    let reasons: Vec<&str> = rows.filter_map(|row| row.split('`').next()).collect();
    assert!(reasons.len() >= 6, "{reasons:?}");
    for reason in reasons {
        assert!(sources.contains(reason), "nobody says: {reason}");
    }
}

/// Each from a report of a story or of a faulty file, or a sentence of the provisioner's.
#[test]
fn every_report_in_the_manual_is_one_the_device_writes() {
    let folder = top().join("tests/fixtures/provisioner");
    let known = sources(&folder) + &sources(&top().join("provisioner/src"));
    for (name, page) in pages() {
        for block in blocks(&page, "report") {
            // The device of the stories has another name.
            let text = block.trim().replace("broker.local", "raspberrypi.local");
            assert!(known.contains(&text), "{name}: no device writes:\n{text}");
        }
    }
}

#[test]
fn every_link_of_the_manual_leads_somewhere() {
    for (name, page) in pages() {
        let links = page
            .split("](")
            .skip(1)
            .filter_map(|rest| rest.split(')').next());
        for link in links.filter(|link| !link.contains("://")) {
            let (file, anchor) = link.split_once('#').unwrap_or((link, ""));
            let file = if file.is_empty() { &name } else { file };
            let path = top().join("docs/manual").join(file);
            let text = fs::read(&path).unwrap_or_else(|error| panic!("{name}: {link}: {error}"));
            let text = String::from_utf8_lossy(&text);
            let headings = text.lines().filter(|line| line.starts_with('#'));
            let found = anchor.is_empty() || headings.into_iter().any(|line| slug(line) == anchor);
            assert!(found, "{name}: {link}: there is no such heading");
        }
    }
}

/// A heading's anchor, as the places where people read Markdown make it.
fn slug(heading: &str) -> String {
    let text = heading.trim_start_matches('#').trim().to_lowercase();
    let kept = text
        .chars()
        .filter(|sign| sign.is_alphanumeric() || matches!(sign, ' ' | '-' | '_'));
    kept.map(|sign| if sign == ' ' { '-' } else { sign })
        .collect()
}

/// Opened by a double-click, without a network: everything is in it, and the same pages give the same bytes.
#[test]
fn the_page_on_the_card_needs_nothing_beside_it() {
    need(
        "making the manual's page",
        &[
            "/usr/bin/python3=python3",
            "/usr/lib/python3/dist-packages/markdown=python3-markdown",
        ],
    );
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let [page, again] = ["one", "two"].map(|name| {
        let path = folder.path().join(name);
        run(Command::new(top().join("deploy/manual")).arg(&path));
        fs::read_to_string(path).expect("a page")
    });
    assert!(page == again, "two runs differ");
    let after = |mark: &str| -> Vec<String> {
        let rest = page.split(mark).skip(1);
        let values = rest.filter_map(|rest| rest.split('"').next());
        values.map(str::to_owned).collect()
    };
    let anchors = after(" id=\"");
    for target in after(" href=\"") {
        let anchor = target.strip_prefix('#').map(str::to_owned);
        let leads = anchor.is_some_and(|anchor| anchors.contains(&anchor));
        assert!(leads || target.starts_with("https://"), "{target}");
    }
    let sources = after(" src=\"");
    assert!(sources.len() >= 3 && sources.iter().all(|source| source.starts_with("data:")));
    for (name, text) in pages() {
        let title = text
            .lines()
            .next()
            .unwrap_or_default()
            .trim_start_matches("# ");
        assert!(page.contains(&format!(">{title}</h1>")), "{name}: {title}");
    }
    let fences = page.lines().filter(|line| line.contains("```")).count();
    assert_eq!(fences, 0, "a block was not understood");
}

#[test]
fn settings_of_other_programs_have_the_names_that_they_document() {
    need(
        "reading YAML",
        &[
            "/usr/bin/python3=python3",
            "/usr/lib/python3/dist-packages/yaml=python3-yaml",
        ],
    );
    let page = page("connect.md");
    let mut seen = 0;
    for program in ["esphome", "home-assistant", "zigbee2mqtt"] {
        for block in blocks(&page, &format!("yaml {program}")) {
            let mut check = Command::new("/usr/bin/python3");
            run(check
                .arg("-B")
                .arg(script("manual_settings.py"))
                .arg(program)
                .arg(block));
            seen += 1;
        }
    }
    assert_eq!((seen, page.matches("```yaml").count()), (5, 5));
    for block in blocks(&page, "tasmota") {
        let commands = block.strip_prefix("Backlog ").expect("several at once");
        for command in commands.split("; ") {
            let name = command.split(' ').next().unwrap_or_default();
            assert!(TASMOTA.contains(&name), "Tasmota knows no {name}");
        }
    }
}

/// Of Tasmota's commands those about MQTT that the manual may name (tasmota.github.io/docs/Commands).
const TASMOTA: [&str; 5] = ["MqttHost", "MqttPort", "MqttUser", "MqttPassword", "Topic"];
