// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Memory an entry works with, kept for the next one, so that idle connections hold none.

use std::sync::{Arc, Mutex, PoisonError};

use bytes::BytesMut;
use mqtt_core::{Command, Drained, Effects};

use crate::link::{Held, Link};
use crate::outgoing::Outgoing;

/// The lists and buffers of one entry; all empty between entries.
#[derive(Default)]
pub struct Scratch {
    /// What a connection reads into while it has nothing half received: MQTT, and what is below it.
    pub stream: BytesMut,
    pub raw: BytesMut,
    pub commands: Vec<Command>,
    pub effects: Effects,
    /// Connections that have something to send.
    pub links: Vec<Arc<Link>>,
    /// Connections that the core has ended.
    pub ended: Vec<Arc<Link>>,
    /// What has left the core and is not written yet; those that nobody holds are spare.
    pub rounds: Vec<Round>,
    pub spare: Round,
    pub outgoing: Outgoing,
}

/// Frames for a connection whose turn this thread has.
#[derive(Default)]
pub struct Round {
    pub held: Option<Held>,
    /// They have left the core.
    pub taken: bool,
    pub drained: Drained,
}

/// Scratches nobody uses now; there are never more in all than threads that enter.
#[derive(Default)]
#[expect(
    clippy::vec_box,
    reason = "they come and go with every entry, and are 600 bytes long"
)]
pub struct Shelf(Mutex<Vec<Box<Scratch>>>);

impl Shelf {
    pub fn take(&self) -> Box<Scratch> {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .pop()
            .unwrap_or_default()
    }

    pub fn give(&self, scratch: Box<Scratch>) {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(scratch);
    }
}
