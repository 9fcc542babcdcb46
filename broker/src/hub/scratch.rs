// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Memory an entry works with, kept for the next one, so that idle connections hold none.

use std::sync::{Arc, Mutex, PoisonError};

use mqtt_core::{Drained, Effects};

use crate::link::Link;
use crate::outgoing::Outgoing;

/// The lists and buffers of one entry; all empty between entries.
#[derive(Default)]
pub struct Scratch {
    pub effects: Effects,
    pub links: Vec<Arc<Link>>,
    pub drained: Drained,
    pub outgoing: Outgoing,
}

/// Scratches nobody uses now; there are never more in all than threads that enter.
#[derive(Default)]
pub struct Shelf(Mutex<Vec<Scratch>>);

impl Shelf {
    pub fn take(&self) -> Scratch {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .pop()
            .unwrap_or_default()
    }

    pub fn give(&self, scratch: Scratch) {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(scratch);
    }
}
