// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The limits of how fast connections may begin.

use super::Limit;
use crate::reference::{Form, Key, Table};

pub const MAX_CONNECT_RATE: Limit = Limit {
    key: Key {
        table: Table::Limits,
        name: "max_connect_rate",
        form: Form::Integer {
            min: 0,
            max: 1_000_000,
        },
        default: "5000",
        sentence: "New connections in a second, 0 for any number; one more is closed at once.",
        example: "500",
    },
    unit: "connections",
    default: 5_000,
};

pub const MAX_CONNECT_RATE_PER_ADDRESS: Limit = Limit {
    key: Key {
        table: Table::Limits,
        name: "max_connect_rate_per_address",
        form: Form::Integer {
            min: 0,
            max: 1_000_000,
        },
        default: "1000",
        sentence: "New connections in a second from one address, of IPv6 from one /64 network, 0 for any number; one more is closed at once. \
                   Programs on this machine are not counted.",
        example: "50",
    },
    unit: "connections",
    default: 1_000,
};
