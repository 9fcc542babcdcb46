// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The `[persistence]` table: what is on the device when a client is told.

use toml::de::DeTable;

use super::{Fields, Resolver};
use crate::fault::Fault;
use crate::reference::{
    CARD_ENDURANCE_TB, Key, MAX_GROUP_WINDOW, MODE, SD_BUDGET_MB_PER_DAY, Table, WINDOW_MS,
};
use crate::{Mode, Persistence};

impl Resolver<'_> {
    pub(super) fn persistence(&mut self, root: &DeTable<'_>) -> Persistence {
        let Some(fields) = self.single(root, Table::Persistence) else {
            return Persistence::default();
        };
        let mode = self.mode(&fields);
        let persistence = Persistence {
            mode: mode.unwrap_or_default(),
            window_ms: self.number(&fields, &WINDOW_MS),
            sd_budget_mb_per_day: self.number(&fields, &SD_BUDGET_MB_PER_DAY),
            card_endurance_tb: self.number(&fields, &CARD_ENDURANCE_TB),
        };
        // Of an unknown mode nobody knows what goes with it.
        if mode.is_some() {
            self.goes_with(&fields, persistence);
        }
        persistence
    }

    /// None where a faulty one is written.
    fn mode(&mut self, fields: &Fields<'_, '_>) -> Option<Mode> {
        let Some(field) = fields.field(&MODE) else {
            return Some(Mode::default());
        };
        let mode = Mode::named(self.text(&field)?);
        self.required(mode, &field, Fault::Mode)
    }

    fn number(&mut self, fields: &Fields<'_, '_>, key: &'static Key) -> Option<u32> {
        let number = self.integer(&fields.field(key)?)?;
        u32::try_from(number).ok()
    }

    /// A key that has no effect with the mode is an error.
    fn goes_with(&mut self, fields: &Fields<'_, '_>, persistence: Persistence) {
        let mode = persistence.mode;
        let too_long = mode == Mode::Group
            && persistence
                .window_ms
                .is_some_and(|window| window > MAX_GROUP_WINDOW);
        let faults = [
            (&WINDOW_MS, !mode.has_window(), Fault::NoWindow),
            (&WINDOW_MS, too_long, Fault::GroupWindow),
            (&SD_BUDGET_MB_PER_DAY, mode == Mode::Memory, Fault::NoBudget),
            (&CARD_ENDURANCE_TB, mode == Mode::Memory, Fault::NoBudget),
        ];
        for (key, faulty, fault) in faults {
            if let Some(field) = fields.field(key).filter(|_| faulty) {
                self.fault(field.at, Some(key.name), fault);
            }
        }
    }
}
