// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The message a client leaves for the case that it goes without a word.

use mqtt_proto::Will;

use crate::Moment;
use crate::memory::{self, Charge, Ledger};

/// A will that was not published yet.
pub(crate) struct PendingWill {
    pub will: Will,
    /// Seconds between the end of the connection and publication. [MQTT-3.1.3-9]
    pub delay_seconds: u32,
    /// When it is published; set when the connection has ended.
    pub due: Option<Moment>,
    /// What it is counted with.
    _charge: Charge,
}

impl PendingWill {
    pub fn new(will: Will, ledger: &Ledger) -> Self {
        let delay_seconds = will.properties.will_delay_interval().unwrap_or(0);
        let charge = ledger.charge(memory::of_will(&will));
        Self {
            will,
            delay_seconds,
            due: None,
            _charge: charge,
        }
    }
}
