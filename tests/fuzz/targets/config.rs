// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Any bytes as `broker.toml`: settings or problems inside the file, secrets that can be overwritten, no panic.
#![no_main]

use broker_config::{Problem, Settings, masked, read};
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
});

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
