// SPDX-License-Identifier: Apache-2.0 OR MIT
//! What is said of `[persistence]`: what a power cut may take, and what has changed.

use broker_config::{Mode, Persistence};

/// What a power cut may take, where that is not the default's nothing.
pub fn description(persistence: Persistence) -> Option<String> {
    let window = persistence.window().as_millis();
    let what = match persistence.mode {
        Mode::Sync => return budget(persistence),
        Mode::Group => {
            format!("acknowledgements wait up to {window} ms for others, which spares the card")
        }
        Mode::Relaxed => format!("a power cut takes up to {window} ms of what was acknowledged"),
        Mode::Memory => {
            "whatever is not a clean stop takes all sessions, queues and retained messages"
                .to_owned()
        }
    };
    let budget = budget(persistence).map(|budget| format!("; {budget}"));
    let mode = persistence.mode.name();
    Some(format!(
        "persistence {mode}: {what}{}",
        budget.unwrap_or_default()
    ))
}

fn budget(persistence: Persistence) -> Option<String> {
    let megabytes = persistence.sd_budget_mb_per_day?;
    Some(format!(
        "retained messages of QoS 0 wait while the card was written more than {megabytes} MB a day"
    ))
}

/// The keys that differ.
pub fn changes(before: Persistence, after: Persistence) -> Vec<String> {
    let number = |value: Option<u32>| value.map_or("default".to_owned(), |value| value.to_string());
    let values = |persistence: Persistence| {
        [
            ("mode", persistence.mode.name().to_owned()),
            ("window_ms", number(persistence.window_ms)),
            (
                "sd_budget_mb_per_day",
                number(persistence.sd_budget_mb_per_day),
            ),
            ("card_endurance_tb", number(persistence.card_endurance_tb)),
        ]
    };
    let pairs = values(before).into_iter().zip(values(after));
    let changed = pairs.filter(|((_, from), (_, to))| from != to);
    changed
        .map(|((key, from), (_, to))| format!("persistence changed: {key} {from} -> {to}"))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_mode_says_what_a_power_cut_takes_and_each_change_is_told() {
        let sync = Persistence::default();
        let relaxed = Persistence {
            mode: Mode::Relaxed,
            window_ms: Some(500),
            card_endurance_tb: Some(64),
            ..sync
        };
        assert_eq!(description(sync), None);
        let said = "persistence relaxed: a power cut takes up to 500 ms of what was acknowledged";
        assert_eq!(description(relaxed).as_deref(), Some(said));
        let told = [
            "persistence changed: mode sync -> relaxed",
            "persistence changed: window_ms default -> 500",
            "persistence changed: card_endurance_tb default -> 64",
        ];
        assert_eq!(changes(sync, relaxed), told);
        assert_eq!(changes(relaxed, relaxed), Vec::<String>::new());
    }
}
