// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The stored form of `[persistence]`, version 1.

use broker_config::{Mode, Persistence};
use serde::{Deserialize, Serialize};

use super::DesiredError;

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StoredPersistence {
    mode: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    window_ms: Option<u32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    sd_budget_mb_per_day: Option<u32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    card_endurance_tb: Option<u32>,
}

impl StoredPersistence {
    /// None where it is the default.
    pub fn of(persistence: Persistence) -> Option<Self> {
        (persistence != Persistence::default()).then(|| Self {
            mode: persistence.mode.name().to_owned(),
            window_ms: persistence.window_ms,
            sd_budget_mb_per_day: persistence.sd_budget_mb_per_day,
            card_endurance_tb: persistence.card_endurance_tb,
        })
    }

    pub fn checked(stored: Option<Self>) -> Result<Persistence, DesiredError> {
        let Some(stored) = stored else {
            return Ok(Persistence::default());
        };
        Ok(Persistence {
            mode: Mode::named(&stored.mode).ok_or(DesiredError::Field("mode"))?,
            window_ms: stored.window_ms,
            sd_budget_mb_per_day: stored.sd_budget_mb_per_day,
            card_endurance_tb: stored.card_endurance_tb,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn persistence_is_kept_where_it_is_not_the_default_and_an_unknown_mode_is_told() {
        assert!(StoredPersistence::of(Persistence::default()).is_none());
        let relaxed = Persistence {
            mode: Mode::Relaxed,
            window_ms: Some(500),
            sd_budget_mb_per_day: Some(90),
            card_endurance_tb: Some(64),
        };
        let text = serde_json::to_string(&StoredPersistence::of(relaxed)).unwrap();
        let expected = r#"{"mode":"relaxed","window_ms":500,"sd_budget_mb_per_day":90,"card_endurance_tb":64}"#;
        assert_eq!(text, expected);
        let read = |text: &str| StoredPersistence::checked(serde_json::from_str(text).unwrap());
        assert_eq!(read(&text).ok(), Some(relaxed));
        let unknown = read(r#"{"mode":"always"}"#);
        assert!(matches!(unknown, Err(DesiredError::Field("mode"))));
    }
}
