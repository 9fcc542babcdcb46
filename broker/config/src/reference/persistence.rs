// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The rows of the table of `[persistence]`.

use super::{Form, Key, Table};

pub(crate) const MODE: Key = Key {
    table: Table::Persistence,
    name: "mode",
    form: Form::Word(&["sync", "group", "relaxed", "memory"]),
    default: "\"sync\"",
    sentence: "When a message is acknowledged: \"sync\", once the card has it; \"group\", too, but up to window_ms are \
               waited for more, which spares the card; \"relaxed\", at once, so a power cut loses up to window_ms; \
               \"memory\", at once, and the card is written at a clean stop only. To and from \"memory\" the broker \
               must be restarted.",
    example: "\"group\"",
};

pub(crate) const WINDOW_MS: Key = Key {
    table: Table::Persistence,
    name: "window_ms",
    form: Form::Integer {
        min: 1,
        max: 60_000,
    },
    default: "200 for \"group\", 1000 for \"relaxed\"",
    sentence: "Milliseconds from one write to the next in the modes \"group\", there at most 2000, and \"relaxed\".",
    example: "500",
};

pub(crate) const SD_BUDGET_MB_PER_DAY: Key = Key {
    table: Table::Persistence,
    name: "sd_budget_mb_per_day",
    form: Form::Integer {
        min: 1,
        max: 1_000_000,
    },
    default: "none",
    sentence: "Megabytes (1000000 bytes) a day that the card may be written: above it retained messages of QoS 0 \
               are written later, at most an hour; those of QoS 1 and 2 are never held up.",
    example: "500",
};

pub(crate) const CARD_ENDURANCE_TB: Key = Key {
    table: Table::Persistence,
    name: "card_endurance_tb",
    form: Form::Integer {
        min: 1,
        max: 1_000_000,
    },
    default: "16, which is 32 GB written 500 times",
    sentence: "Terabytes that may be written to the card in its life (TBW in a data sheet): `broker status` tells from \
               them how long it will last.",
    example: "64",
};

/// Milliseconds that mode "group" waits at most.
pub(crate) const MAX_GROUP_WINDOW: u32 = 2_000;
