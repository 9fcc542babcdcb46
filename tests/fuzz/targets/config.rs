// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Any bytes as `broker.toml`: settings or problems inside the file, secrets that can be overwritten, no panic. The same bytes as
//! Mosquitto's acl_file and password_file.
#![no_main]

use broker_config::{LineProblem, Problem, Settings, acl_file, masked, password_file, read};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let reading = read(data);
    let masked = masked(data, &reading.secrets);
    assert_eq!(masked.len(), data.len());
    assert!(is_printable(&reading.to_text("broker.toml")));
    reading.to_json("broker.toml");
    match &reading.verdict {
        Ok(settings) => check_settings(settings, &masked),
        Err(problems) => check_problems(problems, data),
    }
    check_lines(acl_file(data).err(), data);
    check_lines(password_file(data).err(), data);
});

/// The problems of a file of Mosquitto's are on its lines.
fn check_lines(problems: Option<Vec<LineProblem>>, data: &[u8]) {
    let lines = 1 + data.iter().filter(|byte| **byte == b'\n').count();
    for problem in problems.iter().flatten() {
        let line = usize::try_from(problem.line).expect("the file is small");
        assert!((1..=lines).contains(&line), "{problem}");
        assert!(is_printable(&problem.to_string()));
    }
}

/// Nothing is left to take from an accepted file, and what the daemon is given means the same.
fn check_settings(settings: &Settings, masked: &[u8]) {
    let again = read(masked);
    assert!(again.verdict.is_ok(), "{}", again.to_text("masked.toml"));
    assert!(again.secrets.is_empty(), "a secret is left");
    let Ok(generated) = settings.broker.to_toml() else {
        return;
    };
    let again = read(generated.as_bytes());
    let text = again.to_text("generated.toml");
    let settings = again
        .verdict
        .unwrap_or_else(|_| panic!("{text}{generated}"));
    assert_eq!(settings.broker.to_toml(), Ok(generated));
}

fn check_problems(problems: &[Problem], data: &[u8]) {
    assert!((1..=101).contains(&problems.len()));
    let breaks = data.iter().filter(|byte| matches!(byte, b'\n' | b'\r'));
    let lines = 1 + u32::try_from(breaks.count()).expect("the file is small");
    let columns = 1 + u32::try_from(data.len()).expect("the file is small");
    for problem in problems {
        assert!((1..=lines).contains(&problem.line), "{problem}");
        assert!((1..=columns).contains(&problem.column), "{problem}");
    }
}

fn is_printable(text: &str) -> bool {
    !text.contains(|character: char| character.is_control() && character != '\n')
}
