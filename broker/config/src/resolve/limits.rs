// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The `[limits]` table: how much of everything there may be.

use toml::de::DeTable;

use super::{Field, Fields, Resolver};
use crate::LimitSettings;
use crate::fault::Fault;
use crate::reference::{Form, LIMITS, Limit, Table};
use crate::span;

impl Resolver<'_> {
    pub(super) fn limits(
        &mut self,
        root: &DeTable<'_>,
        broker: Option<Fields<'_, '_>>,
    ) -> LimitSettings {
        let mut limits = LimitSettings::default();
        let tables = [broker, self.single(root, Table::Limits)];
        let field = |limit: &'static Limit| {
            let fields = tables
                .iter()
                .flatten()
                .find(|fields| fields.table == limit.key.table)?;
            fields.field(&limit.key)
        };
        for limit in LIMITS {
            let Some(field) = field(limit) else {
                continue;
            };
            let value = match limit.key.form {
                Form::Span => self.span(&field),
                _ => self.integer(&field).and_then(|value| value.try_into().ok()),
            };
            if let Some(value) = value {
                limits.set(limit.key.name, value);
            }
        }
        limits
    }

    /// Seconds of a span of time.
    fn span(&mut self, field: &Field<'_, '_>) -> Option<u64> {
        let value = field.value.get_ref();
        let seconds = match (value.as_str(), value.as_integer()) {
            (Some(text), _) => span::parse(text),
            (None, Some(number)) if number.radix() == 10 => span::parse(number.as_str()),
            (None, Some(_)) => None,
            (None, None) => {
                self.wrong_type(field);
                return None;
            }
        };
        self.required(seconds, field, Fault::Span)
    }
}
