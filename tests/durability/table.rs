// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The outcome: a row for each broker, setting and method, as Markdown.

use crate::contestant::Contestant;
use crate::findings::{Findings, Kind, LOSSES};

pub struct Row {
    name: String,
    method: &'static str,
    rounds: u32,
    acknowledged: u64,
    lost: u64,
    doubled: u64,
    failed_starts: u64,
    disorder: u64,
    damaged: u64,
    verdict: Verdict,
}

/// What a row means for the run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verdict {
    Passed,
    Failed,
    /// Somebody else's broker: only printed.
    Printed,
}

impl Row {
    pub fn new(
        contestant: &Contestant,
        method: &'static str,
        rounds: u32,
        acknowledged: u64,
        findings: &Findings,
    ) -> Self {
        let mut row = Self {
            name: contestant.name.clone(),
            method,
            rounds,
            acknowledged,
            lost: findings.count(&LOSSES),
            doubled: findings.count(&[Kind::Duplicate]),
            failed_starts: findings.count(&[Kind::Start]),
            disorder: findings.count(&[Kind::Order]),
            damaged: findings.count(&[Kind::Damaged, Kind::Refused]),
            verdict: Verdict::Printed,
        };
        if contestant.is_ours() {
            let kept = row.is_flawless() != contestant.is_control;
            row.verdict = if kept {
                Verdict::Passed
            } else {
                Verdict::Failed
            };
        }
        println!("{}: {}", row.name, findings.summary());
        row
    }

    fn is_flawless(&self) -> bool {
        self.lost + self.doubled + self.failed_starts + self.disorder + self.damaged == 0
    }
}

/// Prints all rows; whether none failed.
pub fn print(rows: &[Row]) -> bool {
    println!(
        "\n| broker | method | rounds | acknowledged | lost | duplicated QoS 2 | failed starts | order broken | damaged or refused |"
    );
    println!("| --- | --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |");
    for row in rows {
        println!(
            "| {} | {} | {} | {} | {} | {} | {} | {} | {} |",
            row.name,
            row.method,
            row.rounds,
            row.acknowledged,
            row.lost,
            row.doubled,
            row.failed_starts,
            row.disorder,
            row.damaged
        );
    }
    let count = |verdict| rows.iter().filter(|row| row.verdict == verdict).count();
    let (passed, failed) = (count(Verdict::Passed), count(Verdict::Failed));
    let outcome = if failed == 0 { "ok" } else { "FAILED" };
    println!("\ntest result: {outcome}. {passed} passed; {failed} failed");
    failed == 0
}
