// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Every figure of every turn, for programs.

use serde_json::{Map, Value, json};

use super::Report;

/// One object; `figures` has experiment, figure and broker, and an array with the value of each turn.
pub fn text(report: &Report) -> String {
    let about = &report.about;
    let brokers = report.results.field.contestants.iter();
    let document = json!({
        "date": about.date,
        "commit": about.commit,
        "machine": about.machine,
        "cores": about.cores,
        "turns": about.turns,
        "seconds": about.length,
        "busy": report.results.busy,
        "brokers": brokers.map(|b| json!({"name": b.name, "version": b.version})).collect::<Vec<_>>(),
        "notes": report.notes(),
        "figures": figures(report),
    });
    format!("{document:#}\n")
}

fn figures(report: &Report) -> Value {
    let mut experiments = Map::new();
    for run in &report.results.runs {
        let experiment = experiments
            .entry(run.experiment)
            .or_insert_with(|| json!({}));
        for (figure, value) in &run.figures {
            let values = &mut experiment[figure.name][report.name(run.broker)];
            match values.as_array_mut() {
                Some(values) => values.push(json!(value)),
                None => *values = json!([value]),
            }
        }
    }
    Value::Object(experiments)
}
